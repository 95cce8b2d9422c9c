"""The registry of data sets: one entry makes a data set known to load, locate, fetch and the error messages."""

import re
import subprocess
import sys

import numpy as np
import pytest

from minigan import data
from minigan.data.dataset import SPLITS, Dataset
from minigan.data.download import Download, Downloads
from minigan.data.search_paths import search_paths
from minigan.data.shapes import load_shapes
from minigan.errors import DataError, UserError

LETTERS = Dataset(
    "letters", "train", np.zeros((4, 8, 8, 1), np.uint8), np.arange(4) % 2, ("a", "b"), "generated for a test"
)
REMOTE_FILES = tuple(Download(f"http://localhost/{name}.gz", "0" * 64, 1) for name in ("images", "labels"))


@pytest.fixture
def register(monkeypatch):
    """A function that adds a data set to the registry for the duration of the test."""

    def add(name, **fields):
        source = data.Source(**{"load": lambda split, root=None: LETTERS, "description": "letters", **fields})
        monkeypatch.setitem(data.DATASETS, name, source)

    return add


@pytest.fixture
def downloaded(monkeypatch):
    """The (URL, folder) pairs that are passed to download(), which downloads nothing in this test."""
    requests = []

    def record(source, folder):
        requests.append((source.url, folder))
        return folder / source.file_name

    monkeypatch.setattr("minigan.data.download.download", record)
    return requests


def find_letters(root=None):
    found = [folder / "letters" for folder in search_paths(root) if (folder / "letters").is_dir()]
    return found[0] if found else None


# A new entry


def test_a_new_data_set_is_loaded_with_its_options(register):
    calls = []

    def load_letters(split, root, font="serif"):
        calls.append((split, root, font))
        return LETTERS

    register("letters", load=load_letters, find=find_letters)
    assert data.load("letters") is LETTERS
    assert data.load("letters", "somewhere", "test", font="mono") is LETTERS
    assert calls == [("train", None, "serif"), ("test", "somewhere", "mono")]


def test_a_new_data_set_is_located(register, tmp_path):
    register("letters", find=find_letters)
    assert data.locate("letters", tmp_path) is None
    (tmp_path / "letters").mkdir()
    assert data.locate("letters", tmp_path) == str(tmp_path / "letters")


def test_a_new_data_set_is_listed_with_what_is_known_about_it(register, tmp_path, monkeypatch, capsys):
    from minigan import cli

    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    register("letters", find=find_letters)
    register("runes")
    register("glyphs", find=lambda root=None: None)
    register("signs", find=lambda root=None: None, downloads=Downloads(REMOTE_FILES))
    with pytest.raises(SystemExit) as stop:
        cli.main(["data", "list"])
    assert stop.value.code == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == list(data.DATASETS)
    assert (
        dict(lines).items()
        >= {
            "letters": str(tmp_path / "letters"),
            "runes": "generated when it is loaded",
            "glyphs": "not found; give --root FOLDER, the folder that holds it",
            "signs": "not found; minigan data fetch signs",
            "folder": "not found; give --root FOLDER, a folder of images",
        }.items()
    )


def test_a_new_data_set_is_fetched_into_its_folder_of_the_cache(register, downloaded, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    register("letters", find=find_letters, downloads=Downloads(REMOTE_FILES, "letters/raw"))
    assert data.fetch("letters") == tmp_path / "letters" / "raw"
    assert downloaded == [(file.url, tmp_path / "letters" / "raw") for file in REMOTE_FILES]
    register("letters", find=find_letters, downloads=Downloads(REMOTE_FILES[:1]))
    assert data.fetch("letters") == tmp_path / "images.gz"


def test_a_data_set_without_downloads_says_how_to_get_it(register):
    register("letters", find=find_letters)
    register("runes", find=find_letters, no_download="ask a museum")
    for name, hint in (
        ("letters", "give --root FOLDER, the folder that holds it"),
        ("runes", "ask a museum"),
        ("folder", "give --root FOLDER, a folder of images"),
        ("shapes", "it is generated when it is loaded"),
    ):
        assert data.how_to_get(name) == hint
        with pytest.raises(UserError, match=f"data set '{name}' needs no download: {hint}"):
            data.fetch(name)


@pytest.mark.parametrize("function", [data.load, data.locate, data.how_to_get, data.fetch])
def test_an_unknown_name_gets_the_nearest_one_and_the_list_of_all(register, function):
    register("letters")
    with pytest.raises(UserError, match=r"unknown data set 'leters': did you mean 'letters'\? Known: .*letters"):
        function("leters")
    with pytest.raises(UserError, match="unknown data set 'cifar': did you mean 'cifar10'"):
        function("cifar")


# The entries


def test_load_returns_what_the_loader_of_the_data_set_returns():
    loaded = data.load("shapes", split="test", count=20, seed=1)
    np.testing.assert_array_equal(loaded.images, load_shapes("test", count=20, seed=1).images)


@pytest.mark.parametrize("name", data.DATASETS)
def test_every_data_set_refuses_an_unknown_split(name):
    with pytest.raises(DataError, match="unknown split 'dev': expected 'train' or 'test'"):
        data.load(name, split="dev")


@pytest.mark.parametrize("name", data.DATASETS)
def test_every_data_set_is_either_located_or_missing(name, tmp_path):
    located, source = data.locate(name, tmp_path / "nowhere"), data.DATASETS[name]
    assert located == ("generated when it is loaded" if source.synthetic else None)


def test_a_folder_is_located_only_if_it_is_given_and_exists(tmp_path):
    assert data.locate("folder", tmp_path) == str(tmp_path)
    assert data.locate("folder") is None


@pytest.mark.parametrize("name", [name for name, source in data.DATASETS.items() if source.downloads])
def test_what_is_fetched_is_what_load_searches_for(name, downloaded, tmp_path, monkeypatch):
    """The downloaded files, here empty, are found in the cache."""
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert data.locate(name) is None
    fetched = data.fetch(name)
    for url, folder in downloaded:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / url.rsplit("/", 1)[-1]).touch()
    assert data.locate(name) == str(fetched)
    for split in SPLITS:
        with pytest.raises(DataError, match=f"^{re.escape(str(fetched))}"):
            data.load(name, split=split)


@pytest.mark.parametrize("name", [name for name, source in data.DATASETS.items() if source.synthetic])
def test_a_synthetic_data_set_reads_no_folder(name, tmp_path):
    with pytest.raises(DataError, match=f"data set '{name}' is generated, not read: expected no root"):
        data.load(name, root=tmp_path)


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, minigan.data; print(*{'pooch', 'requests', 'tarfile', 'tqdm'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
