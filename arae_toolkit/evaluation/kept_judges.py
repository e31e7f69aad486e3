"""Judges that are trained once and kept: found again by the corpus and the settings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict

import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelSettings,
    train_language_model,
)
from arae_toolkit.evaluation.transfer.evaluators import Progress, default_folder, load_kept


def kept_language_model(
    corpus: Corpus,
    *,
    device: torch.device | None = None,
    note: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda *_: nullcontext(lambda _: None),
) -> LanguageModel:
    """Return the language model of a corpus's judges' part, training it where it is not kept yet.

    Args:
        corpus: Of text, with or without labels.
        device: Where to compute; the CPU by default.
        note: Told in one line what was trained.
        progress: Shows how far a training is.

    Raises:
        CheckpointMismatch: If what is kept is damaged.
    """
    settings, split = LanguageModelSettings(), corpus.judges_split
    folder = default_folder(corpus) / "language-model"
    run = {"corpus": corpus.sha256, "settings": json.dumps(asdict(settings))}
    model = load_kept(folder, run, LanguageModel.of)
    if model is None:
        began, rows = time.perf_counter(), corpus.rows(split)
        title = f"training {folder.name} on {corpus.name}"
        with progress(title, rows * settings.epochs(rows)) as advance:
            model = train_language_model(
                *(corpus.split(split), corpus.split("dev"), corpus.vocabulary),
                settings=settings,
                device=device,
                advance=advance,
            )
        model.save(folder, run)
        note(f"{folder.name}: trained in {time.perf_counter() - began:.0f} s, kept in {folder}")
    model.network.to(device or torch.device("cpu"))
    return model
