"""What the scripts beside this one share: how a picture looks, and where it goes."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BLUE, ORANGE = "tab:blue", "tab:orange"


def save(pictures, folder):
    """Draw each of {name: function that returns a figure} into folder/name.png."""
    plt.rcParams.update({"font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        figure = picture()
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)
