"""Tables of samples, from files of results."""

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.generation_tables import readings_block
from arae_toolkit.reports.results import read_results, summarise, write_result


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


def test_no_reading_is_told():
    with pytest.raises(ToolkitError, match="readings count"):
        readings_block({})
