"""Systems side by side: each measured alike, with copying the input and what people wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from arae_toolkit.evaluation.text_overlap import words_of
from arae_toolkit.evaluation.transfer.evaluators import Evaluators
from arae_toolkit.evaluation.transfer.metrics import (
    UNKNOWN_LABEL,
    Reverse,
    TransferResult,
    measure_transfer,
)
from arae_toolkit.evaluation.transfer.ngram_classifier import TextClassifier

COPY, REFERENCES = "copy", "references"
"""Names of the systems that are added: outputs are the sources, or what people wrote."""


@dataclass(frozen=True)
class SystemOutputs:
    """What one system has made of some sentences, row by row.

    Attributes:
        sources: N texts.
        outputs: What was made of each.
        source_labels: Class id of each source, ``UNKNOWN_LABEL`` where it is not known.
        target_labels: Class id that each output was to have.
        references: What people have made of each: none, one or more texts. Empty where nothing is
            known of any row.
    """

    sources: Sequence[str]
    outputs: Sequence[str]
    source_labels: Sequence[int]
    target_labels: Sequence[int]
    references: Sequence[Sequence[str]] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.sources)

    def at(self, rows: npt.NDArray[np.int64]) -> SystemOutputs:
        """Return some of the rows, in this order."""
        parts = {name: part for name, part in vars(self).items() if len(part)}
        return replace(
            self, **{name: [part[row] for row in rows.tolist()] for name, part in parts.items()}
        )

    def limited(self, count: int | None) -> SystemOutputs:
        """Return at most so many rows, evenly spread: a file may hold one label after the other."""
        return self if count is None else self.at(spread_rows(len(self), count))

    @property
    def copies(self) -> SystemOutputs:
        """The same rows with each source as its output."""
        return replace(self, outputs=self.sources)

    @property
    def human(self) -> SystemOutputs | None:
        """The rows that have references, the first one as the output; ``None`` without any."""
        answered = self.at(np.flatnonzero([len(some) for some in self.references]))
        if not len(answered):
            return None
        return replace(
            answered,
            outputs=[some[0] for some in answered.references],
            references=[some[1:] for some in answered.references],
        )


def spread_rows(total: int, count: int) -> npt.NDArray[np.int64]:
    """Return at most ``count`` row numbers below ``total``, evenly spread and rising.

    Example:
        >>> spread_rows(10, 4).tolist()
        [0, 2, 5, 7]
        >>> spread_rows(3, 4).tolist()
        [0, 1, 2]
    """
    count = min(count, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def with_baselines(systems: Mapping[str, SystemOutputs]) -> dict[str, SystemOutputs]:
    """Return the systems with copying and the references behind them, once for the same rows.

    Where systems have different rows, each has its own: ``copy of NAME``.

    Raises:
        ValueError: If a system has the name of one that is added.
    """
    taken = {COPY, REFERENCES} & set(systems)
    if taken:
        raise ValueError(f"no system can be called {taken.pop()!r}: that row is always there")
    added: dict[str, SystemOutputs] = {}
    for kind in (COPY, REFERENCES):
        distinct: dict[tuple[object, ...], tuple[str, SystemOutputs]] = {}
        for name, system in systems.items():
            found = system.copies if kind == COPY else system.human
            if found is not None:
                key = (tuple(found.sources), tuple(found.target_labels))
                distinct.setdefault(key, (name, found))
        for name, found in distinct.values():
            added[kind if len(distinct) == 1 else f"{kind} of {name}"] = found
    return {**systems, **added}


def judged_as_labelled(
    systems: Mapping[str, SystemOutputs], classifiers: Sequence[TextClassifier]
) -> tuple[int, dict[str, float]]:
    """Return how far the classifiers can be trusted on the sentences that were rewritten.

    Args:
        systems: By name.
        classifiers: One or more.

    Returns:
        How many distinct sources of known label there are, and by each classifier's name the
        percent that it finds to be as labelled; nothing where no label is known.
    """
    known = dict.fromkeys(
        (words_of(source), label)
        for system in systems.values()
        for source, label in zip(system.sources, system.source_labels, strict=True)
        if label != UNKNOWN_LABEL
    )
    if not known:
        return 0, {}
    texts, labels = zip(*known, strict=True)
    return len(known), {
        one.name: 100 * float((one.probabilities(texts).argmax(axis=1) == labels).mean())
        for one in classifiers
    }


def compare(
    systems: Mapping[str, SystemOutputs],
    evaluators: Evaluators,
    *,
    reverse: Callable[[str], Reverse | None] = lambda _: None,
) -> dict[str, TransferResult]:
    """Measure every system alike.

    Args:
        systems: By name; see :func:`with_baselines`.
        evaluators: Of the corpus.
        reverse: Returns what measures the reverse perplexity of the system of a name.
    """
    return {
        name: measure_transfer(
            system.sources,
            system.outputs,
            system.source_labels,
            system.target_labels,
            classifiers=evaluators.classifiers,
            language_model=evaluators.language_model,
            reverse=reverse(name),
            references=system.references or None,
            encoder=evaluators.encoder,
        )
        for name, system in systems.items()
    }
