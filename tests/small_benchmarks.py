"""A corpus, sizes and runs that benchmarks measure in a moment."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import small
from click.testing import CliRunner, Result

from arae_toolkit.benchmarks import iteration_profile, overview, time_to_quality, versions
from arae_toolkit.benchmarks.roofline import rates
from arae_toolkit.benchmarks.textbook import Sizes
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus

SIZES = Sizes(embedding=12, code=10, hidden=14, noise=5, perceptron=11)
PROGRAMS = (
    *(
        "aae_rate",
        "encoding",
        "frontier",
        "iteration_profile",
        "kernels",
        "library_settings",
        "nli_prediction",
        "nli_textbook",
        "overview",
        "preparation",
    ),
    *("processes", "projection_rate", "quality_by_setting", "sampling", "seeds", "startup"),
    *("tables", "time_to_quality", "training_rate", "transfer_throughput", "gpu.gpu_session"),
)


def program(name: str) -> click.Command:
    """Return the command of a benchmark."""
    command: click.Command = importlib.import_module(f"arae_toolkit.benchmarks.{name}").main
    return command


def call(name: str, *arguments: object, code: int = 0) -> Result:
    """Run a benchmark and return what it said."""
    done = CliRunner().invoke(program(name), [str(word) for word in arguments])
    assert done.exit_code == code, done.output
    return done


@contextlib.contextmanager
def quiet(*_: Any) -> Iterator[Any]:
    """Show no progress."""
    yield lambda n=1: None


def tiny_corpus(folder: Path, *, size: int = 200, seed: int = 0) -> Corpus:
    """Prepare a corpus of some made-up captions, and return it."""
    options = PrepareOptions(size=size, seed=seed)
    prepare_corpus("synthetic", out=folder / "tiny", options=options, report=str, progress=quiet)
    return Corpus(folder / "tiny")


def measure_small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure small networks, time each product once, and copy little."""
    for module in (iteration_profile, overview, time_to_quality, versions):
        monkeypatch.setattr(module, "preset", lambda name, corpus: small.SMALL)
    monkeypatch.setattr(iteration_profile, "PRESETS", ("default",))
    monkeypatch.setattr(versions, "Sizes", lambda: SIZES)
    monkeypatch.setattr(rates, "fastest", lambda here, work: here.seconds(work))
    monkeypatch.setattr(rates, "SQUARE", {"cpu": 32})
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
