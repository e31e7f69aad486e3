"""Options of corpus preparation, and the defaults of each corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EMBEDDED = ("synthetic", "synthetic-sentiment", "synthetic-topics")
"""Corpora that need no files: captions and entailment pairs, reviews, questions and replies."""
IMAGES = ("mnist", "digits")
"""Corpora of images; the second comes with scikit-learn."""
CORPORA = ("snli", "yelp", "yahoo", *IMAGES, *EMBEDDED)
"""Corpora known by name. Any other name is the path of a text, JSONL or CSV file or folder."""

DEFAULT_MAX_LENGTHS = {"snli": 15, "yelp": 25, "yahoo": 25} | dict.fromkeys(EMBEDDED, 20)
DEFAULT_VOCAB_SIZES = {"snli": 11_000, "yelp": 30_000, "yahoo": 30_000} | dict.fromkeys(
    EMBEDDED, 11_000
)
TOKENIZERS = ("words", "torchtext:basic_english", "torchtext:split")
"""Our own first; see :mod:`arae_toolkit.data.torchtext_tokenizers`."""
DEFAULT_JUDGES_SHARE = 0.2
"""Of every corpus known by name, and of a file of one's own that has labels."""
OTHER_MAX_LENGTH, OTHER_VOCAB_SIZE = 30, 30_000


@dataclass(frozen=True)
class PrepareOptions:
    """How a corpus is prepared. ``None`` stands for the default of the corpus."""

    max_length: int | None = None
    """Most tokens in a sentence, ``<eos>`` not counted. Longer sentences are dropped."""

    vocab_size: int | None = None
    """Words in the vocabulary, the four special tokens not counted."""

    judges_share: float | None = None
    """Share of train's sentences that is kept for scoring models, from 0 to below 1."""

    tokenizer: str = TOKENIZERS[0]
    """How text is parted into words: ``words``, or one of torchtext's."""

    text_field: str = "text"
    """Field (JSONL) or column (CSV) that holds the text of a file of one's own."""

    label_field: str | None = None
    """Field or column that holds the label of a file of one's own, if it has labels."""

    part: str = "both"
    """Which texts of Yahoo are taken: ``titles``, ``replies`` or ``both``."""

    classes: tuple[str, ...] = ("science", "music", "politics")
    """Which topics of Yahoo are taken: short or official names, or numbers from 1."""

    size: int = 50_000
    """Training sentences drawn for a synthetic corpus, before duplicates are dropped."""

    seed: int = 0
    """Seed of a synthetic corpus, and of a dev split taken from train."""

    skip_bad_rows: bool = False
    """Drop and count rows that cannot be used, instead of stopping at the first."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: If a size is below 1, a share is none, the seed is negative, or there is no
                such tokenizer.
        """
        for name in ("max_length", "vocab_size", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.judges_share is not None and not 0 <= self.judges_share < 1:
            raise ValueError(f"judges_share must be from 0 to below 1, got {self.judges_share}")
        if self.tokenizer not in TOKENIZERS:
            raise ValueError(f"tokenizer must be one of {TOKENIZERS}, got {self.tokenizer!r}")
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
        if name == "yahoo":
            chosen |= {"part": self.part, "classes": list(self.classes), "seed": self.seed}
        elif name in EMBEDDED:
            chosen |= {"size": self.size, "seed": self.seed}
        elif name not in CORPORA:
            fields = {"text_field": self.text_field, "label_field": self.label_field}
            chosen |= {**fields, "seed": self.seed}
        return chosen
