"""``evaluate reconstruction`` on small models."""

import json
import math

import pytest
import small
import small_transfer
from command_line import call

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "lm"
    small.model(small.vocabulary(), prior="none").save_pretrained(folder)
    return folder


def test_runs_are_measured_side_by_side(undisturbed, synthetic, language_model, tmp_path):
    results = tmp_path / "results"
    words = ("evaluate", "reconstruction", undisturbed, language_model, "--corpus", synthetic)
    report = json.loads(call(*words, "--split", "dev", "--json", "--results", results).stdout)
    own, other = report["models"].values()
    corpus, model = Corpus(synthetic), ARAE.from_pretrained(undisturbed)
    texts = texts_of(corpus.split("dev"), corpus.vocabulary)
    nats, tokens = model.nats(texts)
    assert report["rows"] == own["sentences"] == len(texts)
    assert own["nats_per_sentence"] == pytest.approx(sum(nats) / len(texts), rel=1e-4)
    assert own["perplexity"] == pytest.approx(math.exp(sum(nats) / sum(tokens)), rel=1e-4)
    assert other["bleu"] is other["exact"] is None
    (path,) = results.iterdir()
    metrics = json.loads(path.read_text())["metrics"]
    assert metrics["undisturbed_exact"]["value"] == own["exact"]
    assert "lm_bleu" not in metrics
    table = call(*words, "--split", "dev", "--limit", 7).stdout.splitlines()
    assert table[0].split()[:3] == ["7", "of", "synthetic,"]
    assert next(line for line in table if line.startswith("BLEU")).split()[-1] == "-"


def test_images_are_measured_and_not_among_sentences(undisturbed, tmp_path):
    corpus, run = tmp_path / "digits", tmp_path / "run"
    call("prepare", "digits", "--out", corpus)
    shape = Corpus(corpus).manifest["image_shape"]
    ImageARAE(shape, code_size=4, encoder_sizes=[5], decoder_sizes=[5]).save_pretrained(run)
    words = ("evaluate", "reconstruction", run, "--corpus", corpus, "--limit", 20)
    found = json.loads(call(*words, "--json").stdout)["models"]["run"]
    assert found["images"] == 20
    assert found["nats_per_image"] == pytest.approx(64 * found["nats_per_pixel"], rel=1e-4)
    assert "nats per image" in call(*words).stdout
    done = call("evaluate", "reconstruction", undisturbed, "--corpus", corpus, code=3)
    assert "a model of texts, this corpus holds images" in done.stderr


@pytest.mark.parametrize(
    ("kind", "save"),
    [
        ("pairs", small.save_pair_model),
        ("pair-ensemble", lambda folder: small.save_pair_model(folder, 1, 2)),
        ("transfer", small_transfer.save_model),
    ],
)
def test_what_restores_no_sentences_is_refused_as_everywhere(synthetic, tmp_path, kind, save):
    save(tmp_path / "run")
    words = ("evaluate", "reconstruction", tmp_path / "run", "--corpus", synthetic)
    told = call(*words, code=4).stderr.splitlines()[-1]
    assert f"run: a model of kind {kind}, where an autoencoder of text or images is needed" in told
    assert "'arae-toolkit evaluate transfer'" in told


def test_runs_of_one_name_are_refused(synthetic, tmp_path, undisturbed):
    copy = tmp_path / "undisturbed"
    copy.symlink_to(undisturbed)
    done = call("evaluate", "reconstruction", undisturbed, copy, code=2)
    assert "two runs are called alike" in done.stderr
