"""The search for a rewritten sentence: what is masked, what is filled in, which edit is best."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.transfer.infilling.mask_filling import UNMASKED, Template, fill
from arae_toolkit.transfer.infilling.network import EMPTY
from arae_toolkit.transfer.infilling.settings import Search
from arae_toolkit.transfer.infilling.token_scoring import (
    Floats,
    PseudoLikelihood,
    TokenScorer,
    gains_from_masking,
    margins,
    pseudo_likelihoods,
    region_costs,
)

Ids = Sequence[int]
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
        margin: Nats by which the classifier prefers the target.
        left: Nats by which its words mark other attributes, each by itself.
        unlike: How little new words are used like those they replace: 1 less the cosine, for each.
        repeated: How often it says a word of an attribute again that the source does not.
        close: Whether ``nats`` and ``changed`` were computed, or are estimates.
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
    likelihood: PseudoLikelihood
    margin: float
    gains: Floats
    found: dict[Words, Candidate] = field(default_factory=dict)


class InfillingSearch:
    """Searches rewritten sentences.

    A sentence's pseudo-likelihood tells for each of its words and gaps what could stand there under
    the target. Edits of one word come of that; where more words mark other attributes, these are
    masked together and filled in one after the other. The classifier scores all that comes of it,
    the best get a pseudo-likelihood, and where the classifier's margin for the best one is small
    that is edited further.

    Args:
        scorer: Of the words that may be filled in.
        search: What is tried.
    """

    def __init__(self, scorer: TokenScorer, search: Search) -> None:
        self.scorer, self.search = scorer, search
        self._salience: Floats = scorer.network.salience.cpu().numpy()
        self._usage: Floats = scorer.directions.cpu().numpy()
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
            For each sentence, from the best on; those that are no estimates come first.
        """
        search = self.search
        tasks = self._start([tuple(sentence) for sentence in sentences], targets)
        templates = [(task, template) for task in tasks for template in self._templates(task)]
        filled = fill([template for _, template in templates], self.scorer, ways=search.ways)
        new = [
            (task, Candidate(one.words, one.nats - _masked_nats(task, template), one.changed))
            for (task, template), ways in zip(templates, filled, strict=True)
            for one in ways
        ]
        for task in tasks:
            base = task.found[task.source]
            new += [(task, edit) for edit in self._edits(task, base, task.likelihood)]
        self._add(new)
        self._score_best(tasks, strength)
        for _ in range(search.rounds):
            bests = [(task, self._ordered(task, strength)[0]) for task in tasks]
            short = [pair for pair in bests if pair[1].margin < search.enough_margin * strength]
            likelihoods = pseudo_likelihoods(
                [best.words for _, best in short],
                [task.target for task, _ in short],
                self.scorer,
                ways=search.ways,
            )
            parts = zip(short, likelihoods, strict=True)
            self._add([(task, e) for (task, b), r in parts for e in self._edits(task, b, r)])
            self._score_best([task for task, _ in short], strength)
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
        """Return what was found, from the best on; estimates come last."""

        def key(one: Candidate) -> tuple[bool, float, Words]:
            return not one.close, self.cost(one, strength=strength), one.words

        return sorted(task.found.values(), key=key)

    def _start(self, sentences: Sequence[Words], targets: Sequence[int]) -> list[_Task]:
        likelihoods = pseudo_likelihoods(sentences, targets, self.scorer, ways=self.search.ways)
        whole, gains = gains_from_masking(sentences, targets, self.scorer)
        parts = zip(sentences, targets, likelihoods, whole.tolist(), gains, strict=True)
        tasks = [_Task(*part) for part in parts]
        for task in tasks:
            left = self._left(task.source, task.target)
            source = Candidate(task.source, 0.0, 0, task.margin, left, close=True)
            task.found[task.source] = source
        return tasks

    def _left(self, words: Words, target: int) -> float:
        """Return by how many nats words mark other attributes, each by itself."""
        beyond = self._of_others[target][list(words)] - self.search.least_left
        return float(beyond.clip(0.0, _MOST_LEFT).sum())

    def _templates(self, task: _Task) -> list[Template]:
        """Return the source with the words masked that mark other attributes most.

        As many are masked as make the classifier doubt, and a few more or fewer; once also with one
        more mask after the word that marks most.
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
        return [
            *(Template.masking(task.source, order[:n], task.target) for n in sizes if n > 1),
            Template.masking(task.source, order[:middle], task.target, after=order[0]),
        ]

    def _edits(self, task: _Task, base: Candidate, likelihood: PseudoLikelihood) -> list[Candidate]:
        """Return the sentences that differ from a base in one word and seem best."""
        size, best = len(base.words), likelihood.best
        standing = np.array([base.words, [EMPTY] * size])
        nats = likelihood.best_costs - likelihood.costs[:, :, None]
        marks = self._salience[task.target]
        marked = marks[best] - marks[standing][:, :, None]
        possible = best != standing[:, :, None]
        possible[0, standing[0] <= UNKNOWN] = False
        if size == 2:  # the last word is not deleted
            possible[0] &= best[0] != EMPTY
        seems = self._fit_cost(base.nats + nats) - self.search.margin_weight * marked
        seems = np.where(possible, seems, np.inf)
        order = np.argsort(seems, axis=None, kind="stable")[: self.search.edits]
        edits = []
        for kind, position, way in zip(*np.unravel_index(order, seems.shape), strict=True):
            if not possible[kind, position, way]:
                break
            word = int(best[kind, position, way])
            middle = (word,) if word != EMPTY else ()
            words = (*base.words[:position], *middle, *base.words[position + 1 - int(kind) :])
            edit_nats = base.nats + float(nats[kind, position, way])
            edits.append(Candidate(words, edit_nats, base.changed + 1))
        return edits

    def _add(self, new: Sequence[tuple[_Task, Candidate]]) -> None:
        """Have the classifier score sentences, and keep them."""
        fresh = [(task, one) for task, one in new if one.words not in task.found]
        found = margins(
            [one.words for _, one in fresh], [task.target for task, _ in fresh], self.scorer
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

    def _score_best(self, tasks: Sequence[_Task], strength: float) -> None:
        """Compute the pseudo-likelihoods of the sentences that seem best."""

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
            self.scorer,
        )
        for (task, one, (start, stop), region), nats in zip(chosen, found.tolist(), strict=True):
            before = task.likelihood.costs[:, start:stop].sum()
            changed = Levenshtein.distance(task.source[start:stop], one.words[slice(*region)])
            task.found[one.words] = replace(
                one, nats=nats - float(before), changed=changed, close=True
            )


def _masked_nats(task: _Task, template: Template) -> float:
    """Return what the source's words cost that a template masks, each given all others."""
    originals = [word for word in template.originals if word != EMPTY]  # one for each source word
    masked = [position for position, word in enumerate(originals) if word != UNMASKED]
    nats: npt.NDArray[np.float32] = task.likelihood.costs[0, masked]
    return float(nats.sum())


