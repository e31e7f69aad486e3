"""Filling in the hidden words of many sentences, those first that the model is surest of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.devices import reduced
from arae_toolkit.transfer.infilling.network import EMPTY, HIDDEN
from arae_toolkit.transfer.infilling.token_scoring import Places, WordScores

NO_PLACE = -1
_ROWS = 512  # read together
_MOST_ROUNDS = 3  # about so many times a sentence is read, however many of its words are hidden


@dataclass(frozen=True)
class Template:
    """A sentence with places to be filled in.

    Attributes:
        words: Ids, ``HIDDEN`` at the places, ``<eos>`` last.
        originals: What stood at each place, ``EMPTY`` where nothing did; ``NO_PLACE`` elsewhere.
        target: Attribute that the words are to mark.
    """

    words: Sequence[int]
    originals: Sequence[int]
    target: int

    @classmethod
    def hiding(
        cls, source: Sequence[int], places: Sequence[int], target: int, *, after: int | None = None
    ) -> Template:
        """Return a sentence with words hidden, and perhaps one more place after one of them.

        Example:
            >>> Template.hiding([5, 6, 7], [1], 0, after=1).originals
            [-1, 6, 0, -1]
        """
        words: list[int] = []
        originals: list[int] = []
        hidden = frozenset(places)
        for place, word in enumerate(source):
            words.append(HIDDEN if place in hidden else word)
            originals.append(word if place in hidden else NO_PLACE)
            if place == after:
                words.append(HIDDEN)
                originals.append(EMPTY)
        return cls(words, originals, target)


@dataclass(frozen=True)
class Filled:
    """A sentence whose places are filled.

    Attributes:
        words: Ids, ``<eos>`` last.
        nats: What the words cost that were filled in, given the target and the words around them.
        changed: Words that are other than they were, or were not there, or are gone.
    """

    words: tuple[int, ...]
    nats: float
    changed: int


@dataclass
class _Row:
    """A template that is being filled."""

    number: int
    words: list[int]
    originals: list[int]
    target: int
    nats: float = 0.0
    changed: int = 0

    def put(self, place: int, word: int, nats: float) -> None:
        """Fill a place."""
        self.changed += word != self.originals[place]
        self.nats += nats
        self.words[place], self.originals[place] = word, NO_PLACE

    def closed(self, place: int, word: int, nats: float) -> Filled:
        """Return what comes of filling the last place."""
        middle = (word,) if word != EMPTY else ()
        return Filled(
            (*self.words[:place], *middle, *self.words[place + 1 :]),
            self.nats + nats,
            self.changed + (word != self.originals[place]),
        )

    def close_empty_places(self) -> None:
        """Drop the places that were filled with no word."""
        if EMPTY in self.words:
            kept = [place for place, word in enumerate(self.words) if word != EMPTY]
            self.words = [self.words[place] for place in kept]
            self.originals = [self.originals[place] for place in kept]


@dataclass
class _Choices:
    """The best words for each hidden place of some rows.

    Attributes:
        rows: Of each place, rising. Shape (P,).
        places: Shape (P,).
        words: The best first. Shape (P, K).
        nats: What each costs. Shape (P, K).
    """

    rows: npt.NDArray[np.int64]
    places: list[int]
    words: list[list[int]]
    nats: list[list[float]]


def fill(templates: Sequence[Template], words: WordScores, *, ways: int) -> list[list[Filled]]:
    """Return each template filled in a few ways that differ in the word put in last.

    In each round the model reads every sentence, and the places are filled that it is surest of.

    Args:
        templates: Each with a place or more.
        words: That may be filled in.
        ways: Words that are tried at the last place.

    Returns:
        For each template its fillings, the best first. Sentences that would have no words left are
        left out.
    """
    results: list[list[Filled]] = [[] for _ in templates]
    open_rows = [
        _Row(number, list(template.words), list(template.originals), template.target)
        for number, template in enumerate(templates)
    ]
    while open_rows:
        open_rows.sort(key=lambda row: len(row.words))
        left: list[_Row] = []
        for start in range(0, len(open_rows), _ROWS):
            part = open_rows[start : start + _ROWS]
            choices = _choices(part, words, ways)
            bounds = np.searchsorted(choices.rows, np.arange(len(part) + 1)).tolist()
            for row, first, last in zip(part, bounds[:-1], bounds[1:], strict=True):
                if last - first == 1:
                    results[row.number] = _last_ways(row, choices, first)
                else:
                    _put_surest(row, choices, first, last)
                    left.append(row)
        open_rows = left
    return results


def _put_surest(row: _Row, choices: _Choices, first: int, last: int) -> None:
    """Fill some of a row's places, so that one or more are left."""
    count = min(-(-(last - first) // _MOST_ROUNDS), last - first - 1)
    surest = sorted(range(first, last), key=lambda entry: choices.nats[entry][0])
    for entry in surest[:count]:
        row.put(choices.places[entry], choices.words[entry][0], choices.nats[entry][0])
    row.close_empty_places()


@torch.no_grad()
def _choices(rows: Sequence[_Row], words: WordScores, ways: int) -> _Choices:
    """Return the best words for each hidden place."""
    device = words.device
    batch = batch_of([row.words for row in rows], device=device)
    targets = torch.tensor([row.target for row in rows], device=device)
    where = batch.tokens == HIDDEN
    originals = batch_of([row.originals for row in rows], device=device).tokens
    numbers, places = where.nonzero(as_tuple=True)
    with reduced(device, words.dtype):
        around = words.network.states(batch, targets).places[where]
    padded = functional.pad(batch.tokens, (1, 0), value=EOS)
    _, best, costs = words.look(
        Places(
            around,
            targets[numbers],
            batch.tokens[where],
            before=padded[numbers, places],
            after=batch.tokens[numbers, places + 1],
            replaced=originals[where],
        ),
        ways=ways,
    )
    return _Choices(numbers.cpu().numpy(), places.tolist(), best.tolist(), costs.tolist())


def _last_ways(row: _Row, choices: _Choices, entry: int) -> list[Filled]:
    """Return what comes of each of the best words at the one place left."""
    place = choices.places[entry]
    filled = [
        row.closed(place, word, nats)
        for word, nats in zip(choices.words[entry], choices.nats[entry], strict=True)
    ]
    return [sentence for sentence in filled if len(sentence.words) > 1]
