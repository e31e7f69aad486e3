import json
import logging
import math
import random

import numpy as np
import pytest
import small_transfer
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.estimators import shown_log, text_transfer
from arae_toolkit.estimators.text_transfer import CLASSES, TextTransfer
from arae_toolkit.transfer.detokenization.natural_text import readable_texts, transfer_natural
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.systems import SYSTEMS

QUICK = to_dict(small_transfer.QUICK)
SETTINGS = {
    name: value for part in QUICK.values() for name, value in part.items() if name != "epochs"
}
ROWS = small_transfer.rows()[::2]
TEXTS, LABELS = [row["text"] for row in ROWS], [row["label"] for row in ROWS]
RAW = ["The food was awful!", "the soup is great .", "It's zorb, TASTY…"]


def estimator(**parameters):
    return TextTransfer(**{"settings": SETTINGS, "epochs": 2, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return estimator(to="good").fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_transfer.save_model(tmp_path_factory.mktemp("runs") / "rewriter")


# --- scikit-learn's contracts ----------------------------------------------------------------


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(RAW)


def test_the_representation_names_what_was_changed():
    made = TextTransfer("ae", to="positive", epochs=3)
    assert repr(made) == "TextTransfer(epochs=3, kind='ae', to='positive')"


@pytest.mark.parametrize("method", ["transform", "transfer", "predict"])
def test_an_unfitted_estimator_says_so(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(TextTransfer(), method)(RAW)


def test_it_stands_in_a_pipeline(fitted):
    pipeline = make_pipeline(
        FunctionTransformer(lambda texts: [text.lower() for text in texts]), fitted
    )
    expected = fitted.transform([text.lower() for text in RAW])
    assert pipeline.transform(RAW).tolist() == expected.tolist()


# --- answers ---------------------------------------------------------------------------------


def test_answers_are_the_models(fitted):
    texts = fitted.transform(np.array(RAW))
    assert (texts.shape, texts.dtype) == ((3,), np.object_)
    expected = transfer_natural(fitted.model_, RAW, ["good"] * 3)
    assert texts.tolist() == [answer.text for answer in expected]
    assert fitted.transfer(RAW) == expected
    assert fitted.transfer(RAW, to="bad") == transfer_natural(fitted.model_, RAW, ["bad"] * 3)
    assert texts[0][0] == "T"
    assert texts[1] == texts[1].lower()


def test_fit_and_transform_in_one(fitted):
    texts = estimator(to="good").fit_transform(TEXTS, LABELS)
    assert texts.tolist() == fitted.transform(TEXTS).tolist()


def test_more_texts_than_fit_a_batch_keep_their_order(fitted):
    many = RAW * 100
    assert fitted.transform(many).tolist() == fitted.transform(RAW).tolist() * 100


def test_without_a_target_a_text_gets_the_label_it_does_not_have(fitted):
    other = {"good": "bad", "bad": "good"}
    made = clone(fitted).set_params(to=None)
    made.model_, made.classes_ = fitted.model_, fitted.classes_
    labels = made.predict(RAW).tolist()
    expected = [
        fitted.transfer([text], to=other[label])[0].text
        for text, label in zip(RAW, labels, strict=True)
    ]
    assert made.transform(RAW).tolist() == expected


def test_predictions_are_the_recognizers(fitted):
    model = fitted.model_
    sentences = model.vocabulary.encode_batch(readable_texts(model.vocabulary, TEXTS))
    likeliest = model.scorer.probabilities(sentences).argmax(axis=1)
    assert fitted.predict(TEXTS).tolist() == [model.attributes[index] for index in likeliest]


def test_candidates_and_strength_reach_the_model(folder):
    made = TextTransfer.from_pretrained(folder, to="positive", candidates=4, strength=0.3)
    expected = transfer_natural(
        made.model_, RAW, ["positive"] * 3, candidates=4, strength=0.3, seed=0
    )
    assert made.transfer(RAW) == expected
    assert made.set_params(random_state=1).transfer(RAW) != expected
    assert made.set_params(random_state=None).transfer(RAW) != made.transfer(RAW)


@pytest.mark.parametrize("names", [(7, -1), (True, False), ("b", "a"), (2.0, 1.0)])
def test_classes_are_sorted_and_of_the_type_given(names, tmp_path):
    labels = [names[label == "good"] for label in LABELS]
    made = estimator(epochs=1, folder=tmp_path / "run", to=names[0]).fit(TEXTS, labels)
    for each in (made, TextTransfer.from_pretrained(tmp_path / "run", to=names[0])):
        assert each.classes_.tolist() == sorted(names)
        assert type(each.predict(RAW).tolist()[0]) is type(names[0])
        assert len(each.transform(RAW)) == 3


# --- training --------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted):
    again = estimator().fit(TEXTS, LABELS)
    other = estimator(random_state=1).fit(TEXTS, LABELS)
    weights = fitted.model_.rewriter.model.state_dict()
    for name, value in again.model_.rewriter.model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert not all(
        torch.equal(value, weights[name])
        for name, value in other.model_.rewriter.model.state_dict().items()
    )


@pytest.mark.parametrize("random_state", [0, None])
def test_no_global_random_state_is_touched(folder, random_state):
    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    estimator(random_state=random_state, epochs=1).fit(TEXTS, LABELS).transform(RAW)
    TextTransfer.from_pretrained(folder, to="positive").transform(RAW)
    assert states() == before


def test_a_model_in_a_folder_stays_there_and_is_one_like_any_other(tmp_path):
    made = estimator(folder=str(tmp_path / "run"), to="good").fit(TEXTS, LABELS)
    loaded = TextTransfer.from_pretrained(tmp_path / "run", to="good")
    model = TransferModel.from_pretrained(tmp_path / "run")
    assert loaded.transfer(RAW) == made.transfer(RAW)
    assert transfer_natural(model, RAW, ["good"] * 3) == made.transfer(RAW)
    again = clone(made).fit(TEXTS, LABELS)
    assert again.transfer(RAW) == made.transfer(RAW)
    with pytest.raises(CheckpointMismatch):
        clone(made).set_params(epochs=3).fit(TEXTS, LABELS)
    assert not list((tmp_path / "run").rglob("*.pkl"))


def test_in_a_short_training_all_rises_over_its_first_tenth(tmp_path):
    long = {"warmup": 1000, "adversarial_warmup": 3, "attribute_warmup": 1000}
    estimator(folder=tmp_path, settings=SETTINGS | long).fit(TEXTS, LABELS)
    training = json.loads((tmp_path / "config.json").read_text())["settings"]["training"]
    assert training["warmup"] == training["attribute_warmup"] == 2 * (540 // 32) // 10
    assert training["adversarial_warmup"] == 3


def test_a_fit_that_fails_leaves_what_was_learned(fitted):
    expected = fitted.transform(RAW).tolist()
    with pytest.raises(ValueError, match="one class only"):
        fitted.fit(TEXTS, ["good"] * len(TEXTS))
    assert fitted.transform(RAW).tolist() == expected


KINDS = {
    "cross-aligned": {"batch_size": 32, "embedding_size": 12, "attribute_size": 6, "code_size": 12},
    "infilling": {"batch_size": 32, "embedding_size": 12, "hidden_size": 12},
    "delete-and-replace": None,
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_other_kind_is_trained_as_well(kind, tmp_path):
    made = TextTransfer(
        kind, to="good", epochs=1, settings=KINDS[kind], folder=tmp_path / "run"
    ).fit(TEXTS, LABELS)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["kind"] == SYSTEMS[kind].folder_kind
    if KINDS[kind]:
        assert config["run"]["training.epochs"] == "1"
        assert int(config["run"]["training.warmup"]) == 540 // 32 // 10
    assert len(made.transform(RAW)) == 3
    loaded = TextTransfer.from_pretrained(tmp_path / "run", to="good")
    assert loaded.transfer(RAW) == made.transfer(RAW)


def test_a_setting_of_what_learns_nothing_is_refused():
    with pytest.raises(ValueError, match="no setting 'rate': delete-and-replace learns nothing"):
        TextTransfer("delete-and-replace", settings={"rate": 1}).fit(TEXTS, LABELS)


def test_the_score_is_that_of_what_is_rewritten(fitted, monkeypatch):
    asked = []

    def score(texts, labels, targets, rewrite):
        asked.append((texts, labels, targets))
        return rewrite(texts[:3], ["good", "bad", "good"])

    monkeypatch.setattr(text_transfer, "held_out_score", score)
    found = clone(fitted).set_params(to=None)
    found.model_, found.classes_ = fitted.model_, fitted.classes_
    written = found.score(TEXTS, LABELS)
    assert asked == [(TEXTS, LABELS, ["bad" if own == "good" else "good" for own in LABELS])]
    assert written[1] == fitted.transfer(TEXTS[1:2], to="bad")[0].text
    assert written[::2] == [one.text for one in fitted.transfer(TEXTS[:3:2], to="good")]
    fitted.score(TEXTS, LABELS)
    assert asked[1][2] == ["good"] * len(TEXTS)
    with pytest.raises(ValueError, match="label 'fine' is none of bad, good"):
        fitted.score(TEXTS[:2], ["fine", "good"])


@pytest.mark.slow
def test_a_search_over_parameters_finds_the_best_by_its_score():
    search = GridSearchCV(
        TextTransfer("delete-and-replace"), {"strength": [0.01, 1.0]}, cv=2, error_score="raise"
    ).fit(TEXTS, LABELS)  # sorted by label: only folds with each label alike hold both
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] > scores[0]
    assert search.best_params_ == {"strength": 1.0}
    assert search.score(TEXTS, LABELS) > 20
    assert len(search.transform(RAW)) == 3


def test_progress_is_shown_where_no_log_is_set_up(capsys, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(shown_log, "INTERVAL_SECONDS", 0.0)
    made = TextTransfer("delete-and-replace", verbose=True)
    made.fit(TEXTS, LABELS)
    assert "iteration " in capsys.readouterr().err
    made.transform(RAW)
    clone(made).set_params(verbose=False).fit(TEXTS, LABELS)
    assert "iteration" not in capsys.readouterr().err
    log = logging.getLogger(text_transfer.__name__)
    assert (log.level, log.handlers) == (logging.NOTSET, [])


def test_evaluations_are_told_to_the_log_if_asked_for(caplog):
    caplog.set_level(logging.INFO)
    estimator(epochs=1).fit(TEXTS, LABELS)
    assert not caplog.messages
    estimator(epochs=1, verbose=True).fit(TEXTS, LABELS)
    assert any(message.startswith("iteration ") for message in caplog.messages)


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "no texts"),
        (["a man runs .", 3], "row 1: int is no text"),
        (["a man runs .", None], "row 1: NoneType is no text"),
    ],
)
def test_what_is_no_text_is_named(fitted, texts, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        fitted.transform(texts)
    with pytest.raises(ValueError, match=f"^{told}$"):
        estimator().fit(texts, ["a", "b"])


def test_an_empty_text_is_given_back_and_takes_no_other_with_it(fitted):
    """As a text of which no word is known; what is learned from must hold something."""
    alone = fitted.transfer(TEXTS[:1], to="good")
    first, *empty = fitted.transfer([TEXTS[0], "", " \n"], to="good")
    assert first.text == alone[0].text
    assert [(one.text.strip(), one.unchanged) for one in empty] == [("", True), ("", True)]
    assert all(math.isfinite(one.nats_per_token) for one in empty)
    with pytest.warns(UserWarning, match="2 of 3 rows hold a text of which the model knows no"):
        assert len(fitted.predict([TEXTS[0], "", " "])) == 3
    with pytest.raises(ValueError, match="row 1: empty text"):
        estimator().fit(["a man runs .", " \n"], ["a", "b"])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (LABELS[:-1], "inconsistent numbers of samples"),
        (["good"] * len(LABELS), "y holds one class only, .*good.*; there must be two"),
        (np.linspace(0, 1, len(LABELS)), "Unknown label type: continuous"),
        ([*LABELS[:3], float("nan"), *LABELS[4:]], "no label in row 3 of y"),
        (None, "1d array"),
    ],
)
def test_labels_that_cannot_be_used_are_named(labels, told):
    with pytest.raises(ValueError, match=told):
        estimator().fit(TEXTS, labels)


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("kind", "transformer", "kind must be one of arae, ae, aae"),
        ("precision", "fp8", "precision must be one of fp32, tf32, bf16"),
        ("epochs", 0, "epochs must be at least 1, got 0"),
        ("epochs", 2.5, "epochs must be a whole number, got 2.5"),
        ("random_state", -1, "seed must be from 0"),
        ("vocab_size", 0, "vocab_size must be at least 1, got 0"),
        ("settings", {"colour": 3}, "no setting 'colour'"),
        ("settings", {"code_size": "big"}, "code_size must be a whole number"),
        ("max_length", 1, "no usable sentence for train"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(parameter, value, told):
    with pytest.raises(ValueError, match=told):
        estimator().set_params(**{parameter: value}).fit(TEXTS, LABELS)


def test_a_text_that_cannot_be_learned_from_is_named():
    with pytest.raises(ValueError, match=r"^row 3: NUL character in text$"):
        estimator().fit([*TEXTS[:3], "a\0b"], ["good", "bad"] * 2)


def test_a_class_whose_texts_are_all_too_long_is_named():
    texts = [row["text"] + " or so , they say" * (row["label"] == "bad") for row in ROWS]
    with pytest.raises(ValueError, match=r"^no text of label 'bad' has at most 7 words$"):
        estimator(max_length=7).fit(texts, LABELS)


def test_a_class_whose_only_text_is_held_out_is_told():
    """It is short enough, which the message must not deny."""
    texts = [f"the food was {word} {number}" for word in ("great", "awful") for number in range(12)]
    labels = ["good"] * 12 + ["bad"] * 12
    made = TextTransfer("delete-and-replace", to="good", random_state=6)
    with pytest.raises(ValueError, match=r"'odd' that has at most 25 words .* are held out; give"):
        made.fit([*texts, "an odd one"], [*labels, "odd"])


def test_an_unknown_target_is_named(fitted, folder):
    with pytest.raises(ValueError, match=r"no label 'goood'.* bad, good.* 'good'"):
        fitted.transfer(RAW, to="goood")
    with pytest.raises(ValueError, match="to must be one of negative, neutral, positive"):
        TextTransfer.from_pretrained(folder).transform(RAW)


@pytest.mark.parametrize(
    ("content", "told"), [("{", "damaged"), ('["a", "b"]', "its classes are not the labels")]
)
def test_a_damaged_folder_is_named(tmp_path, content, told):
    run = small_transfer.save_model(tmp_path / "run")
    (run / CLASSES).write_text(content)
    with pytest.raises(CheckpointMismatch, match=f"{CLASSES}: {told}"):
        TextTransfer.from_pretrained(run)
    with pytest.raises(CheckpointMismatch, match="no model here"):
        TextTransfer.from_pretrained(tmp_path)


def test_a_loaded_model_has_its_own_labels(folder):
    loaded = TextTransfer.from_pretrained(folder, to="neutral", device="cpu")
    assert loaded.classes_.tolist() == ["negative", "neutral", "positive"]
    assert json.dumps(loaded.predict(RAW).tolist())
