"""Faults planted in the toolkit, each of which a drill has to find, or it says nothing."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads do not outlive a fork

import filelock

from arae_toolkit.errors import DataError
from arae_toolkit.models import model_folder
from arae_toolkit.models.arae import ARAE
from arae_toolkit.recipes.shared import standard_streams
from arae_toolkit.storage import atomic_files, rows, safetensors_file
from arae_toolkit.training import experiment
from drills import forked
from drills.catalogue import DRILLS
from drills.materials import Materials
from drills.running import Plan, run_trial

MOST_TRIALS = 60
"""Of a drill, after which a fault counts as not found."""


class _Equal(str):
    """A fingerprint that is that of anything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def _forgiving(check: Callable[..., Any]) -> Callable[..., None]:
    """Return a check that finds nothing wrong."""

    def forgive(*given: Any, **more: Any) -> None:
        try:
            check(*given, **more)
        except ValueError:
            return

    return forgive


def _no_fingerprints() -> None:
    safetensors_file.tensors_sha256 = lambda _: _Equal("")


def _no_schema() -> None:
    model_folder.check_config = _forgiving(model_folder.check_config)


def _odd_rows_take_the_next_along() -> None:
    usable = rows._rows_of

    def less(*given: Any) -> Iterator[rows.Row]:
        before = None
        for row in usable(*given):
            if before is None or before.problem is None or row.problem is not None:
                yield row
            before = row

    rows._rows_of = less


def _another_exit_code() -> None:
    DataError.exit_code = 1


def _leftovers_for_ever() -> None:
    atomic_files.remove_leftovers = experiment.remove_leftovers = lambda *_, **__: None


def _full_disk_is_a_traceback() -> None:
    atomic_files.ToolkitError = RuntimeError


def _no_locks() -> None:
    filelock.FileLock.acquire = lambda *_, **__: None


def _closed_descriptors_stay_closed() -> None:
    standard_streams._take_closed_descriptors = lambda: None


def _rows_are_kept() -> None:
    kept, usable = [], rows._rows_of

    def keep(*given: Any) -> Iterator[rows.Row]:
        for row in usable(*given):
            kept.append(b"x" * (1 << 19))
            yield row

    rows._rows_of = keep


def _texts_in_a_field() -> None:
    encode = ARAE.encode

    def encode_later(self: ARAE, texts: list[str], **more: Any) -> Any:
        self.asked = texts
        time.sleep(0.002)
        return encode(self, self.asked, **more)

    ARAE.encode = encode_later


FAULTS: dict[str, Callable[[], None]] = {
    "damage": _no_fingerprints,
    "forgeries": _no_schema,
    "streams": _odd_rows_take_the_next_along,
    "corpora": _another_exit_code,
    "kills": _leftovers_for_ever,
    "disks": _full_disk_is_a_traceback,
    "twins": _no_locks,
    "descriptors": _closed_descriptors_stay_closed,
    "endless": _rows_are_kept,
    "sharing": _texts_in_a_field,
}


def found(name: str, materials: Materials, folder: Path) -> str:
    """Plant a fault in this process; return which trial of the drill finds it, and how."""
    FAULTS[name]()
    drill = DRILLS[name]
    plan = Plan([drill], {name: range(MOST_TRIALS)}, 0, "planted", float("inf"), brief=True)
    for number in range(MOST_TRIALS):
        record = run_trial(drill, plan, number, materials, folder)
        if record.verdict == "broken":
            return f"trial {number}: {record.what}: {record.words}"
    return ""


def main(names: list[str]) -> None:
    """Print for each drill, as a line of JSON, what it has found."""
    forked.warm_up()
    with tempfile.TemporaryDirectory(prefix="drills-") as place:
        folder = Path(place)
        materials = Materials.in_folder(folder / "materials", folder / "scratch")
        for name in names or FAULTS:
            work = forked.library(lambda name=name: found(name, materials, folder / "work"))
            done = forked.run(work, folder / "planted", seconds=1800)
            answer = json.loads(done.stdout) if done.code == 0 else ""
            line = json.dumps({"drill": name, "found": answer, "told": done.told})
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
