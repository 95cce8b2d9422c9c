"""minigan: generative adversarial networks from scratch, on NumPy or CuPy arrays.

Every layer's forward and backward pass is written by hand; there is no automatic differentiation. Good files to read
first are gan.py, the two training steps, and layers/, one layer per file.

>>> import minigan as mg
>>> generator, discriminator = mg.models.dcgan()
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "backend",
    "data",
    "errors",
    "evaluation",
    "gan",
    "gradcheck",
    "inference",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optim",
    "plots",
    "random",
    "runs",
    "training",
]

if TYPE_CHECKING:
    from minigan import (
        backend,
        data,
        errors,
        evaluation,
        gan,
        gradcheck,
        inference,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optim,
        plots,
        random,
        runs,
        training,
    )


def __getattr__(name: str) -> Any:
    # A submodule is imported when it is first used: `minigan --help` needs none of them, and a wrong MINIGAN_BACKEND
    # gives one line on the command line instead of a traceback at `import minigan`.
    if name in __all__:
        return importlib.import_module(f"minigan.{name}")
    raise AttributeError(f"module 'minigan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
