"""Images of every mode and format: each right, or left out with a reason; and files that are no images."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from systems import posix

from minigan.data.images import FORMATS, MAX_PIXELS, open_image, open_rgb
from minigan.errors import DataError

RAMP16 = np.linspace(0, 65535, 64).round().astype(np.uint16)[None].repeat(8, axis=0)  # from black to white
RAMP8 = np.rint(RAMP16 / 257).astype(np.uint8)
COLOUR = (200, 30, 60)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth, colour_type, rows, *chunks):
    """A PNG written by hand: rows is a uint8 array (height, bytes)."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    header = struct.pack(">IIBBBBB", rows.shape[1] * 8 // depth // channels, len(rows), depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b"")])


def big_endian(values):
    return values.astype(">u2").view(np.uint8)


def pixels(path):
    image = open_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_grey_of_16_bits_is_a_ramp_from_0_to_255(tmp_path, kind):
    path = tmp_path / f"ramp.{kind}"
    Image.fromarray(RAMP16).save(path)
    grey = pixels(path)[..., 0]
    np.testing.assert_array_equal(grey, RAMP8)
    assert (grey.min(), grey.max(), len(np.unique(grey))) == (0, 255, 64)


def tiff16(values, bits=16, photometric=1):
    """A grey TIFF of 16 bits, written by hand: little-endian, one strip."""
    height, width = values.shape
    body = values.astype("<u2").tobytes()
    if bits == 12:  # two values in three bytes
        pairs = values.reshape(-1, 2).astype(np.uint32)
        body = b"".join(int(a << 12 | b).to_bytes(3, "big") for a, b in pairs)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height, 279: len(body)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_whose_zero_is_white_is_inverted(tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff16(RAMP16, photometric=0))
    np.testing.assert_array_equal(pixels(tmp_path / "x.tif")[..., 0], 255 - RAMP8)


def test_12_bits_are_scaled_from_4095(tmp_path):
    values = np.linspace(0, 4095, 64).round().astype(np.uint16)[None].repeat(8, axis=0)
    (tmp_path / "x.tif").write_bytes(tiff16(values, bits=12))
    np.testing.assert_array_equal(pixels(tmp_path / "x.tif")[..., 0], np.rint(values * (255 / 4095)))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_an_unknown_range_are_refused(tmp_path, mode):
    Image.fromarray(RAMP16.astype({"F": np.float32, "I": np.int32}[mode])).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=f"expected pixels of 8 or 16 bits, found {mode}, whose range is not known"):
        open_rgb(tmp_path / "x.tif")


@pytest.mark.parametrize(
    ("mode", "kind", "tolerance"),
    [
        ("RGB", "png", 0),
        ("RGB", "bmp", 0),
        ("RGB", "tif", 0),
        ("RGB", "jpg", 2),
        ("RGB", "webp", 4),
        ("RGBA", "png", 0),
        ("P", "png", 0),
        ("P", "gif", 0),
        ("CMYK", "jpg", 3),
        ("CMYK", "tif", 0),
        ("YCbCr", "jpg", 3),
    ],
)
def test_a_colour_is_kept_in_every_mode_and_format(tmp_path, mode, kind, tolerance):
    image = Image.new("RGB", (16, 16), COLOUR)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(tmp_path / f"x.{kind}")
    assert np.abs(pixels(tmp_path / f"x.{kind}").astype(int) - COLOUR).max() <= tolerance


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_is_kept(tmp_path, mode):
    values = np.tile(np.array([[0, 255]], np.uint8), (8, 8))
    Image.fromarray(values).convert(mode).save(tmp_path / "x.png")
    np.testing.assert_array_equal(pixels(tmp_path / "x.png"), values[..., None].repeat(3, axis=2))


