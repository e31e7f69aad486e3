"""Writes what README and docs generate: tables of results, figures, and the tree of files."""

from __future__ import annotations

import re
from pathlib import Path

import click

from arae_toolkit.benchmarks.common import Benchmark, note
from arae_toolkit.benchmarks.layout import replace_trees
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.generation_plots import draw_frontier
from arae_toolkit.reports.pages import replace_blocks
from arae_toolkit.reports.plots import draw_transfer, draw_trials
from arae_toolkit.reports.results import read_results
from arae_toolkit.storage.atomic_files import write_text

DRAWINGS = {
    "frontier.png": draw_frontier,
    "sensitivity.png": draw_trials,
    "transfer.png": draw_transfer,
}
FIGURE = re.compile(r"\]\(([^)\s]*figures/([\w-]+\.png))\)")


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
    """Write every marked block of README and docs afresh.

    A block of results stands between ``<!-- results:NAME -->`` and ``<!-- /results -->``. The
    tree of folders and that of all modules stand between ``<!-- folders -->`` or ``<!-- tree -->``
    and their ends.
    """
    results, root = read_results(results_folder), readme.parent
    texts = [readme, *sorted((root / "docs").rglob("*.md"))]
    before = {path: path.read_text(encoding="utf-8") for path in texts}
    after = {
        path: replace_trees(replace_blocks(text, results), root) for path, text in before.items()
    }
    changed = [path for path in texts if before[path] != after[path]]
    figures = {
        (path.parent / place).resolve(): DRAWINGS[name]
        for path, text in after.items()
        for place, name in FIGURE.findall(text)
        if name in DRAWINGS
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
    texts_written = ", ".join(str(path) for path in changed)
    note(f"{texts_written or 'no text'} written; {len(figures)} figures")


if __name__ == "__main__":
    main()
