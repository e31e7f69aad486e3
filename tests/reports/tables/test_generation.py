"""Tables of samples, from files of results."""

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import read_results, summarise, write_result
from arae_toolkit.reports.tables.generation import readings_block, table1, topic_readings_block


def _count(folder, name, yes):
    metrics = {
        f"{source}, sample, {reader}": summarise([value], "percent")
        for source, value in yes.items()
        for reader in ("reader 1", "both")
    }
    made = {"command": f"make {name}"}
    run = {"command": "count", "corpus": None, "seeds": [], "device": "cpu", "seconds": 1}
    write_result(folder, name, **run, metrics=metrics, details={"made": made})


def test_every_reading_is_a_table(tmp_path):
    _count(tmp_path, "readings-best", {"BEST": 55.0})
    _count(tmp_path, "readings", {"real": 85.0, "ARAE": 25.0})
    _count(tmp_path, "readingsx", {"other": 1.0})
    first, second = readings_block(read_results(tmp_path)).split("\n\nThe sheets: `make readings`.")
    assert first.splitlines()[2:] == ["| real | 85.0 % |", "| ARAE | 25.0 % |"]
    assert "| BEST | 55.0 % |" in second.splitlines()
    assert second.endswith("The sheets: `make readings-best`.")


def test_rewritten_sentences_have_a_column_for_each_reader(tmp_path):
    _count(tmp_path, "topic-readings", {"real": 95.0, "phrases": 50.0})
    head, _, *rows, _, made = topic_readings_block(read_results(tmp_path)).splitlines()
    assert [cell.strip() for cell in head.split("|")[2:-1]] == ["reader 1", "both"]
    assert rows == ["| real | 95.0 % | 95.0 % |", "| phrases | 50.0 % | 50.0 % |"]
    assert made == "The sheets: `make topic-readings`."


@pytest.mark.parametrize("block", [readings_block, topic_readings_block])
def test_no_reading_is_told(block):
    with pytest.raises(ToolkitError, match="readings count"):
        block({})


def test_rows_of_table1_are_read_against_the_language_models_curve(tmp_path):
    """Real text, the curve itself and what lies beyond its ends have no figure."""
    perplexities = {
        "real train": (29.0, 34.0),
        "language model, T=1": (40.0, 34.0),
        "language model, T=0.8": (10.0, 44.0),
        "ARAE": (20.0, 40.5),
        "AE, fitted Gaussian": (41.0, 39.0),
    }
    metrics = {
        f"{row}, {measure}": summarise([value], "")
        for row, values in perplexities.items()
        for measure, value in zip(("forward_perplexity", "reverse_perplexity"), values, strict=True)
    }
    run = {"command": "x", "corpus": None, "seeds": [0], "device": "cpu", "seconds": 1}
    details = {"cells": dict.fromkeys(perplexities)}
    write_result(tmp_path, "table1", **run, metrics=metrics, details=details)
    head, _, *lines = table1(read_results(tmp_path)["table1"]).splitlines()
    place = [cell.strip() for cell in head.split("|")].index("above the curve")
    found = [line.split("|")[place].strip() for line in lines]
    assert found == ["", "", "", "1.5", ""]
