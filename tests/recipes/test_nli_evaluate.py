import gzip
import json

import numpy as np
import pytest
import small
from command_line import call as call_program
from command_line import json_lines

from arae_toolkit.evaluation.classification import measure_classification

LABELS = small.LABELS
PAIRS = [pair for pair in small.PAIRS if "zebras" not in pair]
GOLD = [0, 2, 1, 2]


@pytest.fixture(scope="module")
def expected():
    probabilities = small.pair_model().probabilities(PAIRS)
    return measure_classification(probabilities, np.array(GOLD), labels=LABELS)


@pytest.fixture
def call(pair_model):
    """Run ``nli evaluate``; RUN is given by this function."""
    return lambda *words, run=pair_model, **settings: call_program(
        "nli", "evaluate", run, *words, **settings
    )


def rows(label="gold_label", names=("premise", "hypothesis")):
    return [
        {names[0]: premise, names[1]: hypothesis, label: LABELS[gold]}
        for (premise, hypothesis), gold in zip(PAIRS, GOLD, strict=True)
    ]


def report(result):
    assert len(result.stdout.splitlines()) == 1
    return json.loads(result.stdout)


def check_numbers(found, expected):
    for name in ("accuracy", "majority", "calibration_error", "nats"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-4)
    assert found["confusion"] == expected.confusion.tolist()
    for row, other in zip(found["labels"], expected.per_class(), strict=True):
        assert row.pop("label") == other.pop("label")
        assert row == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("names", [("premise", "hypothesis"), ("sentence1", "sentence2")])
@pytest.mark.parametrize("label", ["gold_label", "label"])
def test_the_numbers_are_those_of_the_library(call, expected, label, names):
    result = call("-", "--json", input=json_lines(rows(label, names)))
    found = report(result)
    check_numbers(found, expected)
    assert (found["pairs"], found["unlabelled"], found["unusable"]) == (4, 0, 0)
    assert found["source"] == "<stdin>"
    assert result.stderr.startswith("evaluating: 4 in ")


def test_a_pair_with_a_text_of_unknown_words_is_no_guess_that_counts(call, expected):
    """It is counted, as nli predict leaves it unanswered; without a label it is unlabelled."""
    unread = {"premise": "a boy eats .", "hypothesis": "zebras"}
    more = json_lines([{**unread, "gold_label": "neutral"}, {**unread, "gold_label": "-"}])
    result = call("-", "--json", input=more + json_lines(rows()))
    found = report(result)
    check_numbers(found, expected)
    assert (found["pairs"], found["unanswered"], found["unlabelled"]) == (4, 1, 1)
    assert "2 of them entirely and so not answered" in result.stderr
    none = call("-", "--json", input=more, code=3)
    assert "knows no word of a text in any labelled row" in none.stderr


def test_the_numbers_do_not_depend_on_the_batch_size(call, expected):
    for batch_size in (1, 2, 100):
        content = json_lines(rows())
        found = report(call("-", "--json", "--batch-size", batch_size, input=content))
        check_numbers(found, expected)


def test_file_and_archive_give_the_same_numbers(call, expected, tmp_path):
    plain, packed = tmp_path / "pairs.txt", tmp_path / "pairs.jsonl.gz"
    plain.write_text(json_lines(rows()))
    packed.write_bytes(gzip.compress(json_lines(rows()).encode()))
    for path in (plain, packed):
        check_numbers(report(call(path, "--json")), expected)


def test_a_named_label_field_goes_before_the_usual_ones(call, expected):
    given = [{**row, "gold_label": "neutral"} for row in rows("answer")]
    found = report(call("-", "--json", "--label-field", "answer", input=json_lines(given)))
    check_numbers(found, expected)


def test_the_gold_label_goes_before_one_that_predict_has_added(call, expected):
    given = [{**row, "label": "neutral"} for row in rows()]
    check_numbers(report(call("-", "--json", input=json_lines(given))), expected)


@pytest.mark.parametrize("missing", [{"gold_label": "-"}, {"gold_label": None}, {}])
def test_rows_without_a_label_are_counted_and_left_out(call, expected, missing):
    unlabelled = {"premise": "a man", "hypothesis": "a dog", **missing}
    content = json_lines([unlabelled, *rows(), unlabelled])
    result = call("-", "--json", "--batch-size", 1, input=content)
    check_numbers(report(result), expected)
    assert report(result)["unlabelled"] == 2
    assert "not used" not in result.stderr


def test_tables_show_every_number(call, expected):
    text = call("-", input=json_lines(rows())).stdout
    for value in (expected.accuracy, expected.majority, expected.calibration_error):
        assert f" {value:.2f}\n" in text
    assert f" {expected.nats:.4f}\n" in text
    totals, classes, confusion = (block.splitlines() for block in text.split("\n\n"))
    assert totals[0].split() == ["pairs", "4"]
    assert classes[0].split() == ["label", "pairs", "precision", "recall", "f1"]
    for line, row in zip(classes[1:], expected.per_class(), strict=True):
        percents = [f"{row[name]:.2f}" for name in ("precision", "recall", "f1")]
        assert line.split() == [row["label"], str(row["rows"]), *percents]
    assert confusion[0].split() == ["gold", "\\", "predicted", *LABELS]
    for line, label, counts in zip(confusion[1:], LABELS, expected.confusion, strict=True):
        assert line.split() == [label, *map(str, counts)]
    assert len({len(line) for line in classes}) == 1


