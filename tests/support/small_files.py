"""Small files of every format that the project reads, as other programs write them."""

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from minigan.data import Dataset
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.gan import GanTrainer

RECORDED = Path(__file__).parents[1] / "recorded" / "healthy-fashion"


def image(mode, size=(9, 7)):
    gradient = np.arange(size[0] * size[1] * 4, dtype=np.uint8).reshape(size[1], size[0], 4) * 3
    rgba = Image.fromarray(gradient)
    if mode == "I;16":
        return Image.fromarray(gradient[..., 0].astype(np.uint16) * 257)
    return rgba.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else rgba.convert(mode)


def saved(drawing, form, **settings):
    file = io.BytesIO()
    drawing.save(file, form, **settings)
    return file.getvalue()


def exif(orientation=6):
    tags = Image.Exif()
    tags[0x112], tags[0x11A], tags[0x9286] = orientation, 72.0, b"ASCII\0\0\0comment"
    return tags.tobytes()


def images_of(form):
    """Small images in one format, in the modes that it has."""
    rgb, grey = image("RGB"), image("L")
    if form == "PNG":
        return [saved(image(mode), form) for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16")] + [
            saved(image("P"), form, transparency=3),
            saved(rgb, form, exif=exif()),
            saved(rgb, form, save_all=True, append_images=[rgb.rotate(180)]),
        ]
    if form == "JPEG":
        return [saved(image(mode), form) for mode in ("RGB", "L", "CMYK")] + [
            saved(rgb, form, progressive=True, exif=exif()),
            saved(rgb, form, exif=exif(3), icc_profile=b"\0" * 200),
        ]
    if form == "WEBP":
        frames_of = {"save_all": True, "append_images": [rgb.rotate(180)]}
        return [saved(rgb, form), saved(image("RGBA"), form, lossless=True), saved(rgb, form, **frames_of)]
    if form == "GIF":
        frames_of = {"save_all": True, "append_images": [grey.rotate(180)]}
        return [saved(rgb, form), saved(grey, form, **frames_of), saved(image("P"), form, transparency=2)]
    if form == "BMP":
        return [saved(image(mode), form) for mode in ("RGB", "L", "P", "1", "RGBA")]
    if form == "TIFF":
        return [saved(image(mode), form) for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16", "I", "F", "CMYK")] + [
            saved(rgb, form, compression=how) for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ] + [saved(rgb, form, save_all=True, append_images=[grey])]  # fmt: skip
    others = [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 7\n%%EndComments\nshowpage\n"]
    for name in (
        "PPM",
        "ICO",
        "DDS",
        "PCX",
        "TGA",
        "SGI",
        "AVIF",
        "JPEG2000",
        "EPS",
        "IM",
        "MSP",
        "XBM",
        "ICNS",
        "QOI",
    ):
        drawing = image("1") if name in ("XBM", "MSP") else rgb.resize((16, 16)) if name == "ICNS" else rgb
        try:
            others.append(saved(drawing, name))
        except (OSError, KeyError, ValueError):  # this Pillow cannot write it
            continue
    return others


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def make_tar(members):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1)


def cifar_pickles():
    pixels = np.arange(4 * 3072, dtype=np.uint64).astype(np.uint8).reshape(4, 3072)
    content = {b"data": pixels, b"labels": [1, 2, 3, 9], b"batch_label": b"testing", b"filenames": [b"a.png"] * 4}
    return [pickle.dumps(content, protocol) for protocol in (0, 1, 2)] + [endless_pickle()]


def make_run(folder):
    """A small run of a generator: config.json, logs, two grids, a checkpoint, scores."""
    run = RunFolder.create(folder / "run")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), np.uint8)
    labels = np.arange(32, dtype=np.int64) % 2
    dataset = Dataset("folder", "train", pixels, labels, ("cat", "dog"), "made by the test")
    config = Config.of_run(model="dense-gan", data="shapes", width=4, latent_dim=4, batch_size=16, ema=0.9)
    trainer = GanTrainer(config, dataset)
    trainer.step()
    run.write_config(config.to_dict() | {"minigan": "0", "backend": "numpy", "dataset": trainer.dataset_metadata()})
    trainer.write_checkpoint(run.checkpoint_path(1), run)
    columns = "loss_d loss_g d_x d_g_z accuracy_real accuracy_fake gradient_d gradient_g images_per_second".split()
    for step in range(1, 25):
        run.append_metrics(
            {"step": step, "epoch": f"{step / 2:.4f}"} | {name: f"{0.5 + 0.01 * step:.6g}" for name in columns}
        )
    for epoch in range(1, 13):
        row = {"step": 2 * epoch, "epoch": epoch, "diversity": "0.9"}
        run.append_scores(row | ({"classifier_fd": "3.5", "mode_coverage": "1"} if epoch % 2 == 0 else {}))
    for epoch in (1, 2):
        Image.fromarray(pixels[epoch]).save(run.epoch_samples(epoch))
    (run.path / "scores.json").write_bytes((RECORDED / "scores.json").read_bytes())
    return run, trainer


def endless_pickle():
    """Labels that are lists, doubled through the memo: a representation of them would never end."""
    doubled = b"]q\x00" + b"".join(b"]q%c(h%ch%ce" % (i, i - 1, i - 1) for i in range(1, 60))
    return b"\x80\x02}(U\x06labels" + b"](" + (doubled * 1 + b"h\x00" * 3) + b"eU\x04data" + b"N" + b"u."
