"""Answers of models to rows of text: the same for the streams of the command line and bulk work.

torch is imported by whoever loads the model, and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from arae_toolkit.errors import NotFound
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.rows import Row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from arae_toolkit.data.vocabulary import Vocabulary
    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nli.model import NLIModel
    from arae_toolkit.nli.outside_encoder import AnyWords
    from arae_toolkit.transfer.model import TransferModel

Answer = TypeVar("Answer")
Fields = Mapping[str, Any]

UNKNOWN_WORDS = "unknown_words"
"""The field that says how many words of a row's texts the model does not know."""
ALL = "all"
"""Stands for every label of a model that transfers."""
PAIRS_ON_CPU = 64
"""Pairs computed together on a CPU: the states of more do not stay in its cache."""


@dataclass
class ReadingCounts:
    """What a model could read of texts, and made of them.

    Attributes:
        most_words: In a sentence that the model was trained on.
        cut: Whether the model reads no further.
        fate: What becomes of texts without a known word, such as ``not answered``.
        texts: All of them.
        longer: Those of more words.
        mostly_unknown: Those of which more than half the words are unknown.
        unread: Those of which no word is known.
        refused: Those given back because no rewriting was fluent enough.
    """

    most_words: int
    cut: bool = False
    fate: str = ""
    texts: int = 0
    longer: int = 0
    mostly_unknown: int = 0
    unread: int = 0
    refused: int = 0

    def add(self, other: ReadingCounts) -> None:
        """Count the texts of another as well, which were read by the same model."""
        for name in ("texts", "longer", "mostly_unknown", "unread", "refused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def fresh(self) -> ReadingCounts:
        """Return the counts of no text."""
        return ReadingCounts(self.most_words, self.cut, self.fate)

    def notes(self, path: str) -> list[str]:
        """Return what is to be told of the texts of a source, a line each."""
        found = []
        if self.longer:
            found.append(
                f"{path}: texts longer than the {self.most_words} words this model was trained on"
                f"{', read up to there' if self.cut else ''}: {self.longer:,}"
            )
        if self.mostly_unknown:
            fate = f", {self.unread:,} of them entirely" if self.unread else ""
            fate += f" and so {self.fate}" if self.unread and self.fate else ""
            found.append(
                f"{path}: {self.mostly_unknown:,} of {self.texts:,} texts are mostly unknown "
                f"words{fate}"
            )
        if self.refused:
            found.append(
                f"{path}: given back, because no rewriting was fluent enough: {self.refused:,}; "
                "see --candidates and --min-fluency"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> ReadingCounts:
        """Return the counts of a JSON object.

        Raises:
            TypeError: If it is of anything else.
            KeyError: If one is missing.
        """
        counts = cls(**{field.name: value[field.name] for field in fields(cls)})
        for name, kind in get_type_hints(cls).items():
            if type(getattr(counts, name)) is not kind:
                raise TypeError(f"{name} is no {kind.__name__}")
        return counts


class Readings:
    """What a model can read of texts, counted.

    Args:
        vocabulary: The model's.
        most_words: In a sentence that the model was trained on.
        cut: Whether the model reads no further.
        fate: What becomes of texts without a known word.
        spelled: Returns texts as the model is given them.

    Attributes:
        counts: Of all texts so far.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | AnyWords,
        *,
        most_words: int,
        cut: bool = False,
        fate: str = "",
        spelled: Callable[[Sequence[str]], Sequence[str]] = list,
    ) -> None:
        self.vocabulary, self.spelled = vocabulary, spelled
        self.counts = ReadingCounts(most_words, cut, fate)

    def of(self, rows: Sequence[Row]) -> list[tuple[int, bool]]:
        """Return for each row how many words are unknown, and whether each text has a known one."""
        texts = [text for row in rows for text in row.texts]
        sentences = iter(self.vocabulary.encode_batch(self.spelled(texts)))
        counted, found = self.counts, []
        for row in rows:
            unknown, is_read = 0, True
            for _ in row.texts:
                sentence = next(sentences)
                counts = self.vocabulary.word_counts(sentence)
                unknown += counts.unknown
                is_read &= counts.is_read
                counted.texts += 1
                counted.longer += len(sentence) > counted.most_words + 1  # one is <eos>
                counted.mostly_unknown += counts.unknown > counts.known or not counts.is_read
                counted.unread += not counts.is_read
            found.append((unknown, is_read))
        return found


class RowAnswers(Generic[Answer]):
    """What a model answers to rows. An answer of fields gets one more, :data:`UNKNOWN_WORDS`.

    Args:
        compute: Returns one answer per row; called with usable rows only, and with whether their
            answers are to be brief: ``field`` alone.
        readings: Counts what can be read.
        unread: The answer to a row of which a text has no known word; without one it is computed
            as for other rows.
        field: What lines of text hold of an answer; ``None`` where lines can hold none.
        example: An answer, by which the columns of a table are named and typed.
    """

    def __init__(
        self,
        compute: Callable[[list[Row], bool], Sequence[Answer]],
        readings: Readings,
        *,
        unread: Answer | None = None,
        field: str | None = None,
        example: Fields | None = None,
    ) -> None:
        self.readings, self.field = readings, field
        self.example = {**(example or {}), UNKNOWN_WORDS: 0}
        self._compute, self._unread = compute, unread

    def to(self, rows: list[Row], *, brief: bool = False) -> list[Answer]:
        """Return the answer to each of some usable rows."""
        found, unread = self.readings.of(rows), self._unread
        asked = [
            row for row, (_, is_read) in zip(rows, found, strict=True) if is_read or unread is None
        ]
        computed = iter(self._compute(asked, brief) if asked else ())
        answers = []
        for unknown, is_read in found:
            answer: Any = next(computed) if is_read or unread is None else unread
            if isinstance(answer, Mapping):
                answer = {**answer, UNKNOWN_WORDS: unknown}
            answers.append(answer)
        return answers


def code_answers(model: ARAE) -> RowAnswers[Fields]:
    """Return what ``encode`` answers: the code of each text."""

    def compute(rows: list[Row], brief: bool) -> list[Fields]:
        codes: list[list[float]] = model.encode([row.texts[0] for row in rows]).tolist()
        return [{"code": code} for code in codes]

    return RowAnswers(compute, _whole_texts(model), unread={"code": None}, example={"code": [0.0]})


def reconstruction_answers(model: ARAE, decoding: Decoding) -> RowAnswers[Fields]:
    """Return what ``reconstruct`` answers: each text out of its own code, and how likely it is."""

    def compute(rows: list[Row], brief: bool) -> list[Fields]:
        sentences = [row.texts[0] for row in rows]
        answers = model.reconstruct(sentences, decoding=decoding)
        if brief:
            return [{"reconstruction": answer} for answer in answers]
        return [
            {"reconstruction": answer, "nats": significant(nats), "tokens": tokens}
            for answer, nats, tokens in zip(answers, *model.nats(sentences), strict=True)
        ]

    return RowAnswers(
        compute,
        _whole_texts(model),
        unread={"reconstruction": None, "nats": None, "tokens": None},
        field="reconstruction",
        example={"reconstruction": "", "nats": 0.0, "tokens": 0},
    )


def _whole_texts(model: ARAE) -> Readings:
    return Readings(model.vocabulary, most_words=model.max_length, fate="not answered")


def label_answers(model: NLIModel) -> RowAnswers[Fields]:
    """Return what ``nli predict`` answers: the label of each pair, with all probabilities."""

    def compute(rows: list[Row], brief: bool) -> list[Fields]:
        return [
            {
                "label": model.labels[scores.argmax()],
                "probabilities": significant(dict(zip(model.labels, scores.tolist(), strict=True))),
            }
            for scores in probabilities_of(rows, model)
        ]

    return RowAnswers(
        compute,
        pair_readings(model, fate="not answered"),
        unread={"label": None, "probabilities": None},
        field="label",
        example={"label": "", "probabilities": dict.fromkeys(model.labels, 0.0)},
    )


def pair_readings(model: NLIModel, *, fate: str) -> Readings:
    """Return what counts how a classifier of pairs reads their texts."""
    from arae_toolkit.data.vocabulary import MOST_WORDS

    return Readings(model.reader, most_words=MOST_WORDS, cut=True, fate=fate)


def probabilities_of(rows: Sequence[Row], model: NLIModel) -> npt.NDArray[np.float64]:
    """Return the probability of each label for each row. Shape (N, A)."""
    pairs = [(row.texts[0], row.texts[1]) for row in rows]
    batch_size = PAIRS_ON_CPU if model.device.type == "cpu" else max(1, len(pairs))
    return model.probabilities(pairs, batch_size=batch_size)


def transfer_answers(
    model: TransferModel, targets: Sequence[str], **rewriting: Any
) -> RowAnswers[list[Fields]]:
    """Return what ``transfer`` answers: each text rewritten towards each target.

    Args:
        model: The model.
        targets: Its labels, as :func:`targets_of` returns them.
        **rewriting: As for ``transfer_natural``.
    """
    from arae_toolkit.data.vocabulary import MOST_WORDS
    from arae_toolkit.transfer.detokenization.natural_text import readable_texts

    readings = Readings(
        model.vocabulary,
        most_words=MOST_WORDS,
        cut=True,
        fate="given back",
        spelled=partial(readable_texts, model.vocabulary),
    )

    def compute(rows: list[Row], brief: bool) -> list[list[Fields]]:
        answers = rewritten([row.texts[0] for row in rows], targets, model, **rewriting)
        refused = (one["refused"] and one["unchanged"] for own in answers for one in own)
        readings.counts.refused += sum(map(bool, refused))
        return answers

    example = {"transferred": "", "to": "", **dict.fromkeys(_MEASURES, 0.0)}
    example |= {"unchanged": False, "refused": 0}
    return RowAnswers(compute, readings, field="transferred", example=example)


_MEASURES = ("attribute_probability", "content_bleu", "nats_per_token", "fluency")
_MARKS = ("unchanged", "refused", UNKNOWN_WORDS)


def targets_of(model: TransferModel, asked: Sequence[str], *, run: str) -> list[str]:
    """Return the labels asked for, each once; ``all`` stands for every one that the model knows.

    Raises:
        NotFound: If the model does not know one of them.
    """
    targets: dict[str, None] = {}
    for name in asked:
        try:
            everything = name == ALL and ALL not in model.attributes
            names = model.attributes if everything else [model.attributes[model.value_of(name)]]
        except ValueError as error:
            raise NotFound(str(error), path=run) from error
        targets |= dict.fromkeys(names)
    return list(targets)


def rewritten(
    texts: Sequence[str], targets: Sequence[str], model: TransferModel, **rewriting: Any
) -> list[list[Fields]]:
    """Return what is written of each text towards each target, in the style of the text."""
    from arae_toolkit.transfer.detokenization.natural_text import transfer_natural

    each = [text for text in texts for _ in targets]
    answers = iter(transfer_natural(model, each, list(targets) * len(texts), **rewriting))
    return [
        [
            {
                "transferred": answer.text,
                "to": target,
                **{name: significant(getattr(answer, name)) for name in _MEASURES},
                **{name: getattr(answer, name) for name in _MARKS},
            }
            for target, answer in zip(targets, answers, strict=False)
        ]
        for _ in texts
    ]
