"""Embedded corpora of any size from our own grammar: captions, pairs, sentiment and topics.

Every stream yields ``count`` rows (``ValueError`` if that is negative) and is determined by its
seed. A longer stream starts with the shorter one: the first sentences of
``caption_sentences(1000, seed=1)`` are those of ``caption_sentences(10, seed=1)``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain, permutations
from random import Random
from typing import TypeVar

import numpy as np

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.snli import LABELS as NLI_LABELS
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows
from arae_toolkit.data_prep.synthetic import sentiment_templates, topic_templates
from arae_toolkit.data_prep.synthetic.contradiction import CONTRADICTIONS
from arae_toolkit.data_prep.synthetic.entailment import ENTAILMENTS
from arae_toolkit.data_prep.synthetic.grammar import Rand, TextGrammar, read_rules
from arae_toolkit.data_prep.synthetic.neutral import NEUTRALS
from arae_toolkit.data_prep.synthetic.scene_sampling import draw_scene
from arae_toolkit.data_prep.synthetic.scenes import Scene, caption_text, sentence

MIN_TOKENS, MAX_TOKENS = 4, 20
FEWEST_EVALUATION_ROWS, MOST_EVALUATION_ROWS = 100, 5_000
SAMPLE_ROWS = 200
"""Rows by which the generator is recognised."""

_TOKEN = re.compile(r"[\w'-]+|[^\w\s]")
_ORDERS = tuple(permutations(NLI_LABELS))
_TEMPLATES = {
    "sentiment": (
        sentiment_templates.SHARED,
        {"negative": sentiment_templates.NEGATIVE, "positive": sentiment_templates.POSITIVE},
    ),
    "topics": (
        topic_templates.SHARED,
        {
            "science": topic_templates.SCIENCE,
            "music": topic_templates.MUSIC,
            "politics": topic_templates.POLITICS,
        },
    ),
}
_DERIVATIONS = dict(zip(NLI_LABELS, (ENTAILMENTS, NEUTRALS, CONTRADICTIONS), strict=True))
_Row = TypeVar("_Row", Sentence, SentencePair)


def rows(name: str, options: PrepareOptions) -> TextRows:
    """Return the splits of a synthetic corpus.

    ``synthetic`` is like SNLI, ``synthetic-sentiment`` like Yelp and ``synthetic-topics`` like
    Yahoo. Half of the ``size`` training sentences of ``synthetic`` are captions, half are the two
    sides of pairs. Dev and test have a twentieth as many rows as train has sentences, within
    bounds.
    """
    size = options.size
    evaluation = min(max(size // 20, FEWEST_EVALUATION_ROWS), MOST_EVALUATION_ROWS)
    counts = {"train": size, "dev": evaluation, "test": evaluation}
    if name in LABELLED:
        seeds = _seeds(options.seed, list(counts))
        return TextRows(
            files=(),
            sentences={
                split: _reader(LABELLED[name], count, seeds[split])
                for split, count in counts.items()
            },
            labels=tuple(_TEMPLATES[name.removeprefix("synthetic-")][1]),
        )
    counts["train"] = size // 4
    seeds = _seeds(options.seed, ["captions", *counts])
    captions = _reader(caption_sentences, size - 2 * counts["train"], seeds["captions"])
    return TextRows(
        files=(),
        sentences={"train": captions},
        pairs={
            split: _reader(entailment_pairs, count, seeds[split]) for split, count in counts.items()
        },
        labels=NLI_LABELS,
        label_pairs=True,
    )


def _reader(
    stream: Callable[..., Iterator[_Row]], count: int, seed: int
) -> Callable[[RowLog], Iterator[_Row]]:
    """Return a reader of the first rows of a stream, which hold nothing to be logged."""
    return lambda _: stream(count, seed=seed)


def _seeds(seed: int, names: Sequence[str]) -> dict[str, int]:
    """Return a seed of its own for each name."""
    return {
        name: int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        for number, name in enumerate(names)
    }


def fingerprint(name: str) -> str:
    """Return a SHA-256 over a generator's first rows, which changes when the grammar does."""
    streams = [LABELLED[name]] if name in LABELLED else [caption_sentences, entailment_pairs]
    samples = chain.from_iterable(stream(SAMPLE_ROWS, seed=0) for stream in streams)
    return hashlib.sha256("".join(map(repr, samples)).encode()).hexdigest()


