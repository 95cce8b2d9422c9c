"""The figure of a diagnosis: the curves of a run, with the findings marked in red."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigan.evaluation.diagnosis import Finding, waves
from minigan.evaluation.history import RunHistory
from minigan.plots import new_figure, own_style, smoothed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@own_style()
def figure(history: RunHistory, findings: Sequence[Finding]) -> "Figure":
    """A matplotlib figure with five panels of curves; a panel that shows a finding has a red title and a shaded range.

    The shaded range is the part of the run that the finding is based on; red dots mark the turns of slow waves.
    """
    panels = {
        "loss": ({"loss_d": "Loss_D", "loss_g": "Loss_G"}, history.objective.balance),
        "output": ({"d_x": "D(x)", "d_g_z": "D(G(z))"}, history.objective.threshold),
        "accuracy": ({"accuracy_real": "on real", "accuracy_fake": "on fake"}, 0.5),
        "gradient": ({"gradient_d": "of D", "gradient_g": "of G"}, None),
        "diversity": ({}, 1),
    }
    drawing, epoch = new_figure(17, 4.2), history.metrics["epoch"]
    for axes, (panel, (columns, level)) in zip(drawing.subplots(1, len(panels)), panels.items(), strict=True):
        for (column, label), colour in zip(columns.items(), ("tab:blue", "tab:orange"), strict=False):
            values = history.metrics[column]
            axes.plot(epoch, values, color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(epoch, smoothed(values), color=colour, linewidth=1.8, label=label)
            if panel == "output":
                turns = len(epoch) // 2 + np.array(waves(history, column)[1], int)
                axes.plot(epoch[turns], smoothed(values)[turns], "o", color="tab:red", markersize=4)
        if panel == "gradient" and (history.metrics["gradient_g"] > 0).any():
            axes.set_yscale("log", nonpositive="mask")  # a gradient can be 0
        if panel == "diversity":
            axes.plot(*history.diversities(), "o-", color="tab:blue", label="samples")
            coverage, _ = history.coverage()
            if coverage is not None:
                axes.plot(epoch[-1], coverage, "s", color="tab:orange", label="share of classes generated")
            axes.set_ylim(bottom=0)
        if level is not None:
            name = "real images" if panel == "diversity" else f"balance, {level:.3g}"
            axes.axhline(level, color="grey", linestyle="--", linewidth=0.8, label=name)
        found = [finding.name for finding in findings if panel in finding.panels]
        axes.set_title("\n".join([panel, *found]), color="tab:red" if found else "black")
        if found:
            first = history.start if panel != "output" else len(epoch) // 2
            axes.axvspan(epoch[first], epoch[-1], color="tab:red", alpha=0.08)
        axes.set_xlabel("epoch")
        axes.legend(frameon=False)
    return drawing
