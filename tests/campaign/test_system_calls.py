"""SIGKILL before, after and halfway through chosen system calls: write, fsync, rename, mkdir, unlink."""

import os

import pytest
from interruptions import KINDS, RUNS, Campaign, compiled_calls, moments, preload

KILLS = int(os.environ.get("MINIGAN_KILLS", "200"))

pytestmark = preload


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    made = Campaign(folder, compiled_calls(folder))
    yield made
    made.server.close()


@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_a_run_killed_at_a_system_call_ends_like_an_uninterrupted_one(campaign, kills):
    random, problems, killed = moments(18, kills), [], dict.fromkeys(KINDS, 0)
    names = list(RUNS) if kills > 5 else ["ema"]
    for i in range(kills):
        name, kind = names[i // len(KINDS) % len(names)], KINDS[i % len(KINDS)]
        run, count = campaign.fresh(), campaign.reference(name)["counts"][kind]
        assert count > 0, f"{name}: no call of {kind} in the whole run"
        number, moment = int(random.integers(1, count + 1)), str(random.choice(["before", "after", "halfway"]))
        answer = campaign.server(campaign.command(name, run), call=[kind, number, moment])
        killed[kind] += answer["status"] == -9
        problems += campaign.finish(name, run, f"{name} killed {moment} call {number} of {count} of {kind}")
    print(f"\nkills at system calls: {', '.join(f'{kind} {count}' for kind, count in killed.items())}")
    assert sum(killed.values()) == kills, "a run must make the same calls each time"
    assert not problems, f"{len(problems)} problems in {kills} runs:\n" + "\n".join(problems)
