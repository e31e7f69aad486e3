"""A transfer model trained on a labelled corpus, its scorer first, both with their progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.optim import schedules
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.storage.paths import run_folder
from arae_toolkit.transfer.systems import SYSTEMS

if TYPE_CHECKING:
    import torch

    from arae_toolkit.config.schema import Config
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data.word_vectors import WordVectors
    from arae_toolkit.devices import Precision
    from arae_toolkit.distributed.ranks import Ranks
    from arae_toolkit.training.metrics_log import Listener

INFILLED_SENTENCES = 900_000
"""About how many an infilling model learns from, the passes over the corpus counted."""


def default_scorer(corpus: Corpus) -> Path:
    """Return where a corpus's scorer is kept: by its content, since models of it share one."""
    return run_folder(f"{corpus.name}-scorer-{corpus.sha256[:8]}")


def settings_of(kind: str, config: Config, changes: Sequence[str], *, rows: int) -> Any:
    """Return the settings of a kind of transfer model.

    Args:
        kind: One of :data:`~arae_toolkit.transfer.systems.SYSTEMS`.
        config: Those of an autoencoder, which are the settings of the kinds that are one.
        changes: ``key=value`` strings, for the others.
        rows: Training sentences; a small corpus is passed more often by an infilling model.

    Raises:
        ValueError: If a change cannot be made.
    """
    from arae_toolkit.config.overrides import with_overrides

    if kind in KINDS:
        return config
    settings = SYSTEMS[kind].default_settings()
    if settings is None:
        if changes:
            raise ValueError(f"{changes[0]!r}: {kind} learns nothing and has no settings")
        return None
    if kind == "infilling":
        changes = (f"epochs={max(3, min(15, round(INFILLED_SENTENCES / max(rows, 1))))}", *changes)
    return with_overrides(settings, changes)


def epochs_of(kind: str, settings: Any, corpus: Corpus) -> float:
    """Return the epochs of a whole run of a model that learns."""
    schedule = settings.training
    if kind not in KINDS and SYSTEMS[kind].balanced and schedule.iterations:
        return float(schedule.iterations / _balanced_epoch(corpus, schedule))
    return schedules.epochs(schedule, rows=corpus.rows("train"))


def train_transfer(
    corpus: Corpus,
    settings: Any,
    folder: Path,
    *,
    kind: str,
    scorer: Path | None,
    device: torch.device,
    precision: Precision,
    listeners: Sequence[Listener] = (),
    extend: bool = False,
    word_vectors: WordVectors | None = None,
    ranks: Ranks | None = None,
) -> None:
    """Train a transfer model, going on with what the folders hold.

    Args:
        corpus: With labelled sentences.
        settings: From :func:`settings_of`.
        folder: Of the model.
        kind: One of :data:`~arae_toolkit.transfer.systems.SYSTEMS`.
        scorer: Folder of the corpus's scorer; :func:`default_scorer` unless given.
        device: Where to compute.
        precision: Of matrix products.
        listeners: Told of rows and notes, beside the display.
        extend: Whether a finished model of fewer epochs or iterations is trained on.
        word_vectors: Where the model's embeddings start from; the scorer has its own.
        ranks: Processes that train together, if there are several; the first one trains the scorer.
    """
    from arae_toolkit.transfer.labelled_corpus import labelled_part

    system = SYSTEMS[kind]
    how: dict[str, Any] = {"device": device, "precision": precision}
    all_rows, corpus = corpus.rows("train"), labelled_part(corpus)
    if left_out := all_rows - corpus.rows("train"):
        say(f"{left_out:,} of {all_rows:,} training sentences have no label and are left out")
    per_epoch = per_epoch_of(kind, settings, corpus)
    with signals_noted() as how["stop_signal"]:
        if ranks is None or ranks.leads:
            how["scorer_folder"] = train_scorer_of(corpus, scorer, **how)
        else:
            how["scorer_folder"] = scorer or default_scorer(corpus)
        if settings is None:
            system.train(corpus, settings, folder, **how)
            return
        place = f", {device}, {precision}, to {folder}"
        title = f"transfer {kind}"
        shown = training_display(corpus, settings, title=title, place=place, per_epoch=per_epoch)
        with shown as display:
            how |= {"listeners": [display, *listeners], "word_vectors": word_vectors}
            if ranks is not None:
                how["ranks"] = ranks
            system.train(corpus, settings, folder, extend=extend, **how)


def per_epoch_of(kind: str, settings: Any, corpus: Corpus) -> int | None:
    """Return the iterations of an epoch of a kind whose batches are balanced, else ``None``."""
    return _balanced_epoch(corpus, settings.training) if SYSTEMS[kind].balanced else None


def _balanced_epoch(corpus: Corpus, schedule: Any) -> int:
    """Return the iterations of an epoch whose batches hold as many rows of each label.

    Raises:
        ToolkitError: If there are no such batches.
    """
    import numpy as np

    from arae_toolkit.data.samplers import balanced_batches
    from arae_toolkit.errors import ToolkitError

    labels = np.asarray(corpus.split("train").labels)
    sizes = np.bincount(labels[labels >= 0], minlength=len(corpus.labels)).tolist()
    try:
        return balanced_batches(sizes, schedule.batch_size)
    except ValueError as error:
        raise ToolkitError(
            f"{error}; take a larger batch with --set batch_size=N, or a corpus with sentences of "
            "every label"
        ) from error


def train_scorer_of(corpus: Corpus, scorer: Path | None, **how: Any) -> Path:
    """Train a corpus's scorer, going on with what its folder holds, and return the folder."""
    from arae_toolkit.transfer.labelled_corpus import labelled_part
    from arae_toolkit.transfer.scorer.training import scorer_settings, train_scorer

    corpus = labelled_part(corpus)
    folder, settings = scorer or default_scorer(corpus), scorer_settings(corpus.rows("train"))
    place = f", to {folder}; once for this corpus"
    with training_display(corpus, settings, title="scorer", place=place) as display:
        train_scorer(corpus, settings, folder, listeners=[display], **how)
    return folder
