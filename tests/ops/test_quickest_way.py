"""Ways of computing the same are timed once a machine, and the answer is kept."""

import json

import pytest

from arae_toolkit.ops import quickest_way
from arae_toolkit.ops.quickest_way import answers, quickest


@pytest.fixture
def timed(monkeypatch, tmp_path):
    """Return a function that asks with ways of given seconds, and what was computed so far."""
    now, computed = [0.0], []
    monkeypatch.setattr(quickest_way.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(quickest_way, "_found", {})
    monkeypatch.setenv("ARAE_CACHE", str(tmp_path / "cache"))

    def ask(question="tanh", at_least=1.0, busy=0.0, **seconds):
        def way(name):
            def compute():
                computed.append(name)
                now[0] += seconds[name] + busy * (len(computed) < 8)

            return compute

        return quickest(question, lambda: {name: way(name) for name in seconds}, at_least=at_least)

    return ask, computed


@pytest.mark.parametrize(
    ("seconds", "at_least", "expected"),
    [
        ({"first": 6.0, "second": 1.0}, 2, "second"),
        ({"first": 1.9, "second": 1.0}, 2, "first"),
        ({"first": 1.9, "second": 1.0}, 1, "second"),
        ({"first": 1.0, "second": 1.0}, 1, "first"),
    ],
)
def test_another_way_must_be_so_many_times_as_quick(timed, seconds, at_least, expected):
    ask, _ = timed
    assert ask(at_least=at_least, **seconds) == expected


def test_the_shortest_time_counts(timed):
    """A machine is busy now and then."""
    ask, _ = timed
    assert ask(busy=50.0, first=2.0, second=1.0) == "second"


def test_an_answer_is_kept_by_processor_and_version(timed, monkeypatch, tmp_path):
    ask, computed = timed
    ask(first=2.0, second=1.0)
    done = len(computed)
    assert ask(first=1.0, second=2.0) == "second"
    monkeypatch.setattr(quickest_way, "_found", {})  # another process
    assert ask(first=1.0, second=2.0) == "second"
    assert len(computed) == done
    assert answers() == {"tanh": "second"}
    ask("other", first=1.0, second=2.0)
    assert answers() == {"tanh": "second", "other": "first"}
    monkeypatch.setattr(quickest_way, "_found", {})
    monkeypatch.setattr(quickest_way, "cpu_model", lambda: "Another CPU")
    assert answers() == {}
    assert ask(first=1.0, second=2.0) == "first"
    (path,) = (tmp_path / "cache").glob("*.json")
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize("content", ["", "[1]", '{"x": 3}', '{"x'])
def test_a_damaged_file_or_none_that_can_be_written_is_no_obstacle(timed, content, tmp_path):
    ask, _ = timed
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / quickest_way.FILE).write_text(content)
    assert ask(first=2.0, second=1.0) == "second"
    assert answers() == {"tanh": "second"}
    (folder / quickest_way.FILE).unlink()
    folder.rmdir()
    folder.write_text("no folder")
    assert ask("other", first=2.0, second=1.0) == "second"


@pytest.mark.parametrize("answer", [5, ["second"], {"second": 1}, "third"])
def test_an_answer_that_is_none_of_the_ways_is_timed_again(timed, monkeypatch, answer, tmp_path):
    ask, _ = timed
    ask(first=2.0, second=1.0)
    (path,) = (tmp_path / "cache").glob("*.json")
    content = json.loads(path.read_text())
    (kept,) = content.values()
    kept["tanh"] = answer
    path.write_text(json.dumps(content))
    monkeypatch.setattr(quickest_way, "_found", {})
    assert ask(first=2.0, second=1.0) == "second"
    assert answers() == {"tanh": "second"}
