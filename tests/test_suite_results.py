import json

import suite_results

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" time="3.5">
<testcase classname="tests.test_a" name="test_one" />
<testcase classname="tests.test_a" name="test_two"><failure message="no">no</failure></testcase>
<testcase classname="tests.test_a" name="test_three"><error message="no">no</error></testcase>
<testcase classname="tests.test_b" name="test_four"><skipped message="needs a GPU" /></testcase>
<testcase classname="tests.test_b" name="test_five"><skipped message="needs a GPU" /></testcase>
</testsuite></testsuites>
"""


def test_a_report_becomes_a_file_of_results(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    path = suite_results.write(report, "oldest", "nox -s oldest", tmp_path / "results")
    found = json.loads(path.read_text())
    counts = {name: metric["value"] for name, metric in found["metrics"].items()}
    assert counts == {"passed": 1, "failed": 2, "skipped": 2}
    assert found["details"]["failed"] == ["tests.test_a::test_two", "tests.test_a::test_three"]
    assert found["details"]["skipped"] == {"needs a GPU": 2}
    assert "torch" in found["details"]["libraries"]
    assert (found["command"], found["seconds"]) == ("nox -s oldest", 3.5)
