import gzip
import json
import math

import command_line
import numpy as np
import pytest
import small
import small_transfer
from command_line import json_lines

from arae_toolkit import devices
from arae_toolkit.data.corpus import pack, texts_of
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.generation.feature_distances import Encoder
from arae_toolkit.evaluation.transfer import evaluators
from arae_toolkit.evaluation.transfer.comparison import (
    SystemOutputs,
    compare,
    judged_as_labelled,
    spread_rows,
    with_baselines,
)
from arae_toolkit.evaluation.transfer.evaluators import Evaluators, evaluators_of
from arae_toolkit.evaluation.transfer.metrics import UNKNOWN_LABEL, measure_transfer
from arae_toolkit.recipes.evaluate.report import as_text
from arae_toolkit.reports.results import read_results
from arae_toolkit.storage import paths as locations
from arae_toolkit.transfer.model import TransferModel

LABELS = ("bad", "good")
SOURCES = ["the food was bad .", "a bad , bad day", "the staff was good !", "good soup here ."]
ORIGINS = [0, 0, 1, 1]
TARGETS = [1, 1, 0, 0]
SWAPPED = ["the food was good .", "a good , good day", "the staff was bad !", "good soup here ."]


class Marker:
    """A judge that looks for the word ``good``."""

    name, labels, dev_accuracy = "marker", LABELS, 100.0
    settings = {"word": "good"}  # noqa: RUF012

    def probabilities(self, texts):
        return np.array([[0.0, 1.0] if "good" in text.split() else [1.0, 0.0] for text in texts])


MARKER = Marker()


class Yes(Marker):
    """A judge that finds everything good."""

    name = "yes"

    def probabilities(self, texts):
        return np.array([[0.1, 0.9]] * len(texts))


@pytest.fixture(scope="module")
def language_model():
    """Equal chances for every word."""
    vocabulary = Vocabulary.build(SOURCES, size=100)
    return small_transfer.equal_chances(vocabulary)


@pytest.fixture
def measured(language_model):
    def measure(outputs=SWAPPED, judges=(MARKER,), origins=ORIGINS, **more):
        return measure_transfer(
            SOURCES,
            outputs,
            origins,
            TARGETS,
            classifiers=judges,
            language_model=language_model,
            **more,
        )

    return measure


# --- by hand ---------------------------------------------------------------------------------


def test_copying_has_bleu_100_and_the_judges_error_rate(measured):
    found = measured(SOURCES).overall
    assert found.source_bleu == 100
    assert found.copied == 100
    assert found.accuracy == {"marker": 0}
    assert found.combined == 0


def test_accuracy_copies_and_lengths_by_hand(measured):
    found = measured().overall
    assert found.rows == 4
    assert found.accuracy["marker"] == 75
    assert found.copied == 25
    assert found.words == pytest.approx(sum(len(text.split()) for text in SWAPPED) / 4)
    words = " ".join(SWAPPED).split()
    assert found.distinct_1 == pytest.approx(100 * len(set(words)) / len(words))
    assert found.combined == pytest.approx(math.sqrt(75 * found.source_bleu))


def test_forward_perplexity_of_equal_chances_is_the_size_of_the_vocabulary(
    measured, language_model
):
    found = measured(["zorb", *SWAPPED[1:]]).overall
    assert found.forward_perplexity == pytest.approx(len(language_model.vocabulary), rel=1e-5)
    words = 1 + sum(len(text.split()) for text in SWAPPED[1:])
    assert found.unknown == pytest.approx(100 / words)


def test_every_direction_is_measured_by_itself_and_all_rows_are_pooled(measured):
    found = measured()
    assert list(found.directions) == ["bad -> good", "good -> bad"]
    assert found.directions["bad -> good"].accuracy["marker"] == 100
    assert found.directions["good -> bad"].accuracy["marker"] == 50
    assert [part.rows for part in found.directions.values()] == [2, 2]
    alone = measured([*SWAPPED[:2], "x", "y"]).directions["bad -> good"]
    assert alone == found.directions["bad -> good"]


