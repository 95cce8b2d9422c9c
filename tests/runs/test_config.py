"""The settings of a run: defaults from the registries, one-line errors, and what may change when a run is resumed."""

import json

import numpy as np
import pytest

import minigan as mg
from minigan.data import DATASETS
from minigan.errors import UserError
from minigan.losses import OBJECTIVES, LeastSquares, NonSaturating
from minigan.models import MODELS
from minigan.runs.config import CHANGEABLE_ON_RESUME, Config
from minigan.training import make_trainer


def test_the_model_takes_precedence_over_the_data_set_and_both_over_the_general_defaults():
    config = Config.of_run(data="digits", model="dense-gan")
    assert (config.width, config.latent_dim) == (256, 100)  # the model's
    assert (config.epochs, config.batch_size) == (8, 32)  # the data set's
    assert (config.lr, config.keep) == (2e-4, 2)
    assert Config.of_run(data="digits", model="dense-gan", width=7).width == 7


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("data", DATASETS)
def test_the_defaults_of_every_data_set_and_model_are_settings(data, model):
    config = Config.of_run(data=data, model=model)
    for name, value in {**DATASETS[data].defaults, **MODELS[model].defaults}.items():
        assert getattr(config, name) == value


def test_settings_survive_json():
    for settings in ({}, {"model": "classifier"}, {"objective": "least-squares", "targets": (-1.0, 1.0, 0.0)}):
        config = Config.of_run(**settings)
        assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_ema_of_the_shapes_can_be_switched_off():
    assert Config.of_run().ema == 0.995
    config = Config.of_run(ema=0.0, width=4, batch_size=4)
    assert make_trainer(config, mg.data.load("shapes", count=8)).ema is None
    assert Config.of_run(model="classifier").ema is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "dcgn"}, "unknown model 'dcgn': did you mean 'dcgan'"),
        ({"objective": "minmax"}, "unknown objective 'minmax': did you mean 'minimax'"),
        ({"precision": "fp23"}, "unknown precision 'fp23': did you mean"),
        (
            {"targets": (0.0, 1.0, 1.0)},
            "--targets: not a setting of --objective non-saturating; expected --objective least-squares",
        ),
        ({"objective": "least-squares", "targets": (0.0, 1.0)}, "three numbers"),
        ({"objective": "least-squares", "targets": ()}, "three numbers"),
        ({"label_smoothing": 0.5}, r"--label-smoothing 0.5: expected a number in \[0, 0.5\)"),
        (
            {"label_smoothing": 0.1, "objective": "least-squares"},
            "--label-smoothing: not a setting of --objective least-squares; "
            "expected --objective non-saturating or minimax",
        ),
        ({"ema": -0.1}, "--ema -0.1: expected a decay between 0 and 1, such as 0.999, or 0 for none"),
        ({"ema": 1.0}, "--ema 1.0: expected a decay between 0 and 1"),
        ({"discriminator_lr": 0.0}, "--discriminator-lr 0.0: expected a number above 0"),
        ({"lr": float("nan")}, "--lr nan: expected a number above 0"),
        ({"lr": float("inf")}, "--lr inf: expected a number above 0"),
        ({"betas": (0.5, 1.0)}, r"--betas 0.5 1.0: expected two numbers in \[0, 1\)"),
        ({"betas": (0.5,)}, r"--betas 0.5: expected two numbers in \[0, 1\)"),
        ({"betas": 0.5}, "betas: expected tuple, got 0.5"),
        ({"seed": -1}, "--seed -1: expected 0 or more"),
        ({"batch_size": 1}, "--batch-size 1: batch normalization needs a batch of at least 2 images"),
        ({"width": 100_000}, "--width 100000: expected 1 to 4096"),
        ({"epochs": 0}, "--epochs 0: expected 1 to 1000000"),
        ({"image_size": 32}, "--image-size 32: only images of --data folder are resized"),
        ({"evaluate_every": 2}, "--classifier RUN"),
        ({"flip": 1}, "flip: expected bool, got 1"),
        ({"width": True}, "width: expected int, got True"),
        ({"width": 8.0}, "width: expected int, got 8.0"),
        ({"ema": "often"}, "ema: expected"),
        ({"lr": True}, "lr: expected float, got True"),
        ({"targets": "011", "objective": "least-squares"}, "targets: expected"),
        ({"targets": [0, 1, True], "objective": "least-squares"}, "targets: expected"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        Config(**settings)
    assert "\n" not in str(caught.value)


def test_an_integer_is_accepted_for_a_float():
    assert Config(lr=1, betas=(0, 0.9), ema=0).lr == 1


def test_the_data_set_of_a_new_run_must_be_known():
    with pytest.raises(UserError, match=r"unknown data set 'shpaes': did you mean 'shapes'\?"):
        Config.of_run(data="shpaes")
    assert Config.from_dict({"data": "mine"}).data_options() == {}  # a saved run of a data set that is not registered


def test_the_data_options_are_the_settings_that_the_data_set_takes():
    assert Config.of_run(data="folder", image_size=48).data_options() == {"image_size": 48}
    assert Config.of_run().data_options() == {}


def test_the_objective_takes_its_settings():
    objective = Config(label_smoothing=0.1).make_objective()
    assert (type(objective), objective.real_target) == (NonSaturating, 0.9)
    objective = Config(objective="least-squares", targets=(-1.0, 1.0, 0.0)).make_objective()
    assert (type(objective), objective.a, objective.b, objective.c) == (LeastSquares, -1, 1, 0)
    for name, kind in OBJECTIVES.items():
        assert type(Config(objective=name).make_objective()) is kind


def test_label_smoothing_is_one_sided():
    """The target of real images is 1 − s; the loss of generated images and that of the generator do not change."""
    logits = mg.backend.asarray(np.linspace(-3, 3, 7)[:, None])
    smooth, plain = mg.losses.NonSaturating(0.1), mg.losses.NonSaturating()
    _, d_real, d_fake = smooth.discriminator(logits, logits)
    _, d_real_plain, d_fake_plain = plain.discriminator(logits, logits)
    np.testing.assert_allclose(mg.backend.to_numpy(d_real - d_real_plain), 0.1 / 7, rtol=1e-6)
    assert (d_fake == d_fake_plain).all()
    assert smooth.generator(logits)[0] == plain.generator(logits)[0]
    with pytest.raises(ValueError, match="expected a label_smoothing"):
        mg.losses.Minimax(0.6)


def test_a_new_objective_can_take_a_setting(monkeypatch):
    class Smooth(LeastSquares):
        settings = ("label_smoothing",)

        def __init__(self, label_smoothing):
            super().__init__(0.0, 1 - label_smoothing, 1.0)

    monkeypatch.setitem(OBJECTIVES, "smooth", Smooth)
    assert Config(objective="smooth", label_smoothing=0.25).make_objective().real_target == 0.75


def test_samples_of_a_classifier_are_never_evaluated():
    assert not Config().is_evaluated
    assert Config(evaluate_every=2, classifier="run").is_evaluated
    assert not Config(model="classifier", evaluate_every=2, classifier="run").is_evaluated


def test_a_resumed_run_keeps_the_settings_that_decide_what_it_computes():
    config = Config.of_run(width=8, betas=(0.5, 0.9))
    assert config.resumed_with(keep=3, epochs=9) == Config.of_run(width=8, betas=(0.5, 0.9), keep=3, epochs=9)
    assert config.resumed_with(width=8, betas=[0.5, 0.9]) == config
    with pytest.raises(UserError, match="--width 16: this run was started with 8, and a resumed run") as caught:
        config.resumed_with(width=16)
    assert "\n" not in str(caught.value)
    for name in CHANGEABLE_ON_RESUME:
        assert f"--{name.replace('_', '-')}" in str(caught.value)


def test_a_config_that_contradicts_the_checkpoint_is_refused():
    config = Config()
    config.require_same_run(Config(keep=7, root="elsewhere"), "run/config.json")
    with pytest.raises(UserError, match=r"run/config.json: lr is 0.1, but the checkpoint was trained with 0.0002"):
        config.require_same_run(Config(lr=0.1), "run/config.json")
