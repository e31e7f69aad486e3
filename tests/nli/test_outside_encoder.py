"""Weights of another library behind a classifier, by a stand-in for its models."""

import shutil
from dataclasses import replace

import outside_stand_in
import pytest
import small
import torch
from command_line import call
from small_runs import KillAt, Killed, assert_same_end

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.nli import outside_encoder
from arae_toolkit.nli.experiment import Task, train_classifier
from arae_toolkit.nli.label_splits import choose_rows
from arae_toolkit.nli.model import NLIModel, save_ensemble
from arae_toolkit.nli.outside_encoder import AnyWords, OutsideWeights, seen_by
from arae_toolkit.nli.settings import PairConfig, PairModelConfig, PairTrainingConfig

PAIRS = [("a man runs .", "a quokka sleeps ."), ("Two dogs sleep", "a man runs .")]
TRAINING = PairTrainingConfig(
    batch_size=16, epochs=8, rate=0.02, warmup=2, log_every=7, save_every=5
)
every_way = pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "tuned"])


@pytest.fixture(autouse=True)
def stand_in(monkeypatch, tmp_path):
    outside_stand_in.put_in_place(monkeypatch)
    outside_stand_in.save(outside_stand_in.Averaging(), tmp_path / "outside")
    (tmp_path / "outside" / "README.md").write_text(outside_stand_in.CARD)
    return tmp_path / "outside"


