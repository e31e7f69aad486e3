"""Write what a run of the tests came to, from pytest's report in XML, as a file of results.

``python tests/suite_results.py REPORT.xml NAME COMMAND`` is for the sessions of ``noxfile.py`` that
are run by hand, beside other versions of Python and of the libraries.
"""

import json
import sys
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

from arae_toolkit.reports.results import write_result

RESULTS = Path(__file__).resolve().parents[1] / "results"
ENDS = {"failure": "failed", "error": "failed", "skipped": "skipped"}
LIBRARIES = ("click", "numpy", "pytest", "scikit-learn", "tokenizers", "torch", "torchtext")


def write(report: Path, name: str, command: str, results: Path = RESULTS) -> Path:
    """Write the counts of a report, the tests that failed, and why others were skipped."""
    suite = next(ElementTree.parse(report).iter("testsuite"))
    counts = Counter({"passed": 0, "failed": 0, "skipped": 0})
    failed, reasons = [], Counter()
    for case in suite.iter("testcase"):
        ends = {ENDS[child.tag]: child for child in case if child.tag in ENDS}
        end = next((end for end in ("failed", "skipped") if end in ends), "passed")
        counts[end] += 1
        if end == "failed":
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif end == "skipped":
            reasons[ends[end].get("message", "")] += 1
    there = {one.metadata["Name"].lower(): one.version for one in distributions()}
    return write_result(
        results,
        name,
        command=command,
        corpus=None,
        seeds=[],
        device="cpu",
        seconds=round(float(suite.get("time", 0)), 2),
        metrics={
            end: {"value": float(count), "spread": None, "unit": "tests"}
            for end, count in counts.items()
        },
        details={
            "failed": failed,
            "skipped": dict(sorted(reasons.items())),
            "libraries": {name: there[name] for name in LIBRARIES if name in there},
        },
    )


if __name__ == "__main__":
    path = write(Path(sys.argv[1]), *sys.argv[2:])
    sys.stdout.write(f"{path}\n")
    sys.exit(bool(json.loads(path.read_text())["details"]["failed"]))
