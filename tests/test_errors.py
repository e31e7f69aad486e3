from pathlib import Path

import pytest

from arae_toolkit import errors
from arae_toolkit.errors import DataError, ToolkitError


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({}, "empty file"),
        ({"path": Path("a.jsonl")}, "a.jsonl: empty file"),
        ({"path": "a.jsonl", "line": 3}, "a.jsonl:3: empty file"),
        (
            {"path": "a.jsonl", "line": 3, "hint": "leave it out"},
            "a.jsonl:3: empty file; leave it out",
        ),
    ],
)
def test_a_data_error_tells_place_problem_and_hint_in_one_line(place, line):
    assert str(DataError("empty file", **place)) == line


def test_each_kind_of_failure_has_an_exit_code_of_its_own():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ToolkitError)
    ]
    codes = [kind.exit_code for kind in kinds if "exit_code" in vars(kind)]
    assert sorted(codes) == [1, 2, 3, 4, 5]  # 2 is click's as well, for wrong usage
    assert all(str(kind.exit_code) in (kind.__doc__ or "") for kind in kinds)
