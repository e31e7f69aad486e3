"""Odd inputs by hypothesis: bytes, JSON and text, and the smallest one that breaks a promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from drills.frame import Trial

Value = TypeVar("Value")
EXAMPLES = 20
"""Inputs of a trial, before those that make a failing one smaller."""
_SHOWN = 300

_WORDS = st.sampled_from(
    ["a", "man", "runs", ".", "dog", "zebra", "_num_", "<unk>", "<pad>", "\u200b"]
)
_ODD = st.text(
    st.characters(exclude_categories=[])
    | st.sampled_from(list("\0\n\r\t\x0b\x1c\x85\u2028\ufeff\ufffd\ud800\udfff\u202e\"',\\{}[]"))
)
TEXTS = st.one_of(
    st.lists(_WORDS, min_size=1, max_size=12).map(" ".join),
    _ODD,
    st.builds(lambda text, times: text * times, _ODD, st.sampled_from([1, 40, 3_000])),
)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(2**63), 2**64, 1e308, -0.0])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | _ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ODD, inner, max_size=4),
    max_leaves=8,
)
_DEEP = st.sampled_from([10, 1_000, 100_000]).map(lambda depth: b"[" * depth + b"]" * depth)


def lines(fields: list[str]) -> st.SearchStrategy[bytes]:
    """Return lines of any kind: rows of such fields, rows nearly so, and what is no row at all."""
    row = st.fixed_dictionaries(
        {}, optional=dict.fromkeys([*fields, "id", "error", "label"], TEXTS | JSON)
    )
    written = st.builds(
        lambda value, plain: json.dumps(value, ensure_ascii=plain).encode(errors="surrogatepass"),
        row | JSON,
        st.booleans(),
    )
    cut = st.builds(lambda line, place: line[: place % (len(line) + 1)], written, st.integers(0))
    doubled = st.builds(lambda line: line + b" " + line, written)
    raw = TEXTS.map(lambda text: text.encode(errors="surrogatepass"))
    long = st.sampled_from([(1 << 20) + 1, 1 << 17]).map(lambda size: b"x" * size)
    return st.one_of(written, written, cut, doubled, raw, st.binary(), _DEEP, long)


def streams(fields: list[str]) -> st.SearchStrategy[bytes]:
    """Return streams of such lines, with any line ends, the last of which may be missing."""
    ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"", b"\n\n"])
    return st.builds(
        lambda mark, parts: mark + b"".join(line + end for line, end in parts),
        st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"]),
        st.lists(st.tuples(lines(fields), ends), max_size=8),
    )


def tried(trial: Trial, values: st.SearchStrategy[Value], attempt: Callable[[Value], None]) -> None:
    """Try a promise on values; what breaks it is made as small as possible.

    Args:
        trial: Its number fixes the values; it is told how many there were, and the one that fails.
        values: To choose from.
        attempt: Raises :class:`drills.frame.Broken`.
    """
    trial.examples = 0
    what = trial.what

    @seed(trial.number_seed)
    @settings(
        max_examples=EXAMPLES if trial.brief else 5 * EXAMPLES,
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(values)
    def check(value: Value) -> None:
        trial.examples += 1
        trial.what = f"{what}: {value!r}"[:_SHOWN]
        attempt(value)

    check()
    trial.what = what
