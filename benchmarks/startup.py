"""Start of the program: ``arae-toolkit --help`` against a click program that does nothing."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from arae_toolkit.benchmarks.common import Measured, Setting, median, number, program, ratios
from arae_toolkit.errors import ToolkitError

EMPTY_PROGRAM = '''import click


@click.command()
def main():
    """Do nothing."""


main()
'''


@program("startup", "", takes=())
@number("--rounds", 21, "Starts of each.", least=2)
def main(here: Setting, *, rounds: int) -> Measured:
    """Measure how long the command line takes to show its help."""
    installed = Path(sysconfig.get_path("scripts")) / "arae-toolkit"
    if not installed.exists():
        raise ToolkitError(f"{installed} is not there; install the package first: pip install -e .")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_PROGRAM, encoding="utf-8")
        numbers = here.alternate(
            {
                "empty click program": start(here, [sys.executable, str(empty), "--help"]),
                "arae-toolkit": start(here, [str(installed), "--help"]),
            },
            rounds=rounds,
        )
    metrics = {
        name: median([1000 * value for value in values], "milliseconds")
        for name, values in numbers.items()
    }
    metrics["over an empty program"] = ratios(
        numbers["arae-toolkit"], numbers["empty click program"]
    )
    return metrics, {}


def start(here: Setting, command: Sequence[str]) -> Callable[[], float]:
    """Return a run of a program that returns its seconds, with its modules compiled already."""

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    run()
    return lambda: here.seconds(run)


if __name__ == "__main__":
    main()
