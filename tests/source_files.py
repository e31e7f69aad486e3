"""What the tests of corpus preparation share: rows in files, splits of a reader, bad rows."""

import contextlib
import json

import pytest

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError


@contextlib.contextmanager
def no_progress(description, total=None):
    """Show nothing."""
    yield lambda n=1: None


def write_json_lines(path, rows):
    """Write one JSON object a line and return the file as a source."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return SourceFile(path)


def splits_of(reader, folder, **options):
    """Return the sentences of each split that a reader finds in a folder, archive or file."""
    rows = reader.rows(SourceTree(folder), PrepareOptions(**options))
    return {split: list(read(RowLog())) for split, read in rows.sentences.items()}


def good_rows(read, place, problem, reason="malformed"):
    """Return the rows beside a bad one, which is named, or skipped and counted if asked for."""
    with pytest.raises(DataError) as raised:
        list(read(RowLog()))
    assert str(raised.value).startswith(f"{place}: {problem}")
    log = RowLog(skip=True)
    rows = list(read(log))
    assert log.take_dropped() == {reason: 1}
    return rows
