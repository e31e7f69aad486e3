"""All that a GPU can show within minutes: tests, tables, kernels, and a model trained on it.

Started by ``python benchmarks/on_gpu.py`` (or ``make gpu``). Each part is a process with a time of
its own; ``summary.json`` says what ran, for how long, and how it ended, and is written anew after
every part. The training takes what time the others leave.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from arae_toolkit.benchmarks.common import Benchmark
from arae_toolkit.benchmarks.parts import carry_away, skipped
from arae_toolkit.benchmarks.sessions import SHARES, Session, repository
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import choose_device

SAVING_SECONDS = 20.0
"""Kept back at the end of the training, for the last evaluation and for writing."""
PLANNED_SHARE = 0.8
"""Share of the training's time that is planned for iterations; evaluations take the rest."""
BATCH_SIZES, QUICK_BATCH_SIZES = (64, 1024), (8,)
QUICK_SIZE, DEFAULT_EPOCHS = 400, 10
SEEDS_ITERATIONS = 1000
TEXTBOOK_SHARE = 0.08
"""Share of the whole time in which the textbook version is trained to some quality."""
TRAINING_STATE = "training_state.safetensors"
MEGABYTE = 10**6


@click.command(
    cls=Benchmark,
    examples=[
        "python benchmarks/on_gpu.py --corpus corpora/snli --out gpu",
        "python benchmarks/on_gpu.py --device cpu --minutes 1 --quick --out dry-run",
    ],
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared text corpus.  [default: a synthetic one]",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="For all parts together.",
)
@click.option(
    "--skip",
    "left_out",
    multiple=True,
    type=click.Choice(list(SHARES)),
    help="Leave a part out, for the training's sake.",
)
@click.option("--quick", is_flag=True, help="Every part as small as can be, to see that all work.")
@click.option(
    "--parts-of-mb",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Cut files of the model that are larger than so many megabytes into parts.",
)
@click.option(
    "--device",
    "device_name",
    type=click.Choice(["cpu", "cuda"]),
    default="cuda",
    show_default=True,
    help="Where to compute; cpu shows that all parts work.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("gpu"),
    show_default=True,
    help="Folder of all files.",
)
def main(
    corpus_path: Path | None,
    minutes: float,
    left_out: tuple[str, ...],
    quick: bool,
    parts_of_mb: int,
    device_name: str,
    out: Path,
) -> None:
    """Run tests, tables and profiles, then train; print the path of the summary."""
    choose_device(device_name)  # fails in one line where there is no such device
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        session = Session(out, Path(scratch), device_name, minutes, quick)
        if "tests" not in left_out:
            tests(session)
        corpus = prepared(session, corpus_path)
        if corpus is not None:
            parts = {
                "table": tables,
                "projection": projections,
                "time": time_to_quality,
                "kernels": kernels,
                "seeds": seeds,
            }
            for name, part in parts.items():
                if name not in left_out:
                    part(session, corpus)
            training(session, corpus, part_bytes=parts_of_mb * MEGABYTE)
    click.echo(out / "summary.json")
    lost = [part.name for part in session.outcomes if part.outcome in ("failed", "timed out")]
    if lost:
        raise click.ClickException(f"not finished: {', '.join(lost)}; see their logs in {out}")


def tests(session: Session) -> None:
    """Run the tests that need a GPU, where the repository and pytest are there."""
    needs = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    root = repository()
    if root is None or needs:
        reason = f"missing: {', '.join(needs)}" if needs else "there are no tests here"
        session.note(skipped("tests", reason))
        return
    # The others need not be read to be left out.
    files = sorted((root / "tests").glob("test_*.py"))
    places = [str(path) for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]
    options = (
        "-m",
        "gpu",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
    )
    session.run(
        "tests",
        *("-m", "pytest", *options, *places),
        seconds=session.share("tests"),
    )


def prepared(session: Session, path: Path | None) -> Path | None:
    """Return the corpus, made on the spot if none is given; ``None`` if that fails."""
    if path is not None:
        return path.resolve()
    folder = session.scratch / "corpus"
    size = ("--size", str(QUICK_SIZE)) if session.quick else ()
    command = _toolkit("prepare", "synthetic", "--out", str(folder), *size)
    return folder if session.run("corpus", *command, seconds=session.seconds_left) else None


def tables(session: Session, corpus: Path) -> None:
    """Write the table of the benchmarks for each batch size."""
    for batch_size in _batch_sizes(session):
        options = ["--rounds", "3"] + ["--quick"] * session.quick
        if batch_size != _batch_sizes(session)[0] or session.quick:
            options.append("--training-only")  # the rest is the same in all tables
        session.run(
            f"table-{batch_size}",
            *("-m", "arae_toolkit.benchmarks.overview", "--corpus", str(corpus)),
            *("--device", session.device, "--batch-size", str(batch_size)),
            *("--out", str(session.out / "results"), *options),
            seconds=session.share("table"),
        )


