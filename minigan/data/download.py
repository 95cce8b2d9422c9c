"""Downloads of files whose SHA-256 is known."""

from pathlib import Path
from typing import Any, NamedTuple

from minigan.data.search_paths import cache_folder
from minigan.errors import DataError


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
    deleted. `folder` is created if it does not exist.

    Raises DataError if the server cannot be reached, the connection breaks, the SHA-256 differs, or the folder cannot
    be written to.
    """
    import pooch  # type: ignore[import-untyped]
    from requests.exceptions import RequestException
    from tqdm import tqdm

    def with_progress(url: str, file: str, pooch_: Any) -> None:
        # pooch's own progress bar would stay open if the download fails, and be printed after the error.
        with tqdm(total=source.size, desc=source.file_name, unit="B", unit_scale=True) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)(url, file, pooch_)

    pooch.get_logger().setLevel("WARNING")  # the progress bar is enough
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
            "set MINIGAN_CACHE to a folder that can be written to"
        ) from error
    return Path(path)
