"""``arae-toolkit pretrain``: train an autoencoder on a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.config.presets import PRESETS
from arae_toolkit.recipes.pretrain.seeds import train_seeds
from arae_toolkit.recipes.pretrain.settings import check_tables, settings_from
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.transfer.training import (
    AUTOENCODERS,
    KINDS,
    epochs_of,
    open_corpus,
    settings_of,
    variant_of,
)

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.training.metrics_log import Listener


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit pretrain snli",
        "arae-toolkit pretrain snli --model ae --out runs/snli-ae --precision bf16",
        "arae-toolkit pretrain yelp --preset paper-2018 --seed 1",
        "arae-toolkit pretrain reviews.jsonl --set epochs=5 --set code_size=128",
        "arae-toolkit pretrain snli --seeds 8",
        "arae-toolkit pretrain yahoo --part titles --classes science,music,politics",
    ],
)
@click.argument("corpus")
@click.option(
    "--model",
    "kind",
    type=click.Choice(KINDS),
    default="arae",
    show_default=True,
    help="arae; ae, the plain autoencoder; aae, with a fixed spherical prior. On labelled "
    "sentences also cross-aligned, the baseline of Shen et al.; infilling, which hides the words "
    "that mark a label and writes others; and delete-and-replace, which learns nothing.",
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
    "--part",
    type=click.Choice(["titles", "replies", "both"]),
    help="yahoo: which texts; both by default.",
)
@click.option("--classes", help="yahoo: topics, separated by commas.")
@click.option(
    "--attribute/--no-attribute",
    default=True,
    show_default=True,
    help="On a corpus with labels, train a model that transfers between them.",
)
@click.option(
    "--scorer",
    type=click.Path(path_type=Path),
    help="Folder of the corpus's scorer of transfers, made where it is missing.",
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
    type=click.Choice(["fp32", "tf32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of matrix products; the critic is always fp32. tf32 rounds them on a GPU alone.",
)
@click.option(
    "--cuda-graphs/--no-cuda-graphs",
    default=True,
    show_default=True,
    help="On a GPU, run iterations as captured graphs.",
)
@click.option("--seed", type=click.IntRange(0), help="Same as --set seed=N.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Train so many seeds, from that of the run upwards; each in a folder of its own.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Seeds trained at once.  [default: one a core, at most 8 on a GPU]",
)
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
    kind: str,
    preset_name: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    source: Path | None,
    part: str | None,
    classes: str | None,
    attribute: bool,
    scorer: Path | None,
    device_name: str,
    precision: Precision,
    cuda_graphs: bool,
    seed: int | None,
    seeds: int,
    jobs: int | None,
    resume: str,
    out: Path | None,
) -> None:
    """Train an autoencoder on CORPUS, and print the folder of the trained model.

    On a corpus with labelled sentences (yelp, yahoo, a file prepared with --label-field) that is
    the transfer model: a decoder for each label, and a code that hides it; see arae-toolkit
    transfer. --no-attribute trains the plain model there as well.

    CORPUS is snli, yelp, yahoo, mnist, synthetic, synthetic-sentiment, synthetic-topics, a file of
    one's own, or a prepared folder. It is prepared first where that has not been done. A run that
    was stopped goes on when the same command is given again. Samples are shown after each epoch;
    those of mnist are pictures in the folder's samples/.

    With --seeds, each seed has a process and a folder, such as runs/snli-seed-0, with its messages
    in pretrain.log; a seed that fails leaves the others alone. Their results on dev, with mean and
    spread, end up in runs/snli-seeds.json.
    """
    if seeds > 1 and resume not in ("auto", "never"):
        raise click.UsageError("--resume PATH goes on with one run; use it without --seeds")
    prepared = open_corpus(corpus, source, part=part, classes=classes)
    transfers = attribute and prepared.labels_sentences
    if kind not in AUTOENCODERS and not transfers:
        raise click.UsageError(f"--model {kind} is for corpora with labelled sentences")
    if kind not in AUTOENCODERS and (config_file or preset_name != "default"):
        raise click.UsageError(f"--model {kind} has no presets; change its settings with --set")
    own = kind in AUTOENCODERS
    config = settings_from(
        preset_name,
        prepared.name,
        config_file,
        assignments if own else (),
        seed if own else None,
        transfer=transfers,
    )
    if prepared.kind == "text" and own:
        check_tables(config, transfer=transfers)
    changes = assignments if seed is None else (*assignments, f"seed={seed}")
    try:
        settings = settings_of(kind, config, changes, rows=prepared.rows("train"))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error
    variant = variant_of(part, tuple((classes or "").replace(" ", "").split(",")) * bool(classes))
    folder = out or _default_folder("-".join((prepared.name, *variant)), kind)
    if seeds > 1:
        if settings is None:
            raise click.UsageError(f"--model {kind} learns nothing: all seeds would be the same")
        if transfers:  # once, before all seeds want it
            from arae_toolkit.devices import choose_device
            from arae_toolkit.recipes.transfer.training import train_scorer_of

            with signals_noted() as received:
                train_scorer_of(
                    prepared,
                    scorer,
                    device=choose_device(device_name),
                    precision=precision,
                    stop_signal=lambda: received[0],
                )
        train_seeds(
            prepared,
            settings,
            folder,
            epochs=epochs_of(kind, settings, prepared),
            seeds=seeds,
            jobs=jobs,
            device_name=device_name,
        )
        return

    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.pretraining.experiment import pretrain as run
    from arae_toolkit.recipes.shared.training_display import training_display
    from arae_toolkit.recipes.transfer.training import train_transfer

    keep_freed_memory()
    device = choose_device(device_name)
    if transfers:
        _check_resume(resume, folder)
        train_transfer(
            prepared,
            settings,
            folder,
            kind=kind,
            scorer=scorer,
            device=device,
            precision=precision,
            listeners=_tensorboard(folder),
        )
        click.echo(folder)
        return
    place = f", {device}, {precision}, to {folder}"
    with (
        signals_noted() as received,
        training_display(prepared, config, title=kind, place=place) as display,
    ):
        run(
            prepared,
            config,
            folder,
            kind=kind,  # type: ignore[arg-type]
            device=device,
            precision=precision,
            cuda_graphs=cuda_graphs,
            resume=resume if resume in ("auto", "never") else Path(resume),  # type: ignore[arg-type]
            listeners=[display, *_tensorboard(folder)],
            stop_signal=lambda: received[0],
        )
    click.echo(folder)


def _check_resume(resume: str, folder: Path) -> None:
    """Refuse to touch a run that is not to be resumed.

    Raises:
        click.UsageError: If a path is to be resumed from.
        ToolkitError: If the folder holds a run.
    """
    from arae_toolkit.errors import ToolkitError
    from arae_toolkit.training.checkpoint import STATE

    if resume not in ("auto", "never"):
        raise click.UsageError("--resume PATH is for models without an attribute")
    if resume == "never" and (folder / STATE).exists():
        raise ToolkitError(
            f"{folder}: holds a run already; name another folder with --out, or go on with it "
            "by --resume auto"
        )


def _default_folder(corpus: str, kind: str) -> Path:
    """Return ``runs/snli`` for the ARAE, ``runs/snli-ae`` for a baseline."""
    from arae_toolkit.storage.paths import run_folder

    return run_folder(corpus if kind == "arae" else f"{corpus}-{kind}")


def _tensorboard(folder: Path) -> list[Listener]:
    """Return a TensorBoard listener where that package is installed."""
    from arae_toolkit.training.metrics_log import TensorBoardListener

    try:
        return [TensorBoardListener(folder / "tensorboard")]
    except ImportError:
        return []
