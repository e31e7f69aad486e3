import json
import resource

import pytest

from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.training.metrics_log import (
    METRICS,
    RunLog,
    TensorBoardListener,
    dev_rows,
    read_rows,
    seconds_trained,
)


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def row(self, row: object) -> None:
        self.told.append(row)

    def tick(self, iteration: int) -> None:
        self.told.append(iteration)

    def note(self, text: str) -> None:
        self.told.append(text)


def test_rows_go_to_the_file_and_to_every_listener(tmp_path):
    """In order, the same content."""
    first, second = Heard(), Heard()
    log = RunLog(tmp_path, [first, second])
    row = {"kind": "train", "iteration": 1, "nats_per_sentence": 2.5}
    log.row(row)
    log.tick(2)
    log.note("a line")
    assert first.told == second.told == [row, 2, "a line"]
    assert read_rows(log.path) == [row]


def test_a_run_that_has_logged_nothing_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "metrics.jsonl") == dev_rows(tmp_path) == []


@pytest.mark.parametrize("torn", ["", '{"kind": "dev", "samp', '{"samples": ["caf\u00e9', "null"])
def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path, torn):
    """In the middle of a letter, too; line separators within a text are no line breaks."""
    log = RunLog(tmp_path)
    row = {"kind": "dev", "iteration": 3, "samples": ["caf\u00e9\u2028noir"]}
    log.row(row)
    whole = json.dumps(row, ensure_ascii=False).encode() + b"\n"
    assert log.path.read_bytes() == whole
    for size in range(len(torn.encode()) + 1):
        log.path.write_bytes(whole + torn.encode()[:size])
        assert read_rows(log.path) == [row]
    log.rewind(3)
    assert log.path.read_bytes() == whole


@pytest.mark.parametrize(
    "torn",
    [
        b'{"samples": ["caf\xc3',
        b"\0\0\0\0",
        b'{"kind": "dev"}\n',
        b'{"iteration": "x"}\n',
        b"\xff\n",
    ],
    ids=["character", "zeros", "no iteration", "another type", "no UTF-8"],
)
def test_rows_before_a_damaged_line_are_kept(tmp_path, torn):
    """And a resumed run writes on behind them."""
    log = RunLog(tmp_path)
    rows = [{"kind": "train", "iteration": number} for number in (1, 2)]
    for row in rows:
        log.row(row)
    with log.path.open("ab") as target:
        target.write(torn)
    assert read_rows(log.path) == rows
    log.rewind(1)
    log.row({"kind": "train", "iteration": 2})
    assert read_rows(log.path) == rows


def test_what_is_not_a_number_is_null_in_the_file(tmp_path):
    """JSON has no NaN."""
    log = RunLog(tmp_path)
    log.row({"kind": "dev", "iteration": 1, "wasserstein": float("nan")})
    assert json.loads(log.path.read_text())["wasserstein"] is None


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    """The place and what to do next."""
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(ToolkitError, match=r"metrics\.jsonl: cannot write"):
        RunLog(tmp_path).row({"kind": "train", "iteration": 1})


def test_tensorboard_gets_every_number(tmp_path):
    """Scalars under train/ and dev/, at their iterations."""
    pytest.importorskip("tensorboard")
    listener = TensorBoardListener(tmp_path)
    listener.row({"kind": "train", "iteration": 7, "nats_per_sentence": 2.5, "seconds": 1.0})
    listener.row({"kind": "dev", "iteration": 7, "exact": 50.0, "samples": ["a man ."]})
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {
        "train/nats_per_sentence",
        "train/seconds",
        "dev/exact",
    }
    (event,) = events.Scalars("dev/exact")
    assert (event.step, event.value) == (7, 50.0)


@pytest.mark.filterwarnings("error")
def test_a_disk_without_room_for_tensorboard_is_one_line(tmp_path):
    """Neither a traceback of a thread nor a path in bytes."""
    pytest.importorskip("tensorboard")
    listener = TensorBoardListener(tmp_path / "tensorboard")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
    try:
        with pytest.raises(ToolkitError, match=r"^/.*tfevents.*: cannot write \(File too large\)"):
            for iteration in range(20):
                listener.row({"kind": "train", "iteration": iteration, "seconds": 1.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (tmp_path / "file").touch()
    with pytest.raises(ToolkitError, match=r"^/.*: cannot write \(Not a directory\)"):
        TensorBoardListener(tmp_path / "file" / "tensorboard").row({"kind": "dev", "iteration": 1})
    TensorBoardListener(tmp_path / "none")
    assert not (tmp_path / "none").exists(), "who may not train there leaves nothing"


def test_a_log_that_never_ends_is_not_read(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(CheckpointMismatch, match=r"metrics\.jsonl: not a regular file"):
        RunLog(tmp_path).rewind(3)


def test_seconds_of_a_folder_are_those_of_all_runs_in_it(tmp_path):
    """Each log's last row has those of its run; one that was cut off counts as far as it goes."""
    for place, seconds in (("", [1.0, 4.0]), ("priors/flow", [2.5]), ("seed-1", [])):
        folder = tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{"iteration": n, "seconds": value} for n, value in enumerate(seconds)]
        (folder / METRICS).write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"iter')
    assert seconds_trained(tmp_path) == 6.5
