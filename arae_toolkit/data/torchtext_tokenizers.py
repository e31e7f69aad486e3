"""The word tokenizers of torchtext as rules of the tokenizers library, without torchtext.

A vocabulary carries its rules in ``tokenizer.json``, so a model reads text as its corpus was read
wherever it is loaded. The other names that ``torchtext.data.get_tokenizer`` knows are those of
further libraries.
"""

from __future__ import annotations

from tokenizers import Regex, normalizers, pre_tokenizers

_BASIC_ENGLISH = (
    *(("'", " '  "), ('"', ""), (".", " . "), ("<br />", " "), (",", " , "), ("(", " ( ")),
    *((")", " ) "), ("!", " ! "), ("?", " ? "), (";", " "), (":", " ")),
)
"""What ``basic_english`` writes in place of what, one after another, in lower case."""

TORCHTEXT_TOKENIZERS = ("torchtext:basic_english", "torchtext:split")
"""The second is what torchtext takes where no tokenizer is named: words between spaces."""


def rules_of(name: str) -> tuple[normalizers.Normalizer, pre_tokenizers.PreTokenizer]:
    """Return what a tokenizer does to a text, and how it parts it.

    Raises:
        ValueError: If it is none of :data:`TORCHTEXT_TOKENIZERS`.
    """
    if name not in TORCHTEXT_TOKENIZERS:
        raise ValueError(f"tokenizer must be one of {TORCHTEXT_TOKENIZERS}, got {name!r}")
    # Python's split() parts at these as well.
    steps: list[normalizers.Normalizer] = [normalizers.Replace(Regex("[\x1c-\x1f]"), " ")]
    if name == "torchtext:basic_english":
        steps.insert(0, normalizers.Lowercase())
        steps += [normalizers.Replace(mark, put) for mark, put in _BASIC_ENGLISH]
    return normalizers.Sequence(steps), pre_tokenizers.WhitespaceSplit()