def test_a_source_of_unknown_label_has_a_direction_of_its_own(measured):
    found = measured(origins=[UNKNOWN_LABEL, 0, 1, 1])
    assert list(found.directions) == ["? -> good", "bad -> good", "good -> bad"]


def test_the_combined_number_is_by_the_stricter_judge(measured):
    found = measured(judges=(Marker(), Yes())).overall
    assert found.accuracy == {"marker": 75, "yes": 50}
    assert found.combined == pytest.approx(math.sqrt(50 * found.source_bleu))


def test_texts_are_compared_by_their_words(measured):
    spelled = [text.upper().replace(" .", ".").replace(" !", "!") for text in SWAPPED]
    assert measured(spelled).overall == measured().overall


def test_references_count_where_there_are_some(measured):
    references = [[SWAPPED[0]], [], ["something else", SWAPPED[2]], []]
    found = measured(references=references)
    assert found.overall.referenced == 2
    assert found.overall.reference_bleu == 100
    assert measured().overall.reference_bleu is None
    assert found.directions["good -> bad"].referenced == 1


def test_an_empty_output_is_measured_like_any_other(measured):
    assert measured(["", *SWAPPED[1:]]).overall.accuracy["marker"] == 50


def test_reverse_perplexity_is_of_all_rows_together(measured):
    seen = []

    def reverse(outputs):
        seen.append(list(outputs))
        return 12.5

    found = measured(reverse=reverse)
    assert seen == [SWAPPED]
    assert found.overall.reverse_perplexity == 12.5
    assert all(part.reverse_perplexity is None for part in found.directions.values())


def test_the_signature_names_judges_model_and_bleu(measured):
    signature = json.loads(json.dumps(measured().signature))
    assert signature["judges"]["marker"] == {
        "dev_accuracy": 100.0,
        "labels": list(LABELS),
        "settings": {"word": "good"},
    }
    assert signature["language_model"]["held_out_perplexity"] == 7.0
    assert "tok:none" in signature["bleu"]


@pytest.mark.parametrize(
    "settings",
    [
        {"outputs": SWAPPED[:3]},
        {"judges": ()},
        {"origins": [0, 0, 1, 2]},
        {"references": [[]]},
    ],
)
def test_what_does_not_fit_is_refused(measured, settings):
    with pytest.raises(ValueError, match=r"nothing that can be measured|none of the judges'"):
        measured(**settings)


def bag_of_words(texts):
    """Counts of four words, an encoder whose cosines can be told by hand."""
    words = ("food", "staff", "good", "bad")
    return np.array([[text.split().count(word) for word in words] for text in texts], dtype=float)


ENCODER = Encoder(bag_of_words, "0" * 64, "pairs")


def test_similarity_is_the_mean_cosine_of_sentence_vectors(measured, language_model):
    """Food and bad to food and good: 1/2; bad to good: 0; staff again 1/2; the copy: 1."""
    found = measured(encoder=ENCODER)
    assert found.overall.similarity == pytest.approx((0.5 + 0 + 0.5 + 1) / 4)
    assert found.directions["bad -> good"].similarity == pytest.approx(0.25)
    assert measured(SOURCES, encoder=ENCODER).overall.similarity == pytest.approx(1)
    assert measured(["", *SWAPPED[1:]], encoder=ENCODER).overall.similarity == pytest.approx(
        1.5 / 4
    )
    # Each source to the one before it: good to food and bad, bad to both, bad to staff and good...
    near = (0 + 0.5**0.5 + 0 + 0.5**0.5) / 4
    assert found.signature["encoder"] == {
        "name": "pairs", "sha256": "0" * 64, "another_source": pytest.approx(near),
    }  # fmt: skip
    # A source that is asked for with several labels counts once.
    twice = [np.repeat(part, 2).tolist() for part in (SOURCES, SWAPPED, ORIGINS, TARGETS)]
    judged = {"classifiers": [MARKER], "language_model": language_model, "encoder": ENCODER}
    repeated = measure_transfer(*twice, **judged).signature["encoder"]
    assert repeated["another_source"] == pytest.approx(near)
    assert measured().overall.similarity is None
    assert measured().signature["encoder"] is None