def changed_regions(source: Ids, other: Ids) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where two sentences differ, with a word on either side: first and past-last places.

    Example:
        >>> changed_regions([5, 6, 7, 8, 2], [5, 6, 9, 9, 8, 2])
        ((1, 4), (1, 5))
    """
    start = Prefix.similarity(source, other)
    same = min(Postfix.similarity(source, other), min(len(source), len(other)) - start)
    first = max(0, start - 1)
    end, other_end = (min(len(words), len(words) - same + 1) for words in (source, other))
    return (first, end), (first, other_end)


def unlikeness(source: Ids, other: Ids, usage: Floats) -> float:
    """Return how little the new words of a sentence are used like those they stand for.

    Where the two differ, words are compared in turn, as far as both go.

    Args:
        source: A sentence.
        other: What has become of it.
        usage: A vector for each word, of length 1 at least or 0; see
            :mod:`~arae_toolkit.transfer.infilling.word_similarity`. Shape (V, D).

    Returns:
        For each pair how far its product falls short of what the old word's is with itself, and of
        1 where the old word has none; summed. Of unit vectors that is 1 less the cosine.
    """
    (start, stop), (_, other_stop) = changed_regions(source, other)
    total = 0.0
    for old, new in zip(source[start:stop], other[start:other_stop], strict=False):
        if old != new:
            itself, both = usage[old] @ usage[old], usage[old] @ usage[new]
            total += max(1.0, float(itself)) - float(both)
    return total


def repetitions(source: Ids, other: Ids, *, among: npt.NDArray[np.bool_]) -> int:
    """Return how often a sentence says words again that its source does not.

    Args:
        source: A sentence.
        other: What has become of it.
        among: Which words are looked at: nearly every sentence says *the* again. Shape (V,).

    Example:
        >>> repetitions([5, 6, 7, 7], [5, 8, 8, 7], among=np.ones(9, dtype=bool))
        1
    """
    said = Counter(word for word in other if among[word])
    before = Counter(source)
    return sum(max(0, count - max(1, before[word])) for word, count in said.items())
