from pathlib import Path
from typing import Any

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.pages import (
    BLOCKS,
    examples_block,
    replace_blocks,
    summary_block,
)
from arae_toolkit.reports.plots import draw_transfer
from arae_toolkit.reports.results import Metric, read_results, summarise, write_result
from arae_toolkit.reports.tables.benchmarks import COMPARISONS, benchmarks_block

ROOT = Path(__file__).parents[2]
CORPUS: Any = {"name": "tiny", "rows": 1234, "sha256": "ab" * 32}


def _row(block: str, label: str) -> list[str]:
    (line,) = [line for line in block.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def _write_benchmark(folder: Path, name: str, device: str = "cpu", **metrics: Metric) -> None:
    write_result(
        folder,
        name,
        command=f"python -m benchmarks.{name}",
        corpus=None,
        seeds=[0],
        device=device,
        seconds=1,
        metrics=metrics,
        threads=2,
    )


def test_benchmarks_show_ratio_and_target(tmp_path):
    metrics = {
        "empty click program": summarise([100.0], "milliseconds"),
        "arae-toolkit": summarise([150.0, 154.0], "milliseconds", centre="median"),
        "over an empty program": summarise([1.52], "ratio"),
    }
    _write_benchmark(tmp_path, "startup", **metrics)
    _write_benchmark(tmp_path, "startup-cuda", device="cuda (X)", **metrics)
    block = benchmarks_block(read_results(tmp_path))
    label = "`arae-toolkit --help`, against an empty click program"
    assert _row(block, label) == ["100 ms", "152 ± 3 ms", "1.52", "at most 3"]
    assert _row(block, f"{label}, GPU")[-1] == ""
    assert "`python -m benchmarks.startup`: cpu, " in block
    assert ", 2 threads, torch " in block


def test_comparisons_name_no_row_twice():
    labels = [row.label for row in COMPARISONS]
    assert len(set(labels)) == len(labels)


NAMES_ITS_COMMAND = r"arae_toolkit\.benchmarks\.|arae-toolkit (evaluate gallery|reproduce)"


@pytest.mark.parametrize("name", ["examples", "benchmarks", "table3", "figure2"])
def test_without_results_a_block_says_what_to_run(name):
    with pytest.raises(ToolkitError, match=NAMES_ITS_COMMAND):
        BLOCKS[name]({})


GALLERY: Any = {
    "gallery-snli": {"details": {"runs": {"ARAE": {"samples": [f"{n} ." for n in "abcdefg"]}}}}
}


def test_blocks_are_replaced_and_all_else_is_kept():
    text = "x\n<!-- results:examples -->\nold\n<!-- /results -->\ny <!-- not ours -->\n"
    once = replace_blocks(text, GALLERY)
    assert once == (
        f"x\n<!-- results:examples -->\n{examples_block(GALLERY)}\n<!-- /results -->\n"
        "y <!-- not ours -->\n"
    )
    assert replace_blocks(once, GALLERY) == once
    with pytest.raises(ToolkitError, match="no block 'speed'"):
        replace_blocks(text.replace("examples", "speed"), GALLERY)


def test_the_figure_is_small_and_repeats_itself(tmp_path):
    results = read_results(ROOT / "results")
    first, second = tmp_path / "figures" / "1.png", tmp_path / "figures" / "2.png"
    draw_transfer(results, first)
    draw_transfer(results, second)
    assert first.read_bytes()[:4] == b"\x89PNG"
    assert 5_000 < first.stat().st_size < 100_000
    assert first.read_bytes() == second.read_bytes()


def test_the_summary_has_eight_rows_from_the_files_of_results():
    rows = summary_block(read_results(ROOT / "results")).splitlines()[2:]
    assert len(rows) == 8
    assert all(line.split("|")[2].strip() for line in rows)


def test_the_examples_are_the_first_samples():
    assert examples_block(GALLERY) == "```text\na .\nb .\nc .\nd .\ne .\n```"
