"""Downloads with a known SHA-256, into the user's cache."""

import os
from pathlib import Path
from typing import NamedTuple

from minigan.errors import DataError, UserError, unknown_name


class Download(NamedTuple):
    """A file on the web: its address, its SHA-256 in hexadecimal, its size in bytes."""

    url: str
    sha256: str
    size: int

    @property
    def file_name(self):
        return self.url.rsplit("/", 1)[-1]


MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION_MNIST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

# The files of each data set, and the folder of the cache that they belong in.
DOWNLOADS: dict[str, tuple[str, tuple[Download, ...]]] = {
    "cifar10": (
        "",
        (
            Download(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                170_498_071,
            ),
        ),
    ),
    "mnist": (
        "MNIST/raw",
        (
            Download(
                f"{MNIST}train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            Download(
                f"{MNIST}train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            Download(
                f"{MNIST}t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            Download(
                f"{MNIST}t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        ),
    ),
    "fashion-mnist": (
        "FashionMNIST/raw",
        (
            Download(
                f"{FASHION_MNIST}train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            Download(
                f"{FASHION_MNIST}train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            Download(
                f"{FASHION_MNIST}t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            Download(
                f"{FASHION_MNIST}t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
    ),
}
NEEDS_NO_DOWNLOAD = {
    "shapes": "it is drawn when it is loaded",
    "digits": "it is drawn when it is loaded",
    "folder": "give --root FOLDER, a folder of pictures",
}


def cache_folder():
    """Where downloads are kept: $MINIGAN_CACHE, or else the folder that the system has for caches."""
    from platformdirs import user_cache_path

    folder = os.environ.get("MINIGAN_CACHE")
    if folder:
        return Path(os.path.expanduser(folder))  # noqa: PTH111, Path.expanduser fails for an unknown ~user
    return user_cache_path("minigan", appauthor=False)


def fetch(name):
    """Download a data set into the cache, unless it is there already. Returns the file's path, or that of the folder
    where it is several files.

    Raises UserError for a name that is unknown or needs no download, DataError when the download fails.
    """
    if name in NEEDS_NO_DOWNLOAD:
        raise UserError(f"data set {name!r} needs no download: {NEEDS_NO_DOWNLOAD[name]}")
    if name not in DOWNLOADS:
        raise unknown_name("download", name, list(DOWNLOADS))
    place, sources = DOWNLOADS[name]
    folder = cache_folder() / place
    paths = [download(source, folder) for source in sources]
    return paths[0] if len(paths) == 1 else folder


def download(source, folder):
    """Download a file into a folder, unless it is there already with the right SHA-256.

    The file gets its name only when it is complete and its SHA-256 is right: until then it has a temporary
    one, and is deleted when the download fails.

    source  a Download
    folder  a Path; it is made when it does not exist

    Returns the file's path. Raises DataError when the address cannot be reached, the connection breaks, the
    SHA-256 is another, or the folder cannot be written.
    """
    import pooch  # type: ignore[import-untyped]
    from requests.exceptions import RequestException
    from tqdm import tqdm

    def with_progress(url, file, pooch_):
        # Left to pooch, the bar of a failed download is closed late, and printed after the error.
        with tqdm(total=source.size, desc=source.file_name, unit="B", unit_scale=True) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)(url, file, pooch_)

    pooch.get_logger().setLevel("WARNING")  # the bar is enough
    by_hand = f"download {source.url} by hand into {folder}, or give --root FOLDER"
    try:
        path = pooch.retrieve(
            source.url,
            known_hash=f"sha256:{source.sha256}",
            fname=source.file_name,
            path=folder,
            downloader=with_progress,
        )
    except RequestException as error:
        problem = type(error).__name__
        if error.response is not None:
            problem = f"HTTP status {error.response.status_code}"
            error.response.close()  # pooch leaves the connection open
        raise DataError(
            f"{source.file_name}: the download failed ({problem}); try again later, or {by_hand}"
        ) from error
    except ValueError as error:
        expected = f"expected {source.size:,} bytes with SHA-256 {source.sha256}"
        raise DataError(
            f"{source.file_name}: {expected}, got another file from the server; try again later, or {by_hand}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{source.file_name}: cannot write to {folder} ({error.strerror}); "
            "set MINIGAN_CACHE to a folder that can be written"
        ) from error
    return Path(path)
