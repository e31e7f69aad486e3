"""Figures 3, 4 and 5 as tables, from results of a few numbers."""

import pytest

from arae_toolkit.reports.results import summarise
from arae_toolkit.reports.tables.latent import (
    PAPER_OFFSETS,
    PAPER_SWAPS,
    figure3,
    figure4,
    figure5,
    matches_from,
    mean_curve,
)

BUDGET = {"kind": "text", "epochs": 2.5, "hidden_size": 16, "code_size": 8}


def result_of(metrics, **details):
    return {
        "seeds": [0, 1],
        "corpus": {"name": "captions", "rows": 1234, "sha256": "0"},
        "metrics": {name: summarise(values, unit) for name, (values, unit) in metrics.items()},
        "details": {"budget": BUDGET, **details},
    }


def row_of(text, start):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_papers_figures_are_those_printed():
    assert list(PAPER_OFFSETS) == ["walking", "man", "two", "dog", "standing", "several"]
    assert PAPER_OFFSETS["several"] == (70, 67.0)
    assert PAPER_SWAPS["AE"][4] > PAPER_SWAPS["ARAE"][4]
    assert PAPER_SWAPS["AE"][0] < PAPER_SWAPS["ARAE"][0]


def test_the_mean_of_curves_is_taken_evaluation_by_evaluation():
    curves = [[{"epoch": 1, "a": 1.0}, {"epoch": 2, "a": 3.0}], [{"epoch": 1, "a": 2.0, "b": 9.0}]]
    assert mean_curve(curves) == [{"epoch": 1.0, "a": 1.5}]


@pytest.mark.parametrize(
    ("second", "epoch"),
    [([1, 1, 1], 1), ([0.5, 0.95, 1.09], 2), ([1, 2, 1], 3), ([1, 1, 2], None)],
)
def test_two_measurements_match_from_where_they_no_longer_part(second, epoch):
    curve = [{"epoch": i + 1, "a": 1.0, "b": value} for i, value in enumerate(second)]
    assert matches_from(curve, "a", "b") == epoch


def test_figure_3_tells_norms_variances_and_cosines_beside_what_the_paper_saw():
    curve = [
        {"epoch": 1.0, "code_norm": 1.0, "generated_norm": 0.5, "neighbour_cosine": 0.4},
        {"epoch": 2.0, "code_norm": 1.0, "generated_norm": 1.0, "neighbour_cosine": 0.8},
    ]
    metrics = {f"ARAE, {key}": ([value], "") for key, value in curve[-1].items()}
    text = figure3(result_of(metrics, curves={"ARAE": [curve]}))
    assert row_of(text, "ARAE")[:4] == ["ARAE", "1.00", "1.00", "2.0"]
    assert row_of(text, "ARAE")[-3:] == ["0.80", "", "0.40"]
    assert "paper's ARAE" in text
    assert "1,234 sentences of captions for 2.5 epochs with 16 units and codes of 8;" in text


def test_figure_4_sets_the_papers_nats_beside_ours():
    metrics = {
        "ARAE, 0 swaps, nats_per_sentence": ([2.0, 3.0], "nats per sentence"),
        "ARAE, 0 swaps, restored": ([50.0], "percent"),
        "inputs, 0 swaps, perplexity": ([12.0], "per token"),
    }
    text = figure4(result_of(metrics, cells={"ARAE": []}, swaps=0, count=20))
    costs, written = (row_of(part, "0") for part in text.split("\n\n")[:2])
    assert costs == ["0", "2.50 ± 0.71", "1.06", "2.19"]
    assert written == ["0", "", "12.00", "50.0 %"]


def test_figure_5_sets_the_controls_and_the_papers_figures_beside_ours():
    metrics = {
        "ARAE, man, offset, match": ([90.0], "percent"),
        "ARAE, man, offset, precision": ([70.0], "percent"),
        "ARAE, man, none, match": ([5.0], "percent"),
    }
    cells = {"ARAE": [{"temperature": 0.3, "scale": 1.5}, {"temperature": 0.7, "scale": 1.0}]}
    paper = {"man": PAPER_OFFSETS["man"]}
    text = figure5(result_of(metrics, cells=cells, count=20, decodings=5, paper=paper))
    assert row_of(text, "man") == ["man", "90.0 / 70.0", "5.0 / -", "- / -", "92 / 80.2"]
    assert "ARAE: 0.3 and 1.5, 0.7 and 1" in text