def hidden_colours():
    """{name: content of a PNG, wholly transparent, with colours that must not show}."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (8, 8, 4), np.uint8)
    noise[..., -1] = 0
    grey_alpha = noise[..., 2:].copy()
    indices = random.integers(0, 2, (8, 8), np.uint8)
    palette = chunk(b"PLTE", bytes([9, 8, 7, 200, 100, 0]))
    grey, colour = np.full((8, 8), 77, np.uint8), np.tile(np.uint8([1, 2, 3]), (8, 8))
    grey16 = np.full((8, 8), 1234, np.uint16)
    colour16 = np.tile(np.uint16([1000, 2000, 3000]), (8, 8))
    return {
        "RGBA": png(8, 6, noise.reshape(8, -1)),
        "LA": png(8, 4, grey_alpha.reshape(8, -1)),
        "RGBA, 16 bits": png(16, 6, big_endian(noise.astype(np.uint16).reshape(8, -1) * 257)),
        "palette": png(8, 3, indices, palette, chunk(b"tRNS", bytes([0, 0]))),
        "L with a transparent value": png(8, 0, grey, chunk(b"tRNS", struct.pack(">H", 77))),
        "16 bits with a transparent value": png(16, 0, big_endian(grey16), chunk(b"tRNS", struct.pack(">H", 1234))),
        "RGB with a transparent colour": png(8, 2, colour, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))),
        "RGB, 16 bits, with a transparent colour": png(
            16, 2, big_endian(colour16), chunk(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))
        ),
    }


@pytest.mark.parametrize("name", hidden_colours())
def test_where_an_image_is_transparent_it_is_white(tmp_path, name):
    (tmp_path / "x.png").write_bytes(hidden_colours()[name])
    assert (pixels(tmp_path / "x.png") == 255).all()


def test_half_transparent_colours_are_mixed_with_white(tmp_path):
    Image.new("RGBA", (4, 4), (*COLOUR, 51)).save(tmp_path / "x.png")
    expected = [round(0.2 * value + 0.8 * 255) for value in COLOUR]
    assert np.abs(pixels(tmp_path / "x.png").astype(int) - expected).max() <= 1


def jpeg_with_exif(entry=None):
    """A red JPEG of 48×32 pixels that says that it is turned; `entry`: (tag, type) of a damaged second entry."""
    import io

    entries = [(0x112, struct.pack("<HHIHH", 0x112, 3, 1, 6, 0))]
    if entry:
        entries.append((entry[0], struct.pack("<HHI", entry[0], entry[1], 4) + b"abc\0"))
    body = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(raw for _, raw in sorted(entries)) + bytes(4)
    file = io.BytesIO()
    Image.new("RGB", (48, 32), "red").save(file, "JPEG")
    segment = b"Exif\0\0" + body
    return file.getvalue()[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + file.getvalue()[2:]


@pytest.mark.parametrize("entry", [None, (0x11A, 2), (0x11A, 7), (0x100, 7), (0x100, 2), (0x9286, 4)])
def test_an_image_is_turned_upright_even_if_other_exif_entries_are_damaged(tmp_path, entry):
    (tmp_path / "x.jpg").write_bytes(jpeg_with_exif(entry))
    assert pixels(tmp_path / "x.jpg").shape == (48, 32, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
def test_every_orientation_is_turned_as_pillow_turns_it(tmp_path, orientation, kind):
    from PIL import ImageOps

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
    exif = Image.Exif()
    exif[0x112] = orientation
    image.save(tmp_path / f"x.{kind}", exif=exif)
    with Image.open(tmp_path / f"x.{kind}") as saved:
        expected = np.asarray(ImageOps.exif_transpose(saved).convert("RGB"))
    np.testing.assert_array_equal(pixels(tmp_path / f"x.{kind}"), expected)


# Files that are no images, or hostile


def test_the_formats_are_a_fixed_list(tmp_path):
    assert FORMATS == ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    image = Image.new("RGB", (8, 8), COLOUR)
    for kind in ("ppm", "ico", "tga", "eps", "pdf", "jp2"):
        image.save(tmp_path / f"x.{kind}")
        with pytest.raises(DataError, match=r"expected an image \(PNG, JPEG"):
            open_rgb(tmp_path / f"x.{kind}")
    image.save(tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"expected an image \(PNG\)"):
        open_image(tmp_path / "x.jpg", ("PNG",))


@pytest.mark.parametrize("name", ["holiday.jpg", "x.png", "x.eps"])
def test_postscript_starts_no_program(tmp_path, monkeypatch, name):
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: started.append(arguments))
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    (tmp_path / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="found something else"):
        open_rgb(tmp_path / name)
    assert not started


@pytest.mark.parametrize("side", [2**13 + 1, 20_000, 2**31 - 1])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(DataError, match=f"at most {MAX_PIXELS:,} pixels|DecompressionBombError") as caught:
        open_rgb(tmp_path / "x.png")
    assert "\n" not in str(caught.value)


@posix
def test_what_is_not_a_regular_file_is_refused(tmp_path):
    import os

    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "nothing.png").symlink_to(tmp_path / "nowhere")
    for name in ("zero.png", "pipe.png", "nothing.png", ""):
        with pytest.raises(DataError):
            open_rgb(tmp_path / name)


def samples():
    """{format: the content of a small image with metadata}."""
    import io

    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8))
    exif = Image.Exif()
    exif[0x112], exif[0x11A], exif[0x10E] = 6, 72.0, "a description"
    files = {}
    for kind in FORMATS:
        file = io.BytesIO()
        image.save(file, kind, **({} if kind in ("BMP", "GIF") else {"exif": exif}))
        files[kind] = file.getvalue()
    return files


SAMPLES = samples()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0), st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
def test_a_damaged_image_is_read_or_one_line(tmp_path, kind, cut, flips):
    content = bytearray(SAMPLES[kind])
    for position, byte in flips:
        content[position % len(content)] = byte
    (tmp_path / "x").write_bytes(content[: max(1, len(content) - cut % (4 * len(content)))] if cut % 2 else content)
    try:
        outcome = open_rgb(tmp_path / "x").mode
    except DataError as error:
        outcome = str(error)
    assert outcome == "RGB" or outcome.isprintable()
