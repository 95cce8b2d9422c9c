"""minigan: generative adversarial networks from scratch, on NumPy or CuPy arrays.

Every layer's forward and backward pass is written by hand; there is no automatic differentiation.

>>> import minigan as mg
>>> generator, discriminator = mg.models.dcgan()
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "backend",
    "checkpoint",
    "data",
    "errors",
    "gan",
    "gradcheck",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optim",
    "plots",
    "training",
]

if TYPE_CHECKING:
    from minigan import (
        backend,
        checkpoint,
        data,
        errors,
        gan,
        gradcheck,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optim,
        plots,
        training,
    )


def __getattr__(name):
    # A submodule is imported when it is first named: `minigan --help` needs none of them, and a wrong
    # MINIGAN_BACKEND becomes one line on the command line instead of a traceback at `import minigan`.
    if name in __all__:
        return importlib.import_module(f"minigan.{name}")
    raise AttributeError(f"module 'minigan' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
