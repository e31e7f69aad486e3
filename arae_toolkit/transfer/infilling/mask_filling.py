"""Mask filling: the masked words of many sentences, those first that the model is surest of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional

from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.devices import reduced
from arae_toolkit.transfer.infilling.network import EMPTY, MASK
from arae_toolkit.transfer.infilling.token_scoring import Positions, TokenScorer

UNMASKED = -1
_ROWS = 512  # in a batch
_MOST_ROUNDS = 3  # about so many times a sentence is read, however many of its words are masked


@dataclass(frozen=True)
class Template:
    """A sentence with masked positions.

    Attributes:
        words: Ids, ``MASK`` at the positions, ``<eos>`` last.
        originals: What stood at each position, ``EMPTY`` where nothing did; ``UNMASKED`` elsewhere.
        target: Attribute that the words are to mark.
    """

    words: Sequence[int]
    originals: Sequence[int]
    target: int

    @classmethod
    def masking(
        cls, source: Sequence[int], at: Sequence[int], target: int, *, after: int | None = None
    ) -> Template:
        """Return a sentence with words masked, and perhaps one more mask after one of them.

        Example:
            >>> Template.masking([5, 6, 7], [1], 0, after=1).originals
            [-1, 6, 0, -1]
        """
        words, originals = list[int](), list[int]()
        for position, word in enumerate(source):
            words.append(MASK if position in at else word)
            originals.append(word if position in at else UNMASKED)
            if position == after:
                words.append(MASK)
                originals.append(EMPTY)
        return cls(words, originals, target)


@dataclass(frozen=True)
class Filled:
    """A sentence whose masks are filled.

    Attributes:
        words: Ids, ``<eos>`` last.
        nats: What the words cost that were filled in, given the target and the words around them.
        changed: Words that are other than they were, or were not there, or are gone.
    """

    words: tuple[int, ...]
    nats: float
    changed: int


class _Choice(NamedTuple):
    """The best words for one masked position, the best first, and what each costs."""

    position: int
    words: list[int]
    nats: list[float]


@dataclass
class _Row:
    """A template that is being filled."""

    number: int
    words: list[int]
    originals: list[int]
    target: int
    nats: float = 0.0
    changed: int = 0

    def fill_surest(self, choices: Sequence[_Choice]) -> None:
        """Fill some of the positions, so that one or more are left; drop those without a word."""
        count = min(-(-len(choices) // _MOST_ROUNDS), len(choices) - 1)
        for position, words, nats in sorted(choices, key=lambda choice: choice.nats[0])[:count]:
            self.changed += words[0] != self.originals[position]
            self.nats += nats[0]
            self.words[position], self.originals[position] = words[0], UNMASKED
        kept = [position for position, word in enumerate(self.words) if word != EMPTY]
        self.words = [self.words[position] for position in kept]
        self.originals = [self.originals[position] for position in kept]

    def filled(self, choice: _Choice) -> list[Filled]:
        """Return what comes of each of the best words at the last position."""
        position, found = choice.position, []
        before, after = self.words[:position], self.words[position + 1 :]
        for word, nats in zip(choice.words, choice.nats, strict=True):
            words = (*before, *((word,) if word != EMPTY else ()), *after)
            changed = self.changed + (word != self.originals[position])
            if len(words) > 1:
                found.append(Filled(words, self.nats + nats, changed))
        return found


def fill(templates: Sequence[Template], scorer: TokenScorer, *, ways: int) -> list[list[Filled]]:
    """Return each template filled in a few ways that differ in the word put in last.

    In each round the model reads every sentence, and the masks are filled that it is surest of.

    Args:
        templates: Each with a mask or more.
        scorer: Of the words that may be filled in.
        ways: Words that are tried at the last position.

    Returns:
        For each template its fillings, the best first. Sentences that would have no words left are
        left out.
    """
    results: list[list[Filled]] = [[] for _ in templates]
    rows = [
        _Row(number, list(template.words), list(template.originals), template.target)
        for number, template in enumerate(templates)
    ]
    while rows:
        rows.sort(key=lambda row: len(row.words))
        left: list[_Row] = []
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            for row, choices in zip(part, _choices(part, scorer, ways), strict=True):
                if len(choices) == 1:
                    results[row.number] = row.filled(choices[0])
                else:
                    row.fill_surest(choices)
                    left.append(row)
        rows = left
    return results


@torch.no_grad()
def _choices(rows: Sequence[_Row], scorer: TokenScorer, ways: int) -> list[list[_Choice]]:
    """Return the best words for each masked position of each row."""
    device = scorer.device
    batch = batch_of([row.words for row in rows], device=device)
    targets = torch.tensor([row.target for row in rows], device=device)
    masked = batch.tokens == MASK
    originals = batch_of([row.originals for row in rows], device=device).tokens
    numbers, positions = masked.nonzero(as_tuple=True)
    with reduced(device, scorer.dtype):
        context = scorer.network.states(batch, targets).positions[masked]
    padded = functional.pad(batch.tokens, (1, 0), value=EOS)
    _, best, costs = scorer.score(
        Positions(
            context,
            targets[numbers],
            batch.tokens[masked],
            before=padded[numbers, positions],
            after=batch.tokens[numbers, positions + 1],
            replaced=originals[masked],
        ),
        ways=ways,
    )
    found: list[list[_Choice]] = [[] for _ in rows]
    choices = map(_Choice, positions.tolist(), best.tolist(), costs.tolist())
    for number, choice in zip(numbers.tolist(), choices, strict=True):
        found[number].append(choice)
    return found
