"""Presets: complete settings for a data set and a model, for `minigan train --preset NAME`."""

from typing import Any

from minigan.errors import unknown_name

# Samples of the EMA generator are better, and small images profit from many steps with small batches.
FASHION = {"data": "fashion-mnist", "latent_dim": 100, "batch_size": 64, "ema": 0.999}
CIFAR10 = {"data": "cifar10", "epochs": 50, "ema": 0.999}

# The registry: {name: settings of runs.config.Config}. A new preset needs an entry here and nothing else.
PRESETS: dict[str, dict[str, Any]] = {
    # Fashion-MNIST: dense layers against convolutions
    "gan-fashion": FASHION | {"model": "dense-gan", "lr": 1e-4, "epochs": 20},
    "dcgan-fashion": FASHION | {"lr": 1e-4, "width": 32, "epochs": 30},
    # MNIST: a discriminator step takes 256 images, half of them real; then two generator steps take 256 each. 25 passes
    # over the data are 11,700 discriminator steps and 23,400 generator steps.
    "gan-mnist": {
        "data": "mnist",
        "model": "convolutional-gan",
        "latent_dim": 100,
        "batch_size": 128,
        "generator_batch_size": 256,
        "generator_steps": 2,
        "epochs": 25,
    },
    # conditioned on a class
    "cgan-fashion": FASHION | {"model": "cgan", "epochs": 25},
    "cgan-cifar10": CIFAR10 | {"model": "cgan"},
    # CIFAR-10: three objectives for the same networks
    "dcgan-cifar10": CIFAR10,
    "lsgan-cifar10": CIFAR10 | {"objective": "least-squares", "targets": (-1.0, 1.0, 0.0)},
    "lsgan-cifar10-011": CIFAR10 | {"objective": "least-squares", "targets": (0.0, 1.0, 1.0)},
    # a folder of images, such as anime faces
    "dcgan-anime": {"data": "folder", "image_size": 64, "latent_dim": 100, "lr": 1e-4, "epochs": 50, "ema": 0.999},
    # scoring classifiers
    "classifier-mnist": {"data": "mnist", "model": "classifier", "epochs": 8},
    "classifier-fashion": {"data": "fashion-mnist", "model": "classifier", "epochs": 12},
    "classifier-cifar10": {"data": "cifar10", "model": "classifier", "epochs": 20, "flip": True},
}


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset. Raises UserError, with the nearest name, for an unknown one."""
    if name not in PRESETS:
        raise unknown_name("preset", name, list(PRESETS))
    return PRESETS[name]
