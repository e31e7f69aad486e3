import json
from dataclasses import asdict

import pytest
import small_transfer
import torch
from small_transfer import equal_chances, prepared_corpus

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.transfer.evaluators import Evaluators
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.recipes.reproduce.transfer.runs import weights_of
from arae_toolkit.recipes.reproduce.transfer.systems import System
from arae_toolkit.recipes.reproduce.transfer.table import Measurer, Sources, metrics_of, outputs_of
from arae_toolkit.reports.tables.transfer import judges_accuracy
from arae_toolkit.transfer.infilling.network import INFILLING, new_infilling_network
from arae_toolkit.transfer.infilling.settings import InfillingModelConfig, Search
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER

AE = System("ae", "ae")
NAMES = list(small_transfer.ATTRIBUTES)
TEXTS = {
    "train": ["the soup is bad .", "so good a tea .", "there is some tea ."],
    "dev": ["the tea is bad .", "so bad a soup .", "the soup is good .", "there is some soup ."],
}
LABELS = {"bad": "negative", "good": "positive", "some": "neutral"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three labels; without a test split, whose text reverse perplexity would be measured on."""
    splits = {
        split: [
            {"text": text, "label": next(LABELS[word] for word in text.split() if word in LABELS)}
            for text in texts
        ]
        for split, texts in TEXTS.items()
    }
    return prepared_corpus(tmp_path_factory.mktemp("labelled"), splits)


@pytest.fixture
def run(tmp_path):
    return small_transfer.save_model(tmp_path / "run")


class Marker:
    """A judge that looks for the word ``bad``."""

    name, dev_accuracy, settings = "marker", 100.0, {"word": "bad"}

    def __init__(self, labels):
        self.labels = tuple(labels)

    def probabilities(self, texts):
        rows = torch.full((len(texts), len(self.labels)), 0.1)
        for row, text in enumerate(texts):
            rows[row, self.labels.index("negative" if "bad" in text else "positive")] = 0.8
        return rows.numpy()


@pytest.fixture
def measurer(corpus):
    model = equal_chances(corpus.vocabulary)
    instruments = Evaluators((Marker(corpus.labels),), model, "train")
    return lambda sources: Measurer(corpus, "dev", sources, instruments)


def test_every_sentence_is_to_have_each_other_label(corpus):
    sources = Sources.of(corpus, "dev")
    found = [
        (text, corpus.labels[label], corpus.labels[target])
        for text, label, target in zip(sources.texts, sources.labels, sources.targets, strict=True)
    ]
    assert sorted(found) == sorted(
        (text, label, target)
        for text, label in zip(
            TEXTS["dev"], ["negative", "negative", "positive", "neutral"], strict=True
        )
        for target in LABELS.values()
        if target != label
    )


def test_a_limit_is_of_each_label(corpus):
    whole, limited = Sources.of(corpus, "dev"), Sources.of(corpus, "dev", most=1)
    assert sorted(limited.labels) == [0, 0, 1, 1, 2, 2]
    assert "the tea is bad ." in limited.texts and "so bad a soup ." not in limited.texts
    assert Sources.of(corpus, "dev", most=9) == whole


def test_the_fingerprint_tells_texts_labels_and_targets():
    made = Sources(["a"], [0], [1])
    others = [Sources(["b"], [0], [1]), Sources(["a"], [2], [1]), Sources(["a"], [0], [2])]
    assert len({one.sha256 for one in [made, *others]}) == 4
    assert Sources(["a"], [0], [1]).sha256 == made.sha256


def test_outputs_are_those_of_the_model_asked_so(run):
    sources = Sources(list(small_transfer.REWRITTEN[:3]), [0, 0, 1], [1, 2, 0])
    system = System("ae@c3@s2", "ae")
    found = outputs_of(system, run, sources, NAMES, precision="fp32")
    expected = TransferModel.from_pretrained(run).transfer(
        sources.texts, ["positive", "neutral", "negative"], candidates=3, strength=2.0
    )
    assert found == [one.text for one in expected]
    head, *rows = (run / "outputs" / "ae@c3@s2.jsonl").read_text().splitlines()
    assert json.loads(head)["rows"] == len(rows) == 3
    assert json.loads(head)["scorer"] == weights_of(run / SCORER_FOLDER), "it has chosen"
    assert json.loads(rows[0]) == {
        "text": sources.texts[0],
        "label": "negative",
        "to": "positive",
        "transferred": found[0],
    }


def test_outputs_are_kept_for_the_same_weights_sources_and_precision(run):
    sources = Sources(list(small_transfer.REWRITTEN[:2]), [0, 0], [1, 2])

    def found(of=sources):
        return outputs_of(AE, run, of, NAMES, precision="fp32")

    first = found()
    kept = run / "outputs" / "ae.jsonl"

    def mark():
        """Change an output, to see whether the file is read."""
        *lines, last = kept.read_text().splitlines()
        changed = json.dumps({**json.loads(last), "transferred": "kept"})
        kept.write_text("\n".join([*lines, changed]) + "\n")

    mark()
    assert found() == [first[0], "kept"]
    others = [
        Sources(list(small_transfer.REWRITTEN[2:4]), [0, 0], [1, 2]),
        Sources(sources.texts, [0, 0], [2, 1]),
        Sources(sources.texts[:1], [0], [1]),
    ]
    for other in others:
        mark()
        assert "kept" not in found(other)
    assert found() == first
    mark()
    assert "kept" not in outputs_of(AE, run, sources, NAMES, precision="bf16")
    assert found() == first
    mark()
    small_transfer.save_model(run, seed=8)
    assert "kept" not in found()


@pytest.mark.parametrize("lines", [[], ["{"], ["5", "6"], ["HEAD", "5", "6"], ["HEAD", "NONE"]])
def test_outputs_that_are_damaged_are_written_again(run, lines):
    sources = Sources([small_transfer.REWRITTEN[0]], [0], [1])
    first = outputs_of(AE, run, sources, NAMES, precision="fp32")
    kept = run / "outputs" / "ae.jsonl"
    whole = kept.read_text()
    head, row = whole.splitlines()
    known = {"HEAD": head, "NONE": json.dumps({**json.loads(row), "transferred": None})}
    kept.write_text("".join(known.get(line, line) + "\n" for line in lines))
    assert outputs_of(AE, run, sources, NAMES, precision="fp32") == first
    assert kept.read_text() == whole


def test_outputs_of_infilling_are_kept_for_the_same_search(tmp_path, monkeypatch):
    sizes = asdict(InfillingModelConfig(embedding_size=8, hidden_size=4, attribute_size=4))
    words = Vocabulary.build(small_transfer.REWRITTEN, size=100)
    network = new_infilling_network(sizes, len(words), len(NAMES))
    config = {"kind": INFILLING, "model": sizes, "labels": list(NAMES)}
    save_model_folder(tmp_path, config=config, vocabulary=words, tensors=network.state_dict())
    model = TransferModel.from_pretrained(small_transfer.save_model(tmp_path / "latent"))
    model.scorer.save_pretrained(tmp_path / SCORER_FOLDER, words)
    sources = Sources(list(small_transfer.REWRITTEN[:2]), [0, 0], [1, 2])
    system = System("infilling", "infilling")

    def head():
        outputs_of(system, tmp_path, sources, NAMES, precision="fp32")
        return json.loads((tmp_path / "outputs" / "infilling.jsonl").read_text().splitlines()[0])

    assert head()["search"] == asdict(Search())
    kept = (tmp_path / "outputs" / "infilling.jsonl").stat().st_ino
    assert head()["search"] and (tmp_path / "outputs" / "infilling.jsonl").stat().st_ino == kept
    other = Search(unlike_weight=0.0)
    monkeypatch.setattr("arae_toolkit.transfer.infilling.rewriter.Search", lambda: other)
    assert head()["search"] == asdict(other)


def test_measures_are_kept_for_the_same_outputs_and_sources(corpus, measurer, tmp_path):
    kept = tmp_path / "measures.json"
    sources = Sources.of(corpus, "dev")
    measuring = measurer(sources)
    cell = measuring.measured(sources.texts, kept, "weights")
    assert cell["overall"]["source_bleu"] == pytest.approx(100)
    assert cell["rows"] == 8 and len(cell["directions"]) == 6

    def mark():
        """Change a measure, to see whether the file is read."""
        kept.write_text(json.dumps({**json.loads(kept.read_text()), "read": True}))

    mark()
    assert measuring.measured(sources.texts, kept, "weights")["read"]
    assert "read" not in measuring.measured(sources.texts, kept, "other weights")
    mark()
    other = Sources(["so good a tea .", *sources.texts[1:]], sources.labels, sources.targets)
    found = measurer(other).measured(sources.texts, kept, "other weights")
    assert "read" not in found and found["overall"]["source_bleu"] < 99
    mark()
    found = measurer(other).measured(other.texts, kept, "other weights")
    assert "read" not in found and found["overall"]["source_bleu"] == pytest.approx(100)


def test_cells_of_fewer_judges_are_measured_anew(corpus, measurer, tmp_path):
    """A table begun before there was a judge, or with one that learned otherwise, is no match."""
    kept, sources = tmp_path / "measures.json", Sources.of(corpus, "dev")
    measuring = measurer(sources)
    measuring.measured(sources.texts, kept, "weights")
    whole = json.loads(kept.read_text())
    for change in ({}, {"marker": 99.0}, {"marker": 100.0, "older": 50.0}):
        kept.write_text(json.dumps({**whole, "read": True, "judges": change}))
        assert "read" not in measuring.measured(sources.texts, kept, "weights")
    kept.write_text(json.dumps({key: whole[key] for key in whole if key != "judges"}))
    anew = measuring.measured(sources.texts, kept, "weights")
    assert {**anew, "seconds": whole["seconds"]} == whole


def test_the_copied_inputs_row_tells_how_far_judges_are_right(corpus, measurer, tmp_path):
    """The marker finds what has no ``bad`` positive, so one of four sentences wrongly."""
    sources = Sources.of(corpus, "dev")
    cell = measurer(sources).measured(sources.texts, tmp_path / "measures.json", "copy")
    details = {"directions": list(cell["directions"]), "judges_dev_accuracy": {"marker": 90.0}}
    result = {"metrics": metrics_of({"copy": {0: cell}}), "details": details}
    assert judges_accuracy(result) == {"marker": 75.0}
    assert judges_accuracy({**result, "metrics": {}}) == {}


def _cell(**overall):
    measures = {"rows": 2, "referenced": 0, "accuracy": {"ngrams": 50.0}, "source_bleu": 30.0}
    measures |= {"reverse_perplexity": None, "copied": 10.0}
    return {
        "overall": {**measures, **overall},
        "directions": {"a -> b": {**measures, "source_bleu": 20.0}},
    }


def test_metrics_are_means_over_seeds_of_every_measure_and_direction():
    cells = {
        "copy": {0: _cell(source_bleu=100.0)},
        "ae": {0: _cell(accuracy={"ngrams": 60.0}, probe=90.0), 1: _cell()},
    }
    found = metrics_of(cells)
    assert found["copy, overall, source_bleu"] == {
        "value": 100.0,
        "spread": None,
        "unit": "points",
    }
    assert found["ae, overall, accuracy ngrams"] == {
        "value": 55.0,
        "spread": pytest.approx(50**0.5, rel=1e-5),
        "unit": "percent",
    }
    assert found["ae, a -> b, source_bleu"]["value"] == 20.0
    assert found["ae, overall, copied"]["unit"] == "percent"
    assert found["ae, overall, probe"] == {"value": 90.0, "spread": None, "unit": "percent"}
    measures = {name.rpartition(", ")[2] for name in found}
    assert measures == {"accuracy ngrams", "source_bleu", "copied", "probe"}
