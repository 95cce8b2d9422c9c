"""Downloads of files whose SHA-256 and size are known."""

import contextlib
import hashlib
import os
import queue
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from minigan.data.search_paths import cache_folder
from minigan.errors import DataError
from minigan.files import TEMPORARY, replacing

CHUNK = 2**16  # bytes
TIMEOUT = 30  # seconds without an answer or a byte
GRACE = 60.0  # seconds for a server to begin
MIN_RATE = 10_000  # bytes a second on average after that: CIFAR-10 may take five hours


class Download(NamedTuple):
    """A file on the web: its address, its SHA-256 in hexadecimal, its size in bytes."""

    url: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


class Downloads(NamedTuple):
    """The files of a data set, and the folder in the cache that they are kept in ("": the cache itself)."""

    files: tuple[Download, ...]
    folder: str = ""


def download_all(downloads: Downloads) -> Path:
    """Download the files into the cache. Returns the path of the file, or of the folder if there are several files.

    Raises DataError as download() does.
    """
    folder = cache_folder() / downloads.folder
    paths = [download(file, folder) for file in downloads.files]
    return paths[0] if len(paths) == 1 else folder


def download(source: Download, folder: Path) -> Path:
    """Download a file into `folder`, unless it is there already with the right SHA-256. Returns its path.

    The file has a temporary name until it is complete and its SHA-256 has been verified; if the download fails, it is
    deleted, and if the process is killed, at the next download. `folder` is created if it does not exist.

    Raises DataError if the server cannot be reached, sends too slowly or too much, the connection breaks, the SHA-256
    differs, or the folder cannot be written to.
    """
    from requests.exceptions import RequestException
    from tqdm import tqdm

    path = folder / source.file_name
    by_hand = f"try again later, or download {source.url} by hand into {folder}, or give --root FOLDER"
    try:
        if path.is_file() and _sha256(path) == source.sha256:
            return path
        _remove_leftovers(folder)
        with replacing(path) as temporary, temporary.open("wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks: its leftovers stay
                _lock(file.fileno())
            checksum, received = hashlib.sha256(), 0
            # The bar is closed if the download fails, so that it is printed before the error.
            with (
                tqdm(total=source.size, desc=source.file_name, unit="B", unit_scale=True) as bar,
                contextlib.closing(_chunks(source)) as chunks,
            ):
                for chunk in chunks:
                    received += len(chunk)
                    if received > source.size:
                        break
                    checksum.update(chunk)
                    file.write(chunk)
                    bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())  # while it is locked: it may take seconds
            if received != source.size or checksum.hexdigest() != source.sha256:
                expected = f"expected {source.size:,} bytes with SHA-256 {source.sha256}"
                raise DataError(f"{source.file_name}: {expected}, got another file from the server; {by_hand}")
    except RequestException as error:
        problem = type(error).__name__ if error.response is None else f"HTTP status {error.response.status_code}"
        raise DataError(f"{source.file_name}: the download failed ({problem}); {by_hand}") from error
    except TimeoutError:
        raise DataError(f"{source.file_name}: the download failed (the server is too slow); {by_hand}") from None
    except OSError as error:
        raise DataError(
            f"{source.file_name}: cannot write to {folder} ({error.strerror}); "
            "set MINIGAN_CACHE to a folder that can be written to"
        ) from error
    return path


def _chunks(source: Download) -> Generator[bytes, None, None]:
    """The content of the address, chunk by chunk.

    Raises RequestException, and TimeoutError if it falls behind MIN_RATE. A thread of its own reads: a server that
    sends a byte now and then could keep a reader in one call for ever.
    """
    received: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=16)
    stopped = threading.Event()
    threading.Thread(target=_receive, args=(source.url, received, stopped), daemon=True).start()
    start, size = time.monotonic(), 0
    try:
        while True:
            left = GRACE + size / MIN_RATE - (time.monotonic() - start)
            try:
                item = received.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise TimeoutError from None
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            size += len(item)
            yield item
    finally:
        stopped.set()


def _receive(url: str, received: "queue.Queue[bytes | BaseException | None]", stopped: threading.Event) -> None:
    """Put the chunks of `url` into the queue, then None or the exception that ended it."""
    import requests

    def put(item: bytes | BaseException | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                received.put(item, timeout=0.1)
                return

    try:
        # "identity": the file as it is. A small answer that unpacks to a large one would defeat the limit of bytes.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            response.raise_for_status()
            for chunk in response.iter_content(CHUNK):
                put(chunk)
                if stopped.is_set():
                    return
        put(None)
    except Exception as error:  # whatever it is, it is raised where the chunks are read
        put(error)


def _sha256(path: Path) -> str:
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            checksum.update(chunk)
    return checksum.hexdigest()


def _remove_leftovers(folder: Path) -> None:
    """Delete the unfinished files of downloads that were killed; those of running ones are locked."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):  # Windows has no such locks, and deletes no file that is open elsewhere
            with path.open("rb+") as file:
                _lock(file.fileno())
            path.unlink()


def _lock(file: int) -> None:
    """Lock an open file until it is closed. Raises OSError if another process holds the lock."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