def test_several_networks_are_averaged(call, tmp_path):
    run = small.save_pair_model(tmp_path / "several", 1, 2)
    found = report(call("-", "--json", run=run, input=json_lines(rows())))
    probabilities = small.pair_model(1, 2).probabilities(PAIRS)
    check_numbers(found, measure_classification(probabilities, np.array(GOLD), labels=LABELS))


BAD_ROWS = {
    "nonsense": "not JSON",
    '{"premise": "a", "gold_label": "neutral"}': "no field 'hypothesis' or 'sentence2'",
    '{"premise": "a", "hypothesis": "b", "gold_label": "maybe"}': (
        "field 'gold_label' is 'maybe', not one of entailment, neutral, contradiction"
    ),
    '{"premise": "a", "hypothesis": "b", "label": 3}': (
        "field 'label' is a number, not one of entailment, neutral, contradiction"
    ),
    '{"premise": "a", "hypothesis": "b", "label": ["neutral"]}': "field 'label' is a list",
    json.dumps({"premise": "a", "hypothesis": "b", "label": "x" * 9999}): (
        f"field 'label' is '{'x' * 40}', not one of"
    ),
}


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: row[:60])
def test_an_unusable_row_is_named_and_the_others_are_measured(call, expected, bad):
    content = f"{bad}\n{json_lines(rows())}"
    result = call("-", "--json", code=3, input=content)
    check_numbers(report(result), expected)
    assert report(result)["unusable"] == 1
    assert f"<stdin>:1: {BAD_ROWS[bad]}" in result.stderr
    assert "1 of 5 rows could not be used" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: row[:60])
def test_an_unusable_row_ends_a_request_that_asks_for_it(call, bad):
    result = call("-", "--on-error", "fail", code=3, input=f"{json_lines(rows())}\n{bad}\n")
    assert result.stdout == ""
    assert result.stderr.startswith(f"arae-toolkit: error: <stdin>:6: {BAD_ROWS[bad]}")


def test_a_file_without_a_label_is_an_error(call, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json_lines(rows("gold")))
    result = call(path, code=3)
    assert result.stdout == ""
    assert f"error: {path}: no usable row has a label; see --label-field" in result.stderr
    check = call("-", code=3, input="")
    assert "empty" in check.stderr


def test_a_missing_run_and_a_missing_file_are_one_line(call, tmp_path):
    result = call("-", run="nowhere", code=2, input=json_lines(rows()))
    assert "'arae-toolkit nli --labels tiny'" in result.stderr
    result = call(tmp_path / "no.jsonl", code=2)
    assert result.stderr == f"arae-toolkit: error: {tmp_path}/no.jsonl: no such file\n"
    assert call(code=2).stdout == ""


def test_labels_that_rows_write_otherwise_are_named(call, expected):
    written = {name: f"class {at}" for at, name in enumerate(LABELS)}
    content = json_lines({**row, "gold_label": written[row["gold_label"]]} for row in rows())
    names = ",".join(f"{text}={name}" for name, text in written.items())
    found = report(call("-", "--json", "--labels-map", names + ",odd=", input=content))
    check_numbers(found, expected)
    odd = {**rows()[0], "gold_label": "odd"}
    content += json_lines([odd])
    found = report(call("-", "--json", "--labels-map", names + ",odd=", input=content))
    assert (found["pairs"], found["unlabelled"]) == (4, 1)


@pytest.mark.parametrize("value", ["NaN", '"nan"', '""', '"-"', "-1", "null"])
def test_what_means_no_label_is_left_out(call, expected, value):
    line = f'{{"premise": "a man", "hypothesis": "a dog", "gold_label": {value}}}\n'
    found = report(call("-", "--json", input=json_lines(rows()) + line))
    check_numbers(found, expected)
    assert (found["unlabelled"], found["unusable"]) == (1, 0)


def test_a_table_is_measured_like_rows(call, expected):
    lines = [";".join(row.values()) for row in rows()]
    table = "\n".join(["premise;hypothesis;gold_label", *lines])
    check_numbers(report(call("-", "--json", input=table)), expected)


@pytest.mark.parametrize(
    ("labels", "options", "shown"),
    [
        (["yes", "no", "yes", "no"], (), "no=LABEL,yes=LABEL"),
        (["yes", "no"] * 60, (), "no=LABEL,yes=LABEL"),  # given up after a hundred rows
        ([7, 8, 7, 8], (), "7=LABEL,8=LABEL"),
        (["neutral", "no", "no", "yes"], (), "no=LABEL,yes=LABEL"),
        (["neutral", "no"], ("--on-error", "fail"), "no=LABEL"),
        (["neutral", "no", "odd"], ("--labels-map", "odd=neutral"), "no=LABEL"),
    ],
    ids=["none known", "many", "numbers", "some known", "fail", "one left out of the map"],
)
def test_labels_that_the_model_does_not_know_lead_to_the_map(call, labels, options, shown):
    premise, hypothesis = PAIRS[0]
    written = [{"premise": premise, "hypothesis": hypothesis, "label": label} for label in labels]
    last = call("-", *options, input=json_lines(written), code=3).stderr.splitlines()[-1]
    assert last.endswith(
        f"; the model's labels are {', '.join(LABELS)}: say which are meant by --labels-map "
        f"{shown}, or name another field by --label-field"
    )


def test_a_field_of_many_values_is_hardly_one_of_labels(call):
    written = [{**row, "gold_label": f"note {number}"} for number, row in enumerate(rows() * 4)]
    last = call("-", input=json_lines(written), code=3).stderr.splitlines()[-1]
    assert last.endswith("; is it the field of the labels? see --label-field and --labels-map")
