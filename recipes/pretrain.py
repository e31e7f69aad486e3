"""``arae-toolkit pretrain``: train an autoencoder on a corpus."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from arae_toolkit.configs import Config, with_overrides, with_toml
from arae_toolkit.presets import PRESETS, preset
from arae_toolkit.recipes.common import ExamplesCommand, console, progress

if TYPE_CHECKING:
    from arae_toolkit.corpus import Corpus
    from arae_toolkit.pretraining import ModelKind
    from arae_toolkit.run_log import Listener


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit pretrain snli",
        "arae-toolkit pretrain snli --model ae --out runs/snli-ae --precision bf16",
        "arae-toolkit pretrain yelp --preset paper-2018 --seed 1",
        "arae-toolkit pretrain reviews.jsonl --set epochs=5 --set code_size=128",
    ],
)
@click.argument("corpus")
@click.option(
    "--model",
    "kind",
    type=click.Choice(["arae", "ae", "aae"]),
    default="arae",
    show_default=True,
    help="arae; ae, the plain autoencoder; aae, with a fixed spherical prior.",
)
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(list(PRESETS)),
    default="default",
    show_default=True,
    help="Named settings to start from.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with tables [model] and [training].",
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Folder or archive with the corpus's original files.",
)
@click.option(
    "--device",
    "device_name",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU if there is one.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of encoder and decoder; the critic is always fp32.",
)
@click.option("--seed", type=click.IntRange(0), help="Same as --set seed=N.")
@click.option(
    "--resume",
    default="auto",
    show_default=True,
    metavar="auto|never|PATH",
    help="auto goes on with the run in the output folder, if there is one.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/CORPUS]"
)
def pretrain(
    corpus: str,
    kind: ModelKind,
    preset_name: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    source: Path | None,
    device_name: str,
    precision: str,
    seed: int | None,
    resume: str,
    out: Path | None,
) -> None:
    """Train an autoencoder on CORPUS, and print the folder of the trained model.

    CORPUS is snli, yelp, yahoo, mnist, synthetic, a file of one's own, or a prepared folder. It is
    prepared first where that has not been done. A run that was stopped goes on when the same
    command is given again. Samples are shown after each epoch; those of mnist are pictures in
    the folder's samples/.
    """
    prepared = _open_corpus(corpus, source)
    config = _settings(preset_name, prepared.name, config_file, assignments, seed)
    folder = out or _default_folder(prepared.name, kind)

    from arae_toolkit.devices import choose_device
    from arae_toolkit.pretraining import pretrain as run
    from arae_toolkit.recipes.display import training_display

    device = choose_device(device_name)
    place = f", {device}, {precision}, to {folder}"
    with (
        _signals_noted() as received,
        training_display(prepared, config, title=kind, place=place) as display,
    ):
        run(
            prepared,
            config,
            folder,
            kind=kind,
            device=device,
            precision="bf16" if precision == "bf16" else "fp32",
            resume=resume if resume in ("auto", "never") else Path(resume),  # type: ignore[arg-type]
            listeners=[display, *_tensorboard(folder)],
            stop_signal=lambda: received[0],
        )
    click.echo(folder)


def _open_corpus(name: str, source: Path | None) -> Corpus:
    """Return the prepared corpus, preparing it where needed."""
    from arae_toolkit.corpus import Corpus
    from arae_toolkit.data_prep.preparation import find_or_prepare

    def report(text: str) -> None:
        console().print(text, markup=False, highlight=False)

    return Corpus(find_or_prepare(name, source=source, report=report, progress=progress))


def _settings(
    preset_name: str,
    corpus: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    seed: int | None,
) -> Config:
    """Return the preset with the file's and the command line's changes, in this order."""
    config = preset(preset_name, corpus=corpus)
    if config_file is not None:
        config = with_toml(config, config_file)
    if seed is not None:
        assignments = (*assignments, f"seed={seed}")
    try:
        return with_overrides(config, assignments)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error


def _default_folder(corpus: str, kind: str) -> Path:
    """Return ``runs/snli`` for the ARAE, ``runs/snli-ae`` for a baseline."""
    from arae_toolkit.locations import run_folder

    return run_folder(corpus if kind == "arae" else f"{corpus}-{kind}")


def _tensorboard(folder: Path) -> list[Listener]:
    """Return a TensorBoard listener where that package is installed."""
    from arae_toolkit.run_log import TensorBoardListener

    try:
        return [TensorBoardListener(folder / "tensorboard")]
    except ImportError:
        return []


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Note SIGINT and SIGTERM instead of dying of them, so that the iteration can be finished.

    A second signal does what it always does.

    Yields:
        One number: that of the signal received, or 0.
    """
    received = [0]

    def note(number: int, _: FrameType | None) -> None:
        received[0] = number
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