# --- systems side by side --------------------------------------------------------------------


def system(outputs=SWAPPED, references=()):
    return SystemOutputs(SOURCES, outputs, ORIGINS, TARGETS, references)


def test_copying_and_references_stand_beside_the_systems(language_model):
    references = [["the food was good ."], [], ["the staff was rude !", "what bad staff"], []]
    systems = with_baselines(
        {"ours": system(references=references), "theirs": system(SOURCES, references)}
    )
    assert list(systems) == ["ours", "theirs", "copy", "references"]
    found = compare(systems, Evaluators((MARKER,), language_model, "judges"))
    assert found["copy"].overall == found["theirs"].overall
    human = found["references"].overall
    assert (human.rows, human.accuracy["marker"]) == (2, 100)
    assert human.referenced == 1  # only one row has a second one to compare with
    assert list(with_baselines({"ours": system()})) == ["ours", "copy"]


def test_judges_are_held_against_the_labels_of_the_sources():
    """Each source counts once, whatever it was rewritten to; those of unknown label do not."""
    wrong = SystemOutputs(["so good", "bad"], ["x", "x"], [0, UNKNOWN_LABEL], [1, 1])
    found = judged_as_labelled({"a": system(), "b": system(SOURCES), "c": wrong}, [MARKER, Yes()])
    assert found == (5, {"marker": 80.0, "yes": 40.0})
    unknown = SystemOutputs(["bad"], ["x"], [UNKNOWN_LABEL], [1])
    assert judged_as_labelled({"a": unknown}, [MARKER]) == (0, {})


def test_systems_with_other_rows_have_copies_of_their_own():
    fewer = system().at(np.array([2, 0]))
    assert fewer.sources == [SOURCES[2], SOURCES[0]]
    assert list(with_baselines({"a": system(), "b": fewer})) == [
        "a", "b", "copy of a", "copy of b",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="'copy'"):
        with_baselines({"copy": system()})


def test_a_limit_takes_rows_from_everywhere():
    assert spread_rows(100, 4).tolist() == [0, 25, 50, 75]
    assert system().limited(2).source_labels == [0, 1]
    assert system().limited(9).sources == SOURCES
    assert system().limited(None).sources is SOURCES


# --- the command -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return small_transfer.labelled_corpus(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, corpus):
    """Where the judges are kept, trained once."""
    folder = tmp_path_factory.mktemp("runs")
    kept = folder / "judges" / f"{corpus.name}-{corpus.sha256[:8]}"
    evaluators_of(corpus, folder=kept, settings=small_transfer.EVALUATORS)
    return folder


@pytest.fixture(scope="module")
def sources(corpus):
    split = corpus.split("test")
    return texts_of(split, corpus.vocabulary), split.labels.tolist()


@pytest.fixture
def call(corpus, runs, monkeypatch):
    """Run ``evaluate transfer``, with the corpus named unless there is a run."""

    def invoke(*arguments, code=0, named=True, **settings):
        monkeypatch.setenv(locations.RUNS_VARIABLE, str(runs))
        monkeypatch.setattr(evaluators, "EvaluatorSettings", lambda: small_transfer.EVALUATORS)
        corpus_option = ("--corpus", corpus.folder) if named else ()
        reverse = () if "--reverse" in arguments else ("--no-reverse",)
        words = (*arguments, *corpus_option, *reverse)
        return command_line.call("evaluate", "transfer", *words, code=code, **settings)

    return invoke


def rows_of(sources, change=lambda text: text, **more):
    texts, labels = sources
    names = ["negative", "positive"]
    return [
        {"text": text, "transferred": change(text), "to": names[1 - label], **more}
        for text, label in zip(texts, labels, strict=True)
    ]


def report(result):
    assert len(result.stdout.splitlines()) == 1
    return json.loads(result.stdout)


