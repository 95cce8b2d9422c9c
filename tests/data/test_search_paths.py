"""The folders that data sets are searched in, and the cache."""

from pathlib import Path

from minigan.data.search_paths import cache_folder, expand_user


def test_the_cache_folder_is_set_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MINIGAN_CACHE", "~/images")
    assert cache_folder() == Path.home() / "images"
    monkeypatch.delenv("MINIGAN_CACHE")
    assert "minigan" in cache_folder().parts


def test_an_unknown_user_stays_in_the_path():
    assert expand_user("~nobody-has-this-name/images") == Path("~nobody-has-this-name/images")
