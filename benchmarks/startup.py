"""Start of the program: ``arae-toolkit --help`` against a click program that does nothing."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    out_option,
    ratios,
    setting,
)
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import Metric, summarise

NAME = "startup"
EMPTY_PROGRAM = '''import click


@click.command()
def main():
    """Do nothing."""


main()
'''


@click.command(cls=Benchmark, examples=["python -m arae_toolkit.benchmarks.startup"])
@click.option(
    "--rounds", type=click.IntRange(2), default=21, show_default=True, help="Starts of each."
)
@out_option
def main(rounds: int, out: Path) -> None:
    """Measure how long the command line takes to show its help."""
    here = setting(NAME, out)
    here.write(measure(here, rounds=rounds))


def measure(here: Setting, *, rounds: int) -> dict[str, Metric]:
    """Return the metrics of this benchmark, of so many starts of each program."""
    program = Path(sysconfig.get_path("scripts")) / "arae-toolkit"
    if not program.exists():
        raise ToolkitError(f"{program} is not there; install the package first: pip install -e .")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_PROGRAM, encoding="utf-8")
        numbers = alternate(
            {
                "empty click program": start(here, [sys.executable, str(empty), "--help"]),
                "arae-toolkit": start(here, [str(program), "--help"]),
            },
            rounds=rounds,
        )
    metrics = {
        name: summarise([1000 * value for value in values], "milliseconds", centre="median")
        for name, values in numbers.items()
    }
    over_empty = ratios(numbers["arae-toolkit"], numbers["empty click program"])
    return {**metrics, "over an empty program": over_empty}


def start(here: Setting, command: Sequence[str]) -> Callable[[], float]:
    """Return a run of a program that returns its seconds, with its modules compiled already."""

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    run()
    return lambda: here.seconds(run)


if __name__ == "__main__":
    main()