def test_a_file_is_measured_beside_copying(call, sources, corpus, tmp_path):
    path = tmp_path / "ours.jsonl"
    path.write_text(json_lines(rows_of(sources, lambda text: "i love this place !")))
    found = report(call("--outputs", path, "--json", "--reverse"))
    assert list(found["systems"]) == ["ours", "copy"]
    ours, copy = (found["systems"][name]["overall"] for name in ("ours", "copy"))
    labels = sources[1]
    share = 100 * labels.count(0) / len(labels)
    assert ours["accuracy"]["bilstm"] == pytest.approx(share, rel=1e-4)
    assert copy["source_bleu"] == 100
    assert copy["copied"] == 100
    assert max(copy["accuracy"].values()) < 25
    assert ours["distinct_1"] < copy["distinct_1"]
    assert ours["reverse_perplexity"] > copy["reverse_perplexity"]
    assert found["corpus"]["sha256"] == corpus.sha256
    assert set(found["signature"]["judges"]) == {"ngrams", "bilstm", "fasttext"}
    assert set(found["systems"]["ours"]["directions"]) == {
        "negative -> positive",
        "positive -> negative",
    }


def test_file_archive_stdin_and_lines_give_the_same_numbers(call, sources, tmp_path):
    rows = rows_of(sources, lambda text: text.replace("was", "is"))
    plain, packed, table = (tmp_path / f"x.{end}" for end in ("jsonl", "jsonl.gz", "tsv"))
    plain.write_text(json_lines(rows))
    packed.write_bytes(gzip.compress(json_lines(rows).encode()))
    # The target follows from the label that the test split gives the source.
    table.write_text("".join(f"{row['text']}\t{row['transferred']}\n" for row in rows))
    first = report(call("--outputs", plain, "--json"))
    assert report(call("--outputs", packed, "--json")) == first
    assert report(call("--outputs", table, "--json")) == first
    stdin = report(call("--outputs", "x=-", "--json", input=json_lines(rows)))
    assert stdin == first


def test_tables_show_every_system_and_direction(call, sources, tmp_path):
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_text(json_lines(rows_of(sources)))
    text = call("--outputs", paths[0], "--outputs", f"theirs={paths[1]}").stdout
    blocks = text.split("\n\n")
    assert blocks[0].startswith("ngrams: judges ")
    assert f" % of {len(set(zip(*sources, strict=True)))} sources rewritten here" in blocks[0]
    assert "similarity" not in text
    assert [block.split("  ")[0] for block in blocks[1:]] == [
        "all rows", "negative -> positive", "positive -> negative",
    ]  # fmt: skip
    assert blocks[1].splitlines()[0].split() == ["all", "rows", "a", "theirs", "copy"]
    assert "BLEU to the source" in text
    assert "references" not in text


def test_empty_outputs_are_counted(call, sources, tmp_path):
    path = tmp_path / "ours.jsonl"
    texts = iter(["", " "])
    path.write_text(json_lines(rows_of(sources, lambda text: next(texts, text))))
    told = call("--outputs", path, "--json").stderr
    assert f"ours: 2 of {len(sources[0]):,} outputs are empty" in told


def test_many_directions_are_rows_of_a_few_tables(call, sources, tmp_path):
    path = tmp_path / "ours.jsonl"
    path.write_text(json_lines(rows_of(sources)))
    found = report(call("--outputs", path, "--json"))
    names = [f"{a} -> {b}" for a in "12345" for b in "12345" if a != b]
    for name, system in found["systems"].items():
        system["directions"] = dict.fromkeys(names, next(iter(system["directions"].values())))
        if name == "ours":
            del system["directions"][names[-1]]  # of which it has no row
    *tables, last = as_text(found).split("\n\n")[2:]
    assert [table.splitlines()[0].split("  ")[0] for table in tables] == [
        "accuracy by ngrams, percent", "accuracy by bilstm, percent",
        "accuracy by fasttext, percent", "BLEU to the source",
    ]  # fmt: skip
    assert all(len(table.splitlines()) == 21 for table in tables)
    assert tables[3].splitlines()[1].split() == ["1", "->", "2", "100.00", "100.00"]
    assert tables[3].splitlines()[-1].split() == ["5", "->", "4", "-", "100.00"]
    assert "--json" in last and "distinct words" not in "".join(tables)


