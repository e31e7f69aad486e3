import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import call
from small_transfer import MARKERS, QUICK, SIZES, changed

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.transfer.autoencoder.code_probe import probe_model
from arae_toolkit.transfer.autoencoder.experiment import (
    TransferKind,
    masking_chances,
    new_model,
    pretrain_transfer,
)
from arae_toolkit.transfer.detokenization.natural_text import transfer_natural
from arae_toolkit.transfer.model import TransferModel, _worth


def _train(corpus, folder, config=QUICK, *, kind: TransferKind = "arae", **others):
    pretrain_transfer(
        corpus, config, folder, scorer_folder=folder.parent / "scorer", kind=kind, **others
    )


def test_hiding_follows_the_ratio_of_frequencies():
    sentences = pack([[4, 5, EOS], [4, 6, EOS]], vocab_size=7, labels=[0, 1])
    chances = masking_chances(sentences, 2, 7, changed(attribute_drop=1.0))
    assert chances is not None
    assert chances[0, 5] == pytest.approx(0.5)  # (1 + 1) / (0 + 1)
    assert chances[1, 5] == chances[0, 4] == 0
    assert masking_chances(sentences, 2, 7, QUICK) is None


def test_a_folder_of_another_run_is_refused(corpus, tmp_path):
    _train(corpus, tmp_path / "run")
    with pytest.raises(CheckpointMismatch, match="other settings"):
        _train(corpus, tmp_path / "run", changed(epochs=3))
    with pytest.raises(CheckpointMismatch, match="scorer"):
        TransferModel.from_pretrained(_without_scorer(tmp_path / "run"))


def _without_scorer(folder: Path) -> Path:
    (folder / "scorer" / "config.json").unlink()
    return folder


def test_a_corpus_without_labels_is_refused(tmp_path):
    class Unlabelled:
        folder, labels_sentences = tmp_path, False

    with pytest.raises(DataError, match="no labelled sentences"):
        _train(Unlabelled(), tmp_path / "run")


@pytest.fixture(scope="module")
def learned(corpus, tmp_path_factory):
    """Train long enough to flip the marker: with markers hidden, the decoder has to write one."""
    folder = tmp_path_factory.mktemp("learned") / "run"
    config = replace(
        changed(epochs=30, attribute_drop=1.0, adversarial_weight=0.0, attribute_weight=0.1),
        model=replace(SIZES, code_size=64, hidden_size=64, code_gain=8.0),
    )
    _train(corpus, folder, config, kind="ae")
    return TransferModel.from_pretrained(folder)


def test_the_marker_flips_and_the_rest_stays(learned):
    texts = [
        f"the {subject} was {marker} today ."
        for subject in ("soup", "cake", "coffee", "menu")
        for marker in ("great", "awful")
    ]
    targets = ["bad", "good"] * 4
    found = learned.transfer(texts, targets)
    flipped = sum(
        any(word in one.text.split() for word in MARKERS[target])
        for one, target in zip(found, targets, strict=True)
    )
    kept = sum(text.split()[1] in one.text.split() for text, one in zip(texts, found, strict=True))
    assert flipped >= 7 and kept >= 6


def test_a_text_does_not_depend_on_its_neighbours(learned):
    texts = ["the soup was great .", "the room is nasty here .", "the bar seems lovely !"]
    together = learned.transfer(texts, ["bad"] * 3, candidates=4, seed=3)
    alone = [learned.transfer([text], ["bad"], candidates=4, seed=3)[0] for text in texts]
    assert [one.text for one in together] == [one.text for one in alone]


def test_candidates_are_at_least_as_good_as_the_first(learned):
    texts = ["the soup was great .", "the staff is bland today .", "the cake looks tasty ."]
    targets = ["bad", "good", "bad"]
    first = learned.transfer(texts, targets)
    best = learned.transfer(texts, targets, candidates=6)
    # Scored in other batches, a sentence is as good as before but for rounding.
    assert all(_worth(b) >= _worth(a) - 1e-4 for a, b in zip(first, best, strict=True))


def test_fluency_compares_an_answer_with_its_source(learned):
    texts = ["the soup was great .", "the great great was great ."]
    sources = learned.vocabulary.encode_batch(texts)
    own = learned.scorer.probabilities(sources).argmax(axis=1)
    nats = learned.scorer.nats_per_token(sources, own.tolist())
    found = learned.transfer(texts, ["bad", "bad"])
    for one, before in zip(found, nats, strict=True):
        assert one.fluency == pytest.approx(before - one.nats_per_token, abs=1e-4)
        assert not one.unchanged
    assert found[1].fluency > found[0].fluency  # its source is no sentence


