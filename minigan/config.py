"""The settings of a training run: what `minigan train` takes and config.json keeps."""

from dataclasses import asdict, dataclass, fields, replace

from minigan.errors import UserError, unknown_name
from minigan.losses import OBJECTIVES

PRECISIONS = {"fp32": "float32", "fp64": "float64"}

# Where a data set asks for settings of its own. The shapes are there to be learned while one watches.
DEFAULTS_OF_DATA = {
    "shapes": {"epochs": 6, "batch_size": 64, "width": 24},
    "cifar10": {"epochs": 50, "batch_size": 128, "width": 64},
}

# What may change when a run goes on: where it reads and stops, how often it saves, not what it computes.
MAY_CHANGE = {"root", "epochs", "max_steps", "log_every", "checkpoint_every", "keep"}


@dataclass(frozen=True)
class Config:
    """Settings of one run. Defaults are those of the DCGAN paper where it names them."""

    data: str = "shapes"
    root: str | None = None
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
        if self.objective not in OBJECTIVES:
            raise unknown_name("objective", self.objective, list(OBJECTIVES))
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, list(PRECISIONS))
        object.__setattr__(self, "betas", tuple(self.betas))
        if self.batch_size < 2:
            raise UserError(f"--batch-size {self.batch_size}: batch normalization needs a batch of at least 2 pictures")
        for name in ("epochs", "width", "latent_dim", "discriminator_steps", "log_every", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"{option(name)} {getattr(self, name)}: expected 1 or more")
        for name in ("max_steps", "checkpoint_every"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UserError(f"{option(name)} {getattr(self, name)}: expected 1 or more")
        if not 0 < self.lr < float("inf"):
            raise UserError(f"--lr {self.lr}: expected a number above 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"--betas {' '.join(map(str, self.betas))}: expected two numbers in [0, 1)")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected 0 or more")

    @classmethod
    def for_data(cls, **given):
        """The settings given, then the data set's own defaults, then the general ones."""
        return cls(**(DEFAULTS_OF_DATA.get(given.get("data", cls.data), {}) | given))

    @classmethod
    def from_dict(cls, settings):
        """From what config.json holds. Raises UserError for settings of another version."""
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{name: value for name, value in settings.items() if name in known})
        except TypeError as error:
            raise UserError(f"config.json: {error}") from None

    def to_dict(self):
        return asdict(self) | {"betas": list(self.betas)}

    def resumed_with(self, **given):
        """The settings of a run that goes on with some of them given anew.

        Raises UserError for one that would change what the run computes.
        """
        for name, value in given.items():
            value = tuple(value) if isinstance(value, list) else value
            if name not in MAY_CHANGE and value != getattr(self, name):
                raise UserError(
                    f"{option(name)} {value}: this run was started with {getattr(self, name)}, and a resumed run "
                    f"keeps its settings (but for {', '.join(sorted(map(option, MAY_CHANGE)))}); "
                    "start another run to change it"
                )
        return replace(self, **{name: value for name, value in given.items() if name in MAY_CHANGE})


def option(name):
    """The command line's spelling of a setting: batch_size is --batch-size."""
    return "--" + name.replace("_", "-")
