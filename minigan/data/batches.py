"""The real images of a run, batch by batch: shuffled every epoch, gathered and scaled on the device."""

from typing import Any

import numpy as np
import numpy.typing as npt

from minigan import ops
from minigan.backend import Array, asarray, xp
from minigan.data.scaling import scale_and_offset
from minigan.random import RandomStream


class Batches:
    """Batch `index` of a run is determined by the seed, so training can continue at any of them.

    images: uint8 (M, H, W, C); labels: (M,) integers, or None if no labels are needed; per_epoch: batches in an epoch,
    whatever images remain are left out; random: the run's stream, for flips and labels; pixel_range: what 0 and 255 are
    scaled to; flip: mirror half of the images left to right, at random.
    The epoch's order and the cursor into it are kept on the device, so a recorded step advances by itself.
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        batch_size: int,
        per_epoch: int,
        seed: int,
        dtype: npt.DTypeLike,
        random: RandomStream,
        pixel_range: tuple[float, float] = (-1, 1),
        flip: bool = False,
    ) -> None:
        self.images = asarray(images)  # copied to the device once
        self.labels: Any = None if labels is None else asarray(labels)
        self.batch_size, self.per_epoch, self.seed, self.dtype = batch_size, per_epoch, seed, dtype
        self.random, self.flip = random, flip
        self.scale, self.offset = scale_and_offset(pixel_range)
        self.order = xp.zeros(len(images), "int64")
        self.cursor = xp.zeros(1, "int64")  # into `order`: where the next batch begins
        self.within = xp.arange(batch_size)
        self.epoch = -1
        self.index: int | None = None

    def seek(self, index: int) -> None:
        """Make batch `index` of the run the next one. Within an epoch nothing is copied to the device."""
        epoch, in_epoch = divmod(index, self.per_epoch)
        if epoch != self.epoch:
            order = np.random.default_rng([self.seed, 2, epoch]).permutation(len(self.images))
            self.order[...] = asarray(order)  # in place: a recorded step reads this very array
            self.epoch = epoch
            self.index = None
        if index != self.index:
            self.cursor.fill(in_epoch * self.batch_size)
            self.index = index

    def next(self) -> tuple[Array, Array | None]:
        """The next batch: images (N, H, W, C), scaled, and their labels (N,) or None."""
        # The labels first: next_images moves the cursor.
        labels = None if self.labels is None else self.labels[self.order[self.cursor + self.within]]
        images = ops.next_images(
            self.images, self.order, self.cursor, self.batch_size, self.dtype, self.scale, self.offset
        )
        return (flipped_at_random(images, self.random) if self.flip else images), labels

    def random_labels(self, count: int) -> Array:
        """(count,) labels, drawn with the frequencies they have in the data."""
        chosen = self.random.uniform((count,), "float64") * len(self.labels)
        return self.labels[chosen.astype("int64")]

    def advance(self, count: int) -> None:
        """Count `count` batches as taken since seek(), here or by a recorded step."""
        assert self.index is not None
        self.index += count


def flipped_at_random(images: Array, random: RandomStream) -> Array:
    """Mirror half of the images (N, H, W, C) left to right, chosen at random."""
    mirrored = random.uniform((len(images), 1, 1, 1), images.dtype) < 0.5
    return xp.where(mirrored, images[:, :, ::-1], images)
