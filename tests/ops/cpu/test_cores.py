"""The number of cores: affinity, and the quotas of control groups of both versions, nested and hidden."""

import os

import pytest

from minigan.ops.cpu import cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 16 cores, as a folder: call it with {path: content}; it returns the number of usable cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)

    def build(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return cores.usable_cores(str(tmp_path))

    return build


def version_1(folder, quota, period=100_000):
    return {
        f"sys/fs/cgroup/{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/{folder}/cpu.cfs_period_us": f"{period}\n",
    }


def version_2(folder, content):
    return {f"sys/fs/cgroup/{folder}/cpu.max": content}


def inside(*lines):
    return {"proc/self/cgroup": "".join(f"{line}\n" for line in lines)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        # version 2
        (version_2("", "max 100000\n"), 16),
        (version_2("", "200000 100000\n"), 2),
        (version_2("", "150000 100000\n"), 2),  # rounded up
        (version_2("", "1000 100000\n"), 1),
        (version_2("", "9900000 100000\n"), 16),
        (inside("0::/") | version_2("", "300000 100000\n"), 3),
        (inside("0::/job/step") | version_2("job/step", "400000 100000\n"), 4),
        (inside("0::/job/step") | version_2("job/step", "max 100000") | version_2("job", "300000 100000"), 3),
        (inside("0::/job/step") | version_2("job/step", "400000 100000") | version_2("job", "200000 100000"), 2),
        (inside("0::/job/step") | version_2("job/step", "200000 100000") | version_2("job", "400000 100000"), 2),
        (inside("0::/other") | version_2("job", "200000 100000"), 16),  # another process' group
        (inside("0::/../job") | version_2("job", "200000 100000"), 16),  # a path outside of what is shown
        # version 1
        (version_1("cpu", 200_000), 2),
        (version_1("cpu,cpuacct", 250_000, 50_000), 5),
        (version_1("cpu", -1), 16),
        (inside("4:cpu,cpuacct:/docker/ab", "0::/") | version_1("cpu,cpuacct/docker/ab", 300_000), 3),
        (inside("4:cpuacct,cpu:/docker/ab") | version_1("cpu/docker", 300_000), 3),
        (inside("4:cpu:/a/b") | version_1("cpu/a/b", 600_000) | version_1("cpu/a", 500_000), 5),
        (inside("5:memory:/job", "4:cpu:/") | version_1("cpu/job", 100_000), 16),
        (inside("1:name=systemd:/a", "0::/b") | version_2("unified/b", "700000 100000"), 7),
        # damaged
        (version_2("", ""), 16),
        (version_2("", "200000 0\n"), 16),
        (version_2("", "many 100000\n"), 16),
        (version_2("", "9" * 30 + " 1"), 16),
        (version_2("", "\xe9"), 16),
        (version_1("cpu", 0), 1),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000"}, 16),
        (inside("nonsense", "", "::", "0::relative") | version_2("", "200000 100000\n"), 2),
    ],
)
def test_the_smallest_quota_counts(machine, files, expected):
    assert machine(files) == expected


def test_the_affinity_counts_as_well(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert machine(version_2("", "400000 100000\n")) == 2
