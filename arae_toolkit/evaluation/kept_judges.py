"""Judges that are trained once and kept: found again by the corpus and the settings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelSettings,
    train_language_model,
)
from arae_toolkit.models.model_folder import CONFIG, WEIGHTS, load_model_folder
from arae_toolkit.storage.atomic_files import remove_leftovers
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.locks import LOCK, locked
from arae_toolkit.storage.paths import run_folder

Advance = Callable[[int], None]
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Shows how far a loop over so many rows is, as ``recipes.shared.progress`` does."""


class _Keepable(Protocol):
    """What can be written to a model folder."""

    def save(self, folder: Path, run: Mapping[str, str]) -> None: ...


Made = TypeVar("Made", bound=_Keepable)


def default_folder(corpus: Corpus) -> Path:
    """Return where the judges of a corpus are kept: ``runs/judges/NAME-`` and its sha256."""
    return run_folder("judges") / f"{corpus.name}-{corpus.sha256[:8]}"


def kept(
    folder: Path,
    run: Mapping[str, str],
    *,
    load: Callable[[Any], Made],
    make: Callable[[], Made],
    length: str,
    note: Callable[[str], None] = lambda _: None,
) -> Made:
    """Return what is kept in a folder, made first where there is nothing of this ``run``.

    Args:
        folder: Its name is that of the judge.
        run: What it was made from: a corpus's fingerprint, settings.
        load: Returns it from what :func:`load_model_folder` reads.
        make: Trains it.
        length: Of that training, in words.
        note: Told in a line what is to be trained, and in another what was.

    Raises:
        CheckpointMismatch: If what is kept is damaged.
    """
    found = load_kept(folder, run, load)
    if found is None:
        began = time.perf_counter()
        note(f"{folder.name}: learns {length}; once for this corpus, and kept in {folder}")
        with locked(folder, "a training"):
            remove_leftovers(folder)  # of one killed a moment ago: nobody else writes there now
            found = make()
            found.save(folder, run)
        note(f"{folder.name}: trained in {time.perf_counter() - began:.0f} s")
    elif (folder / LOCK).exists():  # of another that trains, or of one killed as it had just ended
        with suppress(ToolkitError, OSError), locked(folder, "a clearing"):
            remove_leftovers(folder)
    return found


def load_kept(folder: Path, run: Mapping[str, str], load: Callable[[Any], Made]) -> Made | None:
    """Return what is kept in a folder, ``None`` if there is nothing of this corpus and settings.

    Raises:
        CheckpointMismatch: If it is damaged.
    """
    try:
        there = read_object(folder / CONFIG)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(f"{folder / CONFIG}: damaged; {_advice(folder)}") from error
    same = there.get("run") == dict(run)
    # The weights are written last: without them a training was cut off.
    if not same or not (folder / WEIGHTS).exists():
        return None
    try:
        return load(load_model_folder(folder))
    except (CheckpointMismatch, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointMismatch(f"{error}; {_advice(folder)}") from error


def kept_language_model(
    corpus: Corpus,
    *,
    split: str | None = None,
    folder: Path | None = None,
    settings: LanguageModelSettings | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    note: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda *_: nullcontext(lambda _: None),
) -> LanguageModel:
    """Return a language model of a corpus, training it where it is not kept yet.

    Args:
        corpus: Of text.
        split: What it learns; by default the judges' part, of which no system has learned.
        folder: Where judges are kept; by default :func:`default_folder`.
        settings: Sizes and training.
        device: Where to compute; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it.
        note: As for :func:`kept`.
        progress: Shows how far a training is.

    Raises:
        CheckpointMismatch: If what is kept is damaged.
    """
    folder, settings = folder or default_folder(corpus), settings or LanguageModelSettings()
    own = corpus.judges_split
    split = split or own
    name = "language-model" if split == own else f"language-model-{split}"
    run = {"corpus": corpus.sha256, "settings": json.dumps(asdict(settings))}
    rows = corpus.rows(split)
    epochs = settings.epochs(rows)

    def make() -> LanguageModel:
        title = f"training {name} on {corpus.name}"
        with progress(title, rows * epochs) as advance:
            return train_language_model(
                *(corpus.split(split), corpus.split("dev"), corpus.vocabulary),
                settings=settings,
                device=device,
                dtype=dtype,
                advance=advance,
            )

    place = device or torch.device("cpu")
    length = length_of(rows, epochs, settings.batch_size)
    model = kept(folder / name, run, load=LanguageModel.of, make=make, length=length, note=note)
    model.network.to(place)
    return model


def length_of(rows: int, epochs: int, batch_size: int) -> str:
    """Return in words how long a training is.

    Example:
        >>> length_of(16_448, 12, 128)
        '16,448 sentences, at most 12 epochs of 128 iterations'
    """
    per_epoch = max(1, rows // batch_size)
    return f"{rows:,} sentences, at most {epochs} epochs of {per_epoch:,} iterations"


def _advice(folder: Path) -> str:
    return f"remove {folder} to have it trained again"
