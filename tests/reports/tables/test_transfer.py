import json
from pathlib import Path

import pytest
import small_transfer
from command_line import call
from small_transfer import small_labelled_corpus

from arae_toolkit.errors import ToolkitError
from arae_toolkit.models.model_folder import WEIGHTS
from arae_toolkit.recipes.reproduce.transfer.systems import SYSTEMS, chosen_systems
from arae_toolkit.reports.tables.transfer import (
    TABLE3,
    directions_table,
    ideas_block,
    measured_on,
    people_block,
    table4_block,
    title_of,
    topics_block,
    transfer_table,
)
from arae_toolkit.storage.atomic_files import sha256_of_file

SMALL = [
    *("--preset", "demo", "--set", "epochs=1", "--set", "batch_size=32"),
    *("--set", "embedding_size=16", "--set", "code_size=16", "--set", "hidden_size=16"),
    *("--set", "generator_sizes=[16]", "--set", "critic_sizes=[16]"),
    *("--set", "classifier_sizes=[16]", "--limit", "15", "--split", "dev"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled")).folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give scorers and judges a place that the tests share."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def places(runs, monkeypatch):
    monkeypatch.setenv("ARAE_RUNS", str(runs))
    return runs


def test_table3_measures_each_system_beside_the_copy(corpus, places, tmp_path):
    arguments = [
        *("reproduce", "table3", "--corpus", corpus, "--system", "ae", "--system", "ae@c2"),
        *("--system", "delete-and-replace", "--out", tmp_path / "table"),
        *("--results", tmp_path / "results", *SMALL),
    ]
    first = call(*arguments)
    result = json.loads((tmp_path / "results" / "table3.json").read_text())
    assert result["details"]["systems"] == ["copy", "ae", "ae@c2", "delete-and-replace"]
    metrics = result["metrics"]
    assert set(result["details"]["judges_dev_accuracy"]) == {"ngrams", "bilstm", "fasttext"}
    judged = [
        metrics[f"ae, overall, accuracy {n}"]["value"] for n in ("ngrams", "bilstm", "fasttext")
    ]
    bleu = metrics["ae, overall, source_bleu"]["value"]
    strictest = (min(judged) * bleu) ** 0.5
    assert metrics["ae, overall, combined"]["value"] == pytest.approx(strictest, rel=1e-4)
    assert metrics["copy, overall, source_bleu"]["value"] == pytest.approx(100.0)
    assert metrics["copy, overall, copied"]["value"] == 100.0
    assert metrics["ae, overall, probe"]["unit"] == "percent"
    assert "copy, overall, probe" not in metrics
    assert 0 <= metrics["ae, bad -> good, accuracy ngrams"]["value"] <= 100
    assert "59.3 / 37.28 / 31.9 / 68.9" in first.stdout  # the paper's AE
    assert "best of 2" in first.stdout
    weights = tmp_path / "table" / "ae" / "seed-0" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert "Judges, right on dev: ngrams " in first.stdout  # which is the split
    again = call(*arguments)
    assert again.exit_code == 0 and again.stdout == first.stdout
    assert weights.stat().st_mtime_ns == written


def test_rows_that_a_call_does_not_ask_for_stay_in_the_file(corpus, places, tmp_path):
    def table(*arguments):
        done = call(
            *("reproduce", "table3", "--corpus", corpus, "--out", tmp_path / "table", "--no-tune"),
            *("--results", tmp_path / "results", *SMALL, *arguments),
        )
        return done, json.loads((tmp_path / "results" / "table3.json").read_text())

    model = small_transfer.save_model(tmp_path / "own", attributes=("good", "bad"))
    _, first = table("--system", "ae", "--model", f"own={model}")
    done, both = table("--system", "delete-and-replace")
    details = both["details"]
    assert details["systems"] == ["copy", "ae", "own", "delete-and-replace"]
    assert both["metrics"].items() > first["metrics"].items()
    for name in ("settings", "seeds_of", "weights_sha256"):
        assert details[name].keys() >= {"ae", "own", "delete-and-replace"}
    assert set(details["made_by"]) == {"ae", "own"}
    assert details["made_by"]["ae"] == {
        "judges_dev_accuracy": first["details"]["judges_dev_accuracy"],
        **{name: first[name] for name in ("command", "commit", "device", "machine", "versions")},
    }
    assert f"- `{both['command']}`" in done.stdout and f"- `{first['command']}`" in done.stdout
    assert "(ae, own)" in done.stdout
    assert both["seconds"] == pytest.approx(sum(details["seconds_of"].values()), abs=0.01)
    done, again = table("--system", "ae")
    assert again["details"]["systems"] == details["systems"]
    assert again["metrics"] == both["metrics"]
    assert set(again["details"]["made_by"]) == {"own", "delete-and-replace"}

    done, other = table("--system", "ae", "--limit", "10")
    assert "table3.json: not measured as this call measures (rows); replaced" in done.stderr
    assert other["details"]["systems"] == ["copy", "ae"]


def test_table4_rewrites_the_sentences_it_is_given(corpus, places, tmp_path):
    inputs = tmp_path / "inputs.jsonl"
    rows = [
        {"text": "The soup was great today.", "label": "good", "part": "titles"},
        {"text": "The menu is awful here.", "label": "bad", "part": "replies"},
    ]
    inputs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    call(
        *("reproduce", "table4", "--part", "titles", "--corpus", corpus, "--system", "ae"),
        *("--inputs", inputs, "--out", tmp_path / "table", "--results", tmp_path / "results"),
        *SMALL,
    )
    details = json.loads((tmp_path / "results" / "table4-titles.json").read_text())["details"]
    (row,) = details["inputs"]
    assert row["text"] == "The soup was great today." and set(row) == {"text", "label", "bad"}
    assert details["directions"] == ["bad -> good", "good -> bad"]


def test_a_finished_model_that_knows_more_labels_is_a_row(corpus, places, tmp_path):
    model = small_transfer.save_model(tmp_path / "own", attributes=("fair", "good", "bad"))
    inputs = tmp_path / "inputs.jsonl"
    row = {"text": "The food was bad.", "label": "bad", "part": "titles"}
    inputs.write_text(json.dumps(row) + "\n")
    files = sorted(path.name for path in model.rglob("*"))
    done = call(
        *("reproduce", "table4", "--part", "titles", "--corpus", corpus, "--inputs", inputs),
        *("--system", "delete-and-replace", "--model", f"more-labels={model}"),
        *("--out", tmp_path / "table", "--results", tmp_path / "results", *SMALL),
    )
    result = json.loads((tmp_path / "results" / "table4-titles.json").read_text())
    details = result["details"]
    assert details["systems"] == ["copy", "delete-and-replace", "more-labels"]
    assert details["directions"] == ["bad -> good", "good -> bad"]
    assert details["weights_sha256"]["more-labels"] == [sha256_of_file(model / WEIGHTS)]
    assert f"--model=more-labels={model}" in result["command"]
    assert set(details["inputs"][0]) == {"text", "label", "good"}  # but not fair
    assert "| more-labels |" in done.stdout
    assert sorted(path.name for path in model.rglob("*")) == files  # its folder is left as it was


@pytest.mark.parametrize(
    ("assignment", "code", "message"),
    [
        ("runs/yahoo", 2, "'runs/yahoo' is not of the form NAME=RUN"),
        ("infilling=runs/yahoo", 2, "'infilling' cannot name a model of one's own beside"),
        ("own=runs/nowhere", 2, "no trained model 'runs/nowhere'"),
    ],
)
def test_a_model_that_cannot_be_a_row_is_refused(places, assignment, code, message):
    done = call("reproduce", "table4", "--model", assignment, code=code)
    assert message in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_system_is_answered_with_the_known():
    done = call("reproduce", "table3", "--system", "araee", code=2)
    assert "no system 'araee'; there are cross-aligned, ae" in done.stderr


def test_systems_may_be_asked_otherwise_than_the_table_does():
    (system,) = chosen_systems(("infilling@c3@s0.5",))
    assert (system.run, system.candidates, system.strength) == ("infilling", 3, 0.5)
    assert chosen_systems(()) == list(SYSTEMS)
    assert set(TABLE3) <= {system.name for system in SYSTEMS}


def _result(systems, **details):
    metrics = {
        f"{system}, overall, {measure}": {"value": value, "spread": None, "unit": unit}
        for system in systems
        for measure, value, unit in (
            ("accuracy ngrams", 80.0, "percent"),
            ("source_bleu", 31.0, "points"),
        )
    }
    return {
        "name": "table3",
        "command": "arae-toolkit reproduce table3",
        "commit": "0" * 40,
        "corpus": {"name": "yelp", "rows": 3, "sha256": ""},
        "seeds": [0],
        "device": "cpu",
        "machine": {"cpu": "cpu", "threads": 1},
        "versions": {"torch": "2"},
        "metrics": metrics,
        "details": {
            "systems": systems,
            "split": "test",
            "rows": 2,
            "directions": ["a -> b"],
            "seeds_of": dict.fromkeys(systems, 1),
            "judges_dev_accuracy": {"ngrams": 96.0},
            "bleu_signature": "signature",
            **details,
        },
    }


def test_a_table_shows_what_was_measured_and_nothing_else():
    text = transfer_table(_result(["copy", "arae-10"]))
    assert "| ARAE, λ(1) = 10 | 80.0 % | 31.00 |" in text
    assert "81.8 / 20.18 / 27.7 / 77.0" in text


def test_a_judge_that_came_later_has_a_column_where_it_judged():
    older, newer = _result(["copy", "ae"]), _result(["copy", "ae"])
    for result in (older, newer):
        result["metrics"]["ae, a -> b, accuracy ngrams"] = {
            "value": 70.0, "spread": None, "unit": "percent",
        }  # fmt: skip
    name = "ae, {}, accuracy fasttext"
    for direction in ("overall", "a -> b"):
        cell = {"value": 61.0, "spread": None, "unit": "percent"}
        newer["metrics"][name.format(direction)] = cell
    assert "fastText" not in transfer_table(older) + directions_table(older)
    assert (
        transfer_table(newer)
        .splitlines()[0]
        .startswith("|  | transfer, n-grams | transfer, fastText's model | BLEU |")
    )
    assert "| AE, two decoders | 80.0 % | 61.0 % | 31.00 |" in transfer_table(newer)
    assert "| a -> b: n-grams / fastText's model |" in directions_table(newer)
    assert "| AE, two decoders | 70.0 / 61.0 |" in directions_table(newer)


def test_judges_are_held_against_the_rewritten_sentences_and_dev():
    result = _result(["copy", "ae"], directions=["a -> b", "b -> a"])
    assert "Judges, right on test / dev: ngrams 20.0 / 96.0 %." in measured_on(result)
    third = _result(["copy"], directions=["a -> b", "a -> c", "b -> a"])
    third["metrics"]["copy, overall, accuracy ngrams"]["value"] = 18.6
    assert "ngrams 62.8 / 96.0 %" in measured_on(third)
    alone = _result(["ae"], split="dev")
    assert "Judges, right on dev: ngrams 96.0 %." in measured_on(alone)


def test_rows_of_judges_trained_elsewhere_are_named():
    result = _result(["copy", "ae"], judges_dev_accuracy={"ngrams": 96.0})
    assert "trained twice" not in measured_on(result)
    made = {name: result[name] for name in ("command", "commit", "device", "machine", "versions")}
    result["details"]["made_by"] = {"ae": {**made, "judges_dev_accuracy": {"ngrams": 96.0}}}
    assert "trained twice" not in measured_on(result)
    result["details"]["made_by"]["ae"]["judges_dev_accuracy"] = {"ngrams": 95.9}
    assert "ngrams 95.9 and 96.0 %). The first judged ae; the second" in measured_on(result)


def test_similarity_has_a_column_and_says_what_a_copy_has():
    encoder = {"name": "nli-small", "sha256": "0", "another_source": 0.4321}
    result = _result(["copy", "ae"], signature={"encoder": encoder})
    result["metrics"]["ae, overall, similarity"] = {
        "value": 0.98765, "spread": None, "unit": "mean cosine",
    }  # fmt: skip
    assert "| AE, two decoders | 80.0 % | 31.00 | 0.988 |" in transfer_table(result)
    assert "vectors of `nli-small`" in measured_on(result)
    assert "next one is 0.432, that of the copied input 1 by construction" in measured_on(result)
    assert "Similarity" not in measured_on(_result(["copy"], signature={}))


def test_what_people_say_is_awaited_until_a_sheet_is_filled():
    text = people_block({})
    awaited = "| needs people | needs people | needs people | 74 / 3.7 / 3.8 |"
    assert f"| ARAE, λ(1) = 10 {awaited}" in text
    assert "--rating-sheet 1000" in text


def test_ideas_are_compared_with_the_papers_way():
    result = _result(["copy", "arae-1", "arae-1@s2", "infilling"])
    for system, value in (("copy", 16.0), ("arae-1", 46.8), ("arae-1@s2", 47.9), ("infilling", 76)):
        cell = {"value": value, "spread": None, "unit": "points"}
        result["metrics"][f"{system}, overall, combined"] = cell
    rows = [line.strip("| ").split(" | ") for line in ideas_block({"table3": result}).splitlines()]
    assert [(row[0], row[-1].strip("| ")) for row in rows[2:]] == [
        ("infilling", "+29.2"),
        ("ARAE, λ(1) = 1, strength 2", "+1.1"),
        ("ARAE, λ(1) = 1", "46.80"),  # its own gain is left empty
        ("the input, copied", "-30.8"),
    ]
    with pytest.raises(ToolkitError, match="--system arae-1"):
        ideas_block({"table3": _result(["copy"])})


def test_blocks_name_the_command_that_makes_their_results():
    with pytest.raises(ToolkitError, match="reproduce table3"):
        ideas_block({})
    with pytest.raises(ToolkitError, match="reproduce table4"):
        table4_block({})
    with pytest.raises(ToolkitError, match="--inputs"):
        topics_block({}, "science")


def test_table4_has_all_directions_together_and_none_of_the_papers_figures():
    parts = {
        f"table4-{part}": _result(["copy", "arae-1"], part=part) for part in ("replies", "titles")
    }
    text = table4_block(parts)
    assert text.index("**titles**") < text.index("**replies**")
    assert text.count("| transfer, n-grams |") == 2 and "paper" not in text
    assert "paper" in transfer_table(_result(["copy", "arae-1"]))


def test_all_sentences_of_a_topic_are_shown():
    inputs = [
        {"label": "science", "text": "What | is it?", "music": "Who is it?", "politics": "Why?"},
        {"label": "music", "text": "No", "science": "x", "politics": "y"},
    ]
    result = _result(["infilling@c8"], inputs=inputs, part="titles")
    text = topics_block({"table4-titles": result}, "science")
    assert "| What / is it? | Who is it? | Why? |" in text
    assert "| No |" not in text
    assert text.endswith("titles: infilling, best of 8.")


def test_titles_say_how_a_system_was_asked():
    assert title_of("delete-and-replace@s2") == "delete and replace (no learning), strength 2"


def test_own_sentences_are_thirty_for_each_topic():
    path = Path(__file__).parents[2] / "data" / "topics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for label in ("science", "music", "politics"):
        for part in ("titles", "replies"):
            own = [row for row in rows if row["label"] == label and row["part"] == part]
            assert len({row["text"] for row in own}) == 15
