"""Training runs: their files and metrics, resuming bit for bit, kill -9, Ctrl-C, and divergence."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from systems import posix

import minigan as mg
from minigan.errors import CheckpointError, UserError
from minigan.runs import checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import loop

SMALL = {"batch_size": 8, "width": 4, "latent_dim": 8, "log_every": 3}
COMMAND = [
    sys.executable, "-m", "minigan", "train", "--batch-size", "8", "--width", "4", "--latent-dim", "8",
    "--checkpoint-every", "7",
]  # fmt: skip


def shapes(count=48):
    return mg.data.load("shapes", count=count)


def run(tmp_path, name, resume_from=None, dataset=None, **settings):
    path = tmp_path / name
    folder = RunFolder(path) if resume_from else RunFolder.create(path)
    trainer = loop.make_trainer(Config(**SMALL | settings), dataset or shapes())
    loop.train(trainer, folder, resume_from)
    return trainer, folder


def final_arrays(folder):
    return folder.latest_checkpoint().arrays


def assert_equal_bit_for_bit(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), name


def test_a_run_writes_its_files(tmp_path):
    trainer, folder = run(tmp_path, "run", epochs=2)
    assert trainer.step_count == 12
    assert sorted(str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file()) == [
        ".lock",
        "checkpoints/step_00000006.safetensors",
        "checkpoints/step_00000012.safetensors",
        "config.json",
        "curves.png",
        "metrics.csv",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
        "samples/real.png",
        "scores.csv",
    ]
    config = json.loads(folder.config_path.read_text())
    assert config["dataset"]["images"] == 48
    assert config["width"] == 4
    assert Config.from_dict(config) == trainer.config
    metrics = folder.read_metrics()
    assert metrics["step"].tolist() == [3, 6, 9, 12]
    assert metrics["epoch"].tolist() == [0.5, 1, 1.5, 2]
    for name in ("accuracy_real", "accuracy_fake", "d_x", "d_g_z"):
        assert ((metrics[name] >= 0) & (metrics[name] <= 1)).all()
    assert (metrics["images_per_second"] > 0).all()


@pytest.mark.parametrize(("of_d", "of_g"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_metrics_are_the_means_of_the_steps(of_d, of_g):
    """Loss and accuracy are computed by hand from the same steps; not as a CUDA graph, which calls no Python."""
    config = Config(**SMALL, discriminator_steps=of_d, generator_steps=of_g)
    trainer = loop.make_trainer(config, shapes(), graph=False)
    losses_d, losses_g, logits = [], [], []
    metrics = trainer.metrics
    add_logits, add_loss_d, add_loss_g = metrics.add_logits, metrics.add_loss_d, metrics.add_loss_g
    metrics.add_logits = lambda real, fake: (logits.append((real, fake)), add_logits(real, fake))
    metrics.add_loss_d = lambda loss: (losses_d.append(float(loss)), add_loss_d(loss))
    metrics.add_loss_g = lambda loss: (losses_g.append(float(loss)), add_loss_g(loss))
    for _ in range(4):
        trainer.step()
    row = trainer.metrics.read()
    real, fake = (np.concatenate([mg.backend.to_numpy(pair[i]) for pair in logits]) for i in (0, 1))
    assert (len(losses_d), len(logits), len(losses_g)) == (4 * of_d, 4 * of_d, 4 * of_g)
    assert row["loss_d"] == pytest.approx(np.mean(losses_d))
    assert row["loss_g"] == pytest.approx(np.mean(losses_g))
    assert row["accuracy_real"] == pytest.approx((real > 0).mean())
    assert row["accuracy_fake"] == pytest.approx((fake <= 0).mean())
    assert row["d_x"] == pytest.approx((1 / (1 + np.exp(-real.astype("f8")))).mean(), rel=1e-5)


def test_each_epoch_takes_every_image_once_in_a_new_order():
    trainer = loop.make_trainer(Config(**SMALL | {"batch_size": 12}), shapes())
    epochs = []
    for epoch in range(2):
        trainer.batches.seek(epoch * 4)
        batches = [mg.backend.to_numpy(trainer.batches.next()[0]) for _ in range(4)]
        images = np.rint((np.concatenate(batches) + 1) * 127.5).astype(np.uint8)
        epochs.append([image.tobytes() for image in images])
    originals = sorted(image.tobytes() for image in shapes().images)
    assert sorted(epochs[0]) == sorted(epochs[1]) == originals
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("settings", [{}, {"model": "cgan"}, {"discriminator_steps": 2, "ema": 0.9}], ids=str)
@pytest.mark.parametrize("generator_steps", [1, 2, 3])
def test_the_generator_takes_so_many_steps_for_each_step_of_the_run(settings, generator_steps):
    """An epoch is still one pass over the data; each generator step moves the weights, Adam's count and the EMA."""
    of_d = settings.get("discriminator_steps", 1)
    config = Config(**SMALL | settings, epochs=2, generator_steps=generator_steps, generator_batch_size=12)
    trainer = loop.make_trainer(config, shapes(48))
    assert (trainer.steps_per_epoch, trainer.last_step) == (6 // of_d, 2 * 6 // of_d)
    averaged = []
    if trainer.ema is not None and mg.backend.on_cpu:
        update = trainer.ema.update
        trainer.ema.update = lambda t: (averaged.append(float(t)), update(t))
    for step in range(1, 5):
        trainer.step()
        counts = [float(trainer.state[f"{name}_optimizer"].t) for name in ("generator", "discriminator")]
        assert (trainer.step_count, *counts) == (step, step * generator_steps, step * of_d)
    assert averaged in ([], list(range(1, 4 * generator_steps + 1)))


def test_two_generator_steps_are_two_calls_with_new_noise_and_the_same_discriminator():
    """The run's step, and the same step by hand: all arrays bit for bit."""
    trainers = [loop.make_trainer(Config(**SMALL, generator_steps=n), shapes(), graph=False) for n in (2, 1)]
    for trainer in trainers:
        trainer.step()
    by_hand = trainers[1]
    noise = by_hand.random.normal((8, 8), by_hand.dtype)
    networks = by_hand.generator, by_hand.discriminator
    mg.gan.generator_step(*networks, noise, by_hand.objective, by_hand.generator_optimizer)
    for name, part in trainers[0].state.items():
        assert_equal_bit_for_bit(part.state_dict(), by_hand.state[name].state_dict())
    assert trainers[0].random.state() == by_hand.random.state()


VARIANTS = [
    {},
    {"discriminator_steps": 2},
    {"generator_steps": 2},
    {"discriminator_steps": 2, "generator_steps": 3, "model": "convolutional-gan", "ema": 0.9},
    {"precision": "fp64"},
    {"objective": "minimax"},
    {"objective": "least-squares"},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: " ".join(map(str, settings.values())) or "default")
@pytest.mark.parametrize("stop", [1, 6, 8])
def test_resume_is_bit_for_bit(tmp_path, stop, settings):
    """Stop in the middle of an epoch, at its end, and in the next one."""
    data = shapes(48 * settings.get("discriminator_steps", 1))
    _, whole = run(tmp_path, "whole", dataset=data, epochs=2, **settings)
    _, part = run(tmp_path, "part", dataset=data, epochs=2, max_steps=stop, **settings)
    mg.random.seed(99)  # the default stream does not matter: a run has its own
    run(tmp_path, "part", part.latest_checkpoint(), dataset=data, epochs=2, **settings)
    assert_equal_bit_for_bit(final_arrays(whole), final_arrays(part))
    assert whole.latest_checkpoint().random_state == part.latest_checkpoint().random_state
    assert (whole.samples / "epoch_0002.png").read_bytes() == (part.samples / "epoch_0002.png").read_bytes()
    steps = part.read_metrics()["step"].tolist()
    assert steps == sorted(set(steps))
    assert steps[-1] == 12


@posix
def test_kill_9_loses_only_the_steps_after_the_last_checkpoint(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*COMMAND, "--max-steps", "40", "--out", str(whole)], check=True, capture_output=True)
    process = subprocess.Popen([*COMMAND, "--max-steps", "100000", "--out", str(killed)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not list((killed / "checkpoints").glob("step_*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    reached = checkpoint.load(RunFolder(killed).checkpoint_paths()[-1]).step
    assert 0 < reached < 40, "the machine was too fast for this test: raise --max-steps of the whole run"
    with (killed / "metrics.csv").open("a") as file:
        file.write("39,0.01,0.5")  # half a row, as a killed process may leave it
    resumed = [sys.executable, "-m", "minigan", "train", "--resume", str(killed), "--max-steps", "40"]
    subprocess.run(resumed, check=True, capture_output=True)
    assert_equal_bit_for_bit(final_arrays(RunFolder(whole)), final_arrays(RunFolder(killed)))
    assert RunFolder(killed).read_metrics()["step"][-1] == 40


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_the_run_and_prints_how_to_resume_it(tmp_path, number):
    out = tmp_path / "run"
    command = [*COMMAND, "--max-steps", "100000", "--checkpoint-every", "100000", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"continue with: minigan train --resume {out}" in stdout
    assert "Traceback" not in stderr
    saved = RunFolder(out).latest_checkpoint()
    assert saved.step > 0
    steps = saved.step + 3
    subprocess.run(
        [sys.executable, "-m", "minigan", "train", "--resume", str(out), "--max-steps", str(steps)],
        check=True,
        capture_output=True,
    )
    whole = tmp_path / "whole"
    subprocess.run([*COMMAND, "--max-steps", str(steps), "--out", str(whole)], check=True, capture_output=True)
    assert_equal_bit_for_bit(final_arrays(RunFolder(whole)), final_arrays(RunFolder(out)))


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    run(tmp_path, "run", max_steps=6)
    folder = RunFolder(tmp_path / "run")
    saved = folder.latest_checkpoint()
    original = mg.gan.generator_step
    calls = []

    def poisoned(generator, *rest, **named):
        if len(calls) == 1:  # an early step: once a CUDA graph is replayed, this function is not called any more
            generator.layers[0].weight.value.fill(float("nan"))
        calls.append(1)
        return original(generator, *rest, **named)

    mg.gan.generator_step = poisoned
    try:
        with pytest.raises(loop.Diverged, match=r"step 9: Loss_D is nan.*step_00000006.*Try a smaller --lr"):
            run(tmp_path, "run", saved, epochs=3)
    finally:
        mg.gan.generator_step = original
    assert folder.latest_checkpoint().step == 6
    assert_equal_bit_for_bit(final_arrays(folder), saved.arrays)


def test_divergence_on_the_command_line(tmp_path):
    """The learning rate becomes absurd at step 4: earlier checkpoints are kept, and no later one is written."""
    out = tmp_path / "run"
    code = (
        "from minigan import cli\n"
        "from minigan.training.gan import GanTrainer\n"
        "step = GanTrainer.step\n"
        "def poisoned(self):\n"
        "    if self.step_count == 4:\n"
        "        self.generator_optimizer.lr = self.discriminator_optimizer.lr = 1e30\n"
        "    step(self)\n"
        "GanTrainer.step = poisoned\n"
        f"cli.main({COMMAND[3:]!r} + ['--max-steps', '50', '--checkpoint-every', '2', '--out', {str(out)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "has diverged and stops (the last good checkpoint, step_00000004.safetensors, is kept)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    paths = RunFolder(out).checkpoint_paths()
    assert [path.stem for path in paths] == ["step_00000002", "step_00000004"]
    for path in paths:
        assert all(np.isfinite(array).all() for array in checkpoint.load(path).arrays.values())


@posix
def test_a_second_ctrl_c_stops_at_once_without_claiming_to_have_saved(tmp_path):
    out = tmp_path / "run"
    code = (
        "import os, signal, sys\n"
        "from minigan import cli\n"
        "from minigan.training.gan import GanTrainer\n"
        "def step(self):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "GanTrainer.step = step\n"
        f"cli.main(['train', '--width', '4', '--out', {str(out)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert "saved" not in done.stdout
    assert "Traceback" not in done.stderr
    assert RunFolder(out).checkpoint_paths() == []


def test_two_processes_cannot_train_one_run(tmp_path):
    out = tmp_path / "run"
    subprocess.run([*COMMAND, "--max-steps", "2", "--out", str(out)], check=True, capture_output=True)
    resume = [sys.executable, "-m", "minigan", "train", "--resume", str(out), "--max-steps", "4"]
    with RunFolder(out).locked():
        done = subprocess.run(resume, capture_output=True, text=True)
    assert done.returncode == 2
    assert "another process is training this run" in done.stderr
    assert done.stderr.count("\n") == 1
    assert RunFolder(out).latest_checkpoint().step == 2


def test_a_locked_run_is_refused(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=3)
    with folder.locked(), pytest.raises(UserError, match="another process is training this run"):
        run(tmp_path, "run", folder.latest_checkpoint(), max_steps=4)


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=3)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    trainer, _ = run(tmp_path, "run", folder.latest_checkpoint(), max_steps=2)
    assert trainer.step_count == 3
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_new_epochs_replace_the_max_steps_of_a_resumed_run():
    config = Config(max_steps=3)
    assert config.resumed_with(epochs=7).max_steps is None
    assert config.resumed_with(epochs=7, max_steps=9).max_steps == 9
    assert config.resumed_with(root="elsewhere").max_steps == 3


def test_a_run_can_be_resumed_from_an_older_checkpoint(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=6, checkpoint_every=2, keep=5)
    older = checkpoint.load(folder.checkpoint_path(2))
    run(tmp_path, "run", older, max_steps=4, keep=1)
    assert [path.name for path in folder.checkpoint_paths()] == ["step_00000004.safetensors"]
    assert folder.read_metrics()["step"].tolist() == [2, 3, 4]


def test_a_checkpoint_is_refused_for_other_data(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=3)
    with pytest.raises(
        CheckpointError, match=r"was trained on data with images 48, but the data set \(.*\) has images 40"
    ):
        run(tmp_path, "run", folder.latest_checkpoint(), dataset=shapes(40), epochs=2)


def test_the_curves_of_least_squares_show_its_own_balance(tmp_path):
    from minigan import plots

    trainer, folder = run(tmp_path, "run", max_steps=6, objective="least-squares")
    figure = plots.training_curves(folder.read_metrics(), trainer.objective)
    assert figure.axes[0].get_legend().get_texts()[-1].get_text() == "balance, 0.25"


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    _, folder = run(tmp_path, "run", epochs=2, checkpoint_every=2, keep=3)
    assert [path.name for path in folder.checkpoint_paths()] == [
        "step_00000008.safetensors", "step_00000010.safetensors", "step_00000012.safetensors",
    ]  # fmt: skip


def test_a_new_run_never_overwrites_another(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=1)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="holds another run; continue it with `minigan train --resume"):
        RunFolder.create(folder.path)
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    _, folder = run(tmp_path, "run", max_steps=1)
    with pytest.raises(CheckpointError, match=r"step_00000001.*generator: the state belongs to another architecture"):
        run(tmp_path, "run", folder.latest_checkpoint(), width=8)


def test_too_few_images_for_a_batch_are_refused():
    with pytest.raises(UserError, match=r"--batch-size 8 × --discriminator-steps 7: expected at most the 48 images"):
        loop.make_trainer(Config(**SMALL | {"discriminator_steps": 7}), shapes())


def test_the_seed_determines_the_run(tmp_path):
    runs = [run(tmp_path, str(i), max_steps=3, seed=seed)[1] for i, seed in enumerate([0, 0, 1])]
    first, same, other = (final_arrays(folder) for folder in runs)
    assert_equal_bit_for_bit(first, same)
    assert any((first[name] != other[name]).any() for name in first)


def test_sampling_does_not_change_the_run():
    trainer = loop.make_trainer(Config(**SMALL), shapes())
    trainer.step()
    state, random_state = trainer.generator.state_dict(), trainer.random.state()
    first, second = trainer.samples(), trainer.samples()
    assert (first == second).all()
    assert first.shape == (64, 32, 32, 3)
    assert first.dtype == np.uint8
    assert trainer.random.state() == random_state
    assert all((state[name] == array).all() for name, array in trainer.generator.state_dict().items())


@pytest.mark.skipif(
    "MINIGAN_DATA" not in os.environ, reason="MINIGAN_DATA is not set to the folder of the real data sets"
)
def test_cifar10_trains_and_resumes_from_the_command_line(tmp_path):
    out = tmp_path / "run"
    options = ["--data", "cifar10", "--root", os.environ["MINIGAN_DATA"], "--width", "4", "--max-steps", "3"]
    subprocess.run(
        [sys.executable, "-m", "minigan", "train", *options, "--out", str(out)], check=True, capture_output=True
    )
    assert json.loads((out / "config.json").read_text())["dataset"]["images"] == 50000
    subprocess.run(
        [sys.executable, "-m", "minigan", "train", "--resume", str(out), "--max-steps", "5"],
        check=True,
        capture_output=True,
    )
    assert RunFolder(out).latest_checkpoint().step == 5


class ScriptedEvaluation:
    """Scores that are given in advance; the lowest is the best."""

    def __init__(self, scores):
        self.scores, self.earlier = scores, []

    def end_epoch(self, trainer, epoch, earlier):
        self.earlier.append({name: values.tolist() for name, values in earlier.items()})
        if self.scores[epoch - 1] is None:
            return {}, False
        return {"score": self.scores[epoch - 1]}, self.scores[epoch - 1] == min(filter(None, self.scores[:epoch]))


def test_an_evaluation_adds_its_scores_and_the_best_checkpoint_is_kept(tmp_path):
    folder, evaluation = RunFolder.create(tmp_path / "run"), ScriptedEvaluation([None, 3.0, 2.0, 2.5])
    config = Config(**SMALL, epochs=4, evaluate_every=1, classifier="unused")
    loop.train(loop.make_trainer(config, shapes()), folder, evaluation=evaluation)
    assert checkpoint.load(folder.best_path).step == 18
    scores = folder.read_scores()
    np.testing.assert_array_equal(scores["score"], [np.nan, 3, 2, 2.5])
    assert (scores["diversity"] > 0).all()
    assert [row.get("step") for row in evaluation.earlier] == [[], [6], [6, 12], [6, 12, 18]]


def test_a_run_that_is_to_be_evaluated_needs_an_evaluation(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    settings = SMALL | {"max_steps": 1, "evaluate_every": 1, "classifier": "unused"}
    with pytest.raises(ValueError, match="train: expected an evaluation, since evaluate_every is 1"):
        loop.train(loop.make_trainer(Config(**settings), shapes()), folder)
    assert list(folder.samples.iterdir()) == []
    classifier = loop.make_trainer(Config(**settings, model="classifier"), shapes())  # has no samples to evaluate
    loop.train(classifier, folder)
    assert folder.latest_checkpoint().step == 1
