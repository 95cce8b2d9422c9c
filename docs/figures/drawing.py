"""What the scripts in this folder share: the style of a figure, and where it is saved."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BLUE, ORANGE = "tab:blue", "tab:orange"


def save(figures, folder):
    """Draw each of {name: function that returns a figure} and save it as folder/name.png."""
    plt.rcParams.update({"font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in figures.items():
        figure = draw()
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)
