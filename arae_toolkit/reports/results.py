"""Measured numbers as files: one JSON file per measurement, with what is needed to repeat it."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypedDict

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.version import __version__, code_version, cpu_model

SIGNIFICANT_DIGITS = 6
FIELDS = ("name", "command", "commit", "corpus", "seeds", "device", "seconds", "metrics")


class Metric(TypedDict):
    """One number.

    Attributes:
        value: The number itself.
        spread: Sample standard deviation over runs or rounds; ``None`` if there was one.
        unit: Such as ``nats``, ``percent`` or ``sentences/s``.
    """

    value: float
    spread: float | None
    unit: str


class CorpusIdentity(TypedDict):
    """Which data a number belongs to.

    Attributes:
        name: The corpus name.
        rows: Sentences, or images, of the train split.
        sha256: Fingerprint of the packed content of all splits.
    """

    name: str
    rows: int
    sha256: str


def corpus_identity(corpus: Corpus) -> CorpusIdentity:
    """Return what a result says about its corpus."""
    return {"name": corpus.name, "rows": corpus.rows("train"), "sha256": corpus.sha256}


def summarise(
    values: Sequence[float], unit: str, *, centre: Literal["mean", "median"] = "mean"
) -> Metric:
    """Return the mean (or median) of several runs with their sample standard deviation.

    Example:
        >>> summarise([1.0, 3.0], "nats")
        {'value': 2.0, 'spread': 1.41421, 'unit': 'nats'}
        >>> summarise([5.0], "seconds")
        {'value': 5.0, 'spread': None, 'unit': 'seconds'}

    Raises:
        ValueError: If there is no value, or one is not finite: a measurement that failed is no
            result.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"no result can be made of {list(values)}")
    value = statistics.median(values) if centre == "median" else statistics.fmean(values)
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {
        "value": _rounded(value),
        "spread": None if spread is None else _rounded(spread),
        "unit": unit,
    }


@dataclass(frozen=True)
class Difference:
    """What one of two has more than the other, in the mean.

    Attributes:
        mean: Of the pairs' differences.
        low: Lower end of its interval of 95 %, and
        high: the upper one: Student's, of N - 1 degrees of freedom.
        pairs: N.
    """

    mean: float
    low: float
    high: float
    pairs: int


def mean_difference(more: Sequence[float], less: Sequence[float]) -> Difference:
    """Return the mean difference of pairs, as many as both have, with its interval of 95 %.

    Example:
        >>> mean_difference([3.0, 4.0, 5.0], [1.0, 1.0, 1.0])
        Difference(mean=3.0, low=0.515862, high=5.48414, pairs=3)

    Raises:
        ValueError: If there are fewer than two pairs.
    """
    from scipy import stats

    differences = [a - b for a, b in zip(more, less, strict=False)]
    if len(differences) < 2:
        raise ValueError(f"no interval of {len(differences)} pairs")
    mean, error = statistics.fmean(differences), float(stats.sem(differences))
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    ends = (_rounded(mean), _rounded(mean - reach), _rounded(mean + reach))
    return Difference(*ends, len(differences))


def write_result(
    folder: Path,
    name: str,
    *,
    command: str,
    corpus: CorpusIdentity | None,
    seeds: Sequence[int],
    device: str,
    seconds: float,
    metrics: Mapping[str, Metric],
    threads: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``folder/name.json``, whole or not at all, and return its path.

    Args:
        folder: Where results lie; made if needed.
        name: Of the measurement and the file; folders of runs, after which they are named, may be
            called as their users like. What no file name may hold becomes ``_``.
        command: What to type to measure it again.
        corpus: The data, ``None`` where none is used.
        seeds: Of the runs behind the numbers; empty where nothing is random.
        device: ``cpu``, or ``cuda`` with the device's name.
        seconds: What the measurement took, or the training that it measures.
        metrics: By name.
        threads: Computing threads, where the measurement has set them.
        details: Samples, curves, settings: anything JSON can hold.

    Raises:
        ValueError: If a metric cannot be used.
        ToolkitError: If the file cannot be written.
    """
    name = re.sub(r"[/\0]", "_", name)
    if not metrics:
        raise ValueError(f"{name}: no metrics")
    for metric, entry in metrics.items():
        if not math.isfinite(entry["value"]):
            raise ValueError(f"{name}: {metric} is {entry['value']}")
    path = folder / f"{name}.json"
    write_json(
        path,
        {
            "name": name,
            "command": command,
            "commit": code_version(Path(__file__).resolve().parent),
            "corpus": None if corpus is None else dict(corpus),
            "seeds": list(seeds),
            "device": device,
            "seconds": round(seconds, 2),
            "metrics": {metric: dict(entry) for metric, entry in metrics.items()},
            "versions": {
                "toolkit": __version__,
                "torch": metadata.version("torch"),
                "python": platform.python_version(),
            },
            "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "threads": threads},
            "details": dict(details or {}),
        },
    )
    return path


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return every result of a folder by name, in the order of the names.

    Raises:
        DataError: If a file is not one that :func:`write_result` wrote.
    """
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stem)
    return {str(result["name"]): result for result in map(_read, paths)}


def read_result(folder: Path, name: str) -> dict[str, Any]:
    """Return one result of a folder, whatever lies beside it.

    Raises:
        DataError: If there is none, or it is not one that :func:`write_result` wrote.
    """
    return _read(folder / f"{name}.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("cannot read this result", path=path) from error
    if missing := [f for f in FIELDS if not isinstance(result, dict) or f not in result]:
        raise DataError(f"not a result: it has no {missing[0]!r}", path=path)
    return dict(result)


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
