"""A transfer model trained on a labelled corpus, its scorer first, both with their progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.locations import run_folder
from arae_toolkit.recipes.common import console, progress
from arae_toolkit.recipes.display import TrainingDisplay, training_display
from arae_toolkit.recipes.processes import signals_noted

if TYPE_CHECKING:
    import torch

    from arae_toolkit.configs import Config
    from arae_toolkit.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.run_log import Listener
    from arae_toolkit.transfer.pretraining import TransferKind


def open_corpus(
    name: str, source: Path | None, *, part: str | None = None, classes: str | None = None
) -> Corpus:
    """Return the prepared corpus, preparing it where needed.

    Args:
        name: Of the corpus, or a path.
        source: Where its files are.
        part: Of yahoo: ``titles``, ``replies`` or ``both``.
        classes: Of yahoo, separated by commas.

    Raises:
        click.UsageError: If ``part`` or ``classes`` is given for another corpus than yahoo.
    """
    from arae_toolkit.corpus import Corpus
    from arae_toolkit.data_prep.options import PrepareOptions
    from arae_toolkit.data_prep.preparation import find_or_prepare, prepare_corpus
    from arae_toolkit.locations import corpus_folder

    def report(text: str) -> None:
        console().print(text, markup=False, highlight=False)

    if part is None and classes is None:
        return Corpus(find_or_prepare(name, source=source, report=report, progress=progress))
    if name != "yahoo":
        raise click.UsageError(f"--part and --classes apply to yahoo, not to {name}")
    options = PrepareOptions()
    chosen = tuple(word.strip() for word in (classes or "").split(",") if word.strip())
    options = PrepareOptions(part=part or options.part, classes=chosen or options.classes)
    folder = corpus_folder("-".join(("yahoo", *variant_of(part, chosen))))
    return Corpus(
        prepare_corpus(
            name, source=source, out=folder, options=options, report=report, progress=progress
        )
    )


def variant_of(part: str | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a folder's name says of a part and classes of yahoo.

    Example:
        >>> variant_of("titles", ("science", "sports"))
        ('titles', 'science', 'sports')
    """
    return (*((part,) if part else ()), *(name.replace(" ", "-") for name in classes))


def default_scorer(corpus: Corpus) -> Path:
    """Return where a corpus's scorer is kept: by its content, since models of it share one."""
    return run_folder(f"{corpus.name}-scorer-{corpus.sha256[:8]}")


def train_transfer(
    corpus: Corpus,
    config: Config,
    folder: Path,
    *,
    kind: TransferKind,
    scorer: Path | None,
    device: torch.device,
    precision: Precision,
    resume: str,
    listeners: list[Listener],
) -> None:
    """Train a transfer model, going on with what the folders hold.

    Raises:
        ToolkitError: If the run is not to be resumed, and there is one.
    """
    from arae_toolkit.checkpoint import STATE
    from arae_toolkit.transfer.pretraining import pretrain_transfer
    from arae_toolkit.transfer.scorer_training import ScorerConfig

    if resume not in ("auto", "never"):
        raise click.UsageError("--resume PATH is for models without an attribute")
    if resume == "never" and (folder / STATE).exists():
        raise ToolkitError(
            f"{folder}: holds a run already; name another folder with --out, or go on with it "
            "by --resume auto"
        )
    own_scorer = scorer or default_scorer(corpus)
    schedule = ScorerConfig().training
    per_epoch = max(1, corpus.rows("train") // schedule.batch_size)
    scorer_display = TrainingDisplay(
        iterations=schedule.epochs * per_epoch, batch_size=schedule.batch_size
    )
    scorer_display.note(f"scorer of {corpus.name}, to {own_scorer}")
    place = f", {device}, {precision}, to {folder}"
    with (
        signals_noted() as received,
        training_display(corpus, config, title=f"transfer {kind}", place=place) as display,
    ):
        pretrain_transfer(
            corpus,
            config,
            folder,
            scorer_folder=own_scorer,
            kind=kind,
            device=device,
            precision=precision,
            listeners=[display, *listeners],
            scorer_listeners=[scorer_display],
            stop_signal=lambda: received[0],
        )
