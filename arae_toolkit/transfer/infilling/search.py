"""The search for a rewritten sentence: what is hidden, what is filled in, and which is best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.transfer.infilling.edits import changed_regions, repetitions, unlikeness
from arae_toolkit.transfer.infilling.mask_filling import NO_PLACE, Template, fill
from arae_toolkit.transfer.infilling.network import EMPTY
from arae_toolkit.transfer.infilling.sentence_scoring import (
    Floats,
    Reading,
    gains_from_hiding,
    margins,
    read,
    region_costs,
)
from arae_toolkit.transfer.infilling.settings import Search
from arae_toolkit.transfer.infilling.token_scoring import WordScores

Words = tuple[int, ...]
_MARKS = 0.1  # nats from which a word is said to mark an attribute
_MOST_LEFT = 2.5  # nats of one word: beyond it, rarity says more than meaning


@dataclass(frozen=True)
class Candidate:
    """A sentence that has come of the search.

    Attributes:
        words: Ids, ``<eos>`` last.
        nats: By which it fits together less well than the source: its words are less likely given
            each other and the target.
        changed: Words changed, put in or left out.
        margin: Nats by which the recognizer prefers the target.
        left: Nats by which its words mark other attributes, each by itself.
        unlike: How little new words are used like those they replace: 1 less the cosine, for each.
        repeated: How often it says a word of an attribute again that the source does not.
        close: Whether it was read for ``nats`` and ``changed``, or these are estimates.
    """

    words: Words
    nats: float
    changed: int
    margin: float = 0.0
    left: float = 0.0
    unlike: float = 0.0
    repeated: int = 0
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

    A sentence is read once, which tells for each of its words and gaps what could stand there under
    the target. Changes of one word come of that; where more words mark other attributes, these are
    hidden together and filled in one after the other. The recognizer looks at all that comes of it,
    the best are read, and where the recognizer is not content with the best one that is changed
    further.

    Args:
        words: That may be filled in.
        search: What is tried.
    """

    def __init__(self, words: WordScores, search: Search) -> None:
        self.words, self.search = words, search
        self._salience: Floats = words.network.salience.cpu().numpy()
        self._usage: Floats = words.directions.cpu().numpy()
        attributes = len(self._salience)
        self._marking = self._salience.max(axis=0) > search.least_left
        self._of_others = np.stack(
            [np.delete(self._salience, target, axis=0).max(axis=0) for target in range(attributes)]
        )

    def candidates(
        self, sentences: Sequence[Sequence[int]], targets: Sequence[int], *, strength: float = 1.0
    ) -> list[list[Candidate]]:
        """Return what could be made of each sentence, the source itself among it.

        Args:
            sentences: N sentences.
            targets: Attribute for each.
            strength: See :meth:`cost`.

        Returns:
            For each sentence, from the best on; those that were read come first.
        """
        search = self.search
        tasks = self._start([tuple(sentence) for sentence in sentences], targets)
        templates = [(task, template) for task in tasks for template in self._templates(task)]
        filled = fill([template for _, template in templates], self.words, ways=search.ways)
        new = [
            (task, Candidate(one.words, one.nats - _hidden_nats(task, template), one.changed))
            for (task, template), ways in zip(templates, filled, strict=True)
            for one in ways
        ]
        for task in tasks:
            base = task.found[task.source]
            new += [(task, edit) for edit in self._edits(task, base, task.reading)]
        self._add(new)
        self._read_best(tasks, strength)
        for _ in range(search.rounds):
            bests = [(task, self._ordered(task, strength)[0]) for task in tasks]
            short = [pair for pair in bests if pair[1].margin < search.enough_margin * strength]
            readings = read(
                [best.words for _, best in short],
                [task.target for task, _ in short],
                self.words,
                ways=search.ways,
            )
            parts = zip(short, readings, strict=True)
            self._add([(task, e) for (task, b), r in parts for e in self._edits(task, b, r)])
            self._read_best([task for task, _ in short], strength)
        return [self._ordered(task, strength) for task in tasks]

    def cost(self, candidate: Candidate, *, strength: float = 1.0) -> float:
        """Return how bad a sentence is, in weighted nats.

        Args:
            candidate: The sentence.
            strength: Factor on all that speaks for the target, against the words that are changed
                for it: at 0 the source is best.
        """
        search = self.search
        missing = float(np.logaddexp(0.0, search.wanted_margin - candidate.margin))
        wanted = search.margin_weight * missing + search.left_weight * candidate.left
        wanted += float(self._fit_cost(candidate.nats))
        change = search.change_weight * candidate.changed + search.unlike_weight * candidate.unlike
        return strength * wanted + change + search.repeated_weight * candidate.repeated

    def _fit_cost(self, nats: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the cost of fitting together less well than the source by so many nats."""
        worse, better = np.maximum(nats, 0.0), np.minimum(nats, 0.0)
        return self.search.worse_weight * worse + self.search.better_weight * better

    def _ordered(self, task: _Task, strength: float) -> list[Candidate]:
        """Return what was found, from the best on; what was read comes first."""

        def key(one: Candidate) -> tuple[bool, float, Words]:
            return not one.close, self.cost(one, strength=strength), one.words

        return sorted(task.found.values(), key=key)

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

    def _templates(self, task: _Task) -> list[Template]:
        """Return the source with the words hidden that mark other attributes most.

        As many are hidden as make the recognizer doubt, and a few more or fewer; once also with one
        more place after the word that marks most.
        """
        search, source = self.search, np.asarray(task.source)
        marks = task.gains + search.salience_weight * self._of_others[task.target][source]
        order = [int(i) for i in np.argsort(-marks, kind="stable") if marks[i] > -math.inf]
        margins_left = task.margin + np.cumsum(task.gains[order])
        doubtful = np.flatnonzero(margins_left >= 0)
        middle = int((marks[order] > _MARKS).sum())
        if len(doubtful):
            middle = min(int(doubtful[0]) + 1, middle)
        if middle < search.fewest:
            return []
        sizes = range(max(1, middle - search.spread), min(middle + search.spread, len(order)) + 1)
        templates = [
            Template.hiding(task.source, order[:size], task.target) for size in sizes if size > 1
        ]
        return [
            *templates,
            Template.hiding(task.source, order[:middle], task.target, after=order[0]),
        ]

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
        seems = self._fit_cost(base.nats + nats) - self.search.margin_weight * marked
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
                    one,
                    margin=margin,
                    left=self._left(one.words, task.target),
                    unlike=unlikeness(task.source, one.words, self._usage),
                    repeated=repetitions(task.source, one.words, among=self._marking),
                )

    def _read_best(self, tasks: Sequence[_Task], strength: float) -> None:
        """Read the sentences that seem best, for how well they fit together."""

        def key(one: Candidate) -> tuple[float, Words]:
            return self.cost(one, strength=strength), one.words

        chosen = [
            (task, one, *changed_regions(task.source, one.words))
            for task in tasks
            for one in sorted(task.found.values(), key=key)[: self.search.close]
            if not one.close
        ]
        found = region_costs(
            [one.words for _, one, _, _ in chosen],
            [task.target for task, _, _, _ in chosen],
            [region for _, _, _, region in chosen],
            self.words,
        )
        for (task, one, (start, stop), region), nats in zip(chosen, found.tolist(), strict=True):
            before = task.reading.costs[:, start:stop].sum()
            changed = Levenshtein.distance(task.source[start:stop], one.words[slice(*region)])
            task.found[one.words] = replace(
                one, nats=nats - float(before), changed=changed, close=True
            )


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
