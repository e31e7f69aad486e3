from pathlib import Path
from typing import Any

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import read_results, summarise, write_result
from arae_toolkit.reports.tables.performance import (
    gpu_block,
    iteration_block,
    libraries_block,
    limits_block,
    processes_block,
    seeds_block,
    settings_block,
)

KNOWN: dict[str, Any] = {"corpus": None, "seeds": [0], "device": "cpu", "seconds": 1}


def _write(folder: Path, name: str, command: str, **more: Any) -> None:
    write_result(folder, name, command=command, **{**KNOWN, **more})


def test_limits_by_batch_size(tmp_path):
    for name, batch, binding in (
        ("training_rate-batch-1024", 1024, "arithmetic"),
        ("training_rate", 64, "chain"),
    ):
        metrics = {
            "default fp32, rate": summarise([batch + 0.0], "sentences/s"),
            "default fp32, over textbook": summarise([2.0], "ratio"),
            "default fp32, share of the chain limit": summarise([40.0], "percent"),
            "default fp32, share of the arithmetic limit": summarise([70.0], "percent"),
            **{
                f"default fp32, {kind} limit": summarise([5000.0], "sentences/s")
                for kind in ("arithmetic", "bandwidth", "chain")
            },
        }
        details = {"batch_size": batch, "binding_limit": {"default fp32": binding}}
        _write(tmp_path, name, f"measure {batch}", metrics=metrics, details=details)
    lines = limits_block(read_results(tmp_path)).splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:4]] == ["64", "1,024"]
    assert "| chain | 40.0 % | 2.00 |" in lines[2]
    assert "| arithmetic | 70.0 % | 2.00 |" in lines[3]


def test_a_gpu_has_a_table_by_batch_size(tmp_path):
    """With the projection's share where that was measured."""
    common: dict[str, Any] = {"device": "cuda (A)"}
    for size in (1024, 64):
        metrics = {
            "training, default bf16, rate": summarise([10.0 * size], "sentences/s"),
            "training, default bf16, over textbook": summarise([8.5], "ratio"),
            "training, default bf16, share of the arithmetic limit": summarise([40], "percent"),
            "training, default bf16, share of the chain limit": summarise([20], "percent"),
        }
        details = {"training": {"batch_size": size, "binding_limit": {"default bf16": "chain"}}}
        common |= {"metrics": metrics, "details": details}
        _write(tmp_path, f"overview-cuda-{size}", f"see {size}", **common)
    common["metrics"] = {"bf16, share of the matrix rate": summarise([46.0], "percent")}
    _write(tmp_path, "projection_rate-cuda-1024", "project", **common)
    lines = gpu_block(read_results(tmp_path)).splitlines()
    start = "| default bf16 | 64 | 640 sentences/s | 8.50 | 40.0 % | 20.0 % | chain |"
    assert lines[2] == f"{start}  |"
    assert lines[3].endswith("| chain | 46.0 % |")
    assert [line.split("`")[1] for line in lines[5:]] == ["see 64", "see 1024", "project"]


def test_seeds_at_once_have_a_table(tmp_path):
    """A GPU's below the CPU's, where that was measured."""
    metrics = {
        "one after another, rate": summarise([100.0], "sentences/s"),
        "at once, rate": summarise([150.0], "sentences/s"),
        "one after another, over at once": summarise([1.5], "ratio"),
    }
    for name, device in (("seeds", "cpu"), ("seeds-cuda", "cuda (A)")):
        more = {"metrics": metrics, "details": {"at once": 2}, "seeds": [0, 1, 2]}
        _write(tmp_path, name, f"train on {device}", device=device, **more)
    results = read_results(tmp_path)
    lines = seeds_block(results).splitlines()
    rates = "2 | 100 sentences/s | 150 sentences/s | 1.50 |"
    assert lines[2:4] == [f"| 3 seeds, cpu | {rates}", f"| 3 seeds, cuda (A) | {rates}"]
    assert [line.split("`")[1] for line in lines[5:]] == ["train on cpu", "train on cuda (A)"]
    assert len(seeds_block({"seeds": results["seeds"]}).splitlines()) == 5


def test_torchs_libraries_as_set_and_as_they_come(tmp_path):
    metrics = {}
    for place, rates in (("alone", (100.0, 99.0)), ("beside others", (50.0, 100.0))):
        for way, rate in zip(("as they come", "set"), rates, strict=True):
            metrics[f"{way}, {place}, rate"] = summarise([rate], "sentences/s")
            metrics[f"{way}, {place}, peak memory"] = summarise([rate * 2], "MB")
        metrics[f"set, {place}, over as they come"] = summarise([rates[1] / rates[0]], "ratio")
    details = {"preset": "fast", "computing_threads": 2, "busy_processes": 1}
    details["variables"] = {"OMP_WAIT_POLICY": "PASSIVE"}
    _write(tmp_path, "library_settings-bf16", "try", metrics=metrics, details=details)
    lines = libraries_block(read_results(tmp_path)).splitlines()
    start = "| fast bf16, 2 threads | `OMP_WAIT_POLICY=PASSIVE` |"
    alone = "nobody | 100 sentences/s | 99 sentences/s | 0.99 | 200 MB | 198 MB |"
    assert lines[2] == f"{start} {alone}"
    assert lines[3].startswith(f"{start} 1 process | 50 sentences/s | 100 sentences/s | 2.00 |")


def test_processes_that_were_measured_and_those_that_a_model_tells_of(tmp_path):
    ways = {"one process": 100.0, "one process, two threads": 120.0, "two processes": 180.0}
    metrics = {f"{way}, rate": summarise([rate], "sentences/s") for way, rate in ways.items()}
    metrics["two processes, over one process"] = summarise([1.8], "ratio")
    metrics["model of two, over measured"] = summarise([0.95], "ratio")
    metrics["a share of 8"] = summarise([25.0], "milliseconds")
    metrics["a share of 8, most gain"] = summarise([4.0], "ratio")
    told = {"1": {"messages": 0, "bytes": 0}, "8": {"messages": 3, "bytes": 2_500_000}}
    details = {"preset": "default", "batch_size": 256, "messages": told}
    _write(tmp_path, "processes-default-fp32-256", "try", metrics=metrics, details=details)
    lines = processes_block(read_results(tmp_path)).splitlines()
    rates = "100 sentences/s | 120 sentences/s | 180 sentences/s | 1.80 | 0.95 |"
    assert lines[2] == f"| default fp32, batch 256 | {rates}"
    assert lines[6] == "| default fp32, batch 256 | 8 | 25 ms | 4.00 | 3 | 2.5 MB |"


BLOCKS = [
    *(limits_block, gpu_block, iteration_block, settings_block, seeds_block),
    *(libraries_block, processes_block),
]


@pytest.mark.parametrize("block", BLOCKS)
def test_nothing_measured_is_said_in_one_line(block):
    with pytest.raises(ToolkitError, match="nothing measured; see python -m"):
        block({})
