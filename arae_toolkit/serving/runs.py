"""Served runs: transfer models and pair classifiers, and what all runs have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from rapidfuzz.distance import Levenshtein

from arae_toolkit.data.text_normalization import normalized
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary, truncated
from arae_toolkit.evaluation.text_overlap import words_of
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.outside_encoder import AnyWords
from arae_toolkit.serving.operations import Fields, RefusedRequest
from arae_toolkit.transfer.detokenization.natural_text import readable_texts, transfer_natural
from arae_toolkit.transfer.model import TransferModel

Answers = Mapping[str, Callable[[list[Fields]], list[Fields]]]
"""By operation, what answers requests that are alike but in the operation's items."""
MOST_REWRITINGS = 512
"""Of one request: texts times labels times candidates."""
CPU_PAIRS = 64
"""Pairs computed together on a CPU: the states of more do not stay in its cache."""


class ServedRun(Protocol):
    """A trained model that can be asked.

    Attributes:
        answers: What it can do.
    """

    answers: Answers

    def described(self) -> Fields:
        """Return what the page has to know of it."""
        ...

    def check(self, operation: str, fields: Fields) -> None:
        """Refuse what the fields' schemas let pass and this run cannot do.

        Raises:
            RefusedRequest: Saying why.
        """
        ...


def edits(source: str, result: str) -> list[dict[str, str]]:
    """Return the parts of two texts in turn: words that are alike, and what stands for what.

    Example:
        >>> edits("a man runs .", "the man is running .")[:2]
        [{'from': 'a', 'to': 'the'}, {'from': 'man', 'to': 'man'}]
    """
    before, after = source.split(), result.split()
    parts: list[tuple[list[str], list[str], bool]] = []
    for block in Levenshtein.opcodes(before, after):
        removed = before[block.src_start : block.src_end]
        added = after[block.dest_start : block.dest_end]
        same = block.tag == "equal"
        if parts and not same and not parts[-1][2]:  # an insertion beside a replacement
            removed, added = parts[-1][0] + removed, parts.pop()[1] + added
        parts.append((removed, added, same))
    return [{"from": " ".join(removed), "to": " ".join(added)} for removed, added, _ in parts]


def unknown_words(vocabulary: Vocabulary | AnyWords, texts: Sequence[str]) -> list[list[str]]:
    """Return the words of each text that a vocabulary does not know, each once."""
    known = vocabulary.encode_batch(texts)
    words = [words_of(normalized(text)).split() for text in texts]
    return [
        list(dict.fromkeys(word for word, index in zip(own, ids, strict=False) if index == UNKNOWN))
        for own, ids in zip(words, known, strict=True)
    ]


def are_read(vocabulary: Vocabulary | AnyWords, texts: Sequence[str]) -> list[bool]:
    """Return whether a vocabulary knows a word of each text."""
    return [vocabulary.word_counts(ids).is_read for ids in vocabulary.encode_batch(list(texts))]


def divided(values: Sequence[Any], requests: Sequence[Fields], items: str) -> list[Fields]:
    """Return the values that belong to the entries of each request, as its answers."""
    answers, start = [], 0
    for request in requests:
        end = start + len(request[items])
        answers.append({"answers": list(values[start:end])})
        start = end
    return answers


class TransferRun:
    """A transfer model.

    Args:
        model: It rewrites, and judges what it wrote.
    """

    def __init__(self, model: TransferModel) -> None:
        self.model = model
        self.answers: Answers = {"transfer": self.transfer}

    def described(self) -> Fields:
        """Return its labels."""
        return {"kind": "transfer", "labels": list(self.model.attributes)}

    def check(self, operation: str, fields: Fields) -> None:
        """Refuse labels that the model does not know, and more work than a page needs."""
        for name in fields["to"]:
            try:
                self.model.value_of(name)
            except ValueError as error:
                raise RefusedRequest(str(error)) from error
        targets = fields["to"] or self.model.attributes
        count = len(fields["texts"]) * len(targets) * fields["candidates"]
        if count > MOST_REWRITINGS:
            problem = f"texts x labels x candidates are {count:,}, {MOST_REWRITINGS:,} are the most"
            raise RefusedRequest(problem, status=413)

    def transfer(self, requests: list[Fields]) -> list[Fields]:
        """Return each text rewritten towards each label."""
        texts = [text for request in requests for text in request["texts"]]
        how = {name: requests[0][name] for name in ("candidates", "strength", "seed")}
        targets = requests[0]["to"] or list(self.model.attributes)
        each = [text for text in texts for _ in targets]
        found = iter(transfer_natural(self.model, each, targets * len(texts), **how))
        words = self.model.vocabulary.encode_batch(readable_texts(self.model.vocabulary, texts))
        read_as = self.model.scorer.probabilities([truncated(ids) for ids in words])
        unknown = unknown_words(self.model.vocabulary, texts)
        answers = []
        for row, text in enumerate(texts):
            rewritten = []
            for target in targets:
                scores = asdict(next(found))
                result = scores.pop("text")
                changes = {"edits": edits(text, result)}
                rewritten.append({"to": target, "transferred": result, **scores, **changes})
            answers.append(
                {
                    "text": text,
                    "probabilities": _by_label(self.model.attributes, read_as[row]),
                    "unknown_words": unknown[row],
                    "rewritten": rewritten,
                }
            )
        return divided(answers, requests, "texts")


class PairRun:
    """A classifier of sentence pairs.

    Args:
        model: One network or several.
    """

    def __init__(self, model: NLIModel) -> None:
        self.model = model
        self.answers: Answers = {"pairs": self.pairs}

    def described(self) -> Fields:
        """Return its labels."""
        return {"kind": "pairs", "labels": list(self.model.labels)}

    def check(self, operation: str, fields: Fields) -> None:
        """Let every pair pass."""

    def pairs(self, requests: list[Fields]) -> list[Fields]:
        """Return the label of each pair, with its probabilities; none where a text is not read."""
        pairs = [
            (pair["premise"], pair["hypothesis"])
            for request in requests
            for pair in request["pairs"]
        ]
        reader, labels = self.model.reader, self.model.labels
        unknown = unknown_words(reader, [" ".join(pair) for pair in pairs])
        read = [all(are_read(reader, pair)) for pair in pairs]
        found = self.model.probabilities(pairs, batch_size=CPU_PAIRS)
        answers = [
            {
                "premise": pair[0],
                "hypothesis": pair[1],
                "label": labels[scores.argmax()] if is_read else None,
                "probabilities": _by_label(labels, scores) if is_read else None,
                "unknown_words": words,
            }
            for pair, is_read, scores, words in zip(pairs, read, found, unknown, strict=True)
        ]
        return divided(answers, requests, "pairs")


def _by_label(labels: Sequence[str], scores: Any) -> dict[str, float]:
    return dict(zip(labels, scores.tolist(), strict=True))
