from itertools import count
from typing import Any

import pytest

from arae_toolkit.recipes.shared import training_display


@pytest.mark.parametrize(
    ("done", "shown"),
    [
        (2, "20 rows/s, 0 min 49 s left"),
        (40, "20 rows/s, 0 min 30 s left"),
        (100, "20 rows/s, 0 min 00 s left"),
    ],
)
def test_the_time_left_is_that_of_the_iterations_left(monkeypatch, capsys, done, shown):
    assert _shown(monkeypatch, capsys, done=done, iterations=100, seconds=0.5 * done) == shown


def test_a_minute_has_no_sixtieth_second(monkeypatch, capsys):
    found = _shown(monkeypatch, capsys, done=1, iterations=2, seconds=119.7)
    assert found == "0 rows/s, 2 min 00 s left"


def _shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    done: int,
    iterations: int,
    seconds: float,
) -> str:
    """Return what is shown of the rate when so many iterations have taken so many seconds."""
    clock = count(0.0, seconds)
    monkeypatch.setattr(training_display.time, "monotonic", lambda: next(clock))
    shown = training_display.TrainingDisplay(iterations=iterations, batch_size=10, rows="rows")
    shown.tick(0)
    row: dict[str, Any] = {"kind": "train", "iteration": done, "epoch": 0.0}
    shown.row(row)
    return capsys.readouterr().err.split("  ")[1].strip()
