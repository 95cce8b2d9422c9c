"""The settings of a training run: what `minigan train` takes and config.json keeps."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args

from minigan.backend import PRECISIONS
from minigan.errors import UserError, unknown_name
from minigan.losses import OBJECTIVES

# Where a data set asks for settings of its own. The shapes are there to be learned while one watches.
DEFAULTS_OF_DATA = {
    "shapes": {"epochs": 4, "batch_size": 32, "width": 24},
    "cifar10": {"epochs": 50, "batch_size": 128, "width": 64},
    "mnist": {"epochs": 20, "batch_size": 128, "width": 64},
    "fashion-mnist": {"epochs": 20, "batch_size": 128, "width": 64},
    "folder": {"epochs": 50, "batch_size": 128, "width": 64, "image_size": 64},
}

# What may change when a run goes on: where it reads and stops, how often it saves, not what it computes.
MAY_CHANGE = {"root", "epochs", "max_steps", "log_every", "checkpoint_every", "keep"}


# Bounds that no run needs to pass, so that a slip of the finger is no matter for the memory.
LARGEST = {
    "epochs": 10**6,
    "max_steps": 10**9,
    "batch_size": 10**6,
    "image_size": 1024,
    "width": 4096,
    "latent_dim": 10**6,
    "discriminator_steps": 1000,
    "log_every": 10**9,
    "checkpoint_every": 10**9,
    "keep": 10**6,
}


@dataclass(frozen=True)
class Config:
    """Settings of one run. Defaults are those of the DCGAN paper where it names them."""

    data: str = "shapes"
    root: str | None = None
    image_size: int | None = None
    epochs: int = 50
    max_steps: int | None = None
    batch_size: int = 128
    width: int = 64
    latent_dim: int = 128
    objective: str = "non-saturating"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    discriminator_steps: int = 1
    seed: int = 0
    precision: str = "fp32"
    log_every: int = 10
    checkpoint_every: int | None = None
    keep: int = 2

    def __post_init__(self):
        if isinstance(self.betas, list):  # as JSON has it
            object.__setattr__(self, "betas", tuple(self.betas))
        self._require_types()
        if self.objective not in OBJECTIVES:
            raise unknown_name("objective", self.objective, list(OBJECTIVES))
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, list(PRECISIONS))
        if self.image_size is not None and self.data != "folder":
            raise UserError(f"--image-size {self.image_size}: only pictures of --data folder are resized")
        if self.batch_size == 1:
            raise UserError("--batch-size 1: batch normalization needs a batch of at least 2 pictures")
        for name, most in LARGEST.items():
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise UserError(f"{option(name)} {value}: expected 1 to {most}")
        if not 0 < self.lr < float("inf"):
            raise UserError(f"--lr {self.lr}: expected a number above 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"--betas {' '.join(map(str, self.betas))}: expected two numbers in [0, 1)")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected 0 or more")

    def _require_types(self):
        for field in fields(self):
            value = getattr(self, field.name)
            accepted: Any = (int, float) if field.name in ("lr", "betas") else get_args(field.type) or field.type
            parts = value if field.name == "betas" and isinstance(value, tuple) else (value,)
            if any(isinstance(part, bool) or not isinstance(part, accepted) for part in parts):
                raise UserError(f"{field.name}: expected {getattr(field.type, '__name__', field.type)}, got {value!r}")

    @classmethod
    def for_data(cls, **given):
        """The settings given, then the data set's own defaults, then the general ones."""
        return cls(**(DEFAULTS_OF_DATA.get(given.get("data", cls.data), {}) | given))

    @classmethod
    def from_dict(cls, settings):
        """From what config.json or a checkpoint holds; names that are no settings are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known})

    def to_dict(self):
        return asdict(self) | {"betas": list(self.betas)}

    def require_same_run(self, other, path):
        """Raise UserError where config.json (`other`, of `path`) says another thing than the checkpoint (`self`)."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in MAY_CHANGE and mine != theirs:
                raise UserError(
                    f"{path}: {field.name} is {theirs}, but the checkpoint was made with {mine}; "
                    "put it back, or start another run"
                )

    def resumed_with(self, **given):
        """The settings of a run that goes on with some of them given anew.

        Epochs given without max_steps take the run to their end. Raises UserError for a setting that would change
        what the run computes.
        """
        for name, value in given.items():
            value = tuple(value) if isinstance(value, list) else value
            if name not in MAY_CHANGE and value != getattr(self, name):
                raise UserError(
                    f"{option(name)} {value}: this run was started with {getattr(self, name)}, and a resumed run "
                    f"keeps its settings (but for {', '.join(sorted(map(option, MAY_CHANGE)))}); "
                    "start another run to change it"
                )
        changed = {name: value for name, value in given.items() if name in MAY_CHANGE}
        if "epochs" in changed:
            changed.setdefault("max_steps", None)
        return replace(self, **changed)


def option(name):
    """The command line's spelling of a setting: batch_size is --batch-size."""
    return "--" + name.replace("_", "-")
