from pathlib import Path

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage import paths


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for variable in ("ARAE_SOURCES", "ARAE_CACHE", "ARAE_RUNS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/home/reader")


def test_without_settings_the_cache_is_in_the_home_and_runs_in_the_working_folder():
    assert paths.corpus_folder("snli") == Path("/home/reader/.cache/arae-toolkit/corpora/snli")
    assert paths.run_folder("snli") == Path("runs/snli")
    assert paths.source_folder("snli") is None


def test_each_variable_moves_its_place(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/reader")
    assert paths.cache_folder() == Path("/var/cache/reader/arae-toolkit")
    monkeypatch.setenv("ARAE_CACHE", "/big/cache")
    monkeypatch.setenv("ARAE_RUNS", "/big/runs")
    monkeypatch.setenv("ARAE_SOURCES", "/big/sources")
    assert paths.corpus_folder("yelp") == Path("/big/cache/corpora/yelp")
    assert paths.run_folder("yelp") == Path("/big/runs/yelp")
    assert paths.source_folder("yelp") == Path("/big/sources/yelp")


@pytest.mark.parametrize("name", ["a/b", "/etc/x", "..", ".", "", "a\0b", "x" * 300])
def test_a_name_is_the_name_of_one_folder(name):
    for folder_of in (paths.run_folder, paths.corpus_folder):
        with pytest.raises(ToolkitError, match="cannot be the name of a folder"):
            folder_of(name)


@pytest.mark.parametrize("variable", ["ARAE_CACHE", "ARAE_RUNS", "ARAE_SOURCES", "XDG_CACHE_HOME"])
def test_an_empty_variable_counts_as_not_set(monkeypatch, variable):
    unset = (paths.cache_folder(), paths.run_folder("a"), paths.source_folder("a"))
    monkeypatch.setenv(variable, "")
    assert (
        paths.cache_folder(),
        paths.run_folder("a"),
        paths.source_folder("a"),
    ) == unset