def test_what_is_not_fluent_enough_is_refused_and_the_source_given(learned):
    texts, targets = ["the soup was great .", "zorb zorb", "the bar seems lovely !"], ["bad"] * 3
    free = learned.transfer(texts, targets, candidates=5)
    assert [one.refused for one in free] == [0, 0, 0]
    refusing = learned.transfer(texts, targets, candidates=5, min_fluency=99.0)
    assert [one.text for one in refusing] == [texts[0], "<unk> <unk>", texts[2]]
    assert all(one.unchanged and one.content_bleu == 100 for one in refusing)
    assert [one.refused for one in refusing] == [5, 0, 5]
    assert [one.unknown_words for one in refusing] == [0, 2, 0]
    again = learned.transfer(texts, targets, candidates=5, min_fluency=free[0].fluency)
    assert again[0].text == free[0].text
    assert again[0].refused < 5


def test_a_trained_model_has_a_floor_which_natural_texts_are_held_to(learned):
    assert learned.min_fluency is not None and learned.min_fluency < 0
    texts = ["The soup was great.", "😀"]
    (free, unread) = transfer_natural(learned, texts, ["bad"] * 2, min_fluency=-math.inf)
    assert (unread.text, unread.unchanged, unread.unknown_words) == ("😀", True, 1)
    held = transfer_natural(learned, texts, ["bad"] * 2, min_fluency=free.fluency + 0.1)
    assert [one.text for one in held] == texts
    default = transfer_natural(learned, texts, ["bad"] * 2)
    same = transfer_natural(learned, texts, ["bad"] * 2, min_fluency=learned.min_fluency)
    assert default == same


def test_unknown_targets_are_answered_with_the_known(learned):
    with pytest.raises(ValueError, match="knows bad, good; did you mean 'good'"):
        learned.transfer(["the soup was great ."], ["god"])
    with pytest.raises(ValueError, match="at least 1"):
        learned.transfer(["the soup was great ."], ["good"], candidates=0)


def test_a_strength_above_one_moves_the_code_to_the_target(learned):
    model = learned.rewriter.model
    code = torch.nn.functional.normalize(torch.randn(6, 64), dim=1)
    moved = model.edited(code, 1, strength=3.0)
    assert torch.equal(model.edited(code, 1, strength=1.0), code)
    assert torch.allclose(moved.norm(dim=1), torch.ones(6))
    before, after = (model.classifier(z).softmax(1)[:, 1] for z in (code, moved))
    assert (after > before).all()


@pytest.mark.parametrize("kind", ["infilling", "cross-aligned"])
def test_batches_that_cannot_be_balanced_are_one_line(corpus, tmp_path, kind):
    words = ("pretrain", corpus.folder, "--model", kind, "--set", "batch_size=1")
    done = call(*words, "--out", tmp_path / "run", code=1)
    [line] = [line for line in done.stderr.splitlines() if "error" in line]
    assert "batches of 1 cannot be balanced" in line and "--set batch_size=N" in line
    assert not list((tmp_path / "run").glob("*.safetensors"))


@pytest.mark.parametrize("kind", ["arae", "cross-aligned", "infilling"])
def test_every_kind_trains_for_so_many_iterations(corpus, tmp_path, kind):
    """From the command line, its length told first."""
    words = ("pretrain", corpus.folder, "--model", kind, "--set", "iterations=3")
    out, scorer = tmp_path / "run", tmp_path / "scorer"
    done = call(*words, "--out", out, "--scorer", scorer)
    assert "sentences, 3 iterations, " in done.stderr
    *_, last = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    assert last["iteration"] == 3
    assert TransferModel.from_pretrained(out)


def test_tables_that_a_transfer_model_lacks_are_refused(corpus, tmp_path):
    """Whoever asks for them is told; a preset's are left out, and the plain model has them."""
    words = ("pretrain", corpus.folder, "--out", tmp_path / "run")
    for setting in ("tied_embeddings=all", "model.output_map=true"):
        done = call(*words, "--set", setting, code=2)
        name = setting.partition("=")[0].rpartition(".")[2]
        assert f"{name}: the decoders of a transfer model have a table" in done.stderr
    settings = tmp_path / "settings.toml"
    settings.write_text('[model]\ntied_embeddings = "all"\n')
    call(*words, "--config", settings, code=2)
    with pytest.raises(ValueError, match="tied_embeddings: the decoders of a transfer model"):
        shared = replace(QUICK, model=replace(QUICK.model, tied_embeddings="all"))
        _train(corpus, tmp_path / "run", shared)
    assert not (tmp_path / "run").exists()
    plain = ("--no-attribute", "--set", "tied_embeddings=all", "--set", "iterations=1")
    call(*words, *plain)


def test_fresh_classifiers_read_what_codes_tell(corpus):
    model = new_model(corpus, QUICK, kind="ae")
    model.initialize(generator=torch.Generator().manual_seed(4), bound=0.6)
    found = probe_model(model, corpus)
    assert max(found.linear, found.perceptron) > found.majority + 20
    assert probe_model(model, corpus) == found
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
    blind = probe_model(model, corpus)
    assert max(blind.linear, blind.perceptron) <= max(blind.majority, 100 - blind.majority)
