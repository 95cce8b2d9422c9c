"""The systems that are ready to train: `minigan train --preset NAME`. Each is a few settings of config.py."""

from typing import Any

from minigan.errors import unknown_name

# The average of the last thousand generators is the better one; small pictures ask for many small steps.
FASHION = {"data": "fashion-mnist", "latent_dim": 100, "batch_size": 64, "ema": 0.999}
CIFAR10 = {"data": "cifar10", "epochs": 50, "ema": 0.999}

PRESETS: dict[str, dict[str, Any]] = {
    # Fashion-MNIST: the dense GAN against the convolutional one
    "gan-fashion": FASHION | {"model": "dense-gan", "lr": 1e-4, "epochs": 20},
    "dcgan-fashion": FASHION | {"lr": 1e-4, "width": 32, "epochs": 30},
    # MNIST: a discriminator batch of 256, half of it real; the generator's own batch is 256 as well
    "gan-mnist": {
        "data": "mnist",
        "model": "convolutional-gan",
        "latent_dim": 100,
        "batch_size": 128,
        "generator_batch_size": 256,
        "epochs": 20,
    },
    # asked for a class
    "cgan-fashion": FASHION | {"model": "cgan", "epochs": 25},
    "cgan-cifar10": CIFAR10 | {"model": "cgan"},
    # CIFAR-10: three objectives for one pair of networks
    "dcgan-cifar10": CIFAR10,
    "lsgan-cifar10": CIFAR10 | {"objective": "least-squares", "targets": (-1.0, 1.0, 0.0)},
    "lsgan-cifar10-011": CIFAR10 | {"objective": "least-squares", "targets": (0.0, 1.0, 1.0)},
    # a folder of pictures, such as anime faces
    "dcgan-anime": {"data": "folder", "image_size": 64, "latent_dim": 100, "lr": 1e-4, "epochs": 50, "ema": 0.999},
    # the judges
    "classifier-mnist": {"data": "mnist", "model": "classifier", "epochs": 8},
    "classifier-fashion": {"data": "fashion-mnist", "model": "classifier", "epochs": 12},
    "classifier-cifar10": {"data": "cifar10", "model": "classifier", "epochs": 20, "flip": True},
}


def preset(name):
    """The settings of a preset. Raises UserError, with the nearest name, for one that does not exist."""
    if name not in PRESETS:
        raise unknown_name("preset", name, list(PRESETS))
    return PRESETS[name]
