"""Downloads from a real server on this machine: complete, altered, cut short, interrupted, refused."""

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

from minigan.data.download import DOWNLOADS, Download, cache_folder, download, fetch
from minigan.errors import DataError, UserError

CONTENT = bytes(range(256)) * 800
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/missing.tar.gz":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/whole.tar.gz":
            self.wfile.write(CONTENT)
        else:
            self.wfile.write(CONTENT[:100_000])
        if self.path == "/stalls.tar.gz":
            self.server.go_on.wait(30)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.go_on = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


def entry(server, name, sha256=SHA256):
    return Download(f"http://127.0.0.1:{server.server_port}/{name}", sha256, len(CONTENT))


def failure(source, folder):
    """The one line of the failed download, after which the folder is empty."""
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


def test_it_is_not_downloaded_again(server, tmp_path):
    for _ in range(2):
        download(entry(server, "whole.tar.gz"), tmp_path)
    assert server.requests == ["/whole.tar.gz"]


def test_an_altered_file_is_replaced(server, tmp_path):
    (tmp_path / "whole.tar.gz").write_bytes(b"altered")
    assert download(entry(server, "whole.tar.gz"), tmp_path).read_bytes() == CONTENT


def test_another_sha256(server, tmp_path):
    wrong = "0" * 64
    message = failure(entry(server, "whole.tar.gz", wrong), tmp_path)
    assert f"expected 204,800 bytes with SHA-256 {wrong}, got another file" in message


def test_connection_cut_short(server, tmp_path):
    assert "the download failed (ChunkedEncodingError)" in failure(entry(server, "cut.tar.gz"), tmp_path)


def test_the_bar_is_closed_before_the_error(server, tmp_path, capfd):
    with pytest.raises(DataError) as failed:
        download(entry(server, "cut.tar.gz"), tmp_path)
    assert capfd.readouterr().err.endswith("\n")
    del failed
    assert capfd.readouterr().err == ""


def test_not_on_the_server(server, tmp_path):
    assert "the download failed (HTTP status 404)" in failure(entry(server, "missing.tar.gz"), tmp_path)
    gc.collect()  # a connection left open would be a warning, which fails this test


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as bound:  # to a port on which nobody listens
        bound.bind(("127.0.0.1", 0))
        source = Download(f"http://127.0.0.1:{bound.getsockname()[1]}/whole.tar.gz", SHA256, len(CONTENT))
        assert "the download failed (ConnectionError)" in failure(source, tmp_path)


def test_interrupted_from_the_keyboard(server, tmp_path):
    source = entry(server, "stalls.tar.gz")
    script = (  # the first line: a shell that starts jobs in the background has them ignore Ctrl-C
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from minigan.data.download import Download, download; "
        f"download({source!r}, Path({str(tmp_path)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, cwd=Path(__file__).parents[1])
    deadline = time.monotonic() + 20
    while not any(file.stat().st_size >= 50_000 for file in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    (half_full,) = tmp_path.iterdir()
    assert half_full.name != "stalls.tar.gz"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot write to .*file/cache \(.*\); set MINIGAN_CACHE to a folder"):
        download(entry(server, "whole.tar.gz"), tmp_path / "file" / "cache")


def test_fetch_downloads_into_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    monkeypatch.setitem(DOWNLOADS, "cifar10", ("", (entry(server, "whole.tar.gz"),)))
    assert fetch("cifar10") == tmp_path / "whole.tar.gz"


def test_fetch_refuses_names():
    with pytest.raises(UserError, match="data set 'shapes' needs no download"):
        fetch("shapes")
    with pytest.raises(UserError, match="unknown download 'cifar': did you mean 'cifar10'"):
        fetch("cifar")


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MINIGAN_CACHE", "~/pictures")
    assert cache_folder() == Path.home() / "pictures"
    monkeypatch.delenv("MINIGAN_CACHE")
    assert "minigan" in cache_folder().parts
