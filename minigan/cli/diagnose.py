"""minigan diagnose: what is going on in a run, in plain words."""

import json
from dataclasses import asdict
from pathlib import Path


def add_to(commands):
    parser = commands.add_parser(
        "diagnose",
        help="say in plain words what is going on in a run",
        description="Looks for what usually goes wrong: a vanishing gradient, mode collapse, a discriminator too "
        "strong or too weak, oscillation. Says which numbers of metrics.csv, scores.csv and (of minigan evaluate) "
        "scores.json each finding rests on and what to try, and draws diagnosis.png.",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.set_defaults(command=_diagnose)
    return parser


def _diagnose(arguments):
    from minigan import diagnosis, plots
    from minigan.recorded_game import RecordedGame

    game = RecordedGame(arguments.run)
    findings, path = diagnosis.diagnose(game), arguments.run / "diagnosis.png"
    plots.save_figure(path, figure(game, findings))
    first, last = (int(game.metrics["step"][row]) for row in (game.start, -1))
    if arguments.json:
        report = {"run": str(arguments.run), "now": {"from_step": first, "to_step": last}, "figure": str(path)}
        found = [{k: v for k, v in asdict(finding).items() if k != "panels"} for finding in findings]
        print(json.dumps(report | {"findings": found}, indent=2))
    else:
        head = f"{arguments.run}: {last} steps; numbers are medians of steps {first} to {last}"
        print("\n\n".join([head, *map(_paragraph, findings), str(path)]))
    return 0


def _paragraph(finding):
    seen = ", ".join(f"{name} {value:.3g}" for name, value in finding.evidence.items())
    return f"{finding.name.upper()}\n  {finding.words}\n  Seen: {seen}.\n  Try: {finding.advice}."


def figure(game, findings):
    """A matplotlib figure: the curves of the run, in red what was found, shaded where it was looked for."""
    import numpy as np

    from minigan.diagnosis import waves
    from minigan.plots import new_figure, smoothed

    panels = {
        "loss": ({"loss_d": "Loss_D", "loss_g": "Loss_G"}, game.objective.balance),
        "score": ({"d_x": "D(x)", "d_g_z": "D(G(z))"}, game.objective.threshold),
        "accuracy": ({"accuracy_real": "on real", "accuracy_fake": "on fake"}, 0.5),
        "gradient": ({"gradient_d": "of D", "gradient_g": "of G"}, None),
        "diversity": ({}, 1),
    }
    drawing, epoch = new_figure(17, 4.2), game.metrics["epoch"]
    for axes, (panel, (columns, level)) in zip(drawing.subplots(1, len(panels)), panels.items(), strict=True):
        for (column, label), colour in zip(columns.items(), ("tab:blue", "tab:orange"), strict=False):
            values = game.metrics[column]
            axes.plot(epoch, values, color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(epoch, smoothed(values), color=colour, linewidth=1.8, label=label)
            if panel == "score":
                turns = len(epoch) // 2 + np.array(waves(game, column)[1], int)
                axes.plot(epoch[turns], smoothed(values)[turns], "o", color="tab:red", markersize=4)
        if panel == "gradient" and (game.metrics["gradient_g"] > 0).any():
            axes.set_yscale("log", nonpositive="mask")  # a gradient can be 0
        if panel == "diversity":
            axes.plot(*game.diversities(), "o-", color="tab:blue", label="samples")
            if game.coverage()[0] is not None:
                axes.plot(epoch[-1], game.coverage()[0], "s", color="tab:orange", label="share of classes made")
        if level is not None:
            name = "real pictures" if panel == "diversity" else f"balance, {level:.3g}"
            axes.axhline(level, color="grey", linestyle="--", linewidth=0.8, label=name)
        found = [finding.name for finding in findings if panel in finding.panels]
        axes.set_title("\n".join([panel, *found]), color="tab:red" if found else "black")
        if found:
            looked_at = game.start if panel != "score" else len(epoch) // 2
            axes.axvspan(epoch[looked_at], epoch[-1], color="tab:red", alpha=0.08)
        if panel == "diversity":
            axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.legend(frameon=False)
    return drawing