def test_references_and_results(call, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "name_of", lambda device: f"{device.type} (by name)")
    rows = rows_of(sources)
    outputs, human = tmp_path / "ours.jsonl", tmp_path / "human.tsv"
    outputs.write_text(json_lines(rows))
    human.write_text("".join(f"{text.upper()}\tit was lovely .\t\n" for text in sources[0][:30]))
    results = tmp_path / "results"
    result = call("--outputs", outputs, "--references", human, "--results", results)
    assert f"ours: 30 of {len(rows)} rows have references" in result.stderr
    found = read_results(results)["transfer-ours"]
    assert found["metrics"]["ours_source_bleu"] == {"value": 100.0, "spread": None, "unit": "BLEU"}
    assert found["metrics"]["references_rows"]["value"] == 30
    assert found["details"]["systems"]["references"]["overall"]["reference_bleu"] is None
    assert "--outputs" in found["command"]
    assert found["device"] == f"{devices.choose_device('auto').type} (by name)"
    as_rows = tmp_path / "human.jsonl"
    as_rows.write_text(
        json_lines({"text": text, "references": ["it was lovely ."]} for text in sources[0][:30])
    )
    again = report(call("--outputs", outputs, "--references", as_rows, "--json"))
    assert again["systems"] == found["details"]["systems"]


def test_the_number_of_the_sources_label_may_stand_behind_the_output(call, sources, tmp_path):
    rows = rows_of(sources, lambda text: f"really , {text}")
    numbered, odd = (tmp_path / f"{name}.tsv" for name in ("numbered", "odd"))
    # Sources that do not stand in the corpus, which would tell their labels.
    texts = [f"{row['text']} zorb\t{row['transferred']}" for row in rows]
    labels = sources[1]
    numbered.write_text(
        "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels, strict=True))
    )
    odd.write_text("".join(f"{text}\t0.93\n" for text in texts))
    found = report(call("--outputs", f"x={numbered}", "--json"))
    (tmp_path / "labelled.jsonl").write_text(
        json_lines(
            {**row, "text": f"{row['text']} zorb", "label": ["negative", "positive"][label]}
            for row, label in zip(rows, labels, strict=True)
        )
    )
    labelled = report(call("--outputs", f"x={tmp_path / 'labelled.jsonl'}", "--json"))
    assert found["systems"] == labelled["systems"]
    result = call("--outputs", odd, "--to", "positive", "--limit", 3, "--json")
    assert f"{odd}: the third column is no label ('0.93'): passed over" in result.stderr


def test_outputs_alone_are_laid_beside_their_sources(call, sources, tmp_path):
    rows = rows_of(sources, lambda text: text.replace("was", "is"))
    rows[1]["transferred"] = ""
    table, alone, beside = (tmp_path / name for name in ("x.jsonl", "x.txt", "test.txt"))
    table.write_text(json_lines(rows))
    alone.write_text("".join(f"{row['transferred']}\n" for row in rows))
    beside.write_text("".join(f"{row['text']}\tby people\n" for row in rows))
    expected = report(call("--outputs", table, "--json"))["systems"]
    words = ["--outputs", alone, "--sources", beside]
    assert report(call(*words, "--json"))["systems"] == expected
    alone.write_text(alone.read_text() + "\n")
    assert report(call(*words, "--json"))["systems"] == expected
    alone.write_text("\n".join(row["transferred"] for row in rows[2:]))
    result = call(*words, code=3)
    assert f"{alone}: {len(rows) - 2} outputs for {len(rows)} sources" in result.stderr
    assert "write source, tab and output in each line" in result.stderr
    assert "--sources needs --outputs" in call("nowhere", "--sources", beside, code=2).stderr


