"""Writes the tables of results in README and docs, and the figures, from the files of results."""

from __future__ import annotations

from pathlib import Path

import click

from arae_toolkit.benchmarks.common import Benchmark, note
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.pages import CODE_SPACE, TRAINING_CURVE, TRANSFER_FIGURE, replace_blocks
from arae_toolkit.reports.plots import draw_code_space, draw_training_curve, draw_transfer
from arae_toolkit.reports.results import read_results
from arae_toolkit.storage.atomic_files import write_text

DRAWINGS = {
    TRAINING_CURVE: draw_training_curve,
    CODE_SPACE: draw_code_space,
    TRANSFER_FIGURE: draw_transfer,
}


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
    help="Text with marked blocks; more texts, and the figures, lie in docs beside it.",
)
@click.option("--check", is_flag=True, help="Change nothing; fail if something is out of date.")
def main(results_folder: Path, readme: Path, check: bool) -> None:
    """Write every block marked ``<!-- results:NAME -->`` ... ``<!-- /results -->`` afresh."""
    results = read_results(results_folder)
    texts = [readme, *sorted((readme.parent / "docs").glob("*.md"))]
    before = {path: path.read_text(encoding="utf-8") for path in texts}
    after = {path: replace_blocks(text, results) for path, text in before.items()}
    changed = [path for path in texts if before[path] != after[path]]
    figures = {
        readme.parent / path: draw for path, draw in DRAWINGS.items() if path in after[readme]
    }
    if check:
        stale = changed + [path for path in figures if not path.exists()]
        if stale:
            names = ", ".join(str(path) for path in stale)
            raise ToolkitError(
                f"out of date: {names}; run python -m arae_toolkit.benchmarks.tables"
            )
        return
    for path, draw in figures.items():
        draw(results, path)
    for path in changed:
        write_text(path, after[path])
    written = ", ".join(str(path) for path in changed)
    note(f"{written or 'no text'} written; {len(figures)} figures")


if __name__ == "__main__":
    main()
