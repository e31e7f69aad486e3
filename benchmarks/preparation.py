"""Cost of preparing a corpus of SNLI's size: seconds and peak memory of the whole program."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from arae_toolkit.benchmarks.common import Measured, Setting, median, number, program
from arae_toolkit.benchmarks.programs import PROGRAM
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import summarise

# getrusage counts memory in bytes on macOS and in kibibytes elsewhere.
BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024


@program("preparation", "--size 1100000 --rounds 3", takes=())
@number("--size", 1_100_000, "Training sentences drawn.", least=100)
@number("--rounds", 1, "Runs.")
def main(here: Setting, *, size: int, rounds: int) -> Measured:
    """Measure ``arae-toolkit prepare synthetic`` at a given size."""
    with tempfile.TemporaryDirectory() as folder:
        costs = [prepare(here, size, Path(folder, str(turn))) for turn in range(rounds)]
        here.corpus, here.seeds = Corpus(Path(folder, "0")), [0]
        kept = here.corpus.rows("train")
    seconds, peaks = zip(*costs, strict=True)
    metrics = {
        "seconds": median(seconds, "seconds"),
        "peak memory": summarise([peak / 1e9 for peak in peaks], "GB"),
        "distinct training sentences": summarise([kept], "sentences"),
        "rate": median([kept / second for second in seconds], "sentences/s"),
    }
    return metrics, {}


def prepare(here: Setting, size: int, folder: Path) -> tuple[float, float]:
    """Prepare the synthetic corpus in a process of its own; return its seconds and peak bytes.

    Raises:
        ToolkitError: If it fails; what it said has gone to stderr.
    """
    command = ["prepare", "synthetic", "--size", str(size), "--seed", "0", "--out", str(folder)]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *command], stdout=subprocess.DEVNULL)
    peaks: list[int] = []

    def wait() -> None:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peaks.append(usage.ru_maxrss * BYTES_A_UNIT)

    seconds = here.seconds(wait)
    if process.returncode:
        raise ToolkitError(f"prepare synthetic failed with exit code {process.returncode}")
    return seconds, peaks[0]


if __name__ == "__main__":
    main()
