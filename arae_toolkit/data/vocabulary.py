"""The vocabulary: a lower-casing word tokenizer from text to ids and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from arae_toolkit.data.text_normalization import normalized, tokenizer_rules
from arae_toolkit.data.torchtext_tokenizers import rules_of
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.atomic_files import sha256_of_bytes, write_text
from arae_toolkit.storage.json_files import read_text
from arae_toolkit.storage.stand_ins import stand_in

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<unk>")
OWN_TOKENIZER = "words"
"""The tokenizer of :data:`WORD_PATTERN`, in lower case."""
MOST_WORDS = 60
"""Longer texts are read up to here by classifiers and rewriters, which are made for sentences."""

# What counts as one word. Penn-Treebank-like, and it leaves text that is already tokenized that way
# as it is, so that raw text, parses and pre-tokenized corpora share one vocabulary.
WORD_PATTERN = "|".join(
    (
        r"<unk>",
        r"_[a-z]+_",  # placeholders such as _num_
        r"(?:[a-z]\.){2,}",  # u.s.
        r"\d+(?:[.,:/]\d+)+",  # 7:30 and 1,000
        r"n['’]t\b",
        r"['’](?:s|re|ve|ll|d|m)\b",
        r"\w+?(?=n['’]t\b)",  # do|n't
        r"\w+(?:['’](?!(?:s|re|ve|ll|d|m)\b)\w+|-\w+)*",  # o'clock, t-shirt
        r"\.{2,}|-{2,}|``|''",
        r"[^\w\s]",
    )
)

_UNKNOWN_MARK = re.compile(re.escape(SPECIAL_TOKENS[UNKNOWN]), re.IGNORECASE)


class WordCounts(NamedTuple):
    """What can be read of a sentence.

    Attributes:
        known: Words that the vocabulary has; punctuation is none.
        unknown: Words that it lacks, and whatever else it lacks.
        is_read: Whether anything of it means something to a model: a known word, or, where nothing
            is unknown, known punctuation.
    """

    known: int
    unknown: int
    is_read: bool


class Vocabulary:
    """A word vocabulary with its tokenizer.

    Ids 0-3 are ``<pad> <bos> <eos> <unk>``; the others follow in order of falling frequency.
    """

    def __init__(self, tokenizer: Tokenizer, *, normalizes: bool = True) -> None:
        """Wrap a Hugging Face word-level tokenizer whose first ids are the special tokens.

        Text is normalized before it is read, whatever the tokenizer was made of.

        Args:
            tokenizer: It may lower-case text, and does not normalize it otherwise.
            normalizes: Whether its file says that text is normalized; that of an old model does
                not. Words of such a one that are written otherwise, as ``n’t``, are read and
                written in the plain form.
        """
        self._tokenizer, self._normalizes = tokenizer, normalizes
        self._words = [""] * tokenizer.get_vocab_size()
        for word, index in tokenizer.get_vocab().items():
            self._words[index] = word
        self._reader = tokenizer
        if tuple(self._words[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
            raise CheckpointMismatch(
                f"tokenizer does not start with {' '.join(SPECIAL_TOKENS)}; it was not made by "
                "arae-toolkit prepare"
            )
        if not normalizes:
            self._words, plain = _plain_words(self._words)
            if len(plain) < len(self._words) or plain.keys() != tokenizer.get_vocab().keys():
                self._reader = _with_words(tokenizer, plain)

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        *,
        size: int,
        lowercase: bool = True,
        tokenizer_name: str = OWN_TOKENIZER,
    ) -> Vocabulary:
        """Return the ``size`` most frequent words of ``texts``, plus the four special tokens.

        Words of equal frequency are taken in alphabetical order, so the result does not depend on
        the order of ``texts``. A tokenizer of torchtext's decides by itself on lower case.
        """
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL_TOKENS[UNKNOWN]))
        if lowercase:
            tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Split(
            Regex(f"(?i){WORD_PATTERN}"), behavior="removed", invert=True
        )
        if tokenizer_name != OWN_TOKENIZER:
            tokenizer.normalizer, tokenizer.pre_tokenizer = rules_of(tokenizer_name)
        trainer = trainers.WordLevelTrainer(
            vocab_size=size + len(SPECIAL_TOKENS),
            special_tokens=list(SPECIAL_TOKENS),
            show_progress=False,
        )
        # The mark of an unknown word has its id already; the trainer would count it a second time.
        known = (_UNKNOWN_MARK.sub(" ", normalized(text)) for text in texts)
        tokenizer.train_from_iterator(known, trainer)
        return cls(_without_special_matching(tokenizer))

    def with_words(self, words: Sequence[str]) -> Vocabulary:
        """Return a vocabulary of other words, by id, that parts text as this one does.

        Raises:
            CheckpointMismatch: If the first are not the special tokens.
            ValueError: If a word comes twice.
        """
        if len(set(words)) != len(words):
            raise ValueError("words of a vocabulary must be distinct")
        content = json.loads(self.to_json())
        content["model"]["vocab"] = {word: index for index, word in enumerate(words)}
        return self.from_json(json.dumps(content))

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Return the vocabulary that :meth:`to_json` wrote."""
        content = json.loads(text)
        normalizer = content["normalizer"] or {}
        steps = normalizer.get("normalizers", [normalizer])
        rules = tokenizer_rules()
        normalizes = steps[: len(rules)] == rules
        if normalizes:
            content["normalizer"] = {"type": "Sequence", "normalizers": steps[len(rules) :]}
            text = json.dumps(content)
        return cls(Tokenizer.from_str(text), normalizes=normalizes)

    def to_json(self) -> str:
        """Return the content of ``tokenizer.json``."""
        if not self._normalizes:
            return self._tokenizer.to_str(pretty=True) + "\n"
        content = json.loads(self._tokenizer.to_str())
        own = content["normalizer"]
        steps = own.get("normalizers", [own]) if own else []
        content["normalizer"] = {"type": "Sequence", "normalizers": [*tokenizer_rules(), *steps]}
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read ``tokenizer.json``.

        Raises:
            CheckpointMismatch: If the file is not a tokenizer of this toolkit.
        """
        try:
            return cls.from_json(read_text(path))
        # The tokenizers library raises bare Exception for any malformed file.
        except Exception as error:
            reason = stand_in(path) or f"not a usable tokenizer ({error})"
            raise CheckpointMismatch(f"{path}: {reason}") from error

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``, whole or not at all."""
        write_text(path, self.to_json())

    @property
    def sha256(self) -> str:
        """Fingerprint of the tokenizer's content."""
        return sha256_of_bytes(self.to_json().encode())

    @property
    def words(self) -> Sequence[str]:
        """Every word, by id."""
        return self._words

    def __len__(self) -> int:
        """Return V, special tokens included."""
        return len(self._words)

    def id_of(self, word: str) -> int:
        """Return the id of a word, that of ``<unk>`` if it is not in the vocabulary."""
        index = self._reader.token_to_id(word)
        return UNKNOWN if index is None else index

    def encode(self, text: str) -> list[int]:
        """Return the ids of one text, ``<eos>`` last."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, ``<eos>`` last.

        Raises:
            TypeError: See :func:`check_texts`; or if one of them is no text.
        """
        check_texts(texts)
        texts = list(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"row {row}: {type(text).__name__} is no text")
        texts = [normalized(text) for text in texts]
        encodings = self._reader.encode_batch_fast(texts, add_special_tokens=False)
        return [[*encoding.ids, EOS] for encoding in encodings]

    def parted(self, text: str) -> list[str]:
        """Return the words of one text, known or not, as they are parted and written here.

        Example:
            >>> Vocabulary.build(["a man runs ."], size=9).parted("A man can\u2019t fly.")
            ['a', 'man', 'ca', "n't", 'fly', '.']
        """
        plain, own = normalized(text), self._reader
        if own.normalizer is not None:
            plain = own.normalizer.normalize_str(plain)
        return [word for word, _ in own.pre_tokenizer.pre_tokenize_str(plain)]

    def word_counts(self, ids: Sequence[int]) -> WordCounts:
        """Return how many words of a sentence are known, and how many are not.

        Example:
            >>> vocabulary = Vocabulary.build(["a man runs ."], size=9)
            >>> vocabulary.word_counts(vocabulary.encode("Ein Mann l\u00e4uft ."))
            WordCounts(known=0, unknown=3, is_read=False)
        """
        known, unknown = sum(map(self._is_word.__getitem__, ids)), list(ids).count(UNKNOWN)
        is_read = bool(known) or (not unknown and any(index > UNKNOWN for index in ids))
        return WordCounts(known, unknown, is_read)

    @cached_property
    def _is_word(self) -> list[bool]:
        """Whether each entry is a word that is known, and no mark."""
        rest = self._words[len(SPECIAL_TOKENS) :]
        return [False] * len(SPECIAL_TOKENS) + [any(map(str.isalnum, word)) for word in rest]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words up to the first ``<eos>``, separated by spaces."""
        words = []
        for index in ids:
            if index == EOS:
                break
            if index not in (PAD, BOS):
                words.append(self._words[index])
        return " ".join(words)


def check_texts(texts: object) -> None:
    """Refuse one text in place of a list: it would be read as so many texts of one letter.

    Raises:
        TypeError: If it is a text.
    """
    if isinstance(texts, str | bytes):
        raise TypeError("one text, where a list of texts is expected: write [text]")


def _without_special_matching(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer with its special tokens as plain vocabulary entries.

    Otherwise a user's text that holds the characters ``<eos>`` would end its own sentence.
    """
    return _with_words(tokenizer, tokenizer.get_vocab())


def _with_words(tokenizer: Tokenizer, ids: dict[str, int]) -> Tokenizer:
    """Return a tokenizer that parts text as another does, and knows these words."""
    plain = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL_TOKENS[UNKNOWN]))
    if tokenizer.normalizer is not None:
        plain.normalizer = tokenizer.normalizer
    plain.pre_tokenizer = tokenizer.pre_tokenizer
    return plain


def _plain_words(words: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """Return words in the normalized form, each still once, and the ids by which they are read.

    A word that stands in several forms is read as its plain one, or else as the most frequent.
    """
    forms = [normalized(word) for word in words]
    ids = {
        word: index
        for index, (word, form) in enumerate(zip(words, forms, strict=True))
        if word == form
    }
    for index, form in enumerate(forms):
        if form:
            ids.setdefault(form, index)
    read = {index: word for word, index in ids.items()}
    return [read.get(index, word) for index, word in enumerate(words)], ids


def truncated(words: list[int], most: int = MOST_WORDS) -> list[int]:
    """Cut a sentence to so many words, its ``<eos>`` kept."""
    return words if len(words) <= most + 1 else [*words[:most], EOS]
