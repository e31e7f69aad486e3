"""The floor of fluency: from where on a rewritten sentence is too unlikely beside its source.

A rewriting is read by the language model of its target, its source by that of the label it has. The
floor is where a sentence stands into which a word was put that does not belong there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.storage.atomic_files import sha256_of_file, write_json
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.transfer.rewriter import Sentence
from arae_toolkit.transfer.scorer.scorer import FLOOR_FILE, Scorer

MOST_SENTENCES = 2_000
"""So many dev sentences are read for the floor."""


def fluency_floor(
    scorer: Scorer,
    sentences: Sequence[Sentence],
    values: Sequence[int],
    *,
    seed: int = 0,
) -> float | None:
    """Return the fluency that half of the sentences fall below once a word is exchanged.

    Args:
        scorer: Trained.
        sentences: N sentences that nothing was learned from.
        values: The attribute value of each.
        seed: Chooses places, and the words that are put there: other words of the sentences.

    Returns:
        Nats per token, or ``None`` if no sentence has a word that could be exchanged.
    """
    random = np.random.default_rng(seed)
    words = np.array([word for sentence in sentences for word in sentence if word > UNKNOWN])
    before, after, kept = list[Sentence](), list[Sentence](), list[int]()
    for sentence, value in zip(sentences, values, strict=True):
        places = [at for at, word in enumerate(sentence) if word > UNKNOWN]
        if places:
            at, word = int(random.choice(places)), int(random.choice(words))
            before.append(sentence)
            after.append([*sentence[:at], word, *sentence[at + 1 :]])
            kept.append(value)
    if not kept:
        return None
    nats = scorer.nats_per_token(before, kept) - scorer.nats_per_token(after, kept)
    return float(np.median(nats))


def provide_floor(
    folder: Path,
    sentences: Sequence[Sentence],
    labels: npt.NDArray[np.int64],
    *,
    device: torch.device,
) -> None:
    """Write the floor of a scorer's folder, unless it is there and of the folder's weights.

    Args:
        folder: Of a trained scorer.
        sentences: The dev split.
        labels: Of each, negative where there is none.
        device: Where to compute.
    """
    weights = sha256_of_file(folder / "model.safetensors")
    path = folder / FLOOR_FILE
    if path.exists() and read_object(path).get("weights") == weights:
        return
    labelled = (labels >= 0).nonzero()[0]
    step = -(-len(labelled) // MOST_SENTENCES) or 1
    rows = labelled[::step].tolist()
    scorer, _ = Scorer.from_pretrained(folder)
    floor = fluency_floor(
        scorer.to(device), [sentences[row] for row in rows], labels[rows].tolist()
    )
    write_json(path, {"min_fluency": floor, "weights": weights})


def kept_floor(folder: Path) -> float | None:
    """Return the floor that a scorer's folder keeps, ``None`` where it was made without one.

    Raises:
        OSError, ValueError: If the file cannot be used.
    """
    path = folder / FLOOR_FILE
    if not path.exists():
        return None
    floor = read_object(path)["min_fluency"]
    if floor is not None and not isinstance(floor, float | int):
        raise ValueError("min_fluency must be a number")
    return None if floor is None else float(floor)
