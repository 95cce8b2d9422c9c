"""DCGAN with the training loop written out: what `minigan train` does, without the bookkeeping.

You will see the two losses, printed: they rise and fall as each network responds to the other, and neither goes to 0.
The image has a row of samples after every few steps: coloured noise, then blobs, then the first shapes that can be
recognized; `minigan train` trains longer. You will learn the whole training loop: one discriminator step and one
generator step for each batch, each with new noise.

    python examples/09_dcgan.py                     writes dcgan.png
    python examples/09_dcgan.py --data cifar10 --steps 4000
"""

import argparse

import numpy as np

import minigan as mg
from minigan.plots import image_grid, save_image

BATCH, LATENT, WIDTH, ROWS = 32, 64, 12, 8


def main(out, data, root, steps):
    mg.backend.seed(0)
    dataset = mg.data.load(data, root)
    _, size, _, channels = dataset.images.shape
    generator, discriminator = mg.models.dcgan(size, channels, LATENT, WIDTH)
    objective = mg.losses.NonSaturating()
    generator_optimizer = mg.optim.Adam(generator.parameters(), lr=2e-3)
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters(), lr=1e-3)

    fixed_z = mg.backend.random.normal((10, LATENT))
    random = np.random.default_rng(0)
    rows = []
    for step in range(1, steps + 1):
        images = dataset.images[random.integers(0, len(dataset), BATCH)]
        real = mg.data.to_float(images)  # (N, H, W, C) in [−1, 1]

        z = mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, discriminator_optimizer)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, generator_optimizer)

        if step % max(1, steps // ROWS) == 0:
            print(f"step {step:5}   Loss_D {float(loss_d):.3f}   Loss_G {float(loss_g):.3f}")
            fake, _ = generator.forward(fixed_z, train=False)
            rows.append(mg.data.to_uint8(fake))

    save_image(out, image_grid(np.concatenate(rows), columns=10).repeat(2, axis=0).repeat(2, axis=1))
    print(f"\nEach row of {out} shows the same ten noise vectors, later in training than the row above it.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="dcgan.png", help="the image to write")
    parser.add_argument("--data", default="shapes", help="shapes (default), digits, mnist, fashion-mnist, cifar10")
    parser.add_argument("--root", help="the folder of the data set")
    parser.add_argument("--steps", type=int, default=480, help="of training (default 480)")
    main(**vars(parser.parse_args()))
