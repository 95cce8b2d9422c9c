"""The real pictures of a run, batch by batch: shuffled anew each epoch, gathered and scaled on the device."""

import numpy as np

from minigan import ops
from minigan.backend import asarray, xp


class Batches:
    """Batch `index` of a run is determined by the seed: any of them can be the next.

    images: uint8 (M, H, W, C); per_epoch: batches in an epoch, the rest of the pictures is left out.
    The order of the epoch and the place in it are on the device, so that a recorded step goes on by itself.
    """

    def __init__(self, images, batch_size, per_epoch, seed, dtype):
        self.images = asarray(images)  # on the device once and for all
        self.batch_size, self.per_epoch, self.seed, self.dtype = batch_size, per_epoch, seed, dtype
        self.order = xp.zeros(len(images), "int64")
        self.place = xp.zeros(1, "int64")
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
        """The next batch, scaled to [−1, 1]: (N, H, W, C)."""
        return ops.next_images(self.images, self.order, self.place, self.batch_size, self.dtype)

    def passed(self, count):
        """So many batches were taken since seek(), here or by a recorded step."""
        self.index += count
