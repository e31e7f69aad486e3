import json
import logging
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from arae_toolkit import ARAE, NLIClassifier, SentenceEncoder
from arae_toolkit.errors import CheckpointMismatch, TrainingDiverged
from arae_toolkit.estimators.nli_classifier import ESTIMATOR
from arae_toolkit.models.model_folder import load_model_folder
from arae_toolkit.nli.model import NLIModel

SMALL = {
    **{"embedding_size": 8, "code_size": 8, "hidden_size": 12, "epochs": 2, "batch_size": 8},
    **{"rate": 5e-3, "validation_fraction": 0.2},
}
PAIRS, IDS = small.rule_pairs(60)
LABELS = [small.LABELS[index] for index in IDS]
READ = [pair for pair in PAIRS if "nobody" not in pair[1]]
"""Pairs of which the small models of folders know words."""
KINDS = ("paper", "bilstm-max", "attention")


def classifier(**parameters):
    return NLIClassifier(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(PAIRS, LABELS)


@pytest.fixture(scope="module")
def arae(tmp_path_factory):
    return small.save_model(tmp_path_factory.mktemp("arae"))


@pytest.fixture(scope="module")
def pairs_folder(tmp_path_factory):
    return small.save_pair_model(tmp_path_factory.mktemp("pairs"))


# --- scikit-learn's contracts ----------------------------------------------------------------


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    copy = clone(fitted.set_params(verbose=False))
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(PAIRS)


def test_the_representation_names_what_was_changed():
    assert repr(NLIClassifier("attention", epochs=3)) == "NLIClassifier(epochs=3, kind='attention')"


@pytest.mark.parametrize("method", ["predict", "predict_proba", "save"])
def test_an_unfitted_classifier_says_so(method, tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(classifier(), method)(PAIRS if method != "save" else tmp_path)


@pytest.mark.parametrize("method", ["transform", "get_feature_names_out"])
def test_an_unfitted_encoder_says_so(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(SentenceEncoder(), method)(["a man runs ."])


def test_the_package_is_imported_without_torch_and_scikit_learn():
    program = (
        "import sys, arae_toolkit; assert 'NLIClassifier' in arae_toolkit.__all__; "
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- SentenceEncoder -------------------------------------------------------------------------


def test_codes_are_the_autoencoders(arae):
    encoder = SentenceEncoder(arae, batch_size=3)
    assert encoder.fit(small.SENTENCES) is encoder
    codes = encoder.transform(np.array(small.SENTENCES))
    assert (codes.shape, codes.dtype) == ((len(small.SENTENCES), 10), np.float32)
    expected = ARAE.from_pretrained(arae).encode(small.SENTENCES).numpy()
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    assert np.ptp(codes, axis=0).max() > 0.1


def test_codes_do_not_depend_on_order_or_company(arae):
    encoder = SentenceEncoder(arae, batch_size=2).fit()
    codes = encoder.transform(small.SENTENCES)
    backwards = encoder.transform(small.SENTENCES[::-1])[::-1]
    np.testing.assert_allclose(backwards, codes, rtol=1e-5, atol=1e-6)
    alone = encoder.transform(small.SENTENCES[3:4])
    np.testing.assert_allclose(alone[0], codes[3], rtol=1e-5, atol=1e-6)


def test_a_classifiers_encoder_gives_its_vector_at_unit_norm(pairs_folder):
    codes = SentenceEncoder(pairs_folder).fit_transform(small.SENTENCES)
    model = NLIModel.from_pretrained(pairs_folder)
    ids = [tuple(words) for words in model.vocabulary.encode_batch(small.SENTENCES)]
    with torch.no_grad():
        vectors = model.networks[0].vector(model._batch(ids)).numpy()
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)


def test_features_have_names(arae):
    names = SentenceEncoder(arae).fit().get_feature_names_out()
    assert names.tolist() == [f"sentenceencoder{index}" for index in range(10)]


def test_a_pipeline_over_codes_is_searched(arae):
    texts = list(small.SENTENCES) * 3
    labels = ["dog" if "dog" in text else "none" for text in texts]
    pipeline = make_pipeline(SentenceEncoder(arae), LogisticRegression(max_iter=10_000))
    grid = {"logisticregression__C": [1e-6, 1e6], "sentenceencoder__batch_size": [4]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(texts, labels)
    assert search.best_params_["logisticregression__C"] == 1e6
    assert search.predict(texts).tolist() == labels


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "no texts"),
        (["a man runs .", 3], "row 1: int is no text"),
        (["a man runs .", None], "row 1: NoneType is no text"),
        (np.array([["a", "b"]]), "row 0: ndarray is no text"),
    ],
)
def test_what_is_no_text_is_named(arae, texts, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        SentenceEncoder(arae).fit().transform(texts)


def test_one_text_is_no_list_of_texts(arae):
    with pytest.raises(TypeError, match="one text, where a list of texts is expected"):
        SentenceEncoder(arae).fit().transform("a man runs .")


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(CheckpointMismatch, match="no model here"):
        SentenceEncoder(tmp_path).fit()


# --- NLIClassifier: answers ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_the_likeliest_classes(kind):
    made = classifier(kind=kind)
    assert made.fit(PAIRS, LABELS) is made
    assert made.classes_.tolist() == sorted(small.LABELS)
    probabilities = made.predict_proba(PAIRS)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    predicted = made.predict(PAIRS)
    assert predicted.tolist() == made.classes_[probabilities.argmax(axis=1)].tolist()
    assert made.score(PAIRS, LABELS) == pytest.approx((predicted == np.array(LABELS)).mean())
    assert made.n_features_in_ == 2


@pytest.mark.parametrize(
    "given", [np.array(PAIRS), np.array(PAIRS, dtype=object), [list(pair) for pair in PAIRS]]
)
def test_pairs_may_be_tuples_lists_or_rows_of_an_array(fitted, given):
    made = classifier().fit(given, np.array(LABELS, dtype=object))
    assert np.array_equal(made.predict_proba(given), fitted.predict_proba(PAIRS))


@pytest.mark.parametrize("names", [(7, -1, 3), (True, False), ("b", "a"), (2.0, 1.0, 3.0)])
def test_classes_are_sorted_and_of_the_type_given(names, tmp_path):
    labels = [names[index % len(names)] for index in IDS]
    made = classifier(epochs=1).fit(PAIRS, labels)
    made.save(tmp_path)
    for each in (made, NLIClassifier.load(tmp_path)):
        assert each.classes_.tolist() == sorted(names)
        assert set(each.predict(PAIRS).tolist()) <= set(names)
        assert type(each.predict(PAIRS).tolist()[0]) is type(names[0])


def test_it_learns_a_planted_rule():
    pairs, labels = small.rule_pairs(400)
    sizes = {"embedding_size": 16, "code_size": 16, "hidden_size": 32, "epochs": 15}
    made = classifier(**sizes, dropout=0, embedding_dropout=0).fit(pairs, labels)
    assert made.score(*small.rule_pairs(90, seed=1)) > 0.95


# --- NLIClassifier: determinism --------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted):
    again = classifier().fit(PAIRS, LABELS)
    expected = fitted.predict_proba(PAIRS)
    assert np.array_equal(again.predict_proba(PAIRS), expected)
    assert np.array_equal(again.fit(PAIRS, LABELS).predict_proba(PAIRS), expected)
    other = classifier(random_state=1).fit(PAIRS, LABELS)
    assert not np.array_equal(other.predict_proba(PAIRS), expected)


def test_without_a_seed_each_training_is_another():
    first, second = (classifier(random_state=None).fit(PAIRS, LABELS) for _ in range(2))
    assert not np.array_equal(first.predict_proba(PAIRS), second.predict_proba(PAIRS))


@pytest.mark.parametrize("random_state", [0, None])
def test_no_global_random_state_is_touched(arae, tmp_path, random_state):
    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    made = classifier(encoder=arae, random_state=random_state).fit(PAIRS, LABELS)
    made.predict(READ)
    made.save(tmp_path)
    NLIClassifier.load(tmp_path).predict(READ)
    SentenceEncoder(arae).fit().transform(small.SENTENCES)
    assert states() == before


def test_a_fit_that_fails_leaves_what_was_learned():
    made = classifier().fit(PAIRS, LABELS)
    expected = made.predict_proba(PAIRS)
    with pytest.raises(ValueError, match="one class only"):
        made.fit(PAIRS, ["neutral"] * 60)
    assert np.array_equal(made.predict_proba(PAIRS), expected)


# --- NLIClassifier: the epoch that is kept ---------------------------------------------------


def test_the_epoch_that_is_best_on_held_out_pairs_is_kept():
    made = classifier(epochs=8, rate=0.02, random_state=3).fit(PAIRS, LABELS)
    assert len(made.loss_curve_) == len(made.validation_scores_) == 8
    assert made.loss_curve_[-1] < made.loss_curve_[0]
    targets = np.searchsorted(made.classes_, LABELS)
    _, held_out = made._split(targets, seed=3)
    assert np.bincount(targets[held_out]).tolist() == [4, 4, 4]
    score = made.score([PAIRS[row] for row in held_out], np.array(LABELS)[held_out])
    assert score == max(made.validation_scores_)


def test_without_held_out_pairs_the_last_epoch_is_kept():
    made = classifier(validation_fraction=0).fit(PAIRS, LABELS)
    assert (len(made.loss_curve_), made.validation_scores_) == (2, [])


@pytest.mark.parametrize(
    ("labels", "held_out", "told"),
    [
        (["yes", "no"] * 4, 2, "of 8 pairs has not one of each of 2 classes: 2 held out"),
        (["a", "b", "c"] * 5 + ["a"], 3, "of 16 pairs has not one of each of 3 classes: 3 held"),
        (["yes", "no"] * 15 + ["rare"], 4, "4 held out, of the 2 with more than one pair"),
        (["yes", "no"] * 3, 0, "of 6 pairs has not one of each of 2 classes: none held out"),
        (["a", "b", "c"], 0, "none held out"),
    ],
)
def test_few_pairs_are_learned_from_with_few_or_none_held_out(labels, held_out, told):
    pairs = [(f"a man {row} runs", "a man moves") for row in range(len(labels))]
    with pytest.warns(UserWarning, match=told):
        made = classifier(validation_fraction=0.1, epochs=1).fit(pairs, labels)
    assert made.classes_.tolist() == sorted(set(labels))
    assert len(made.validation_scores_) == (1 if held_out else 0)
    with pytest.warns(UserWarning, match=told):
        train, chosen = made._split(np.searchsorted(made.classes_, labels), seed=0)
    assert len(chosen) == held_out
    assert sorted([*train, *chosen]) == list(range(len(labels)))
    assert {labels[row] for row in train} == set(labels)


def test_a_pair_without_a_known_word_has_no_label(fitted):
    asked = [PAIRS[0], ("Ein Mann läuft", "ein Mann geht"), ("\u200b", PAIRS[0][1])]
    with pytest.warns(UserWarning, match="2 of 3 rows hold a text of which the model knows no"):
        probabilities = fitted.predict_proba(asked)
    assert (probabilities[1:] == 1 / 3).all()
    assert probabilities[0] == pytest.approx(fitted.predict_proba(PAIRS[:1])[0], rel=1e-4)


def test_a_text_without_a_known_word_has_no_code(arae):
    encoder = SentenceEncoder(arae).fit()
    with pytest.warns(UserWarning, match="1 of 2 rows"):
        codes = encoder.transform(["ein Mann geht .", small.SENTENCES[0]])
    assert not codes[0].any()
    assert np.linalg.norm(codes[1]) == pytest.approx(1)


def test_words_of_held_out_pairs_are_not_known():
    texts = [(f"premise{row}", "x") for row in range(60)]
    made = classifier(epochs=1).fit(texts, LABELS)
    assert len(made.model_.vocabulary) == 4 + 48 + 1  # four special ones, and x


def test_each_epoch_is_told_to_the_log_if_asked_for(caplog):
    caplog.set_level(logging.INFO)
    classifier().fit(PAIRS, LABELS)
    assert not caplog.messages
    classifier(verbose=True).fit(PAIRS, LABELS)
    assert [message.split(":")[0] for message in caplog.messages] == ["epoch 1/2", "epoch 2/2"]


# --- NLIClassifier: where it starts from -----------------------------------------------------


def encoder_of(model):
    return {k: v for k, v in model.state_dict().items() if k.startswith("encoder.")}


def test_it_starts_from_an_autoencoders_words_and_weights(arae):
    made = classifier(encoder=arae, rate=0.0, epochs=1).fit(PAIRS, LABELS)
    source = load_model_folder(arae)
    assert made.model_.vocabulary.sha256 == source.vocabulary.sha256
    assert made.model_.arguments["code_size"] == 10
    for name, value in encoder_of(made.model_.networks[0]).items():
        assert torch.equal(value, source.tensors[name]), name


@pytest.mark.parametrize("kind", ["bilstm-max", "attention"])
def test_it_starts_from_another_classifiers_encoder(pairs_folder, kind):
    made = classifier(kind=kind, encoder=str(pairs_folder), rate=0.0).fit(PAIRS, LABELS)
    source = load_model_folder(pairs_folder)
    for name, value in encoder_of(made.model_.networks[0]).items():
        assert torch.equal(value, source.tensors[name]), name


def test_an_encoder_of_another_kind_is_refused(arae, pairs_folder):
    with pytest.raises(CheckpointMismatch, match="no encoder that attention can start from"):
        classifier(kind="attention", encoder=arae).fit(PAIRS, LABELS)
    with pytest.raises(CheckpointMismatch, match="no encoder that paper can start from"):
        classifier(encoder=pairs_folder).fit(PAIRS, LABELS)


# --- NLIClassifier: searches -----------------------------------------------------------------


def test_parameters_are_searched():
    grid = {"kind": ["paper", "bilstm-max"], "rate": np.array([1e-9, 0.01])}
    search = GridSearchCV(
        classifier(epochs=10), grid, cv=2, scoring="neg_log_loss", error_score="raise"
    )
    search.fit(PAIRS, LABELS)
    assert search.best_params_["rate"] == 0.01
    assert search.predict(PAIRS).shape == (60,)


def test_folds_are_predicted():
    probabilities = cross_val_predict(
        classifier(), np.array(PAIRS), LABELS, cv=3, method="predict_proba"
    )
    assert probabilities.shape == (60, 3)


# --- NLIClassifier: round trip ---------------------------------------------------------------


def test_a_saved_classifier_is_loaded_bit_for_bit(tmp_path, arae):
    made = classifier(encoder=arae, random_state=np.int64(4), rate=np.float64(0.01))
    made.fit(PAIRS, LABELS).save(tmp_path / "run")
    loaded = NLIClassifier.load(tmp_path / "run")
    assert np.array_equal(loaded.predict_proba(READ), made.predict_proba(READ))
    assert loaded.classes_.tolist() == made.classes_.tolist()
    assert loaded.get_params() == {**made.get_params(), "encoder": str(arae)}
    again = loaded.fit(PAIRS, LABELS)
    assert np.array_equal(again.predict_proba(READ), made.predict_proba(READ))


def test_the_folder_is_a_model_folder_like_any_other(tmp_path, fitted):
    fitted.save(tmp_path)
    model = NLIModel.from_pretrained(tmp_path)
    assert model.predict(PAIRS) == fitted.predict(PAIRS).tolist()
    assert not list(tmp_path.glob("*.pkl"))


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_a_classifier_of_the_command_line_is_loaded(tmp_path, seeds):
    """Its labels stand in another order; scikit-learn's scores rely on sorted classes."""
    folder = small.save_pair_model(tmp_path, *seeds)
    loaded, model = NLIClassifier.load(folder), NLIModel.from_pretrained(folder)
    assert loaded.classes_.tolist() == sorted(model.labels)
    assert loaded.predict(READ).tolist() == model.predict(READ)
    assert (loaded.kind, loaded.code_size) == ("bilstm-max", 10)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "damaged"),
        ("{}", "damaged"),
        ('{"parameters": {"colour": 3}, "classes": ["a"]}', "damaged .*colour"),
        ('{"parameters": {}, "classes": ["a", "b"]}', "its classes are not the labels"),
    ],
)
def test_a_damaged_folder_is_named(tmp_path, fitted, content, told):
    fitted.save(tmp_path)
    (tmp_path / ESTIMATOR).write_text(content)
    with pytest.raises(CheckpointMismatch, match=f"{ESTIMATOR}: {told}"):
        NLIClassifier.load(tmp_path)


