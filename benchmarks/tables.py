"""Writes the README's tables of results and the figures in ``docs/`` from the files of results."""

from __future__ import annotations

from pathlib import Path

import click

from arae_toolkit.benchmarks.common import Benchmark, note
from arae_toolkit.errors import ToolkitError
from arae_toolkit.files import write_text
from arae_toolkit.plots import draw_code_space, draw_training_curve
from arae_toolkit.report import CODE_SPACE, TRAINING_CURVE, replace_blocks
from arae_toolkit.results import read_results

DRAWINGS = {TRAINING_CURVE: draw_training_curve, CODE_SPACE: draw_code_space}


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.tables",
        "python -m arae_toolkit.benchmarks.tables --check",
    ],
)
@click.option(
    "--results",
    "results_folder",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the result files.",
)
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("README.md"),
    show_default=True,
    help="Text with marked blocks; the figures lie beside it, in docs/figures.",
)
@click.option("--check", is_flag=True, help="Change nothing; fail if something is out of date.")
def main(results_folder: Path, readme: Path, check: bool) -> None:
    """Write every block marked ``<!-- results:NAME -->`` ... ``<!-- /results -->`` afresh."""
    results = read_results(results_folder)
    before = readme.read_text(encoding="utf-8")
    after = replace_blocks(before, results)
    figures = {readme.parent / path: draw for path, draw in DRAWINGS.items() if path in after}
    if check:
        stale = [readme] * (before != after) + [path for path in figures if not path.exists()]
        if stale:
            names = ", ".join(str(path) for path in stale)
            raise ToolkitError(
                f"out of date: {names}; run python -m arae_toolkit.benchmarks.tables"
            )
        return
    for path, draw in figures.items():
        draw(results, path)
    if after != before:
        write_text(readme, after)
    note(f"{readme}: {'written' if after != before else 'up to date'}; {len(figures)} figures")


if __name__ == "__main__":
    main()
