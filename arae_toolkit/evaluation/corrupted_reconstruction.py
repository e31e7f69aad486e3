"""Sentences written out of the codes of corrupted ones (section 7, Figure 4, right)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from arae_toolkit.data.noise import swap_words, swappable
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.language_model import LanguageModel
from arae_toolkit.evaluation.reconstruction import BATCH_ROWS, measure_swapped_reconstruction
from arae_toolkit.models.arae import ARAE


@dataclass(frozen=True)
class CorruptedReconstruction:
    """Sentences with words swapped, and what became of them.

    Attributes:
        originals: As they were.
        corrupted: What was encoded.
        outputs: The likeliest sentence of that code.
    """

    originals: list[str]
    corrupted: list[str]
    outputs: list[str]

    @property
    def restored(self) -> float:
        """Percent of the originals that came back word for word."""
        return self._same(self.originals)

    @property
    def kept(self) -> float:
        """Percent of the corrupted sentences that came back as they were put in."""
        return self._same(self.corrupted)

    def _same(self, others: list[str]) -> float:
        pairs = zip(self.outputs, others, strict=True)
        return 100 * sum(output == other for output, other in pairs) / len(self.outputs)


@torch.no_grad()
def reconstruct_swapped(
    model: ARAE, store: TokenStore, *, swaps: int, seed: int, rows: Indices
) -> CorruptedReconstruction:
    """Swap neighbouring words, encode, and decode greedily.

    Args:
        model: The model.
        store: Sentences of the model's vocabulary.
        swaps: How many swaps a sentence, the k of Figure 4.
        seed: Fixes the swaps: for the same rows they are the same for every model.
        rows: Row numbers, at least one.
    """
    model.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    words = model.vocabulary.decode
    found = CorruptedReconstruction([], [], [])
    for part in np.split(rows, range(BATCH_ROWS, len(rows), BATCH_ROWS)):
        batch = store.batch(part)
        noisy = swap_words(batch.tokens, batch.lengths, swaps=swaps, generator=generator)
        code = model.encoder(batch.with_tokens(noisy))
        found.originals.extend(words(row) for row in batch.tokens.tolist())
        found.corrupted.extend(words(row) for row in noisy.tolist())
        found.outputs.extend(model.decode(code))
    return found


@dataclass(frozen=True)
class SwapCurve:
    """Figure 4: what sentences with words swapped cost, and what is written out of their codes.

    Attributes:
        points: For 0, 1, ... swaps the nats per original sentence, the percent ``restored`` and
            ``kept``, and, if a judge has read them, the perplexity of outputs and of inputs.
        examples: Originals, inputs and outputs, a few for each number of swaps but 0.
        too_short: Sentences left out, with too few words for the most swaps.
    """

    points: list[dict[str, float]]
    examples: list[dict[str, Any]]
    too_short: int


def swap_curve(
    model: ARAE,
    store: TokenStore,
    judge: LanguageModel | None = None,
    *,
    most_swaps: int,
    seed: int,
    rows: Indices,
    examples: int = 3,
    advance: Callable[[int], None] = lambda _: None,
) -> SwapCurve:
    """Measure Figure 4, all points of the curve over the same sentences.

    Args:
        model: The model.
        store: Sentences of the model's vocabulary.
        judge: Reads what is written; without one there is no perplexity.
        most_swaps: The largest k.
        seed: Fixes the swaps: for the same rows they are the same for every model.
        rows: Row numbers.
        examples: Sentences shown of each k.
        advance: Told that one more k is measured.

    Raises:
        ToolkitError: If no sentence has words enough for so many swaps.
    """
    lengths = torch.from_numpy(store.host_lengths[rows].astype(np.int64))
    chosen = rows[swappable(lengths, swaps=most_swaps).numpy()]
    if not len(chosen):
        raise ToolkitError(f"no sentence has words enough for {most_swaps} swaps; give fewer")
    points: list[dict[str, float]] = []
    shown: list[dict[str, Any]] = []
    for swaps in range(most_swaps + 1):
        measured = measure_swapped_reconstruction(model, store, swaps=swaps, seed=seed, rows=chosen)
        found = reconstruct_swapped(model, store, swaps=swaps, seed=seed, rows=chosen)
        point: dict[str, float] = {
            "swaps": swaps,
            "nats_per_sentence": measured.nats_per_sentence,
            "restored": found.restored,
            "kept": found.kept,
        }
        if judge is not None:
            point["perplexity"] = judge.read(found.outputs).perplexity
            point["input_perplexity"] = judge.read(found.corrupted).perplexity
        points.append(point)
        first = slice(examples if swaps else 0)
        texts = (found.originals[first], found.corrupted[first], found.outputs[first])
        shown += [
            {"swaps": swaps, "original": original, "input": given, "output": output}
            for original, given, output in zip(*texts, strict=True)
        ]
        advance(1)
    return SwapCurve(points, shown, len(rows) - len(chosen))
