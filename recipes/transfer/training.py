"""A transfer model trained on a labelled corpus, its scorer first, both with their progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.optim import schedules
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    import torch

    from arae_toolkit.config.schema import Config
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.training.metrics_log import Listener

AUTOENCODERS = ("arae", "ae", "aae")
INFILLED_SENTENCES = 900_000
"""About how many an infilling model learns from, the passes over the corpus counted."""
BALANCED = ("cross-aligned", "infilling")
"""Batches of theirs hold as many sentences of each label."""
KINDS = (*AUTOENCODERS, "cross-aligned", "infilling", "delete-and-replace")
"""Of transfer models."""


def default_scorer(corpus: Corpus) -> Path:
    """Return where a corpus's scorer is kept: by its content, since models of it share one."""
    return run_folder(f"{corpus.name}-scorer-{corpus.sha256[:8]}")


def settings_of(kind: str, config: Config, changes: Sequence[str], *, rows: int) -> Any:
    """Return the settings of a kind of transfer model.

    Args:
        kind: One of :data:`KINDS`.
        config: Those of an autoencoder, which are the settings of the kinds that are one.
        changes: ``key=value`` strings, for the others.
        rows: Training sentences; a small corpus is passed more often by an infilling model.

    Raises:
        ValueError: If a change cannot be made.
    """
    from arae_toolkit.config.overrides import with_overrides

    if kind == "infilling":
        from arae_toolkit.transfer.infilling.settings import InfillingConfig

        few = f"epochs={max(3, min(15, round(INFILLED_SENTENCES / max(rows, 1))))}"
        return with_overrides(InfillingConfig(), (few, *changes))
    if kind == "cross-aligned":
        from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig

        return with_overrides(CrossAlignedConfig(), changes)
    if kind == "delete-and-replace":
        if changes:
            raise ValueError(f"{changes[0]!r}: {kind} learns nothing and has no settings")
        return None
    return config


def epochs_of(kind: str, settings: Any, corpus: Corpus) -> float:
    """Return the epochs of a whole run of a model that learns."""
    schedule = settings.training
    if kind in BALANCED and schedule.iterations:
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
) -> None:
    """Train a transfer model, going on with what the folders hold.

    Args:
        corpus: With labelled sentences.
        settings: From :func:`settings_of`.
        folder: Of the model.
        kind: One of :data:`KINDS`.
        scorer: Folder of the corpus's scorer; :func:`default_scorer` unless given.
        device: Where to compute.
        precision: Of matrix products.
        listeners: Told of rows and notes, beside the display.
    """
    from arae_toolkit.transfer.autoencoder import experiment
    from arae_toolkit.transfer.labelled_corpus import check_labelled
    from arae_toolkit.transfer.scorer.scorer import copy_scorer

    common: dict[str, Any] = {"device": device, "precision": precision}
    check_labelled(corpus)
    per_epoch = _balanced_epoch(corpus, settings.training) if kind in BALANCED else None
    with signals_noted() as stop_signal:
        common["stop_signal"] = stop_signal
        own_scorer = train_scorer_of(corpus, scorer, **common)
        # The scorer goes into the folder only once it is known to hold no other run.
        if kind == "delete-and-replace":
            from arae_toolkit.transfer.delete_retrieve.rewriter import build_delete_replace

            build_delete_replace(corpus, folder)
            copy_scorer(own_scorer, folder)
            return
        place = f", {device}, {precision}, to {folder}"
        title = f"transfer {kind}"
        shown = training_display(corpus, settings, title=title, place=place, per_epoch=per_epoch)
        with shown as display:
            common["listeners"] = [display, *listeners]
            if kind == "infilling":
                from arae_toolkit.transfer.infilling.experiment import train_infilling

                train_infilling(corpus, settings, folder, **common)
                copy_scorer(own_scorer, folder)
            elif kind == "cross-aligned":
                from arae_toolkit.transfer.cross_aligned.experiment import train_cross_aligned

                train_cross_aligned(corpus, settings, folder, scorer_folder=own_scorer, **common)
            else:
                experiment.pretrain_transfer(
                    corpus,
                    settings,
                    folder,
                    scorer_folder=own_scorer,
                    kind=kind,  # type: ignore[arg-type]
                    **common,
                )


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
    from arae_toolkit.transfer.labelled_corpus import check_labelled
    from arae_toolkit.transfer.scorer.training import scorer_settings, train_scorer

    check_labelled(corpus)
    folder, settings = scorer or default_scorer(corpus), scorer_settings(corpus.rows("train"))
    with training_display(corpus, settings, title="scorer", place=f", to {folder}") as display:
        train_scorer(corpus, settings, folder, listeners=[display], **how)
    return folder
