import gzip
import json
import re
from functools import partial

import pytest
import small
from command_line import call as call_program
from command_line import json_lines

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.evaluation.generation import measurement
from arae_toolkit.evaluation.generation.measurement import (
    WHOLE_TRAIN,
    GenerationMeasurement,
    GenerationSettings,
)
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.reports.results import read_results
from arae_toolkit.storage import paths

COUNT = 40
JUDGE = LanguageModelSettings(embedding_size=16, hidden_size=16, batch_size=32, most_epochs=3)
SETTINGS = partial(GenerationSettings, judge=JUDGE, self_bleu_sentences=20, nearest_sentences=30)
INTERVAL = {"value", "low", "high"}
MEASURES = {
    *("kind", "sentences", "parameters", "words", "unknown", "distinct_sentences", "distinct_1"),
    *("distinct_2", "distinct_3", "distinct_4", "diversity", "found_in_train", "self_bleu"),
    *("four_grams_in_train", "self_bleu_sentences", "self_bleu_signature", "nearest_edits"),
    *("nearest_sentences", "forward_perplexity", "forward_sentences", "reverse_perplexity"),
    *("frechet", "mauve"),
}


@pytest.fixture(scope="module")
def corpus(synthetic):
    return Corpus(synthetic)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, corpus):
    """Where judges and cells are kept, and a model that has learned nothing, called ``dull``."""
    folder = tmp_path_factory.mktemp("runs")
    small.model(corpus.vocabulary).save_pretrained(folder / "dull")
    small.save_pair_model(folder / "nli-pairs")
    return folder


@pytest.fixture
def call(corpus, runs, monkeypatch):
    def invoke(*arguments, code=0, **settings):
        monkeypatch.setenv(paths.RUNS_VARIABLE, str(runs))
        monkeypatch.setattr(measurement, "GenerationSettings", SETTINGS)
        words = ("--corpus", corpus.folder, "--count", COUNT, "--device", "cpu", *arguments)
        return call_program("evaluate", "generation", *words, code=code, **settings)

    return invoke


def report(result):
    assert len(result.stdout.splitlines()) == 1
    return json.loads(result.stdout)


def test_a_model_a_file_and_a_language_model_are_measured_beside_real_text(call, corpus, tmp_path):
    texts = texts_of(corpus.split("train"), corpus.vocabulary)[:30]
    path = tmp_path / "copies.txt"
    path.write_text("\n".join(texts) + "\n")
    plots = tmp_path / "curve.png", tmp_path / "curve.html"
    result = call(
        *("dull", "--outputs", path, "--language-model", "--temperature", "0.5,0,1"),
        *("--encoder", "pairs", "--results", tmp_path, "--json"),
        *(word for plot in plots for word in ("--plot", plot)),
    )
    found = report(result)
    curve = ["dull greedy", "dull T=0.5", "dull T=1"]
    spoken = ["language model T=0.5", "language model T=1"]
    assert list(found["systems"]) == [
        *("real test", "real train", WHOLE_TRAIN),
        *curve,
        *spoken,
        "copies",
    ]
    assert found["curves"] == {"dull": curve, "language model": spoken}
    for name, system in found["systems"].items():
        assert set(system) >= MEASURES, name
        assert set(system["forward_perplexity"]) == INTERVAL
        real = name == "real test"
        assert (system["reverse_perplexity"] is None) == real
        assert (system["mauve"] is None) == (system["frechet"] is None) == real
        assert ("examples" in system) == (system["kind"] != "real")
    systems = found["systems"]
    assert systems["copies"]["found_in_train"] == 100
    assert systems["copies"]["examples"] == []
    assert systems["copies"]["examples_left_out"] == 30
    assert systems["dull T=1"]["examples_left_out"] == 0
    assert len(systems["dull T=1"]["examples"]) == 20
    assert systems["dull greedy"]["decoding"]["method"] == "greedy"
    assert systems["dull T=0.5"]["decoding"]["temperature"] == 0.5
    model = small.model(corpus.vocabulary)
    assert systems["dull greedy"]["parameters"] == sum(p.numel() for p in model.parameters())
    assert systems["real train"]["parameters"] is None
    assert found["judge"]["settings"]["hidden_size"] == JUDGE.hidden_size
    assert found["judge"]["rows"] == corpus.rows(corpus.judges_split)
    assert found["corpus"]["sha256"] == corpus.sha256

    (written,) = read_results(tmp_path).values()
    assert written["details"] == {key: part for key, part in found.items() if key != "corpus"}
    value = systems["dull greedy"]["reverse_perplexity"]["value"]
    assert written["metrics"]["dull_greedy_reverse_perplexity"]["value"] == pytest.approx(value)
    assert written["seeds"] == [0]
    assert plots[0].read_bytes().startswith(b"\x89PNG")
    page = plots[1].read_text()
    assert "<svg" in page
    assert page.count("<table>") == 2
    addresses = re.sub(r'xmlns\S*="[^"]*"|<metadata>.*?</metadata>', "", page, flags=re.DOTALL)
    assert "://" not in addresses


def test_the_same_command_again_measures_nothing_and_prints_the_same(call, monkeypatch):
    first = call("dull", "--json")

    def measured(*_):
        raise AssertionError("measured again")

    for part in ("_statistics", "_self_bleu", "_nearest", "_forward", "_reverse"):
        monkeypatch.setattr(GenerationMeasurement, part, measured)
    monkeypatch.setattr("arae_toolkit.models.arae.ARAE.sample_blocks", measured)
    assert report(call("dull", "--json")) == report(first)
    with pytest.raises(AssertionError, match="measured again"):
        call("dull", "--seed", 1, catch_exceptions=False)


