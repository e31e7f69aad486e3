"""The search for a rewritten sentence: what is hidden, what is filled in, and which is best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from arae_toolkit.models.infilling import EMPTY, HIDDEN
from arae_toolkit.transfer.filling import NO_PLACE, Template, fill
from arae_toolkit.transfer.reading import (
    Floats,
    Reading,
    gains_from_hiding,
    margins,
    read,
    region_costs,
)
from arae_toolkit.transfer.word_scores import WordScores
from arae_toolkit.vocabulary import UNKNOWN

Words = tuple[int, ...]
_MOST_LEFT = 2.5  # nats of one word: beyond it, rarity says more than meaning


@dataclass(frozen=True)
class Search:
    """What is tried, and how the sentences that come of it are ordered."""

    guidance: float = 1.0
    """Nats a word gains, where words are chosen, for each nat by which it marks the target ..."""
    most_guidance: float = 3.0
    """... and the most that it gains."""
    words: int = 4000
    """As many of the most frequent words may be filled in."""
    rarity: float = 1.0
    """Share of the nats that words cost by their frequency alone that is not counted."""
    salience_weight: float = 0.3
    """Of what a word marks by itself, beside what the recognizer says of it in its sentence."""
    ways: int = 3
    """Words tried at each place of a sentence, and at the last place of a template."""
    fewest: int = 1
    spread: int = 1
    """So many words more or fewer are hidden than make the recognizer doubt."""
    edits: int = 10
    """Changes of a single word that are looked at closely."""
    wanted_margin: float = 3.0
    """Nats by which the recognizer should prefer the target."""
    margin_weight: float = 2.0
    """Of the nats that are missing there."""
    nats_weight: float = 0.15
    """Of the nats by which a sentence is less likely than the source, both as texts of the
    target."""
    left_weight: float = 1.0
    """Of the nats by which its words, each by itself, mark other attributes ..."""
    least_left: float = 0.7
    """... beyond so many a word."""
    change_weight: float = 2.5
    """Of a word changed, put in or left out."""
    close: int = 4
    """Sentences whose likelihood is read, of those that seem best."""
    rounds: int = 1
    """Times that the best sentence has a word changed where the recognizer is not content ..."""
    enough_margin: float = 1.0
    """... with this margin."""


@dataclass(frozen=True)
class Candidate:
    """A sentence that has come of the search.

    Attributes:
        words: Ids, ``<eos>`` last.
        nats: By which it is less likely than the source, both as texts of the target.
        changed: Words changed, put in or left out.
        margin: Nats by which the recognizer prefers the target.
        left: Nats by which words mark other attributes, each by itself; see :class:`Search`.
        close: Whether ``nats`` and ``changed`` were looked at closely, or are estimates.
    """

    words: Words
    nats: float
    changed: int
    margin: float = 0.0
    left: float = 0.0
    close: bool = False


@dataclass
class _Task:
    """One sentence that is being rewritten."""

    source: Words
    target: int
    reading: Reading
    margin: float
    gains: Floats
    found: dict[Words, Candidate] = field(default_factory=dict)


class InfillingSearch:
    """Searches rewritten sentences.

    Args:
        words: That may be filled in.
        search: What is tried.
    """

    def __init__(self, words: WordScores, search: Search) -> None:
        """Remember both."""
        self.words, self.search = words, search
        self._salience: Floats = words.network.salience.cpu().numpy()
        attributes = len(self._salience)
        self._of_others = np.stack(
            [np.delete(self._salience, target, axis=0).max(axis=0) for target in range(attributes)]
        )

    def candidates(
        self, sentences: Sequence[Sequence[int]], targets: Sequence[int]
    ) -> list[list[Candidate]]:
        """Return what could be made of each sentence, the source itself among it."""
        tasks = self._start([tuple(sentence) for sentence in sentences], targets)
        templates = [(task, template) for task in tasks for template in self._templates(task)]
        filled = fill([template for _, template in templates], self.words, ways=self.search.ways)
        new = [
            (task, Candidate(one.words, one.nats - _hidden_nats(task, template), one.changed))
            for (task, template), ways in zip(templates, filled, strict=True)
            for one in ways
        ]
        for task in tasks:
            base = task.found[task.source]
            new += [(task, edit) for edit in self._edits(task, base, task.reading)]
        self._add(new)
        for _ in range(self.search.rounds):
            self._look_closely(tasks)
            short = [
                (task, best)
                for task, best in ((task, self._best(task)) for task in tasks)
                if best.margin < self.search.enough_margin
            ]
            if not short:
                break
            readings = read(
                [best.words for _, best in short],
                [task.target for task, _ in short],
                self.words,
                ways=self.search.ways,
            )
            self._add(
                [
                    (task, edit)
                    for (task, best), reading in zip(short, readings, strict=True)
                    for edit in self._edits(task, best, reading)
                ]
            )
        self._look_closely(tasks)
        return [list(task.found.values()) for task in tasks]

    def cost(self, candidate: Candidate, *, strength: float = 1.0) -> float:
        """Return how bad a sentence is, in weighted nats."""
        search = self.search
        missing = float(np.logaddexp(0.0, search.wanted_margin - candidate.margin))
        wanted = search.margin_weight * missing + search.nats_weight * candidate.nats
        wanted += search.left_weight * candidate.left
        return strength * wanted + search.change_weight * candidate.changed

    def _start(self, sentences: Sequence[Words], targets: Sequence[int]) -> list[_Task]:
        readings = read(sentences, targets, self.words, ways=self.search.ways)
        whole, gains = gains_from_hiding(sentences, targets, self.words)
        tasks = []
        for number, sentence in enumerate(sentences):
            margin = float(whole[number])
            task = _Task(sentence, targets[number], readings[number], margin, gains[number])
            left = self._left(sentence, task.target)
            task.found[sentence] = Candidate(sentence, 0.0, 0, margin, left, close=True)
            tasks.append(task)
        return tasks

    def _left(self, words: Words, target: int) -> float:
        """Return by how many nats words mark other attributes, each by itself."""
        beyond = self._of_others[target][list(words)] - self.search.least_left
        return float(beyond.clip(0.0, _MOST_LEFT).sum())

    def _best(self, task: _Task) -> Candidate:
        """Return the best sentence so far that was looked at closely."""
        return min(
            (one for one in task.found.values() if one.close),
            key=lambda one: (self.cost(one), one.words),
        )

    def _templates(self, task: _Task) -> list[Template]:
        """Return the source with the words hidden that mark other attributes most.

        As many are hidden as make the recognizer doubt, and a few more or fewer; each time also
        with one more place after the word that marks most.
        """
        source = np.asarray(task.source)
        marks = task.gains + self.search.salience_weight * self._of_others[task.target][source]
        order = [int(i) for i in np.argsort(-marks, kind="stable") if marks[i] > -math.inf]
        if not order:
            return []
        margin_left = task.margin + np.cumsum(task.gains[order])
        doubtful = np.flatnonzero(margin_left >= 0)
        marking = max(1, int((marks[order] > 0.1).sum()))
        middle = min(int(doubtful[0]) + 1 if len(doubtful) else marking, marking)
        templates = []
        if middle < self.search.fewest:
            return []
        for size in range(middle - self.search.spread, middle + self.search.spread + 1):
            if not 1 <= size <= len(order):
                continue
            hidden = frozenset(order[:size])
            if size > 1:  # changes of one word come of reading the source
                templates.append(_template(task, hidden, more=None))
            if size == middle:
                templates.append(_template(task, hidden, more=order[0]))
        return templates

    def _edits(self, task: _Task, base: Candidate, reading: Reading) -> list[Candidate]:
        """Return the sentences that differ from a base in one word and seem best."""
        size = len(base.words)
        standing = np.zeros((2, size), dtype=np.int64)
        standing[0] = base.words
        standing[1] = EMPTY
        nats = reading.best_costs - reading.costs[:, :, None]
        marks = self._salience[task.target]
        marked = marks[reading.best] - marks[standing][:, :, None]
        possible = reading.best != standing[:, :, None]
        possible[0, standing[0] <= UNKNOWN] = False
        if size == 2:  # the last word is not deleted
            possible[0] &= reading.best[0] != EMPTY
        seems = self.search.nats_weight * nats - self.search.margin_weight * marked
        seems = np.where(possible, seems, np.inf)
        order = np.argsort(seems, axis=None, kind="stable")[: self.search.edits]
        edits = []
        for kind, place, way in zip(*np.unravel_index(order, seems.shape), strict=True):
            if not possible[kind, place, way]:
                break
            word = int(reading.best[kind, place, way])
            middle = (word,) if word != EMPTY else ()
            edits.append(
                Candidate(
                    (*base.words[:place], *middle, *base.words[place + 1 - int(kind) :]),
                    base.nats + float(nats[kind, place, way]),
                    base.changed + 1,
                )
            )
        return edits

    def _add(self, new: Sequence[tuple[_Task, Candidate]]) -> None:
        """Have the recognizer look at sentences, and keep them."""
        fresh = [(task, one) for task, one in new if one.words not in task.found]
        found = margins(
            [one.words for _, one in fresh], [task.target for task, _ in fresh], self.words
        )
        for (task, one), margin in zip(fresh, found.tolist(), strict=True):
            known = task.found.get(one.words)
            if known is None or one.nats < known.nats:
                task.found[one.words] = replace(
                    one, margin=margin, left=self._left(one.words, task.target)
                )

    def _look_closely(self, tasks: Sequence[_Task]) -> None:
        """Read the sentences that seem best, for what they cost as texts of the target."""
        chosen: list[tuple[_Task, Candidate, tuple[int, int], tuple[int, int]]] = []
        for task in tasks:
            best = sorted(task.found.values(), key=lambda one: (self.cost(one), one.words))
            for one in best[: self.search.close]:
                if not one.close:
                    chosen.append((task, one, *changed_regions(task.source, one.words)))
        found = region_costs(
            [one.words for _, one, _, _ in chosen],
            [task.target for task, _, _, _ in chosen],
            [region for _, _, _, region in chosen],
            self.words,
        )
        for (task, one, (start, stop), region), nats in zip(chosen, found.tolist(), strict=True):
            before = task.reading.costs[:, start:stop].sum()
            changed = edit_distance(task.source[start:stop], one.words[slice(*region)])
            task.found[one.words] = replace(
                one, nats=nats - float(before), changed=changed, close=True
            )


def changed_regions(
    source: Sequence[int], other: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where two sentences differ, with a word on either side: first and past-last places.

    Example:
        >>> changed_regions([5, 6, 7, 8, 2], [5, 6, 9, 9, 8, 2])
        ((1, 4), (1, 5))
    """
    shorter = min(len(source), len(other))
    start = next((i for i in range(shorter) if source[i] != other[i]), shorter)
    rest = shorter - start
    same = next((i for i in range(rest) if source[-1 - i] != other[-1 - i]), rest)
    first = max(0, start - 1)
    ends = (min(len(words), len(words) - same + 1) for words in (source, other))
    end, other_end = ends
    return (first, end), (first, other_end)


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many words are to be changed, put in or left out to get from one to the other.

    Example:
        >>> edit_distance([5, 6, 7], [5, 8])
        2
    """
    row = list(range(len(second) + 1))
    for i, word in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def _template(task: _Task, hidden: frozenset[int], *, more: int | None) -> Template:
    """Return the source with words hidden, and one more place after one of them."""
    words: list[int] = []
    originals: list[int] = []
    for place, word in enumerate(task.source):
        is_hidden = place in hidden
        words.append(HIDDEN if is_hidden else word)
        originals.append(word if is_hidden else NO_PLACE)
        if place == more:
            words.append(HIDDEN)
            originals.append(EMPTY)
    return Template(words, originals, task.target)


def _hidden_nats(task: _Task, template: Template) -> float:
    """Return what the source's words cost that a template hides, each given all others."""
    hidden: list[int] = []
    place = 0
    for original in template.originals:
        if original not in (NO_PLACE, EMPTY):
            hidden.append(place)
        place += original != EMPTY
    nats: npt.NDArray[np.float32] = task.reading.costs[0, hidden]
    return float(nats.sum())
