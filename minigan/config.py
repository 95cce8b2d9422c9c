"""The settings of a training run: what `minigan train` takes and config.json keeps."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args, get_origin

from minigan.backend import PRECISIONS
from minigan.errors import UserError, unknown_name
from minigan.losses import OBJECTIVES
from minigan.models import MODELS
from minigan.presets import preset as preset_settings

# Where a data set asks for settings of its own. Shapes and digits are there to be learned while one watches.
DEFAULTS_OF_DATA: dict[str, dict[str, Any]] = {
    "shapes": {"epochs": 4, "batch_size": 32, "width": 24, "ema": 0.995},
    "digits": {"epochs": 8, "batch_size": 32, "width": 16},
    "cifar10": {"epochs": 50, "batch_size": 128, "width": 64},
    "mnist": {"epochs": 20, "batch_size": 128, "width": 64},
    "fashion-mnist": {"epochs": 20, "batch_size": 128, "width": 64},
    "folder": {"epochs": 50, "batch_size": 128, "width": 64, "image_size": 64},
}

# Where a pair of networks asks for settings of its own.
DEFAULTS_OF_MODEL: dict[str, dict[str, Any]] = {
    "dense-gan": {"width": 256, "latent_dim": 100},
    "convolutional-gan": {"width": 32, "latent_dim": 100},
    "cgan": {"width": 64},
    "classifier": {"width": 32, "lr": 1e-3, "betas": (0.9, 0.999), "epochs": 10, "ema": None},
}

# What may change when a run goes on: where it reads and stops, how often it saves and looks, not what it computes.
MAY_CHANGE = {
    "root",
    "epochs",
    "max_steps",
    "log_every",
    "checkpoint_every",
    "keep",
    "classifier",
    "evaluate_every",
    "evaluate_count",
}


# Bounds that no run needs to pass, so that a slip of the finger is no matter for the memory.
LARGEST = {
    "epochs": 10**6,
    "max_steps": 10**9,
    "batch_size": 10**6,
    "generator_batch_size": 10**6,
    "image_size": 1024,
    "width": 4096,
    "latent_dim": 10**6,
    "discriminator_steps": 1000,
    "log_every": 10**9,
    "checkpoint_every": 10**9,
    "keep": 10**6,
    "evaluate_every": 10**6,
    "evaluate_count": 10**6,
}


@dataclass(frozen=True)
class Config:
    """Settings of one run. Defaults are those of the DCGAN paper where it names them.

    generator_batch_size: where it differs from batch_size, the real pictures of a discriminator step.
    discriminator_lr: where it differs from lr. targets: a, b, c of the least-squares objective.
    ema: decay of the generator's moving average, None or 0 for none.
    classifier: the run of the judge that evaluates while training.
    """

    preset: str | None = None
    model: str = "dcgan"
    data: str = "shapes"
    root: str | None = None
    image_size: int | None = None
    epochs: int = 50
    max_steps: int | None = None
    batch_size: int = 128
    generator_batch_size: int | None = None
    width: int = 64
    latent_dim: int = 128
    objective: str = "non-saturating"
    targets: tuple[float, float, float] | None = None
    label_smoothing: float = 0.0
    ema: float | None = None
    flip: bool = False
    lr: float = 2e-4
    discriminator_lr: float | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    discriminator_steps: int = 1
    seed: int = 0
    precision: str = "fp32"
    log_every: int = 10
    checkpoint_every: int | None = None
    keep: int = 2
    classifier: str | None = None
    evaluate_every: int | None = None
    evaluate_count: int = 2000

    def __post_init__(self):
        for name in ("betas", "targets"):
            if isinstance(getattr(self, name), list):  # as JSON has it
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self._require_types()
        if self.model not in MODELS:
            raise unknown_name("model", self.model, list(MODELS))
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
        for name in ("lr", "discriminator_lr"):
            rate = getattr(self, name)
            if rate is not None and not 0 < rate < float("inf"):
                raise UserError(f"{option(name)} {rate}: expected a number above 0")
        self._require_objective_settings()
        if self.evaluate_every is not None and self.classifier is None:
            raise UserError("--evaluate-every: expected the run of a classifier as well, --classifier RUN")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"--betas {' '.join(map(str, self.betas))}: expected two numbers in [0, 1)")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected 0 or more")

    def _require_objective_settings(self):
        if self.targets is not None and self.objective != "least-squares":
            raise UserError("--targets: a, b, c of --objective least-squares; the other objectives have none")
        if self.targets is not None and len(self.targets) != 3:
            raise UserError(f"--targets: expected three numbers a, b, c, got {len(self.targets)}")
        if not 0 <= self.label_smoothing < 0.5:
            raise UserError(f"--label-smoothing {self.label_smoothing}: expected a number in [0, 0.5)")
        if self.label_smoothing and self.objective == "least-squares":
            raise UserError("--label-smoothing: for logistic objectives; least-squares has --targets")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise UserError(f"--ema {self.ema}: expected a decay between 0 and 1, such as 0.999, or 0 for none")

    def _require_types(self):
        for field in fields(self):
            value, accepted = getattr(self, field.name), get_args(field.type) or (field.type,)
            if field.name in ("betas", "targets") and isinstance(value, tuple):
                parts, accepted = value, (int, float)
            else:
                parts, accepted = (value,), (*accepted, int) if float in accepted else accepted
            wrong_bool = bool not in accepted and any(isinstance(part, bool) for part in parts)
            if wrong_bool or not all(isinstance(part, _classes(accepted)) for part in parts):
                raise UserError(f"{field.name}: expected {getattr(field.type, '__name__', field.type)}, got {value!r}")

    @classmethod
    def of_run(cls, **given):
        """The settings given, then those of the preset, the model's and the data set's own defaults, the general ones.

        Raises UserError for a preset that does not exist.
        """
        named = given if given.get("preset") is None else preset_settings(given["preset"]) | given
        of_data = DEFAULTS_OF_DATA.get(named.get("data", cls.data), {})
        return cls(**(of_data | DEFAULTS_OF_MODEL.get(named.get("model", cls.model), {}) | named))

    @classmethod
    def from_dict(cls, settings):
        """From what config.json or a checkpoint holds; names that are no settings are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known})

    def to_dict(self):
        targets = None if self.targets is None else list(self.targets)
        return asdict(self) | {"betas": list(self.betas), "targets": targets}

    def make_objective(self):
        """The objective with its settings."""
        kind = OBJECTIVES[self.objective]
        if self.objective == "least-squares":
            return kind(*(self.targets or ()))
        return kind(self.label_smoothing)

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


def _classes(accepted):
    """For isinstance: tuple[float, float] counts as tuple."""
    return tuple(get_origin(kind) or kind for kind in accepted)


def option(name):
    """The command line's spelling of a setting: batch_size is --batch-size."""
    return "--" + name.replace("_", "-")