def test_rows_in_another_order_are_laid_beside_their_sources(call, sources, tmp_path):
    rows = rows_of(sources, lambda text: text.replace("was", "is"))
    whole, shuffled, beside = (tmp_path / name for name in ("whole.jsonl", "x.tsv", "test.jsonl"))
    whole.write_text(json_lines(rows[3:]))
    others = ["nothing of this test\ta thing\n"]
    lines = [f"{row['text'].upper()}\t{row['transferred']}\n" for row in rows[3:]]
    shuffled.write_text("".join([*lines[::-1], *others]))
    beside.write_text(json_lines({"text": row["text"], "label": None} for row in rows))
    words = ["--outputs", f"x={shuffled}", "--sources", beside, "--to", "positive"]
    result = call(*words, "--limit", 20, "--json")
    assert f"x: 3 of {len(rows)} sources have no output, and are left out" in result.stderr
    assert f"x: 1 of {len(rows) - 2} rows are of no source, and are left out" in result.stderr
    words = ["--outputs", f"x={whole}", "--sources", beside, "--limit", 20, "--json"]
    systems = report(call(*words))["systems"]
    assert systems["x"]["overall"]["rows"] == report(result)["systems"]["x"]["overall"]["rows"]
    assert (
        systems["x"]["overall"]["source_bleu"]
        == report(result)["systems"]["x"]["overall"]["source_bleu"]
    )
    shuffled.write_text("".join(others))
    words = ["--outputs", shuffled, "--sources", beside, "--to", "positive"]
    assert "no row is of a sentence of --sources" in call(*words, code=3).stderr


def test_similarity_is_measured_in_the_vectors_of_a_classifier(call, sources, runs, tmp_path):
    small.save_pair_model(runs / "nli-pairs")
    path, results = tmp_path / "a.jsonl", tmp_path / "results"
    path.write_text(json_lines(rows_of(sources, lambda text: text.replace("the", "a"))))
    words = ("--outputs", path, "--limit", 20, "--encoder")
    text = call(*words, "pairs", "--results", results).stdout
    assert (
        "similarity: mean cosine in the vectors of nli-pairs; of a sentence and the next one"
        in text
    )
    row = next(line.split() for line in text.splitlines() if line.startswith("similarity to the"))
    assert 0 < float(row[-2]) < 1
    assert row[-1] == "1.000"
    metrics = read_results(results)["transfer-a"]["metrics"]
    assert metrics["copy_similarity"]["value"] == pytest.approx(1)
    assert "no trained model" in call(*words, "nowhere", code=2).stderr


def test_a_limit_and_a_target_for_all_rows(call, sources, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{text} zorb\t{text}\n" for text in sources[0]))
    found = report(call("--outputs", path, "--to", "positive", "--limit", 10, "--json"))
    assert found["systems"]["a"]["overall"]["rows"] == 10
    assert list(found["systems"]["a"]["directions"]) == ["? -> positive"]


def test_a_model_of_ours_is_measured(call, corpus, runs):
    folder = small_transfer.save_model(runs / "small", attributes=("negative", "positive"))
    config = json.loads((folder / "config.json").read_text())
    assert "corpus" not in config
    result = call("small", "--limit", 12, "--json")
    found = report(result)
    assert list(found["systems"]) == ["small", "copy"]
    assert found["systems"]["small"]["overall"]["rows"] == 12
    assert found["systems"]["copy"]["overall"]["source_bleu"] == 100


# --- what cannot be used ---------------------------------------------------------------------

GOOD = {"text": "the food was bad .", "transferred": "the food was good .", "to": "positive"}
BAD_ROWS = {
    "nonsense": "not JSON",
    json.dumps({**GOOD, "text": " "}): "empty text",
    json.dumps({"text": "a"}): "no field 'transferred'",
    json.dumps({**GOOD, "transferred": 5}): "field 'transferred' is a number, not a text",
    json.dumps({**GOOD, "to": "great"}): "field 'to' is 'great', not one of negative, positive",
    json.dumps({**GOOD, "label": ["x"]}): "field 'label' is a list, not one of",
    json.dumps({"text": "zorb", "transferred": "a"}): "no field 'to'",
    '{"text": "a", "transferred": "\\ud800", "to": "positive"}': "not UTF-8",
    json.dumps({**GOOD, "transferred": "x" * 10_001}): "at most 10,000 are accepted",
}


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: row[:60])
def test_an_unusable_row_is_named_by_file_and_line(call, bad, tmp_path):
    path = tmp_path / "ours.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{bad}\n")
    result = call("--outputs", path, "--json", code=3)
    assert result.stdout == ""
    assert f"error: {path}:2: " in result.stderr
    assert BAD_ROWS[bad] in result.stderr


