"""Class labels: checked where they can be seen for free."""

import numpy as np

from minigan.backend import asarray, xp


def require_labels(user, labels, count):
    """`labels` as an array of the backend, integers in [0, count).

    On the host a label out of range raises ValueError, one that is no integer TypeError; `user` names who asks.
    Labels that are already on a device are taken as they are: reading them back would make every step wait.
    """
    if isinstance(labels, xp.ndarray) and xp is not np:
        return labels
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{user}: expected integer labels, got {labels.dtype}")
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(f"{user}: expected labels from 0 to {count - 1}, got {labels.min()} to {labels.max()}")
    return asarray(labels)
