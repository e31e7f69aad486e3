"""Answers to a stream: given batch by batch, and at the end what of its texts could not be read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from arae_toolkit.bulk.row_answers import Readings, RowAnswers
from arae_toolkit.recipes.shared.progress import rows_of_file, say, stream_progress
from arae_toolkit.recipes.shared.row_streams import Answer, Request, open_request, write_answers
from arae_toolkit.storage.rows import Row, RowFormat

if TYPE_CHECKING:
    from arae_toolkit.models.arae import ARAE


def answers_to(
    request: Request, answers: RowAnswers[Answer], *, title: str | None = "answering"
) -> Iterator[list[tuple[Row, Answer | None]]]:
    """Yield the answers of a request, then tell what of its texts the model could not read.

    Args:
        request: The rows.
        answers: What the model answers to them.
        title: Of the display of how far it is; ``None`` shows none.
    """

    def compute(rows: list[Row]) -> list[Answer]:
        return answers.to(rows, brief=request.output_format == "lines")

    shown = (
        contextlib.nullcontext(lambda n=1: None)
        if title is None
        else stream_progress(title, partial(rows_of_file, request.path))
    )
    with shown as advance:
        for batch in request.answers(compute):
            yield batch
            advance(len(batch))
    for note in answers.readings.counts.notes(request.path):
        say(f"arae-toolkit: warning: {note}")


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
        answers = RowAnswers(
            lambda batch, _: compute(model, batch, request.output_format),
            Readings(model.vocabulary, most_words=model.max_length, fate="not answered"),
            unread=unread or {field: None},
        )
        for batch in answers_to(request, answers):
            write_answers(batch, request.output_format, field=field, lines=lines)
    request.check()
