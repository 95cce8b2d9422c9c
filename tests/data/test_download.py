"""Downloads from a real server on this machine: complete, altered, cut short, interrupted and refused."""

import contextlib
import gc
import hashlib
import http.server
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from systems import posix

from minigan import data
from minigan.data.download import Download, Downloads, download
from minigan.errors import DataError

CONTENT = bytes(range(256)) * 800
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/missing.tar.gz":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/endless.tar.gz":
            self.endless()
            return
        self.send_header("Content-Length", str(len(CONTENT)))
        if self.path == "/drips-headers.tar.gz":
            self.flush_headers()
            self.drip()
            return
        if self.path == "/packed.tar.gz":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.path == "/drips.tar.gz":
            self.drip()
            return
        if self.path == "/whole.tar.gz":
            self.wfile.write(CONTENT)
        else:
            self.wfile.write(CONTENT[:100_000])
        if self.path == "/stalls.tar.gz":
            self.server.resume.wait(30)

    def endless(self):
        """Sends zeros until the other side closes the connection; counts them."""
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.resume.is_set():
                self.server.sent += self.wfile.write(bytes(2**16))

    def drip(self):
        """A byte now and then."""
        with contextlib.suppress(OSError):
            while not self.server.resume.wait(0.02):
                self.wfile.write(b"x")
                self.wfile.flush()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.sent = [], 0
        server.resume = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.resume.set()
        server.shutdown()
        thread.join()


def entry(server, name, sha256=SHA256):
    return Download(f"http://127.0.0.1:{server.server_port}/{name}", sha256, len(CONTENT))


def failure(source, folder):
    """The message, one line, of a download that fails and leaves the folder empty."""
    with pytest.raises(DataError) as failed:
        download(source, folder)
    assert list(folder.iterdir()) == []
    message = str(failed.value)
    assert "\n" not in message
    assert message.startswith(f"{source.file_name}: ")
    assert f"download {source.url} by hand into {folder}, or give --root FOLDER" in message
    return message


def test_a_download_is_kept_under_its_own_name(server, tmp_path, capfd):
    path = download(entry(server, "whole.tar.gz"), tmp_path / "new" / "cache")
    assert path == tmp_path / "new" / "cache" / "whole.tar.gz"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["whole.tar.gz"]
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "100%" in printed.err
    assert "SHA256" not in printed.err
    assert "Downloading" not in printed.err


def test_a_file_is_not_downloaded_again(server, tmp_path):
    for _ in range(2):
        download(entry(server, "whole.tar.gz"), tmp_path)
    assert server.requests == ["/whole.tar.gz"]


def test_an_altered_file_is_replaced(server, tmp_path):
    (tmp_path / "whole.tar.gz").write_bytes(b"altered")
    assert download(entry(server, "whole.tar.gz"), tmp_path).read_bytes() == CONTENT


def test_a_file_with_another_sha256_is_refused(server, tmp_path):
    wrong = "0" * 64
    message = failure(entry(server, "whole.tar.gz", wrong), tmp_path)
    assert f"expected 204,800 bytes with SHA-256 {wrong}, got another file" in message


def test_a_connection_that_breaks_is_an_error(server, tmp_path):
    assert "the download failed (ChunkedEncodingError)" in failure(entry(server, "cut.tar.gz"), tmp_path)


def test_the_progress_bar_is_closed_before_the_error(server, tmp_path, capfd):
    with pytest.raises(DataError) as failed:
        download(entry(server, "cut.tar.gz"), tmp_path)
    assert capfd.readouterr().err.endswith("\n")
    del failed
    assert capfd.readouterr().err == ""


def test_a_file_that_is_not_on_the_server_is_an_error(server, tmp_path):
    assert "the download failed (HTTP status 404)" in failure(entry(server, "missing.tar.gz"), tmp_path)
    gc.collect()  # a connection left open would be a warning, which fails this test


def test_a_server_that_does_not_answer_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as bound:  # to a port that nobody listens on
        bound.bind(("127.0.0.1", 0))
        source = Download(f"http://127.0.0.1:{bound.getsockname()[1]}/whole.tar.gz", SHA256, len(CONTENT))
        assert "the download failed (ConnectionError)" in failure(source, tmp_path)


@posix
def test_an_interrupted_download_leaves_nothing_behind(server, tmp_path):
    source = entry(server, "stalls.tar.gz")
    script = (  # the first line: jobs that a shell starts in the background ignore Ctrl-C
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from minigan.data.download import Download, download; "
        f"download({source!r}, Path({str(tmp_path)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 20
    while not any(file.stat().st_size >= 50_000 for file in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    (half_full,) = tmp_path.iterdir()
    assert half_full.name != "stalls.tar.gz"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert list(tmp_path.iterdir()) == []


# Servers that do not end


def test_no_more_is_read_than_the_known_size(server, tmp_path):
    assert "expected 204,800 bytes" in failure(entry(server, "endless.tar.gz"), tmp_path)
    assert server.sent < 2**25  # what the buffers between them hold


@pytest.mark.parametrize("name", ["drips.tar.gz", "drips-headers.tar.gz", "stalls.tar.gz"])
def test_a_server_that_is_too_slow_is_given_up(server, tmp_path, monkeypatch, name):
    monkeypatch.setattr("minigan.data.download.GRACE", 0.3)
    monkeypatch.setattr("minigan.data.download.MIN_RATE", 10**6)
    start = time.monotonic()
    assert "the download failed (the server is too slow)" in failure(entry(server, name), tmp_path)
    assert time.monotonic() - start < 10
    server.resume.set()


def test_a_content_encoding_is_not_unpacked_beyond_the_known_size(server, tmp_path):
    """The server says gzip of what is none: an error of one line, and no traceback of a decoder."""
    failure(entry(server, "packed.tar.gz"), tmp_path)


# Processes that are killed


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_download_leaves_is_not_used_and_removed_by_the_next(server, tmp_path, number):
    source = entry(server, "stalls.tar.gz")
    code = (
        "from pathlib import Path; from minigan.data.download import Download, download; "
        f"download({source!r}, Path({str(tmp_path)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 20
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    (unfinished,) = tmp_path.iterdir()
    time.sleep(0.3)
    download(entry(server, "whole.tar.gz"), tmp_path)
    assert unfinished.exists()  # of a process that runs
    child.send_signal(number)
    child.wait(20)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.tar.gz", unfinished.name}
    (tmp_path / "whole.tar.gz").unlink()
    download(entry(server, "whole.tar.gz"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.tar.gz"]


@posix
def test_a_file_system_without_locks_is_downloaded_to(server, tmp_path, monkeypatch):
    import fcntl

    def no_locks(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert download(entry(server, "whole.tar.gz"), tmp_path).read_bytes() == CONTENT


def test_a_full_disk_is_an_error(server, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"cannot write to .* \(No space left on device\)"):
        download(entry(server, "whole.tar.gz"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_an_error(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot write to .*file/cache \(.*\); set MINIGAN_CACHE to a folder"):
        download(entry(server, "whole.tar.gz"), tmp_path / "file" / "cache")


def test_fetch_downloads_into_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    source = data.Source(
        lambda split, root: None,
        "a file on the test server",
        find=lambda root: None,
        downloads=Downloads((entry(server, "whole.tar.gz"),)),
    )
    monkeypatch.setitem(data.DATASETS, "cifar10", source)
    assert data.fetch("cifar10") == tmp_path / "whole.tar.gz"
    assert (tmp_path / "whole.tar.gz").read_bytes() == CONTENT