def projections(session: Session, corpus: Path) -> None:
    """Write the projection's share of the matrix rate for each batch size."""
    for batch_size in _batch_sizes(session):
        session.run(
            f"projection-{batch_size}",
            *("-m", "arae_toolkit.benchmarks.projection_rate", "--corpus", str(corpus)),
            *("--device", session.device, "--batch-size", str(batch_size), "--rounds", "3"),
            *("--out", str(session.out / "results")),
            seconds=session.share("projection"),
        )


def time_to_quality(session: Session, corpus: Path) -> None:
    """Write how soon the library is as good as the textbook version after some time."""
    if session.quick:
        session.note(skipped("time_to_quality", "nothing is learned in a quick session"))
        return
    minutes = TEXTBOOK_SHARE * session.minutes
    session.run(
        "time_to_quality",
        *("-m", "arae_toolkit.benchmarks.time_to_quality", "--corpus", str(corpus)),
        *("--device", session.device, "--minutes", f"{minutes:.2f}", "--every", "0.5"),
        *("--precision", "bf16" if session.device == "cuda" else "fp32"),
        *("--out", str(session.out / "results")),
        seconds=session.share("time"),
    )


def seeds(session: Session, corpus: Path) -> None:
    """Write how much sooner several seeds are trained at once than one after another."""
    if session.quick:
        session.note(skipped("seeds", "four trainings take longer than a quick session"))
        return
    session.run(
        "seeds",
        *("-m", "arae_toolkit.benchmarks.seeds", "--corpus", str(corpus), "--preset", "default"),
        *("--device", session.device, "--seeds", "4", "--jobs", "4", "--rounds", "1"),
        *("--iterations", str(SEEDS_ITERATIONS)),
        *("--out", str(session.out / "results")),
        seconds=session.share("seeds"),
    )


def kernels(session: Session, corpus: Path) -> None:
    """Write the profiler's tables of one iteration."""
    session.run(
        "kernels",
        *("-m", "arae_toolkit.benchmarks.kernels", "--corpus", str(corpus)),
        *("--device", session.device, "--batch-size", str(_batch_sizes(session)[0])),
        *("--out", str(session.out / "kernels")),
        seconds=session.share("kernels"),
    )


def training(session: Session, corpus: Path, *, part_bytes: int) -> None:
    """Train the default preset for the rest of the time, and carry the model away."""
    seconds = session.seconds_left - SAVING_SECONDS * (not session.quick)
    run = session.scratch / "model"
    precision, rate = measured_rate(session)
    epochs = planned_epochs(Corpus(corpus).rows("train"), rate, seconds)
    session.run(
        "training",
        *_toolkit("pretrain", str(corpus), "--device", session.device, "--out", str(run)),
        *("--precision", precision, "--set", f"epochs={epochs}"),
        seconds=seconds,
        may_be_stopped=True,
    )
    if run.is_dir():
        target = session.out / "model"
        carry_away(run, target, part_bytes=part_bytes, without=[TRAINING_STATE])


def measured_rate(session: Session) -> tuple[str, float | None]:
    """Return the precision to train in and, where the first table has it, its sentences/s."""
    path = session.out / "results" / f"overview-{session.device}-{_batch_sizes(session)[0]}.json"
    if not path.exists():
        return ("bf16" if session.device == "cuda" else "fp32"), None
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    precision = "bf16" if "training, default bf16, rate" in metrics else "fp32"
    return precision, float(metrics[f"training, default {precision}, rate"]["value"])


def planned_epochs(rows: int, rate: float | None, seconds: float) -> int:
    """Return how many epochs fit into the time, so that the learning rate falls to its end.

    Args:
        rows: Training sentences.
        rate: Sentences a second, if known.
        seconds: The time.
    """
    if rate is None:
        return DEFAULT_EPOCHS
    return max(1, int(PLANNED_SHARE * seconds * rate / rows))


def _batch_sizes(session: Session) -> tuple[int, ...]:
    return QUICK_BATCH_SIZES if session.quick else BATCH_SIZES


def _toolkit(*arguments: str) -> Iterator[str]:
    """Yield what runs the ``arae-toolkit`` program where it is not installed."""
    yield from ("-c", "from arae_toolkit.recipes.cli import main; main()", *arguments)


if __name__ == "__main__":
    main()
