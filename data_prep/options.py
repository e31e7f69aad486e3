"""Options of corpus preparation, and the defaults of each corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arae_toolkit.storage.row_forms import Kind

EMBEDDED = ("synthetic", "synthetic-sentiment", "synthetic-topics")
"""Corpora that need no files: captions and entailment pairs, reviews, questions and replies."""
IMAGES = ("mnist", "digits")
"""Corpora of images; the second comes with scikit-learn."""
CORPORA = ("snli", "yelp", "yahoo", *IMAGES, *EMBEDDED)
"""Corpora known by name. Any other name is the path of a file or folder of rows of text."""

DEFAULT_MAX_LENGTHS = {"snli": 15, "yelp": 25, "yahoo": 25} | dict.fromkeys(EMBEDDED, 20)
DEFAULT_VOCAB_SIZES = {"snli": 11_000, "yelp": 30_000, "yahoo": 30_000} | dict.fromkeys(
    EMBEDDED, 11_000
)
TOKENIZERS = ("words", "torchtext:basic_english", "torchtext:split")
"""Our own first; see :mod:`arae_toolkit.data.torchtext_tokenizers`."""
DEFAULT_JUDGES_SHARE = 0.2
"""Of every corpus known by name, and of a file of one's own that has labels."""
DEFAULT_HELD_OUT_SHARE = 0.1
"""Of train, for each of dev and test where a corpus has none of its own."""
RARE_SHARE = 0.01
"""Of train's words, those that become ``<unk>`` in a corpus of one's own that no ``vocab_size``
cuts: words seen once, drawn by the seed, so that its models meet unknown words in training."""
OTHER_MAX_LENGTH, OTHER_VOCAB_SIZE = 30, 30_000


@dataclass(frozen=True)
class PrepareOptions:
    """How a corpus is prepared. ``None`` stands for the default of the corpus."""

    max_length: int | None = None
    """Most tokens in a sentence, ``<eos>`` not counted. Longer sentences are dropped."""

    vocab_size: int | None = None
    """Words in the vocabulary, the four special tokens not counted."""

    min_count: int | None = None
    """Fewest times that a word of the vocabulary stands in train; rarer ones are ``<unk>``. By
    default 1, but in a corpus of one's own whose words all fit into the vocabulary some of those
    seen once are ``<unk>``: see :data:`RARE_SHARE`."""

    judges_share: float | None = None
    """Share of train's sentences that is kept for scoring models, from 0 to below 1."""

    tokenizer: str = TOKENIZERS[0]
    """How text is parted into words: ``words``, or one of torchtext's."""

    text_field: str = "text"
    """Field or column that holds the text of a file of one's own."""

    label_field: str | None = None
    """Field or column that holds the label of a file of one's own, if it has labels."""

    premise_field: str | None = None
    """Field or column of the first text of a pair, in a file of one's own pairs."""

    hypothesis_field: str | None = None
    """Field or column of the second text of a pair."""

    labels_map: tuple[tuple[str, str], ...] = ()
    """Labels as a file of one's own writes them, each with its name; an empty name is none."""

    row_format: Kind | None = None
    """How the rows of a file of one's own are written; ``None`` for what their start tells."""

    header: bool | None = None
    """Whether a table of one's own has a header; ``None`` unless columns are named by number."""

    encoding: str | None = None
    """Of all texts; ``None`` for UTF-8, or what a byte order mark tells."""

    dev_share: float = DEFAULT_HELD_OUT_SHARE
    """Share of train that becomes dev, where a file of one's own has none."""

    test_share: float = DEFAULT_HELD_OUT_SHARE
    """Share of train that becomes test, where a file of one's own has none; 0 for no test."""

    part: str = "both"
    """Which texts of Yahoo are taken: ``titles``, ``replies`` or ``both``."""

    classes: tuple[str, ...] = ("science", "music", "politics")
    """Which topics of Yahoo are taken: short or official names, or numbers from 1."""

    size: int = 50_000
    """Training sentences drawn for a synthetic corpus, before duplicates are dropped."""

    seed: int = 0
    """Seed of a synthetic corpus, and of the splits that are taken from train."""

    skip_bad_rows: bool = False
    """Drop and count rows that cannot be used, instead of stopping at the first."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: If a size is below 1, a share is none, the seed is negative, or there is no
                such tokenizer.
        """
        for name in ("max_length", "vocab_size", "min_count", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.judges_share is not None and not 0 <= self.judges_share < 1:
            raise ValueError(f"judges_share must be from 0 to below 1, got {self.judges_share}")
        if self.tokenizer not in TOKENIZERS:
            raise ValueError(f"tokenizer must be one of {TOKENIZERS}, got {self.tokenizer!r}")
        if not 0 < self.dev_share < 1 or not 0 <= self.test_share < 1 - self.dev_share:
            shares = f"dev_share {self.dev_share} and test_share {self.test_share}"
            raise ValueError(f"{shares} must leave something of train; dev_share is above 0")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")

    def effective(self, name: str) -> dict[str, Any]:
        """Return the options that shape the corpus of this name, with their actual values."""
        if name in IMAGES:
            return {}
        measured = name in CORPORA or self.label_field is not None
        share = DEFAULT_JUDGES_SHARE if measured else 0.0
        chosen: dict[str, Any] = {
            "max_length": self.max_length or DEFAULT_MAX_LENGTHS.get(name, OTHER_MAX_LENGTH),
            "vocab_size": self.vocab_size or DEFAULT_VOCAB_SIZES.get(name, OTHER_VOCAB_SIZE),
            "judges_share": share if self.judges_share is None else self.judges_share,
            "skip_bad_rows": self.skip_bad_rows,
        }
        if self.tokenizer != TOKENIZERS[0]:  # unsaid otherwise: earlier corpora stay up to date
            chosen["tokenizer"] = self.tokenizer
        usual = 1 if name in CORPORA else None
        if self.min_count not in (None, usual):
            chosen["min_count"] = self.min_count
        if self.encoding is not None:
            chosen["encoding"] = self.encoding
        if name == "yahoo":
            chosen |= {"part": self.part, "classes": list(self.classes), "seed": self.seed}
        elif name in EMBEDDED:
            chosen |= {"size": self.size, "seed": self.seed}
        elif name not in CORPORA:
            shares = {"dev_share": self.dev_share, "test_share": self.test_share}
            fields = {"text_field": self.text_field, "label_field": self.label_field}
            chosen |= {**fields, "seed": self.seed, **shares}
            more = {
                "premise_field": self.premise_field,
                "hypothesis_field": self.hypothesis_field,
                "labels_map": dict(self.labels_map) or None,
                "row_format": self.row_format,
                "header": self.header,
            }
            chosen |= {name: value for name, value in more.items() if value is not None}
        return chosen

    def rare_share(self, name: str) -> float:
        """Return which share of train's words may become ``<unk>`` as they are seen once."""
        return RARE_SHARE if name not in CORPORA and self.min_count is None else 0.0

    def held_out_shares(self, name: str) -> Mapping[str, float]:
        """Return which splits the corpus of this name takes from train if it lacks them."""
        if name == "snli":  # its own files are all needed, those of MultiNLI are not
            return {"dev": DEFAULT_HELD_OUT_SHARE, "test": DEFAULT_HELD_OUT_SHARE}
        if name in CORPORA:
            return {"dev": DEFAULT_HELD_OUT_SHARE}
        return {"dev": self.dev_share, "test": self.test_share}
