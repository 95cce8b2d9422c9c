"""Damage to files: bits flipped, parts cut, repeated or inserted; values replaced in JSON, CSV and archives."""

import copy
import functools
import gzip
import io
import json
import re
import struct
import tarfile
import zipfile
import zlib

from small_files import endless_pickle, make_tar

# Values instead of those in JSON and CSV.
HOSTILE = [
    None, True, -1, 0, 1, 2**31, 2**64, 10**400, -1.5, 1e308, float("nan"), float("inf"), "", "x", "9" * 5000, "\0",
    "\x1b[31m", "a\nb", "é" * 1000, "\ud800", [], {}, [1] * 100, {"a": {}}, [[[[[]]]]], [None], "__import__",
]  # fmt: skip
TOKENS = [b"", b"nan", b"inf", b"-1", b"1e999", b"9" * 5000, b'"', b'"\n', b",,,,", b"\0", b"\xff\xfe", b"a" * 140_000,
          b"step", b"epoch", b"1_0", b" 5", b"0x1", b"\r", b"\n", b"1,2,3\n"]  # fmt: skip


def mutate(rng, raw):
    """Flip, overwrite, cut, repeat or insert, one to four times."""
    raw = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        size = len(raw)
        start = rng.randrange(size + 1) if rng.random() < 0.6 else min(size, int(rng.expovariate(1 / 20)))
        stop = min(size, start + rng.choice((1, 2, 4, 16, 100, size)))
        kind = rng.randrange(7)
        if kind == 0 and start < size:
            raw[start] ^= 1 << rng.randrange(8)
        elif kind == 1 and start < size:
            raw[start] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            raw[start:stop] = bytes([rng.choice((0, 0xFF))]) * (stop - start)
        elif kind == 3:
            del raw[start : (size if rng.random() < 0.5 else stop)]
        elif kind == 4:
            raw[start:start] = raw[start:stop] * rng.choice((1, 1, 2, 8))
        elif kind == 5:
            raw[start:start] = rng.randbytes(rng.choice((1, 2, 4, 30)))
        else:
            number = rng.choice((0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, rng.randrange(2**32)))
            raw[start : start + 4] = struct.pack(rng.choice("<>") + "I", number)
        del raw[300_000:]
    return bytes(raw)


def mutate_json(rng, raw):
    """One to three values replaced, removed or nested."""
    content = json.loads(raw)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(content))
        holder, key = rng.choice(places)
        kind = rng.randrange(10)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [holder[key]]
        elif kind == 2 and isinstance(holder, dict):
            holder[rng.choice(("x", "", "\0", "dataset", "model"))] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(rng.choice(HOSTILE))
        if not list(_places(content)):
            break
    text = json.dumps(content)
    kind = rng.random()
    if kind < 0.02:
        text = "[" * 100_000
    elif kind < 0.04:
        text = '{"a":' * 5000 + text + "}" * 5000
    elif kind < 0.06:
        text = "\ufeff" + text
    elif kind < 0.08:
        text = re.sub(r"\d+", "9" * 5000, text, count=1)
    elif kind < 0.1:
        text = json.dumps(rng.choice(HOSTILE))
    return text.encode("utf-8", "surrogatepass")


def _places(content):
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(items):
        yield content, key
        yield from _places(value)


def mutate_csv(rng, raw):
    """One to three cells or lines replaced."""
    lines = [line.split(b",") for line in raw.split(b"\n")]
    for _ in range(rng.choice((1, 1, 2, 3))):
        line = lines[rng.choice((0, rng.randrange(len(lines))))]
        kind = rng.randrange(5)
        if kind == 0:
            line[rng.randrange(len(line))] = rng.choice(line)
        elif kind == 1:
            line.append(rng.choice(TOKENS))
        elif kind == 2 and len(line) > 1:
            column = rng.randrange(len(line))
            for other in lines:
                del other[column : column + 1]
                other.extend([b""] * (not other))
        else:
            line[rng.randrange(len(line))] = rng.choice(TOKENS)
    return b"\n".join(b",".join(line) for line in lines)


def within_gzip(rng, raw):
    if rng.random() < 0.002:
        return rng.choice((raw + bomb(), bomb() + raw))
    return gzip.compress(mutate(rng, gzip.decompress(raw)), 1)


@functools.cache
def bomb():
    """A small .gz of 256 MiB of zeros."""
    return gzip.compress(bytes(2**28), 9)


def within_zip(rng, raw):
    """One member mutated, and compressed as some other program might."""
    output = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(output, "w", method) as target:
        chosen = rng.choice(source.namelist())
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, mutate(rng, content) if name == chosen else content)
    return output.getvalue() if rng.random() < 0.5 else mutate(rng, output.getvalue())


def within_tar(rng, raw):
    """The tar mutated, or the pickle in it."""
    content = gzip.decompress(raw)
    if rng.random() < 0.5:
        return gzip.compress(mutate(rng, content), 1)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = tar.getmembers()[-1]
        inner = tar.extractfile(member).read()
    return make_tar({member.name: mutate(rng, inner) if rng.random() < 0.9 else endless_pickle()})


def within_safetensors(rng, raw):
    """A value of the metadata or an array changed, and the checksums made right again."""
    (length,) = struct.unpack("<Q", raw[:8])
    header, payload = json.loads(raw[8 : 8 + length]), bytearray(raw[8 + length :])
    metadata, kind = header["__metadata__"], rng.randrange(4)
    if kind == 0:
        name = rng.choice(("config", "step", "random_state"))
        content = json.dumps([json.loads(metadata[name])]).encode()  # in a list, so that a number can be replaced
        metadata[name] = mutate_json(rng, content).decode(errors="replace")[1:-1]
    elif kind == 1:
        config = json.loads(metadata["config"])
        holder, key = rng.choice(list(_places(config)))
        holder[key] = copy.deepcopy(rng.choice([*HOSTILE, 10**6, 4096, 1024, 10**9]))
        metadata["config"] = json.dumps(config)
    elif kind == 2:
        name = rng.choice([name for name in header if name != "__metadata__"])
        header[rng.choice((name, name + "x", "generator.9.weight"))] = header.pop(name)
        if rng.random() < 0.5:
            entry = header[list(header)[-1]]
            entry["shape"] = rng.choice(
                ([], [0], [-1], [2**40, 2**40], list(reversed(entry["shape"])), [1, *entry["shape"]])
            )
            entry["dtype"] = rng.choice(("F32", "F32", "F64", "BF16", "I64", "BOOL", "F8_E4M3", "?"))
    else:
        place = rng.randrange(len(payload) - 3)
        payload[place : place + 4] = rng.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", rng.randbytes(4)))
    sums = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, stop = entry["data_offsets"]
            sums[name] = zlib.crc32(payload[start:stop])
    metadata.pop("crc32", None)
    sums |= {name: zlib.crc32(text.encode("utf-8", "replace")) for name, text in metadata.items()}
    metadata["crc32"] = json.dumps(sums)
    text = json.dumps(header).encode("utf-8", "replace")
    return struct.pack("<Q", len(text)) + text + bytes(payload)
