"""Power loss: of a killed run, what was not synced is lost. Damage: the newest checkpoint or a log is cut or zeroed."""

import os

import pytest
from interruptions import KINDS, RUNS, Campaign, compiled_calls, moments, preload
from power_loss import lose_power

from minigan.errors import CheckpointError
from minigan.runs import checkpoint

LOSSES = int(os.environ.get("MINIGAN_POWER_LOSSES", "50"))

pytestmark = preload


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("power")
    made = Campaign(folder, compiled_calls(folder))
    yield made
    made.server.close()


def killed(campaign, name, random, log=None):
    """(the folder of a run that was killed at a random call, where that was)"""
    counts, run = campaign.reference(name)["counts"], campaign.fresh()
    kind = KINDS[int(random.choice(len(KINDS), p=[0.4, 0.15, 0.25, 0.05, 0.15]))]
    number = int(random.integers(1, counts[kind] + 1))
    answer = campaign.server(campaign.command(name, run), call=[kind, number, "after"], log=log and str(log))
    assert answer["status"] == -9
    return run, f"{name}, after call {number} of {counts[kind]} of {kind}"


@pytest.mark.parametrize("losses", [3, pytest.param(LOSSES, marks=pytest.mark.slow)])
def test_a_run_ends_like_an_uninterrupted_one_after_a_power_loss(campaign, tmp_path, losses):
    random, problems, changes = moments(19, losses), [], 0
    names = list(RUNS) if losses > 3 else ["ema"]
    for i in range(losses):
        log = tmp_path / f"calls-{i}"
        run, place = killed(campaign, names[i % len(names)], random, log)
        lost = lose_power(log, campaign.folder, run, random)
        changes += len(lost)
        problems += campaign.finish(names[i % len(names)], run, f"{place}; lost: {', '.join(lost) or 'nothing'}")
    print(f"\n{losses} power losses, which changed {changes} files or names")
    assert not problems, f"{len(problems)} problems in {losses} runs:\n" + "\n".join(problems)


@pytest.mark.parametrize("losses", [2, pytest.param(LOSSES, marks=pytest.mark.slow)])
def test_the_newest_whole_checkpoint_is_used(campaign, losses):
    random, problems, done = moments(20, losses), [], 0
    names = list(RUNS) if losses > 2 else ["ema"]
    while done < losses:
        name = names[done % len(names)]
        run, place = killed(campaign, name, random)
        paths = sorted(run.glob("checkpoints/step_*.safetensors"))
        if len(paths) < 2 or not (run / "config.json").exists():
            continue
        done += 1
        older = checkpoint.load(paths[-2]).step
        damaged = [paths[-1], *([run / "config.json"] if random.random() < 0.3 else [])]
        for path in damaged:
            size = path.stat().st_size
            start = int(random.integers(0, size))
            with path.open("rb+") as file:
                file.truncate(start)
                if random.random() < 0.5 or start == 0:
                    file.truncate(size)  # zeros
        with pytest.raises(CheckpointError):
            checkpoint.load(paths[-1])
        before = rows(run, older)
        what = f"{place}; damaged: {', '.join(path.name for path in damaged)}"
        answer = campaign.server(campaign.recovery(name, run))
        if answer["status"] == 0 and rows(run, older) != before:  # it began from the start
            problems.append(f"{what}: rows up to step {older} were computed again (kept: {run})")
        problems += campaign.finish(name, run, what)
    print(f"\n{done} resumptions with a damaged newest checkpoint")
    assert not problems, f"{len(problems)} problems in {losses} runs:\n" + "\n".join(problems)


def rows(run, step):
    """The rows of metrics.csv up to a step, with the column that measures time."""
    lines = (run / "metrics.csv").read_text().splitlines()[1:]
    return [line for line in lines if int(line.split(",")[0]) <= step]