def test_lines_without_a_tab_and_files_that_are_not_there(call, tmp_path):
    path = tmp_path / "ours.txt"
    path.write_text("the food was good .\n")
    result = call("--outputs", path, "--to", "positive", code=3)
    assert f"{path}:1: source, tab and output are expected, found 0 tabs" in result.stderr
    assert "no such file" in call("--outputs", tmp_path / "no.jsonl", code=2).stderr
    path.write_text(json.dumps(GOOD) + "\n")
    result = call("--outputs", path, "--to", "positive", code=3)
    assert "found 0 tabs; a file of JSONL is known by its suffix, .jsonl" in result.stderr
    path.write_text("")
    assert "empty" in call("--outputs", path, code=3).stderr


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "the food was bad .", "reference": ""}, "one or more references are expected"),
        ({"text": "the food was bad .", "references": []}, "one or more references are expected"),
        ({"text": "the food was bad .", "reference": "a", "to": "x"}, "field 'to' is 'x'"),
        ({"text": "zorb", "reference": "a"}, "no source of the outputs has a reference here"),
    ],
)
def test_references_that_cannot_be_used_are_named(call, row, problem, tmp_path):
    outputs, references = tmp_path / "ours.jsonl", tmp_path / "human.jsonl"
    outputs.write_text(json_lines([GOOD]))
    references.write_text(json_lines([row]))
    result = call("--outputs", outputs, "--references", references, code=3)
    assert f"error: {references}" in result.stderr
    assert problem in result.stderr


def test_wrong_usage_is_told_at_once(call, tmp_path):
    path = tmp_path / "ours.jsonl"
    path.write_text(json_lines([GOOD]))
    assert "RUN or --outputs is missing" in call(code=2).stderr
    assert "needs RUN or --corpus" in call("--outputs", path, named=False, code=2).stderr
    assert "two outputs" in call("--outputs", path, "--outputs", path, code=2).stderr
    assert "'copy'" in call("--outputs", f"copy={path}", code=2).stderr
    assert "not one of negative, positive" in call("--outputs", path, "--to", "x", code=2).stderr
    assert "no trained model" in call("nowhere", code=2).stderr


def test_a_run_without_its_corpus_is_told_what_to_do(call, tmp_path):
    folder = small_transfer.save_model(tmp_path / "model", attributes=("negative", "positive"))
    result = call(folder, named=False, code=3)
    assert "does not name its corpus; name it with --corpus" in result.stderr
    folder = small_transfer.save_model(
        tmp_path / "another", attributes=("negative", "positive"), corpus={"name": "nowhere"}
    )
    result = call(folder, named=False, code=3)
    assert "'nowhere', is not found" in result.stderr
    assert "name its prepared folder with --corpus" in result.stderr


def test_a_model_of_other_labels_is_refused(call, runs):
    small_transfer.save_model(runs / "other", attributes=("cold", "warm"))
    result = call("other", code=3)
    assert "labels negative, positive, the model's are cold, warm" in result.stderr


def test_a_model_may_know_more_labels_than_are_asked_for(call, runs):
    small_transfer.save_model(runs / "more", attributes=("negative", "neutral", "positive"))
    result = call("more", "--split", "dev", "--limit", 4, "--no-reverse", "--json")
    assert {*json.loads(result.stdout)["systems"]["more"]["directions"]} == {
        "negative -> positive",
        "positive -> negative",
    }


