"""What every test shares: folders of its own, and property tests that repeat themselves exactly."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from arae_toolkit.storage import paths

# Small models gain nothing from threads, and lose much to each other's where cores are shared. Set
# before torch is loaded, and for the commands that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell starts what it puts in the background with this signal ignored, and the commands that
# tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Derandomized, so that a change is judged by what it changes; no deadline, because the machines
# that run this differ.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's corpora and runs, and the working folder clean."""
    monkeypatch.delenv(paths.SOURCES_VARIABLE, raising=False)
    monkeypatch.delenv("ARAE_DEBUG", raising=False)
    monkeypatch.setenv(paths.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(paths.RUNS_VARIABLE, str(tmp_path / "runs"))


@pytest.fixture(autouse=True)
def published_results_stay() -> Iterator[None]:
    """Fail a test whose command writes results where the published ones lie."""
    before = _published()
    yield
    assert _published() == before, "name --results in a test"


def _published() -> dict[str, int]:
    """Return when each file of the published results was written."""
    results = Path(__file__).parents[1] / "results"
    return {path.name: path.stat().st_mtime_ns for path in results.glob("*")}


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a small synthetic corpus once."""
    import small_runs  # which loads torch, not to be loaded before the threads are set

    return small_runs.prepare(tmp_path_factory.mktemp("corpora") / "synthetic")


@pytest.fixture(scope="session")
def undisturbed(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run that is never disturbed, once."""
    import small_runs

    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    small_runs.pretrain(synthetic, out, epochs=6)
    return out
