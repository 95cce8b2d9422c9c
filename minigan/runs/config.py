"""The settings of a training run: the options of `minigan train`, and the contents of config.json."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import Any, get_args, get_origin

from minigan.backend import PRECISIONS
from minigan.data import DATASETS
from minigan.errors import UserError, unknown_name
from minigan.foreign import describe, printable
from minigan.losses import OBJECTIVES, Objective, make_objective
from minigan.models import MODELS
from minigan.runs.presets import preset as preset_settings

# Settings that may change when a run is resumed: they decide where it reads, when it stops and what it saves, but not
# what it computes.
CHANGEABLE_ON_RESUME = {
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

# Limits that catch typos before they exhaust memory: each of these settings must be between 1 and its limit.
UPPER_LIMITS = {
    "epochs": 10**6,
    "max_steps": 10**9,
    "batch_size": 10**6,
    "generator_batch_size": 10**6,
    "image_size": 1024,
    "width": 4096,
    "latent_dim": 10**6,
    "discriminator_steps": 1000,
    "generator_steps": 1000,
    "log_every": 10**9,
    "checkpoint_every": 10**9,
    "keep": 10**6,
    "evaluate_every": 10**6,
    "evaluate_count": 10**6,
}


@dataclass(frozen=True)
class Config:
    """The settings of one run; the defaults are those of the DCGAN paper, if it gives a number.

    Raises UserError, in one line, for a setting of another type or out of range, an unknown name of a model, an
    objective or a precision, and settings that contradict each other.
    """

    preset: str | None = None  # a name in PRESETS: where the other settings were taken from
    model: str = "dcgan"  # a name in MODELS
    data: str = "shapes"  # a name in DATASETS
    root: str | None = None  # the folder to read the data set from; None: where the data set is searched by default
    image_size: int | None = None  # images of a folder are resized to this height and width
    epochs: int = 50
    max_steps: int | None = None  # stop after this many steps, even within an epoch
    batch_size: int = 128  # real images of a discriminator step
    generator_batch_size: int | None = None  # generated images of a generator step; None: as many as batch_size
    width: int = 64  # channels of the convolution at the images, or units of the first dense layer
    latent_dim: int = 128
    objective: str = "non-saturating"  # a name in OBJECTIVES
    targets: tuple[float, float, float] | None = None  # a, b, c of the least-squares objective
    label_smoothing: float = 0.0  # the target of real images is 1 - label_smoothing
    ema: float | None = None  # decay of the moving average of the generator's weights; None or 0: no average
    flip: bool = False  # mirror half of the real images left to right, at random
    lr: float = 2e-4
    discriminator_lr: float | None = None  # None: the same as lr
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    discriminator_steps: int = 1  # in each step of the run: first these, each with its own real batch,
    generator_steps: int = 1  # and then these, each with its own noise
    seed: int = 0
    precision: str = "fp32"  # a name in backend.PRECISIONS
    log_every: int = 10  # steps between two rows of metrics.csv
    checkpoint_every: int | None = None  # steps between checkpoints, in addition to one at the end of each epoch
    keep: int = 2  # number of checkpoints that are kept
    classifier: str | None = None  # the run of the classifier that scores samples during training
    evaluate_every: int | None = None  # epochs between two evaluations; None: no evaluation during training
    evaluate_count: int = 2000  # samples of an evaluation

    def __post_init__(self) -> None:
        for name in ("betas", "targets"):
            if isinstance(getattr(self, name), list):  # JSON has no tuples
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_types()
        self._check_names()
        self._check_ranges()
        self._check_objective()
        if self.image_size is not None and "image_size" not in self.data_options():
            resized = [name for name, source in DATASETS.items() if "image_size" in source.options]
            raise UserError(f"--image-size {self.image_size}: only images of --data {' or '.join(resized)} are resized")
        if self.evaluate_every is not None and self.classifier is None:
            raise UserError("--evaluate-every: expected the run of a classifier as well, --classifier RUN")

    def _check_types(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not _has_type(value, field.type):
                expected = getattr(field.type, "__name__", field.type)
                raise UserError(f"{field.name}: expected {expected}, got {describe(value)}")

    def _check_names(self) -> None:
        if self.model not in MODELS:
            raise unknown_name("model", self.model, list(MODELS))
        if self.objective not in OBJECTIVES:
            raise unknown_name("objective", self.objective, list(OBJECTIVES))
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, list(PRECISIONS))

    def _check_ranges(self) -> None:
        if self.batch_size == 1:
            raise UserError("--batch-size 1: batch normalization needs a batch of at least 2 images")
        if self.generator_batch_size == 1:
            raise UserError("--generator-batch-size 1: batch normalization needs a batch of at least 2 images")
        for name, limit in UPPER_LIMITS.items():
            value = getattr(self, name)
            if value is not None and not 1 <= value <= limit:
                raise UserError(f"{option(name)} {printable(value, 40)}: expected 1 to {limit}")
        for name in ("lr", "discriminator_lr"):
            lr = getattr(self, name)
            if lr is not None and not 0 < lr < float("inf"):
                raise UserError(f"{option(name)} {printable(lr, 40)}: expected a number above 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"--betas {printable(' '.join(map(str, self.betas)), 60)}: expected two numbers in [0, 1)")
        if self.targets is not None and len(self.targets) != 3:
            raise UserError(f"--targets: expected three numbers a, b, c, got {len(self.targets)}")
        if not 0 <= self.label_smoothing < 0.5:
            raise UserError(f"--label-smoothing {printable(self.label_smoothing, 40)}: expected a number in [0, 0.5)")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise UserError(
                f"--ema {printable(self.ema, 40)}: expected a decay between 0 and 1, such as 0.999, or 0 for none"
            )
        if self.seed < 0:
            raise UserError(f"--seed {printable(self.seed, 40)}: expected 0 or more")

    def _check_objective(self) -> None:
        """Refuse a setting that only other objectives take, which would be ignored."""
        for name in ("targets", "label_smoothing"):
            if getattr(self, name) and name not in OBJECTIVES[self.objective].settings:
                others = [objective for objective, kind in OBJECTIVES.items() if name in kind.settings]
                raise UserError(
                    f"{option(name)}: not a setting of --objective {self.objective}; expected --objective "
                    f"{' or '.join(others)}"
                )

    @classmethod
    def of_run(cls, **given: Any) -> "Config":
        """The settings of a new run: those given, then the preset's, the model's, the data set's, the general defaults.

        Raises UserError, with the nearest name, for an unknown preset or data set.
        """
        chosen = given if given.get("preset") is None else preset_settings(given["preset"]) | given
        data, model = chosen.get("data", cls.data), MODELS.get(chosen.get("model", cls.model))
        if data not in DATASETS:
            raise unknown_name("data set", data, list(DATASETS))
        return cls(**{**DATASETS[data].defaults, **(model.defaults if model else {}), **chosen})

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "Config":
        """The settings in a config.json or a checkpoint; entries that are not settings are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them, the inverse of from_dict."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def make_objective(self) -> Objective:
        """The objective, with its settings."""
        return make_objective(self.objective, asdict(self))

    @property
    def is_classifier(self) -> bool:
        """Whether the run trains a classifier instead of a generator and a discriminator."""
        return MODELS[self.model].classifier

    @property
    def is_conditional(self) -> bool:
        """Whether the networks are conditioned on a class."""
        return MODELS[self.model].conditional

    @property
    def is_evaluated(self) -> bool:
        """Whether samples are scored during training; a classifier has none."""
        return self.evaluate_every is not None and not self.is_classifier

    def data_options(self) -> dict[str, Any]:
        """The settings that the data set takes, by name, such as the image_size of a folder."""
        source = DATASETS.get(self.data)  # None for a data set that is not in the registry
        return {name: getattr(self, name) for name in (source.options if source else ())}

    def require_same_run(self, other: "Config", path: object) -> None:
        """Raise UserError if config.json (`other`, read from `path`) contradicts the checkpoint (`self`)."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in CHANGEABLE_ON_RESUME and mine != theirs:
                raise UserError(
                    f"{path}: {field.name} is {theirs}, but the checkpoint was trained with {mine}; "
                    "change it back, or start another run"
                )

    def resumed_with(self, **given: Any) -> "Config":
        """The settings of a resumed run, some of them given anew.

        If epochs is given without max_steps, the run is trained to the end of those epochs. Raises UserError for a
        setting that would change what the run computes.
        """
        for name, value in given.items():
            value = tuple(value) if isinstance(value, list) else value
            if name not in CHANGEABLE_ON_RESUME and value != getattr(self, name):
                raise UserError(
                    f"{option(name)} {value}: this run was started with {getattr(self, name)}, and a resumed run "
                    f"keeps its settings (except {', '.join(sorted(map(option, CHANGEABLE_ON_RESUME)))}); "
                    "start another run to change it"
                )
        changed = {name: value for name, value in given.items() if name in CHANGEABLE_ON_RESUME}
        if "epochs" in changed:
            changed.setdefault("max_steps", None)
        return replace(self, **changed)


def option(name: str) -> str:
    """A setting as the command line spells it: batch_size is --batch-size."""
    return "--" + name.replace("_", "-")


def _has_type(value: Any, annotation: Any) -> bool:
    """Whether a value fits a field's annotation; an int is also a float, but True and False are only bool."""
    if isinstance(annotation, UnionType):
        return any(_has_type(value, kind) for kind in get_args(annotation))
    if get_origin(annotation) is tuple:  # its length is checked later, by a message that says what the numbers are
        return isinstance(value, tuple) and all(_has_type(number, float) for number in value)
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, (int, float) if annotation is float else annotation)
