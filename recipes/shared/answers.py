"""Answers to a stream: what of its texts the model could read is counted, and told at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.progress import rows_of_file, say, stream_progress
from arae_toolkit.recipes.shared.row_streams import Answer, Request, open_request, write_answers
from arae_toolkit.recipes.shared.rows import Row, RowFormat

if TYPE_CHECKING:
    from arae_toolkit.data.vocabulary import Vocabulary
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nli.outside_encoder import AnyWords

UNKNOWN_WORDS = "unknown_words"
"""The field that says how many words of a row's texts the model does not know."""


class Readings:
    """What a model can read of the texts of a request: counts, told of at its end.

    Args:
        vocabulary: The model's.
        most_words: In a sentence that the model was trained on.
        cut: Whether the model reads no further.
        fate: What becomes of texts without a known word, such as ``not answered``.
        spelled: Returns texts as the model is given them.
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
        self.vocabulary, self.most_words, self.cut = vocabulary, most_words, cut
        self.fate, self.spelled = fate, spelled
        self.texts = self.longer = self.mostly_unknown = self.unread = 0

    def of(self, rows: Sequence[Row]) -> list[tuple[int, bool]]:
        """Return for each row how many words are unknown, and whether each text has a known one."""
        texts = [text for row in rows for text in row.texts]
        sentences = iter(self.vocabulary.encode_batch(self.spelled(texts)))
        found = []
        for row in rows:
            unknown, is_read = 0, True
            for _ in row.texts:
                sentence = next(sentences)
                counts = self.vocabulary.word_counts(sentence)
                unknown += counts.unknown
                is_read &= counts.is_read
                self.texts += 1
                self.longer += len(sentence) > self.most_words + 1  # one is <eos>
                self.mostly_unknown += counts.unknown > counts.known or not counts.is_read
                self.unread += not counts.is_read
            found.append((unknown, is_read))
        return found

    def tell(self, path: str) -> None:
        """Tell what was counted, if there is something to tell."""
        if self.longer:
            say(
                f"arae-toolkit: warning: {path}: texts longer than the {self.most_words} words "
                f"this model was trained on{', read up to there' if self.cut else ''}: "
                f"{self.longer:,}"
            )
        if self.mostly_unknown:
            fate = f", {self.unread:,} of them entirely" if self.unread else ""
            fate += f" and so {self.fate}" if self.unread and self.fate else ""
            say(
                f"arae-toolkit: warning: {path}: {self.mostly_unknown:,} of {self.texts:,} texts "
                f"are unknown words for more than half{fate}"
            )


def answers_to(
    request: Request,
    compute: Callable[[list[Row]], Sequence[Answer]],
    readings: Readings,
    *,
    unread: Answer | None = None,
    title: str | None = "answering",
) -> Iterator[list[tuple[Row, Answer | None]]]:
    """Yield the answers of a request, then tell what of its texts the model could not read.

    An answer of fields gets one more, :data:`UNKNOWN_WORDS`.

    Args:
        request: The rows.
        compute: As for :meth:`Request.answers`.
        readings: Counts what can be read.
        unread: The answer to a row of which a text has no known word; without one it is computed
            as for other rows.
        title: Of the display of how far it is; ``None`` shows none.
    """

    def answered(rows: list[Row]) -> list[Answer]:
        found = readings.of(rows)
        asked = [
            row for row, (_, is_read) in zip(rows, found, strict=True) if is_read or unread is None
        ]
        computed = iter(compute(asked) if asked else ())
        answers = []
        for unknown, is_read in found:
            answer: Any = next(computed) if is_read or unread is None else unread
            if isinstance(answer, Mapping):
                answer = {**answer, UNKNOWN_WORDS: unknown}
            answers.append(answer)
        return answers

    shown = (
        contextlib.nullcontext(lambda n=1: None)
        if title is None
        else stream_progress(title, partial(rows_of_file, request.path))
    )
    with shown as advance:
        for batch in request.answers(answered):
            yield batch
            advance(len(batch))
    readings.tell(request.path)


def answer_stream(
    source: str | None,
    load: Callable[[], ARAE],
    compute: Callable[[ARAE, list[Row], RowFormat], Sequence[Mapping[str, Any]]],
    *,
    field: str,
    lines: int = 1,
    unread: Mapping[str, Any] | None = None,
    **rows: Any,
) -> None:
    """Answer the rows of a text model's command on stdout, batch by batch.

    Args:
        source: As for :func:`open_request`.
        load: Returns the model; called once the source is open.
        compute: Returns the fields that answer each row; called with the model, usable rows and
            the format of the answers.
        field: What lines of text hold of an answer.
        lines: How many lines an answer has.
        unread: The answer to a row of which a text has no known word; nothing in ``field`` unless
            given.
        rows: Further arguments of :func:`open_request`.

    Raises:
        DataError: Once every answer is out, if a row could not be used.
    """
    with open_request(source, **rows) as request:
        model = load()
        answers = answers_to(
            request,
            lambda batch: compute(model, batch, request.output_format),
            Readings(model.vocabulary, most_words=model.max_length, fate="not answered"),
            unread=unread or {field: None},
        )
        for batch in answers:
            write_answers(batch, request.output_format, field=field, lines=lines)
    request.check()
