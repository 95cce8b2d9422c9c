"""Batches of real images: their labels, and flipping."""

import numpy as np

import minigan as mg
from minigan.data.batches import Batches, flipped_at_random
from minigan.random import RandomStream


def test_the_labels_of_a_batch_are_those_of_its_images():
    """Every pixel of an image is its label."""
    labels = np.arange(20) % 10
    images = np.broadcast_to(labels[:, None, None, None], (20, 2, 2, 1)).astype(np.uint8)
    for pixel_range, factor, offset in (((-1, 1), 127.5, 1), ((0, 1), 255, 0)):
        batches = Batches(images, labels, 6, 3, 0, np.dtype("float32"), RandomStream(0), pixel_range, flip=True)
        for index in range(9):
            batches.seek(index)
            x, labels_of_x = batches.next()
            batches.advance(1)
            values = np.rint((mg.backend.to_numpy(x)[:, 0, 0, 0] + offset) * factor)
            assert (values == mg.backend.to_numpy(labels_of_x)).all()
    random_labels = mg.backend.to_numpy(batches.random_labels(5000))
    assert (np.bincount(random_labels) > 350).all()


def test_flipping_mirrors_half_of_the_images():
    random = RandomStream(0)
    x = random.normal((400, 1, 5, 1))
    flipped = mg.backend.to_numpy(flipped_at_random(x, random))
    x = mg.backend.to_numpy(x)
    unchanged, mirrored = (flipped == x).all(axis=(1, 2, 3)), (flipped == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (unchanged ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
