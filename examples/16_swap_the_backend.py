"""The same code on NumPy and on CuPy: one environment variable, the same numbers.

You will see the losses of thirty DCGAN steps, computed by a process of its own for each backend, from one seed:
weights, noise and batches are the same, so the curves lie on each other. Without a GPU there is NumPy twice, in float32
and in float64: what differs is what rounding does, and two backends in float32 should differ by about as much.

    python examples/16_swap_the_backend.py          writes swap_the_backend.png
"""

import argparse
import json
import os
import subprocess
import sys
import time

BATCH, LATENT, WIDTH, STEPS = 32, 64, 16, 30


def steps(dtype):
    """What every process runs: the losses of STEPS steps and the seconds they took. Nothing here names a backend."""
    import minigan as mg

    mg.backend.seed(0)
    images = mg.backend.asarray(mg.data.load("shapes", count=BATCH * STEPS).images)
    networks = mg.models.dcgan(latent_dim=LATENT, width=WIDTH)
    generator, discriminator = (network.astype(dtype) for network in networks)
    objective = mg.losses.NonSaturating()
    adam_g, adam_d = (mg.optim.Adam(network.parameters()) for network in (generator, discriminator))
    losses, start = [], time.perf_counter()
    for step in range(STEPS):
        real = images[step * BATCH : (step + 1) * BATCH].astype(dtype) / 127.5 - 1
        z = mg.backend.random.normal((BATCH, LATENT), dtype)
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT), dtype)
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        losses.append([float(mg.backend.to_numpy(loss)) for loss in (loss_d, loss_g)])
    mg.backend.synchronize()
    return {"losses": losses, "seconds": time.perf_counter() - start}


def run(backend, dtype):
    """steps() in a process of its own, as the backend is chosen when minigan is imported; None where it cannot run."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", dtype],
        env=os.environ | {"MINIGAN_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(f"{backend} cannot run here, and is left out. It said: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    return json.loads(done.stdout)


def main(out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    jobs = [("numpy", "float32"), ("numpy", "float64"), ("cupy", "float32")]
    results = {f"{backend}, {dtype}": run(backend, dtype) for backend, dtype in jobs}
    results = {name: result for name, result in results.items() if result}
    reference = np.array(results["numpy, float64"]["losses"])
    figure, (losses, differences) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for (name, result), line in zip(results.items(), ("-", "--", ":"), strict=False):
        values = np.array(result["losses"])
        for column, colour in enumerate(("tab:blue", "tab:orange")):
            losses.plot(values[:, column], line, color=colour, label=f"{'Loss_D' if column == 0 else 'Loss_G'}, {name}")
        speed, largest = BATCH * STEPS / result["seconds"], np.abs(values - reference).max()
        print(f"{name:16} {speed:8.0f} images/s   largest difference to float64: {largest:.1e}")
        if "64" not in name:
            differences.plot(np.abs(values - reference).max(axis=1), "o-", label=name)
    losses.set(xlabel="step", title="losses, from one seed")
    losses.legend(frameon=False, fontsize=8)
    differences.set(xlabel="step", yscale="log", title="difference to float64: rounding, amplified")
    differences.legend(frameon=False)
    figure.savefig(out, dpi=100)
    if "cupy, float32" not in results:
        print("With a GPU: pip install 'minigan[cuda13x]', and MINIGAN_BACKEND=cupy before any of these programs.")
    print(f"\nOnly backend.py knows which array library it is. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="swap_the_backend.png")
    parser.add_argument("--one", metavar="DTYPE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    print(json.dumps(steps(arguments.one))) if arguments.one else main(arguments.out)
