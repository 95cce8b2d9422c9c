"""The same code on NumPy and on CuPy: one environment variable, the same numbers.

You will see the losses of thirty DCGAN steps, computed by a separate process for each backend from one seed: weights,
noise and batches are the same, so the curves coincide. Without a GPU, NumPy runs twice, in float32 and in float64; the
difference is due to rounding, and two backends in float32 should differ by about as much. You will learn how to choose
the backend, and that nothing else in a program depends on it.

    python examples/16_swap_the_backend.py          writes swap_the_backend.png
"""

import argparse
import json
import os
import subprocess
import sys
import time

BATCH, LATENT, WIDTH, STEPS = 32, 64, 16, 30


def train(dtype):
    """What each process runs: {"losses": (STEPS, 2), "seconds": ...}. Nothing here names a backend."""
    import minigan as mg

    mg.backend.seed(0)
    images = mg.backend.asarray(mg.data.load("shapes", count=BATCH * STEPS).images)  # copied to the device once
    networks = mg.models.dcgan(latent_dim=LATENT, width=WIDTH)
    generator, discriminator = (network.astype(dtype) for network in networks)
    objective = mg.losses.NonSaturating()
    adam_g, adam_d = (mg.optim.Adam(network.parameters()) for network in (generator, discriminator))
    losses, start = [], time.perf_counter()
    for step in range(STEPS):
        real = mg.data.to_float(images[step * BATCH : (step + 1) * BATCH], dtype=dtype)
        z = mg.backend.random.normal((BATCH, LATENT), dtype)
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT), dtype)
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        losses.append([float(mg.backend.to_numpy(loss)) for loss in (loss_d, loss_g)])
    mg.backend.synchronize()
    return {"losses": losses, "seconds": time.perf_counter() - start}


def train_in_a_process(backend, dtype):
    """The result of train(), or None if the backend is not available: it is chosen when minigan is imported."""
    done = subprocess.run(
        [sys.executable, __file__, "--dtype", dtype],
        env=os.environ | {"MINIGAN_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(f"{backend} is not available: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    return json.loads(done.stdout)


def main(out):
    import numpy as np

    settings = [("numpy", "float32"), ("numpy", "float64"), ("cupy", "float32")]
    results = {f"{backend}, {dtype}": train_in_a_process(backend, dtype) for backend, dtype in settings}
    results = {name: result for name, result in results.items() if result}
    losses = {name: np.array(result["losses"]) for name, result in results.items()}  # (STEPS, 2) each
    differences = {name: np.abs(values - losses["numpy, float64"]).max(axis=1) for name, values in losses.items()}
    for name, result in results.items():
        speed = BATCH * STEPS / result["seconds"]
        print(f"{name:16} {speed:8.0f} images/s   max difference from float64: {differences[name].max():.1e}")
    if "cupy, float32" not in results:
        print("With a GPU: pip install 'minigan[cuda13x]', and set MINIGAN_BACKEND=cupy for any of these programs.")
    plot(out, losses, differences)
    print(f"\nThe training loop names no backend: minigan/backend.py chooses the array library. See {out}")


def plot(out, losses, differences):
    import minigan as mg

    figure = mg.plots.new_figure(11, 4)
    left, right = figure.subplots(1, 2)
    for (name, values), line in zip(losses.items(), ("-", "--", ":"), strict=False):
        left.plot(values[:, 0], line, color="tab:blue", label=f"Loss_D, {name}")
        left.plot(values[:, 1], line, color="tab:orange", label=f"Loss_G, {name}")
        if "float64" not in name:
            right.plot(differences[name], "o-", label=name)
    left.set(xlabel="step", title="losses, from one seed")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="step", yscale="log", title="difference from float64: rounding errors, amplified")
    right.legend(frameon=False)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="swap_the_backend.png", help="the image to write")
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        help="only train, in this dtype and on the backend of this process, and print the losses as JSON",
    )
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.dtype))) if arguments.dtype else main(arguments.out)
