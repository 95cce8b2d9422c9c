"""SIGKILL at random instants: a run that is killed and resumed ends like one that was not."""

import os

import pytest
from interruptions import RUNS, Campaign, moments
from systems import posix

KILLS = int(os.environ.get("MINIGAN_KILLS", "200"))

pytestmark = posix


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    made = Campaign(tmp_path_factory.mktemp("kills"))
    yield made
    made.server.close()


@pytest.mark.parametrize("kills", [4, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_a_killed_run_ends_like_an_uninterrupted_one(campaign, kills):
    random, problems, killed, late, rounds = moments(17, kills), [], 0, 0, 0
    names = list(RUNS) if kills > 4 else ["ema", "classifier"]
    while killed + late < kills:
        name = names[rounds % len(names)]
        rounds += 1
        run, seconds = campaign.fresh(), campaign.reference(name)["seconds"]
        delays = []
        for command in (campaign.command, campaign.recovery):  # the resumed run may be killed as well
            delays.append(random.uniform(0.02, 1) * seconds)
            status = campaign.server(command(name, run), delay=delays[-1])["status"]
            killed, late = killed + (status == -9), late + (status != -9)
            if status != -9 or random.random() < 0.6:
                break
        problems += campaign.finish(name, run, f"{name} killed after {', '.join(f'{t:.3f}' for t in delays)} s")
    print(f"\n{killed} kills at random instants in {rounds} runs; {late} came after the end of the run")
    assert not problems, f"{len(problems)} problems in {rounds} runs:\n" + "\n".join(problems)