def caption_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield caption-like sentences: raw, with a capital and a full stop.

    Example:
        >>> for sentence in caption_sentences(3, seed=0):
        ...     print(sentence.text)
        A golden retriever is sleeping in a hallway.
        There are two boys eating two oranges in the coffee shop.
        There are two slim students eating.
    """
    rand = _rand(count, seed, "captions")
    for _ in range(count):
        while not _fits(text := caption_text(rand, draw_scene(rand))):
            pass
        yield Sentence(sentence(text))


def entailment_pairs(count: int, *, seed: int) -> Iterator[SentencePair]:
    """Yield pairs whose label follows from how the hypothesis was derived from the premise.

    Each premise comes three times in turn, once with each label, in random order.

    Example:
        >>> pairs = list(entailment_pairs(3, seed=2))
        >>> pairs[0].premise
        'There are two children doing cartwheels on a sandy shore.'
        >>> for pair in pairs:
        ...     print(pair.label, "|", pair.hypothesis)
        entailment | The children are doing cartwheels.
        neutral | Two children in turquoise helmets do cartwheels on a shore.
        contradiction | The people are not doing cartwheels on a shore.
    """
    rand = _rand(count, seed, "pairs")
    left = count
    while left > 0:
        scene = draw_scene(rand)
        premise = caption_text(rand, scene)
        if not _fits(premise):
            continue
        for label in _ORDERS[int(rand() * len(_ORDERS))][:left]:
            hypothesis = _hypothesis(rand, scene, label, premise)
            yield SentencePair(sentence(premise), sentence(hypothesis), label)
        left -= 3


def sentiment_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield lower-case tokenised review sentences labelled negative or positive.

    Both labels share their templates; the words that judge carry the sentiment.

    Example:
        >>> for sentence in sentiment_sentences(2, seed=9):
        ...     print(sentence.label, "|", sentence.text)
        negative | this is my least favorite place .
        positive | this bakery was not at all disappointing .
    """
    return _template_sentences("sentiment", count, seed)


def topic_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield raw questions and replies labelled science, music or politics.

    All labels share their frames; the words that fill them carry the topic.

    Example:
        >>> for sentence in topic_sentences(2, seed=1):
        ...     print(sentence.label, "|", sentence.text)
        politics | Do you know what a veto is?
        science | My teacher asked me whether sulfur melts when it is heated.
    """
    return _template_sentences("topics", count, seed)


LABELLED = {
    "synthetic-sentiment": sentiment_sentences,
    "synthetic-topics": topic_sentences,
}
"""The corpora whose sentences are labelled, and what yields them."""


def _template_sentences(corpus: str, count: int, seed: int) -> Iterator[Sentence]:
    """Yield sentences of the grammars of a corpus, their labels in random order."""
    rand, grammars = _rand(count, seed, corpus), _grammars(corpus)
    labels = tuple(grammars)
    for _ in range(count):
        label, text = labels[int(rand() * len(labels))], ""
        while not MIN_TOKENS <= len(_TOKEN.findall(text)) <= MAX_TOKENS:
            text = grammars[label].expand("start", rand)
        yield Sentence(text, label)


@cache
def _grammars(corpus: str) -> dict[str, TextGrammar]:
    """Return a corpus's grammar of each label: the shared rules and the label's own."""
    shared, labels = _TEMPLATES[corpus]
    return {
        label: TextGrammar(read_rules(shared) | read_rules(own)) for label, own in labels.items()
    }


def _hypothesis(rand: Rand, scene: Scene, label: str, premise: str) -> str:
    """Return a statement that stands in the relation ``label`` to the scene."""
    derivations = _DERIVATIONS[label]
    while True:
        text = derivations.pick(rand)(rand, scene)
        # The kinds of derivation that every scene allows end this loop.
        if text is not None and text != premise and _fits(text):
            return text


def _fits(text: str) -> bool:
    """Whether a text without its full stop has 4 to 20 tokens with it."""
    return MIN_TOKENS - 2 <= text.count(" ") + text.count(",") <= MAX_TOKENS - 2


def _rand(count: int, seed: int, stream: str) -> Rand:
    """Return the source of randomness of one stream."""
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    return Random(f"{stream} {seed}").random