def test_a_damaged_judge_is_told_in_one_line(call, corpus, tmp_path, monkeypatch, runs):
    own = tmp_path / "runs"
    folder = own / "judges" / f"{corpus.name}-{corpus.sha256[:8]}" / "ngrams"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    path = tmp_path / "ours.jsonl"
    path.write_text(json_lines([GOOD]))
    monkeypatch.setenv(locations.RUNS_VARIABLE, str(own))
    result = command_line.call(
        "evaluate", "transfer", "--outputs", path, "--corpus", corpus.folder, code=4
    )
    assert "to have it trained again" in result.stderr.splitlines()[-1]


def test_words_beyond_the_vocabulary_do_not_break_a_system(language_model):
    packed = pack(language_model.vocabulary.encode_batch(["zorb"]), vocab_size=20)
    assert language_model.read_packed(packed).unknown.tolist() == [1]


def _one_file(folder, rows):
    """Prepare a corpus of one file, which has no test split."""
    return small_transfer.prepared_corpus(folder, {"train": rows})


@pytest.fixture
def untrained(monkeypatch):
    """Fail where a judge is trained or a model rewrites: what is missing is told before."""

    def refused(*_, **__):
        raise AssertionError("computed before the corpus was looked at")

    monkeypatch.setattr(evaluators, "kept", refused)
    monkeypatch.setattr(evaluators, "kept_language_model", refused)
    monkeypatch.setattr(TransferModel, "transfer", refused)


def test_a_missing_split_is_told_before_anything_is_computed(untrained, tmp_path):
    corpus = _one_file(tmp_path, small_transfer.rows())
    model = small_transfer.save_model(tmp_path / "run", attributes=("bad", "good"))
    words = ("evaluate", "transfer", model, "--corpus", corpus.folder)
    done = command_line.call(*words, code=3)
    assert "no test split here, only train, dev; take another with --split" in done.stderr
    plain = small.save_model(tmp_path / "plain")
    done = command_line.call("evaluate", "generation", plain, "--corpus", corpus.folder, code=3)
    assert "no test split here" in done.stderr


def test_labels_that_judges_lack_are_told_before_anything_is_computed(untrained, tmp_path):
    rows = [{"text": row["text"], "label": "good"} for row in small_transfer.rows()]
    other = {"text": "a plain sentence .", "label": "bad"}
    corpus = small_transfer.prepared_corpus(
        tmp_path, {"train": [*rows[9:], other], "dev": rows[:3], "test": rows[3:9]}
    )
    model = small_transfer.save_model(tmp_path / "run", attributes=("bad", "good"))
    done = command_line.call("evaluate", "transfer", model, "--corpus", corpus.folder, code=3)
    assert "no sentence of the dev split is labelled 'bad'" in done.stderr


def test_what_else_is_asked_for_is_looked_at_first(untrained, call, corpus, tmp_path):
    model = small_transfer.save_model(tmp_path / "run", attributes=("negative", "positive"))
    words = (model, "--corpus", corpus.folder)
    path = tmp_path / "people.tsv"
    path.write_text("no tab\n")
    done = command_line.call("evaluate", "transfer", *words, "--references", path, code=3)
    assert f"{path}:1: a source and one or more references" in done.stderr
    (tmp_path / "key.json").write_text("{}")
    places = ("--rating-sheet", 3, "--rating-folder", tmp_path)
    done = command_line.call("evaluate", "transfer", *words, *places, code=1)
    assert "there is a sheet already" in done.stderr


def test_outputs_need_no_test_split(tmp_path, monkeypatch):
    corpus = _one_file(tmp_path, small_transfer.rows())
    monkeypatch.setattr(evaluators, "EvaluatorSettings", lambda: small_transfer.EVALUATORS)
    text = texts_of(corpus.split("dev"), corpus.vocabulary)[0]
    path = tmp_path / "out.tsv"
    path.write_text(f"{text}\tthe food was great .\n")
    words = ("--corpus", corpus.folder, "--outputs", path, "--to", "good", "--no-reverse", "--json")
    done = command_line.call("evaluate", "transfer", *words)
    assert json.loads(done.stdout)["systems"]["out"]["overall"]["rows"] == 1
