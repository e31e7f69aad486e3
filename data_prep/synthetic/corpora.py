"""Embedded corpora of any size from our own grammar: captions, pairs, sentiment and topics.

Every stream is determined by its seed, and a longer stream starts with the shorter one: the first
sentences of ``caption_sentences(1000, seed=1)`` are those of ``caption_sentences(10, seed=1)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import permutations
from random import Random

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.synthetic import sentiment_templates, topic_templates
from arae_toolkit.data_prep.synthetic.contradiction import CONTRADICTIONS
from arae_toolkit.data_prep.synthetic.entailment import ENTAILMENTS
from arae_toolkit.data_prep.synthetic.grammar import Rand, TextGrammar, read_rules
from arae_toolkit.data_prep.synthetic.neutral import NEUTRALS
from arae_toolkit.data_prep.synthetic.scene_sampling import draw_scene, worded
from arae_toolkit.data_prep.synthetic.scenes import Scene, sentence

MIN_TOKENS = 4
MAX_TOKENS = 20
_TOKEN = re.compile(r"[\w'-]+|[^\w\s]")
NLI_LABELS = ("entailment", "neutral", "contradiction")
_ORDERS = tuple(permutations(NLI_LABELS))
_CORPORA = {
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


def caption_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield caption-like sentences: raw, with a capital and a full stop.

    Args:
        count: How many.
        seed: The same seed gives the same sentences.

    Raises:
        ValueError: If ``count`` is negative.

    Example:
        >>> for sentence in caption_sentences(3, seed=0):
        ...     print(sentence.text)
        A golden retriever is sleeping in a hallway.
        There are two boys eating two oranges in the coffee shop.
        There are two slim students eating.
    """
    rand = _rand(count, seed, "captions")
    for _ in range(count):
        while not _fits(text := worded(rand, draw_scene(rand))):
            pass
        yield Sentence(sentence(text))


def entailment_pairs(count: int, *, seed: int) -> Iterator[SentencePair]:
    """Yield pairs whose label follows from how the hypothesis was derived from the premise.

    Each premise comes three times in turn, once with each label, in random order.

    Args:
        count: How many pairs.
        seed: The same seed gives the same pairs.

    Raises:
        ValueError: If ``count`` is negative.

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
        premise = worded(rand, scene)
        if not _fits(premise):
            continue
        for label in _ORDERS[int(rand() * len(_ORDERS))][:left]:
            hypothesis = _hypothesis(rand, scene, label, premise)
            yield SentencePair(sentence(premise), sentence(hypothesis), label)
        left -= 3


def sentiment_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield lower-case tokenised review sentences labelled negative or positive.

    Both labels share their templates; the words that judge carry the sentiment.

    Args:
        count: How many.
        seed: The same seed gives the same sentences.

    Raises:
        ValueError: If ``count`` is negative.

    Example:
        >>> for sentence in sentiment_sentences(2, seed=9):
        ...     print(sentence.label, "|", sentence.text)
        negative | this is my least favorite place .
        positive | this bakery was not at all disappointing .
    """
    return _templates(count, _rand(count, seed, "sentiment"), _grammars("sentiment"))


def topic_sentences(count: int, *, seed: int) -> Iterator[Sentence]:
    """Yield raw questions and replies labelled science, music or politics.

    All labels share their frames; the words that fill them carry the topic.

    Args:
        count: How many.
        seed: The same seed gives the same sentences.

    Raises:
        ValueError: If ``count`` is negative.

    Example:
        >>> for sentence in topic_sentences(2, seed=1):
        ...     print(sentence.label, "|", sentence.text)
        politics | Do you know what a veto is?
        science | My teacher asked me whether sulfur melts when it is heated.
    """
    return _templates(count, _rand(count, seed, "topics"), _grammars("topics"))


def _templates(count: int, rand: Rand, grammars: dict[str, TextGrammar]) -> Iterator[Sentence]:
    """Yield sentences of each label's grammar, the labels in random order."""
    labels = tuple(grammars)
    for _ in range(count):
        label = labels[int(rand() * len(labels))]
        text = grammars[label].expand("start", rand)
        while not MIN_TOKENS <= len(_TOKEN.findall(text)) <= MAX_TOKENS:
            text = grammars[label].expand("start", rand)
        yield Sentence(text, label)


@cache
def _grammars(corpus: str) -> dict[str, TextGrammar]:
    """Return a corpus's grammar of each label: the shared rules and the label's own."""
    shared, labels = _CORPORA[corpus]
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
