"""The number of cores that this process may use: its CPU affinity, capped by the limits of its control groups.

A container with 2 of 64 cores sees all 64; only its control group (cgroup) knows. Linux has two versions of them:
version 2 has one tree with a file cpu.max in each group, version 1 a tree for each resource with cpu.cfs_quota_us and
cpu.cfs_period_us. A group can use no more than the groups above it, so the smallest quota counts.
"""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

GROUPS = "sys/fs/cgroup"  # where Linux shows the trees


def usable_cores(root: str = "/") -> int:
    """The number of cores this process may use. root: the folder that holds proc and sys, another one for tests."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *_quotas(root)]))


def _quotas(root: str) -> Iterator[int]:
    """The limits of this process' groups and of those above them, in CPUs, rounded up."""
    for folder in _group_folders(root):
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            numbers = " ".join(_read(f"{folder}/{name}") for name in names).split()
            if len(numbers) == 2 and all(number.isascii() and number.isdecimal() for number in numbers):
                quota, period = (int(number) for number in numbers)  # without a limit, the quota is "max" or -1
                if period > 0:
                    yield -(-quota // period)


def _group_folders(root: str) -> list[str]:
    """The folders of the groups that this process is in, and of those above them, in every tree that limits CPUs."""
    groups = root.rstrip("/") + f"/{GROUPS}"
    trees = [groups, f"{groups}/unified", f"{groups}/cpu", f"{groups}/cpu,cpuacct", f"{groups}/cpuacct,cpu"]
    found = dict.fromkeys(trees)  # also if proc does not say which groups: a container often sees its own as the root
    for line in _read(root.rstrip("/") + "/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        group = PurePosixPath(path)
        if not group.is_absolute() or ".." in group.parts:  # a group outside of the part of the tree that is shown
            continue
        for tree in trees[:2] if not controllers else [f"{groups}/{controllers}", *trees[2:]]:
            if not controllers or "cpu" in controllers.split(","):
                found |= dict.fromkeys(tree + str(above).rstrip("/") for above in (group, *group.parents))
    return list(found)


def _read(path: str) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123, not a file on disk
            return file.read(2**16)
    except (OSError, ValueError):
        return ""