def test_what_is_written_is_plain_json(tmp_path, fitted):
    fitted.set_params(encoder=Path("runs/x")).save(tmp_path)
    fitted.set_params(encoder=None)
    content = json.loads((tmp_path / ESTIMATOR).read_text())
    assert content["classes"] == sorted(small.LABELS)
    assert content["parameters"]["encoder"] == str(Path("runs/x"))


# --- NLIClassifier: bad input ----------------------------------------------------------------


def replaced(row, value):
    return [*PAIRS[:row], value, *PAIRS[row + 1 :]]


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], "no pairs"),
        (replaced(3, "a man runs ."), "row 3: str is no pair of texts"),
        (replaced(3, 7), "row 3: int is no pair of texts"),
        (replaced(0, ("a",)), "row 0: 1 values, where a pair has two"),
        (replaced(59, ("a", "b", "c")), "row 59: 3 values, where a pair has two"),
        (replaced(5, ("a", None)), "row 5, hypothesis: NoneType is no text"),
        (replaced(5, (1.5, "b")), "row 5, premise: float is no text"),
        (np.array(PAIRS).T, r"an array of shape \(2, 60\), where pairs have \(N, 2\)"),
        (np.zeros((60, 2)), "row 0, premise: float64 is no text"),
    ],
)
def test_what_is_no_pair_is_named_with_its_row(pairs, told, fitted):
    with pytest.raises(ValueError, match=f"^{told}$"):
        classifier().fit(pairs, LABELS)
    with pytest.raises(ValueError, match=f"^{told}$"):
        fitted.predict(pairs)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (LABELS[:-1], r"inconsistent numbers of samples: \[60, 59\]"),
        (["neutral"] * 60, "y holds one class only, .*neutral.*; there must be two"),
        (np.linspace(0, 1, 60), "Unknown label type: continuous"),
        ([*LABELS[:-1], None], "no label in row 59 of y"),
        (None, "1d array"),
        ([["a", "b"]] * 60, "1d array"),
    ],
)
def test_labels_that_cannot_be_used_are_named(labels, told):
    with pytest.raises(ValueError, match=told):
        classifier().fit(PAIRS, labels)


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("kind", "transformer", "kind must be one of paper, bilstm-max, attention"),
        ("epochs", 0, "epochs must be from 1 to"),
        ("batch_size", 2.5, "batch_size must be a whole number, got 2.5"),
        ("rate", -1.0, "rate must be from 0 to 1000000"),
        ("dropout", 1.0, "dropout must be at least 0 and below 1, got"),
        ("validation_fraction", 1.5, r"validation_fraction must lie in \[0, 1\), got 1.5"),
        ("vocab_size", 0, "size must be at least 1, got 0"),
        ("precision", "fp8", "precision must be one of fp32, tf32, bf16"),
        ("random_state", -1, "seed must be from 0"),
        ("code_size", 7, "even"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(parameter, value, told):
    made = classifier(kind="bilstm-max").set_params(**{parameter: value})
    with pytest.raises(ValueError, match=told):
        made.fit(PAIRS, LABELS)


def test_a_rate_far_too_high_is_named():
    with pytest.raises(TrainingDiverged, match="try a lower rate"):
        classifier(rate=1e6, epochs=9).fit(PAIRS, LABELS)
