"""The real pictures of a run, batch by batch: shuffled anew each epoch, gathered and scaled on the device."""

from typing import Any

import numpy as np

from minigan import backend, ops
from minigan.backend import asarray, xp


class Batches:
    """Batch `index` of a run is determined by the seed: any of them can be the next.

    images: uint8 (M, H, W, C); labels: (M,) integers, or None where nobody asks for them; per_epoch: batches in an
    epoch, the rest of the pictures is left out; pixel_range: what 0 and 255 become; flip: turn half of the pictures
    left to right, at random.
    The order of the epoch and the place in it are on the device, so that a recorded step goes on by itself.
    """

    def __init__(self, images, labels, batch_size, per_epoch, seed, dtype, pixel_range=(-1, 1), flip=False):
        self.images = asarray(images)  # on the device once and for all
        self.labels: Any = None if labels is None else asarray(labels)
        self.batch_size, self.per_epoch, self.seed, self.dtype = batch_size, per_epoch, seed, dtype
        low, high = pixel_range
        self.scale, self.offset, self.flip = 1 / (255 / (high - low)), low, flip
        self.order = xp.zeros(len(images), "int64")
        self.place = xp.zeros(1, "int64")
        self.within = xp.arange(batch_size)
        self.epoch, self.index = -1, None

    def seek(self, index):
        """Make batch `index` of the run the next one. Nothing is sent to the device within an epoch."""
        epoch, place = divmod(index, self.per_epoch)
        if epoch != self.epoch:
            order = np.random.default_rng([self.seed, 2, epoch]).permutation(len(self.images))
            self.order[...] = asarray(order)  # in place: a recorded step reads these very arrays
            self.epoch = epoch
            self.index = None
        if index != self.index:
            self.place.fill(place * self.batch_size)
            self.index = index

    def next(self):
        """The next batch: pictures (N, H, W, C), scaled, and their labels (N,) or None."""
        # Before the place moves on.
        labels = None if self.labels is None else self.labels[self.order[self.place + self.within]]
        images = ops.next_images(
            self.images, self.order, self.place, self.batch_size, self.dtype, self.scale, self.offset
        )
        return (flipped_at_random(images) if self.flip else images), labels

    def some_labels(self, count):
        """(count,) labels, as often each as in the data."""
        chosen = backend.random.uniform((count,), "float64") * len(self.labels)
        return self.labels[chosen.astype("int64")]

    def passed(self, count):
        """So many batches were taken since seek(), here or by a recorded step."""
        self.index += count


def flipped_at_random(images):
    """Half of the pictures (N, H, W, C) turned left to right."""
    turned = backend.random.uniform((len(images), 1, 1, 1), images.dtype) < 0.5
    return xp.where(turned, images[:, :, ::-1], images)