def weights_in(folder, *, tuned=False, vocabulary=None):
    words = vocabulary or small.vocabulary()
    return OutsideWeights.load(
        f"sentence-transformers:{folder}", words, device=torch.device("cpu"), tuned=tuned
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpora") / "synthetic"
    call("prepare", "synthetic", "--size", "1200", "--judges-share", "0", "--out", out)
    return Corpus(out)


def task_of(corpus, folder, *, tuned):
    rows = choose_rows(corpus.pair_labels("train"), "240", names=corpus.labels)
    weights = weights_in(folder, tuned=tuned, vocabulary=corpus.vocabulary)
    return Task(corpus, rows, weights, objective="outside")


def config_of(task, **changes):
    model = PairModelConfig(hidden_size=24, dropout=changes.pop("dropout", 0.0))
    return PairConfig(task.encoder.fitted(model), replace(TRAINING, **changes))


def test_a_vector_is_the_models_at_the_norm_of_its_dimensions(stand_in):
    encoder = weights_in(stand_in).encoder
    model = outside_stand_in.Averaging().eval()
    raw = model(model.preprocess([PAIRS[0][0]]))["sentence_embedding"][0]
    found = encoder.embed([PAIRS[0][0]])[0]
    torch.testing.assert_close(found, raw / raw.norm() * 12**0.5)


def test_words_are_those_of_the_corpus_in_training_and_any_when_it_is_used():
    words = small.vocabulary()
    for text in ("A man RUNS.", "the girl can\u2019t", ""):
        known = [word if words.id_of(word) != UNKNOWN else "<unk>" for word in words.parted(text)]
        assert " ".join(known) == words.decode(words.encode(text))
    assert words.parted("A Quokka isn't\u00a0here.") == ["a", "quokka", "is", "n't", "here", "."]


def test_an_unknown_word_is_the_models_own_mark(stand_in):
    encoder = weights_in(stand_in).encoder
    ids = encoder.vocabulary.encode("a quokka runs")
    assert encoder.text_of(ids) == "a <unk> runs"
    encoder.outside.tokenizer = type("Tokenizer", (), {"unk_token": "[UNK]"})()
    assert encoder.text_of(ids) == "a [UNK] runs"


def test_what_is_remembered_is_what_is_read(stand_in):
    encoder = weights_in(stand_in).encoder
    sentences = [tuple(encoder.vocabulary.encode(text)) for pair in PAIRS for text in pair]
    model = NLIModel.__new__(NLIModel)  # for its batches alone
    torch.nn.Module.__init__(model)
    model.weight = torch.nn.Parameter(torch.zeros(1))
    batch = model._batch(sentences)
    before = encoder(batch)
    encoder.remember(sentences, dtype=torch.float32)
    torch.testing.assert_close(encoder(batch), before)
    with torch.no_grad():
        encoder.outside.embedding.weight.zero_()
    torch.testing.assert_close(encoder(batch), before)  # not read again
    assert not encoder.unread(sentences)


@every_way
def test_a_killed_training_goes_on_to_the_same_end(stand_in, corpus, tmp_path, tuned):
    def train(name, *listeners):
        task = task_of(corpus, stand_in, tuned=tuned)
        config = config_of(task, dropout=0.1, epochs=14)
        return train_classifier(task, config, tmp_path / name, listeners=listeners)

    straight = train("straight")
    with pytest.raises(Killed):
        train("killed", KillAt(13))
    assert train("killed") == straight
    assert_same_end(tmp_path / "straight", tmp_path / "killed")


@every_way
def test_only_tuned_weights_move(stand_in, corpus, tmp_path, tuned):
    task = task_of(corpus, stand_in, tuned=tuned)
    train_classifier(task, config_of(task), tmp_path / "run")
    loaded = NLIModel.from_pretrained(tmp_path / "run").networks[0]
    own = outside_stand_in.Averaging().embedding.weight
    same = torch.equal(loaded.encoder.outside.embedding.weight, own)
    assert same != tuned
    assert torch.equal(task.encoder.encoder.outside.embedding.weight, own)  # of the next seed
    assert any(name.startswith("encoder.") for name in loaded.state_dict()) == tuned


@every_way
def test_a_loaded_classifier_is_the_trained_one(stand_in, corpus, tmp_path, tuned):
    """On the pairs of test it is as right as was measured; a copy elsewhere answers alike."""
    task = task_of(corpus, stand_in, tuned=tuned)
    found = train_classifier(task, config_of(task), tmp_path / "run")
    model = NLIModel.from_pretrained(tmp_path / "run")
    pairs = corpus.pairs("test")
    texts = [corpus.vocabulary.decode(pairs[row].tolist()) for row in range(len(pairs))]
    told = model.probabilities(list(zip(texts[0::2], texts[1::2], strict=True)))
    right = 100 * float((told.argmax(axis=1) == pairs.labels).mean())
    assert right == pytest.approx(found["test"]["accuracy"])
    model.save_pretrained(tmp_path / "copy")
    again = NLIModel.from_pretrained(tmp_path / "copy")
    assert again.probabilities(PAIRS).tolist() == model.probabilities(PAIRS).tolist()
    assert model.vectors(["a man runs ."]).shape == (1, 12)


def test_seeds_share_a_frozen_encoder_and_are_averaged(stand_in, corpus, tmp_path):
    task = task_of(corpus, stand_in, tuned=False)
    for seed in (0, 1):
        train_classifier(task, config_of(task, seed=seed), tmp_path / f"seed-{seed}")
    save_ensemble(tmp_path, ["seed-0", "seed-1"])
    model = NLIModel.from_pretrained(tmp_path)
    assert model.networks[0].encoder is model.networks[1].encoder
    each = [NLIModel.from_pretrained(tmp_path / f"seed-{seed}") for seed in (0, 1)]
    mean = sum(one.probabilities(PAIRS) for one in each) / 2
    assert model.probabilities(PAIRS) == pytest.approx(mean)
    task.encoder.lend(model.networks)
    assert model.networks[1].encoder is task.encoder.encoder


def test_other_weights_beside_a_classifier_are_refused(stand_in, corpus, tmp_path):
    task = task_of(corpus, stand_in, tuned=False)
    train_classifier(task, config_of(task), tmp_path / "run")
    place = tmp_path / "run" / outside_encoder.FOLDER
    shutil.rmtree(place)
    outside_stand_in.save(outside_stand_in.Averaging(seed=5), place)
    with pytest.raises(CheckpointMismatch, match="other weights"):
        NLIModel.from_pretrained(tmp_path / "run")


def test_a_folder_names_no_place_and_says_what_was_seen(stand_in, corpus, tmp_path):
    task = task_of(corpus, stand_in, tuned=False)
    about = task.encoder.about
    assert about["name"] == "stand-in"
    assert about["seen"] == "trained on SNLI's pairs: on these no result from few labels"
    (stand_in / "README.md").unlink()
    about = weights_in(stand_in).about
    assert about["name"] == "outside"
    assert about["seen"] == seen_by(None)
    assert "not known" in about["seen"]
    train_classifier(task, config_of(task), tmp_path / "run")
    assert str(tmp_path) not in (tmp_path / "run" / "config.json").read_text()


def test_an_outside_encoder_knows_every_word():
    words = Vocabulary.build(["a man runs ."], size=9)
    reader = AnyWords(words)
    counts = [reader.word_counts(ids) for ids in reader.encode_batch(["a quokka", "Ein Tier", ""])]
    assert [tuple(count) for count in counts] == [(2, 0, True), (2, 0, True), (0, 0, False)]


@pytest.mark.parametrize(("changes", "kind"), [({"word_drop": 0.1}, "paper"), ({}, "attention")])
def test_what_frozen_weights_cannot_be_trained_by_is_refused(stand_in, changes, kind):
    config = PairConfig(PairModelConfig(kind=kind), PairTrainingConfig(**changes))
    with pytest.raises(ValueError, match=r"word_drop|kind=attention"):
        weights_in(stand_in).check(config)
