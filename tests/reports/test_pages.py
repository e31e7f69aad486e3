from pathlib import Path
from typing import Any

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.pages import (
    examples_block,
    pretraining_block,
    replace_blocks,
    samples_block,
    summary_block,
    trained_models,
)
from arae_toolkit.reports.plots import draw_code_space, draw_training_curve
from arae_toolkit.reports.results import Metric, read_results, summarise, write_result
from arae_toolkit.reports.tables.benchmarks import COMPARISONS, benchmarks_block

ROOT = Path(__file__).parents[2]
CORPUS: Any = {"name": "tiny", "rows": 1234, "sha256": "ab" * 32}


def _curve(start: float) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "nats_per_sentence": start / epoch,
            "code_norm": 1.0,
            "generated_norm": 1.1,
            "code_variance": 0.9,
            "generated_variance": 0.8,
            "neighbour_cosine": 0.3,
        }
        for epoch in (1, 2, 3)
    ]


def _write_model(folder: Path, run: str, kind: str, **metrics: Metric) -> None:
    write_result(
        folder,
        f"pretraining-{run}",
        command=f"arae-toolkit pretrain tiny --model {kind}",
        corpus=CORPUS,
        seeds=[0],
        device="cpu",
        seconds=7200,
        metrics=metrics,
        details={
            "model": kind,
            "precision": "fp32",
            "training_device": "a slow machine",
            "sentences": {"dev": 100, "test": 50},
            "samples_drawn": 10_000,
            "curve": _curve(20.0 if kind == "arae" else 15.0),
            "samples": [f"{kind} sample {index} ." for index in range(3)],
            "interpolations": [{"from": "a", "to": "b", "way": ["here .", "there ."]}],
        },
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the results of an AE and an ARAE."""
    nats = {"dev_nats_per_sentence": summarise([1.5], "nats")}
    _write_model(tmp_path, "a-plain-one", "ae", **nats)
    _write_model(
        tmp_path,
        "snli",
        "arae",
        dev_nats_per_sentence=summarise([2.5, 3.5], "nats"),
        dev_exact=summarise([61.25], "percent"),
        training_seconds=summarise([7200.0], "seconds"),
        dev_nats_per_sentence_2_swaps=summarise([6.0], "nats"),
    )
    return tmp_path


def _row(block: str, label: str) -> list[str]:
    (line,) = [line for line in block.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_models_stand_beside_the_papers_numbers(folder):
    block = pretraining_block(read_results(folder))
    assert block.splitlines()[0] == "|  | ARAE | AE | paper's ARAE | paper's AE |"
    assert _row(block, "reconstruction, dev, nats per sentence") == [
        *("3.00 ± 0.71", "1.50", "2.19", "1.06")
    ]
    assert _row(block, "2 swaps") == ["6.00", "", "5.39", "6.61"]
    assert _row(block, "sentences given back word for word, dev")[0] == "61.2 %"
    assert "time of" not in block  # trainings on different machines cannot be compared
    assert "1,234 training sentences" in block
    assert "`arae-toolkit pretrain tiny --model ae`, fp32, trained on a slow machine" in block


def test_two_models_of_a_kind_are_told_apart(folder):
    _write_model(folder, "other", "arae", dev_exact=summarise([1.0], "percent"))
    head = pretraining_block(read_results(folder)).splitlines()[0]
    assert head == "|  | ARAE (other) | ARAE (snli) | AE | paper's ARAE | paper's AE |"


def test_samples_are_those_of_the_arae(folder):
    block = samples_block(read_results(folder))
    assert "arae sample 0 .\narae sample 1 .\narae sample 2 ." in block
    assert "here .\nthere ." in block


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


@pytest.mark.parametrize("block", [pretraining_block, samples_block, benchmarks_block])
def test_without_results_a_block_says_what_to_run(block):
    with pytest.raises(
        ToolkitError, match=r"python -m arae_toolkit\.benchmarks\.|arae-toolkit report "
    ):
        block({})


def test_blocks_are_replaced_and_all_else_is_kept(folder):
    results = read_results(folder)
    text = "x\n<!-- results:samples -->\nold\n<!-- /results -->\ny <!-- not ours -->\n"
    once = replace_blocks(text, results)
    assert once == (
        f"x\n<!-- results:samples -->\n{samples_block(results)}\n<!-- /results -->\n"
        "y <!-- not ours -->\n"
    )
    assert replace_blocks(once, results) == once
    with pytest.raises(ToolkitError, match="no block 'speed'"):
        replace_blocks(text.replace("samples", "speed"), results)


@pytest.mark.parametrize("draw", [draw_training_curve, draw_code_space])
def test_figures_are_small_and_repeat_themselves(folder, draw, tmp_path):
    results = read_results(folder)
    first, second = tmp_path / "figures" / "1.png", tmp_path / "figures" / "2.png"
    draw(results, first)
    draw(results, second)
    assert first.read_bytes()[:4] == b"\x89PNG"
    assert 5_000 < first.stat().st_size < 100_000
    assert first.read_bytes() == second.read_bytes()
    without_ae = {model["name"]: model for model in trained_models(results)[:1]}
    draw(without_ae, second)
    assert first.read_bytes() != second.read_bytes()


def test_the_summary_has_eight_rows_from_the_files_of_results():
    rows = summary_block(read_results(ROOT / "results")).splitlines()[2:]
    assert len(rows) == 8
    assert all(line.split("|")[2].strip() for line in rows)


def test_the_examples_are_the_first_samples(folder):
    block = examples_block(read_results(folder))
    assert block == "```text\narae sample 0 .\narae sample 1 .\narae sample 2 .\n```"
