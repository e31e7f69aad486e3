"""``arae-toolkit pretrain``: train an autoencoder on a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.config.presets import preset as named_preset
from arae_toolkit.recipes.pretrain.settings import run_settings
from arae_toolkit.recipes.shared.child_processes import (
    first_goes_ahead,
    join,
    launch,
    own_device,
    processes_option,
    signals_noted,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import (
    chosen_classes,
    open_corpus,
    remember,
    run_name,
    variant_of,
)
from arae_toolkit.recipes.shared.options import (
    device_option,
    names_of,
    open_word_vectors,
    out_option,
    overwrite_option,
    plain_options,
    preset_option,
    refused_settings,
    set_option,
    with_plain_names,
    word_vectors_option,
)
from arae_toolkit.recipes.shared.progress import say, say_next
from arae_toolkit.recipes.transfer.training import (
    epochs_of,
    settings_of,
    train_scorer_of,
    train_transfer,
)
from arae_toolkit.transfer.systems import SYSTEMS

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.training.metrics_log import Listener


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit pretrain snli",
        "arae-toolkit pretrain snli --model ae --out runs/snli-ae --precision bf16",
        "arae-toolkit pretrain snli --model vae --set decoder_word_drop=0.3 --set free_bits=0.1",
        "arae-toolkit pretrain yelp --preset paper-2018 --seed 1",
        "arae-toolkit pretrain reviews.jsonl --epochs 5 --set code_size=128",
        "arae-toolkit pretrain reviews.jsonl --epochs 5 --dry-run",
        "arae-toolkit pretrain snli --seeds 8",
        "arae-toolkit pretrain snli --processes 4",
        "arae-toolkit pretrain snli --word-vectors glove.6B.300d.txt",
        "arae-toolkit pretrain yahoo --part titles --classes science,music,politics",
    ],
)
@click.argument("corpus")
@click.option(
    "--model",
    "kind",
    type=click.Choice(tuple(dict.fromkeys((*KINDS, *SYSTEMS)))),
    default="arae",
    help="arae; ae, the plain autoencoder; aae, vae and wae, with a fixed prior; language-model, "
    "a decoder alone. On labelled sentences the first three; cross-aligned, the baseline of Shen "
    "et al.; infilling, which hides the words that mark a label and writes others; and "
    "delete-and-replace, which learns nothing.",
)
@preset_option("Named settings to start from.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with tables [model] and [training].",
)
@set_option
@plain_options
@click.option(
    "--select",
    type=click.Choice(["last", "nats", "reverse-perplexity"]),
    help="Same as --set select=NAME: the weights that the folder holds, by dev; the last ones then "
    "lie beside them, in last/.",
)
@word_vectors_option
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
    help="On a corpus with labels, train a model that transfers between them.",
)
@click.option(
    "--scorer",
    type=click.Path(path_type=Path),
    help="Folder of the corpus's scorer of transfers, made where it is missing.",
)
@device_option
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16"]),
    default="fp32",
    help="Of matrix products; the critic is always fp32. tf32 rounds them on a GPU alone.",
)
@click.option(
    "--cuda-graphs/--no-cuda-graphs",
    default=True,
    help="On a GPU, run iterations as captured graphs.",
)
@click.option("--seed", type=click.IntRange(0), help="Same as --set seed=N.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    help="Train so many seeds, from that of the run upwards; each in a folder of its own.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Seeds trained at once.  [default: one a core, at most 8 on a GPU]",
)
@processes_option("pretrain")
@click.option(
    "--resume",
    default="auto",
    metavar="auto|never|PATH",
    help="auto goes on with the run in the output folder, if there is one.",
)
@overwrite_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be trained, with an estimate of time and memory; no run is written.",
)
@out_option("Folder of the run.", default="runs/CORPUS")
def pretrain(
    corpus: str,
    kind: str,
    preset: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    word_vectors: Path | None,
    source: Path | None,
    part: str | None,
    classes: str | None,
    attribute: bool,
    scorer: Path | None,
    device: str,
    precision: Precision,
    cuda_graphs: bool,
    seed: int | None,
    seeds: int,
    jobs: int | None,
    processes: int,
    resume: str,
    overwrite: bool,
    dry_run: bool,
    out: Path | None,
    **plain: Any,
) -> None:
    """Train an autoencoder on CORPUS, and print the folder of the trained model.

    On a corpus with labelled sentences (yelp, yahoo, a file prepared with --label-field) that is
    the transfer model: a decoder for each label, and a code that hides it; see arae-toolkit
    transfer. --no-attribute trains the plain model there as well.

    CORPUS is snli, yelp, yahoo, mnist, digits, synthetic, synthetic-sentiment, synthetic-topics, a
    file of one's own, or a prepared folder, by whose name the run is called. It is prepared first
    where that has not been done. A run that was stopped goes on when the same command is given
    again, and a finished one trains on when more --epochs, or --set iterations=N, are asked for.
    Samples are shown after each epoch; those of images are pictures in the folder's samples/.

    With --seeds, each seed has a process and a folder, such as runs/snli-seed-0, with its messages
    in pretrain.log; a seed that fails leaves the others alone. Their results on dev, with mean and
    spread, end up in runs/snli-seeds.json.
    """
    if seeds > 1 and resume not in ("auto", "never"):
        raise click.UsageError("--resume PATH goes on with one run; use it without --seeds")
    if overwrite and resume != "auto":
        raise click.UsageError("--overwrite starts anew, and --resume does not; give one of them")
    if dry_run and (overwrite or seeds > 1):
        raise click.UsageError("--dry-run plans one run; use it without --overwrite and --seeds")
    if processes > 1 and (seeds > 1 or dry_run):
        raise click.UsageError("--processes trains one run; use it without --seeds and --dry-run")
    rate = "autoencoder_rate" if kind in KINDS else "rate"
    assignments = with_plain_names(assignments, rate=rate, **plain)
    ctx = click.get_current_context()
    ranks = join(ctx, device)
    leads = ranks is None or ranks.leads
    with first_goes_ahead(ranks):
        prepared = open_corpus(corpus, source, part=part, classes=classes, prepare=not dry_run)
    if leads and not dry_run:
        remember(prepared)
    if transfers := attribute and prepared.labels_sentences:
        rows = prepared.labelled().rows("train")
    else:
        rows = prepared.rows("train")
    if kind not in KINDS and not transfers:
        raise click.UsageError(f"--model {kind} is for corpora with labelled sentences")
    if kind not in SYSTEMS and transfers:
        raise click.UsageError(f"--model {kind} has no attribute; give --no-attribute with it")
    if kind not in KINDS and (config_file or preset != "default"):
        raise click.UsageError(f"--model {kind} has no presets; change its settings with --set")
    changes = assignments if seed is None else (*assignments, f"seed={seed}")
    own = changes if kind in KINDS else ()
    extend = not {"epochs", "iterations"}.isdisjoint(names_of(changes))
    config = run_settings(preset, prepared, config_file, own, kind=kind, transfer=transfers)
    with refused_settings():
        settings = settings_of(kind, config, changes, rows=rows)
    if (processes > 1 or ranks) and settings is None:
        raise click.UsageError(f"--model {kind} learns nothing: there is no batch to share out")
    given = None
    if word_vectors is not None:
        if prepared.kind == "image" or settings is None:
            what = "images have no words" if settings is not None else f"--model {kind} has none"
            raise click.UsageError(f"--word-vectors starts embeddings: {what}")
        size = settings.model.embedding_size
        given = open_word_vectors(word_vectors, prepared.vocabulary, size=size)
    variant = variant_of(part, chosen_classes(classes))
    folder = out or _default_folder("-".join((run_name(corpus, prepared), *variant)), kind)
    if dry_run:
        if settings is None:
            raise click.UsageError(f"--model {kind} learns nothing: there is no plan to show")
        from arae_toolkit.devices import choose_device
        from arae_toolkit.recipes.pretrain.dry_run import show_plan

        start = named_preset(preset, corpus=prepared.name, kind=kind, transfer=transfers)
        show_plan(
            prepared,
            settings,
            settings_of(kind, start, (), rows=rows),
            folder,
            kind=kind,
            preset=preset,
            transfers=transfers,
            device=choose_device(device),
            precision=precision,
            cuda_graphs=cuda_graphs,
            extend=extend,
        )
        return
    if seeds > 1:
        if settings is None:
            raise click.UsageError(f"--model {kind} learns nothing: all seeds would be the same")
        if transfers:  # once, before all seeds want it
            from arae_toolkit.devices import choose_device

            with signals_noted() as stop_signal:
                train_scorer_of(
                    prepared,
                    scorer,
                    device=choose_device(device),
                    precision=precision,
                    stop_signal=stop_signal,
                )
        from arae_toolkit.recipes.pretrain.seeds import train_seeds

        epochs = epochs_of(kind, settings, prepared)
        train_seeds(
            prepared,
            settings,
            folder,
            epochs=epochs,
            seeds=seeds,
            jobs=jobs,
            device_name=device,
            overwrite=overwrite,
        )
        return

    if processes > 1:
        launch(processes, ctx)
        return
    from arae_toolkit.devices import keep_freed_memory
    from arae_toolkit.pretraining.experiment import pretrain as run
    from arae_toolkit.recipes.shared.training_display import training_display
    from arae_toolkit.training.experiment import set_aside

    keep_freed_memory()
    how: dict[str, Any] = {"kind": kind, "device": own_device(device), "precision": precision}
    how |= {"extend": extend, "word_vectors": given}
    if ranks:
        how["ranks"] = ranks
    if transfers:
        _check_resume(resume, folder)
    with first_goes_ahead(ranks):
        if overwrite and leads:
            set_aside(folder, note=say)
    if transfers:
        board = _tensorboard(folder) if leads else []
        train_transfer(prepared, settings, folder, scorer=scorer, listeners=board, **how)
        if leads:
            click.echo(folder)
            say_next(["transfer", folder, "--to", prepared.labels[-1], "FILE"])
        return
    place = f", {how['device']}, {precision}, to {folder}"
    shown = training_display(prepared, config, title=kind, place=place)
    with signals_noted() as stop_signal, shown as display:
        run(
            prepared,
            config,
            folder,
            cuda_graphs=cuda_graphs,
            resume=resume if resume in ("auto", "never") else Path(resume),  # type: ignore[arg-type]
            listeners=[display, *(_tensorboard(folder) if leads else ())],
            stop_signal=stop_signal,
            **how,
        )
    if leads:
        click.echo(folder)
        pictures = ("--out", "samples.png") if prepared.kind == "image" else ()
        say_next(["sample", folder, *pictures], ["report", folder])


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
