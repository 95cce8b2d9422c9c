"""Validate class labels, unless that needs a copy from the device to the host."""

from typing import Any

import numpy as np

from minigan.backend import Array, asarray, on_cpu, xp


def require_labels(caller: str, labels: Any, count: int) -> Array:
    """Return `labels` as an array of the backend, integers in [0, count).

    On the host, raises ValueError for a label out of range and TypeError for labels that are not integers; `caller`
    begins the message. Labels that are already on a device are returned as they are: copying them back for a check
    would make every step wait.
    """
    if isinstance(labels, xp.ndarray) and not on_cpu:
        return labels
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{caller}: expected integer labels, got {labels.dtype}")
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(f"{caller}: expected labels from 0 to {count - 1}, got {labels.min()} to {labels.max()}")
    return asarray(labels)
