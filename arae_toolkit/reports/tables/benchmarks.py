"""The table of benchmarks: the library beside what it is compared with, and the targets."""

from __future__ import annotations

from dataclasses import dataclass

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.markdown import Results, metric_cell, sources, table


@dataclass(frozen=True)
class Comparison:
    """A row of the table of benchmarks.

    Attributes:
        result: The file of results.
        label: What is measured.
        own: Metric of the library.
        reference: Metric of the version that is compared with; empty if there is none.
        ratio: Metric of the ratio; empty if there is none.
        target: What the number is to be, in words.
    """

    result: str
    label: str
    own: str
    reference: str = ""
    ratio: str = ""
    target: str = ""


def _training(settings: str, *, target: str = "") -> list[Comparison]:
    """Return the rows of training with some settings: ratio, and shares of both counts' limits."""
    label, rate, over = f"training, {settings}", f"{settings}, rate", f"{settings}, over textbook"
    share = f"{label}: of the arithmetic limit"
    return [
        Comparison("training_rate", label, rate, "textbook, rate", over, target),
        Comparison("training_rate", share, f"{settings}, share of the arithmetic limit"),
        Comparison(
            "training_rate", f"{share}, every token by itself", f"{settings}, share of the limit"
        ),
    ]


_ARITHMETIC = "library, share of the arithmetic limit"
_BATCHES = ("batches, rate", "one by one, rate", "batches over one by one")
_BATCHES_BF16 = ("batches bf16, rate", "one by one, rate", "batches bf16 over one by one")
COMPARISONS = [
    *_training("paper-2018 fp32", target="at least 3"),
    *_training("paper-2018 bf16"),
    *_training("default fp32", target="at least 3"),
    *_training("default bf16"),
    *(
        Comparison(
            *("aae_rate", f"training an AAE, {settings}", f"{settings}, rate", "textbook, rate"),
            *(f"{settings}, over textbook", target),
        )
        for settings, target in (
            *(("paper-2018 fp32", "at least 2"), ("paper-2018 bf16", "")),
            *(("default fp32", "at least 2"), ("default bf16", "")),
        )
    ),
    Comparison(
        *("time_to_quality", "training to the textbook's held-out nats"),
        *("library, seconds", "textbook, seconds", "library over textbook", "at most 0.33"),
    ),
    Comparison(
        *("sampling", "sampling, against batches of 64", "library, rate"),
        *("textbook, batches of 64, rate", "library over textbook, batches of 64"),
    ),
    Comparison(
        *("sampling", "sampling, against one sentence at a time", "library, rate"),
        *("textbook, one by one, rate", "library over textbook, one by one", "at least 5"),
    ),
    Comparison(
        "sampling", "sampling: of the arithmetic limit", _ARITHMETIC, target="at least 85 %"
    ),
    Comparison(
        *("encoding", "encoding, against batches of 64", "library, rate"),
        *("textbook, rate", "library over textbook"),
    ),
    Comparison("encoding", "encoding: of the arithmetic limit", _ARITHMETIC),
    Comparison(
        *("encoding", "encoding: of the arithmetic limit, every sentence by itself"),
        "library, every sentence by itself, share of the arithmetic limit",
        target="at least 85 %",
    ),
    Comparison(
        "nli_prediction", "labelling pairs, against one pair at a time", *_BATCHES, "at least 8"
    ),
    Comparison("nli_prediction", "labelling pairs with `--precision bf16`", *_BATCHES_BF16),
    *(
        Comparison(
            *("nli_textbook", f"labelling pairs {how}, against plain torch"),
            *(f"library, {way}, rate", f"textbook, {way}, rate"),
            *(f"library over textbook, {way}", target),
        )
        for how, way, target in (
            ("in calls of 64", "calls of 64", "at least 1.5"),
            ("one by one", "one by one", "at least 2"),
        )
    ),
    Comparison(
        *("transfer_throughput", "transferring, against one sentence at a time"),
        *(*_BATCHES, "at least 10"),
    ),
    Comparison(
        *("transfer_throughput", "transferring with `--precision bf16`"),
        *(*_BATCHES_BF16, "at least 10"),
    ),
    Comparison("transfer_throughput", "first row of `transfer`", "first row", target="within 3 s"),
    Comparison(
        *("startup", "`arae-toolkit --help`, against an empty click program"),
        *("arae-toolkit", "empty click program", "over an empty program", "at most 3"),
    ),
    Comparison("preparation", "preparing 1.1 million sentences", "seconds", target="under 90 s"),
    Comparison("preparation", "the same, peak memory", "peak memory", target="under 2 GB"),
]


def benchmarks_block(results: Results) -> str:
    """Return the table of comparisons with their targets, and where they were measured.

    Raises:
        ToolkitError: If nothing has been measured.
    """
    rows, found = [], {}
    for suffix, place in (("", ""), ("-cuda", ", GPU")):
        for row in COMPARISONS:
            result = results.get(row.result + suffix)
            if result is None or row.own not in result["metrics"]:
                continue
            found[result["name"]] = result
            names = (row.reference, row.own, row.ratio)
            cells = [metric_cell(result, name) if name else "" for name in names]
            rows.append([row.label + place, *cells, "" if suffix else row.target])
    if not rows:
        raise ToolkitError(
            "no benchmark has been run; see python -m arae_toolkit.benchmarks.training_rate"
        )
    heads = ["", "textbook", "arae-toolkit", "ratio", "target"]
    return table(heads, rows) + "\n\n" + sources(found.values())