def test_a_run_is_measured_with_each_of_its_priors(call, corpus, runs):
    fitting = ("--kind", "gaussian", "--corpus", corpus.folder, "--device", "cpu")
    call_program("prior", "fit", runs / "dull", *fitting)
    words = ("--prior", "own", "--prior", "gaussian", "--prior", "codes", "--temperature", "1")
    systems = report(call("dull", *words, "--json"))["systems"]
    own, fitted, codes = (systems[name] for name in ("dull", "dull gaussian", "dull codes"))
    assert [found["prior"] for found in (own, fitted, codes)] == ["own", "gaussian", "codes"]
    assert len({tuple(found["examples"]) for found in (own, fitted, codes)}) == 3
    model = small.model(corpus.vocabulary)
    learned = sum(p.numel() for p in model.parameters())
    in_prior = sum(p.numel() for p in model.prior.parameters())
    assert own["parameters"] == learned
    assert codes["parameters"] == learned - in_prior
    assert fitted["parameters"] > codes["parameters"]
    missing = call("dull", "--prior", "flow", code=2)
    assert "flow" in missing.stderr.splitlines()[-1]


def test_the_best_of_several_draws_has_a_key_of_its_own(call, corpus, runs):
    once, best = call("dull", "--json"), call("dull", "--best-of", 3, "--json")
    once, best = (report(found)["systems"]["dull"] for found in (once, best))
    assert ("best_of" in once, best["best_of"]) == (False, 3)
    assert best["examples"][:4] == small.model(corpus.vocabulary).eval().sample(4, best_of=3)
    assert best["examples"] != once["examples"]
    keys = [json.loads(path.read_text())["key"] for path in runs.rglob("samples-*.json")]
    assert {key.get("best_of") for key in keys} == {None, 3}  # once: the key of older programs


def test_a_language_model_s_folder_is_a_run(call, corpus, runs):
    call()  # trains the judge
    judge = runs / "judges" / f"{corpus.name}-{corpus.sha256[:8]}" / "language-model"
    systems = report(call(judge, "--prior", "flow", "--json"))["systems"]
    assert systems["language-model"]["decoding"]["method"] == "sample"
    assert systems["language-model"]["decoding"]["max_length"] == corpus.max_length
    assert systems["language-model"]["prior"] == "own"
    assert systems["language-model"]["distinct_sentences"] > 50


def test_tables_are_for_a_reader(call):
    shown = call("dull").stdout
    fluency, variety, notes = shown.split("\n\n")
    assert [line.split("  ")[0] for line in fluency.splitlines()] == [
        *("fluency", "real test", "real train", WHOLE_TRAIN, "dull")
    ]
    assert "reverse perplexity" in fluency
    assert "MAUVE" not in fluency
    assert "self-BLEU" in variety
    assert "--encoder" in notes
    assert f"hidden {JUDGE.hidden_size}" in notes
    assert "<unk>" in notes


def test_lines_jsonl_archives_and_stdin_are_read_alike(call, corpus, tmp_path):
    texts = [*texts_of(corpus.split("dev"), corpus.vocabulary)[:24], ""]
    lines = "\n".join(texts) + "\n"
    (tmp_path / "a.txt").write_text(lines)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "c.jsonl").write_text(json_lines({"sentence": text} for text in texts))
    words = [w for name in ("a.txt", "b.txt.gz", "c.jsonl") for w in ("--outputs", tmp_path / name)]
    found = report(
        call(*words, "--outputs", "d=-", "--text-field", "sentence", "--json", input=lines)
    )["systems"]
    assert found["a"]["sentences"] == len(texts)
    assert found["a"] == found["b"] == found["c"] == found["d"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"text": "a"}\n{"other": "b"}\n', "x.jsonl:2: no field 'text'"),
        ('{"text": "a"}\n["b"]\n', "x.jsonl:2: not a JSON object"),
        ('{"text": 7}\n', "x.jsonl:1: field 'text' is a number"),
        ("", "x.jsonl: no sentences"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(call, tmp_path, content, expected):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    assert expected in call("--outputs", path, code=3).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dull", "--top-k", 3], "--top-k needs --temperature above 0"),
        (["dull", "--temperature", "1", "--beam-size", 3], "--beam-size needs --temperature 0"),
        (["dull", "--temperature", "warm"], "'warm' is no list of numbers"),
        (["dull", "--temperature", "-1"], "a temperature below 0"),
        (["dull", "--plot", "x.pdf"], "ends in .png or .html"),
        (["dull", "--start-scale", 0.9], "--start-scale needs a flow"),
        (["dull", "dull"], "two systems have the same name"),
        (["--outputs", "dull=x", "dull"], "two systems have the same name"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_trained(call, words, expected):
    assert expected in call(*words, code=2).stderr


def test_a_run_that_writes_no_sentences_is_named_before_a_judge_is_trained(call, runs, tmp_path):
    for run in (runs / "nli-pairs", small.save_pair_model(tmp_path / "average", 1, 2)):
        (told,) = call(runs / "dull", run, code=4).stderr.splitlines()
        assert "which writes no new sentences" in told


def test_one_of_run_and_corpus_is_needed():
    result = call_program("evaluate", "generation", "--outputs", "x.txt", code=2)
    assert "RUN or --corpus is missing" in result.stderr
