import json
import pickle
import shutil

import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.vocabulary import MOST_WORDS, Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.networks import new_network

KINDS = ("paper", "bilstm-max", "attention")
PAIRS = [
    ("a man runs .", "a man sleeps ."),
    ("two dogs sleep in the sun .", "two dogs play"),
    ("the girl holds a red ball .", "a girl reads a book in the park ."),
    ("a boy eats .", "zebras"),
    ("", "a dog runs ."),
    ("a man runs .", "a man runs ."),
]


def model(kind, seed=1):
    arguments = {**small.PAIR_ARGUMENTS, "kind": kind}
    words = small.vocabulary()
    network = new_network(
        len(words),
        len(small.LABELS),
        generator=torch.Generator().manual_seed(seed),
        **arguments,
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    return NLIModel([network], words, small.LABELS, arguments=arguments)


every_kind = pytest.mark.parametrize("kind", KINDS)


def close(first, second):
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)


def test_several_networks_give_the_mean_of_their_probabilities():
    each = [small.pair_model(seed).probabilities(PAIRS) for seed in (1, 2, 5)]
    assert np.abs(each[0] - each[1]).max() > 0.01, "the networks are too alike to test with"
    np.testing.assert_allclose(
        small.pair_model(1, 2, 5).probabilities(PAIRS), np.mean(each, axis=0), rtol=1e-12
    )


@every_kind
def test_probabilities_are_the_networks_softmax_and_the_label_its_likeliest(kind):
    made = model(kind)
    probabilities = made.probabilities(PAIRS)
    batches = [made._batch([tuple(ids) for ids in made.vocabulary.encode_batch(side)])
               for side in zip(*PAIRS, strict=True)]  # fmt: skip
    with torch.no_grad():
        expected = made.networks[0](*batches).double().softmax(dim=1).numpy()
    close(probabilities, expected)
    assert made.predict(PAIRS) == [small.LABELS[row] for row in expected.argmax(axis=1)]


@every_kind
def test_neither_order_nor_company_changes_a_pairs_probabilities(kind):
    made = model(kind)
    expected = made.probabilities(PAIRS)
    assert expected.std(axis=0).min() > 0.001
    order = [4, 1, 5, 0, 3, 2]
    close(made.probabilities([PAIRS[row] for row in order]), expected[order])
    for batch_size in (1, 2, 4):
        close(made.probabilities(PAIRS, batch_size=batch_size), expected)
    for row, pair in enumerate(PAIRS):
        close(made.probabilities([pair])[0], expected[row])


@every_kind
def test_no_pairs_have_no_probabilities(kind):
    assert model(kind).probabilities([]).shape == (0, 3)
    assert model(kind).predict([]) == []


def test_long_sentences_are_read_up_to_the_most_words():
    made = model("bilstm-max")
    start = "a dog " * (MOST_WORDS // 2)
    longer = made.probabilities([(start + "runs in the park", "a dog runs .")])
    close(longer, made.probabilities([(start, "a dog runs .")]))


@every_kind
def test_a_loaded_model_is_the_saved_one_bit_for_bit(tmp_path, kind):
    saved = model(kind)
    saved.save_pretrained(tmp_path)
    loaded = NLIModel.from_pretrained(tmp_path)
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert loaded.labels == small.LABELS
    assert loaded.arguments == saved.arguments
    assert loaded.vocabulary.sha256 == saved.vocabulary.sha256
    assert not loaded.training
    assert np.array_equal(loaded.probabilities(PAIRS), saved.probabilities(PAIRS))


def test_several_networks_come_back_in_their_order(tmp_path):
    saved = small.pair_model(1, 2)
    saved.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json", "member-0", "member-1",
    ]  # fmt: skip
    loaded = NLIModel.from_pretrained(tmp_path)
    assert np.array_equal(loaded.probabilities(PAIRS), saved.probabilities(PAIRS))
    alone = NLIModel.from_pretrained(tmp_path / "member-1")
    assert np.array_equal(alone.probabilities(PAIRS), small.pair_model(2).probabilities(PAIRS))


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_no_network_is_no_model():
    with pytest.raises(ValueError, match="at least one network"):
        NLIModel([], small.vocabulary(), small.LABELS, arguments={})


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_folder_is_one_line_that_names_it(tmp_path, name, damage):
    path = small.save_pair_model(tmp_path / "pairs") / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(CheckpointMismatch, match=r"pairs") as caught:
        NLIModel.from_pretrained(path.parent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_parts_of_different_models_are_told_apart(tmp_path, name):
    folder = small.save_pair_model(tmp_path / "pairs")
    other = NLIModel(
        [new_network(7, 3, **{**small.PAIR_ARGUMENTS, "hidden_size": 15})],
        Vocabulary.build(["a b c"], size=3),
        small.LABELS,
        arguments={**small.PAIR_ARGUMENTS, "hidden_size": 15},
    )
    other.save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other" / name, folder / name)
    with pytest.raises(CheckpointMismatch, match="saved with another"):
        NLIModel.from_pretrained(folder)


def test_an_autoencoder_is_no_classifier(tmp_path):
    with pytest.raises(CheckpointMismatch, match="no classifier of sentence pairs"):
        NLIModel.from_pretrained(small.save_model(tmp_path))


def test_networks_of_other_words_are_no_ensemble(tmp_path):
    folder = small.save_pair_model(tmp_path, 1, 2)
    words = Vocabulary.build(["other words"], size=9)
    network = new_network(len(words), 3, **small.PAIR_ARGUMENTS)
    other = NLIModel([network], words, small.LABELS, arguments=small.PAIR_ARGUMENTS)
    other.save_pretrained(folder / "member-1")
    change_config(folder, weights_sha256=None)  # as earlier versions wrote it
    with pytest.raises(CheckpointMismatch, match="member-1: has other labels or words than"):
        NLIModel.from_pretrained(folder)


def test_an_ensemble_names_its_members(tmp_path):
    folder = small.save_pair_model(tmp_path, 1, 2)
    change_config(folder, members=[])
    with pytest.raises(CheckpointMismatch, match="names no members"):
        NLIModel.from_pretrained(folder)
    change_config(folder, members=["member-0", "member-7"])
    with pytest.raises(CheckpointMismatch, match="member-7"):
        NLIModel.from_pretrained(folder)


def test_bfloat16_moves_probabilities_little():
    """Lower precision is asked for by an attribute, and is no other classifier."""
    model = small.pair_model(1, 2)
    pairs = [("a man runs .", "a dog runs ."), ("two dogs sleep in the sun .", "a boy eats .")]
    exact = model.probabilities(pairs)
    model.precision = "bf16"
    lower = model.probabilities(pairs)
    assert not np.array_equal(exact, lower)
    assert np.abs(exact - lower).max() < 0.05


@every_kind
def test_new_weights_count_at_once(kind):
    """What was kept of the old ones is not used any more."""
    made, other = model(kind), model(kind, seed=3)
    before = made.probabilities(PAIRS)
    made.load_state_dict(other.state_dict())
    close(made.probabilities(PAIRS), other.probabilities(PAIRS))
    assert np.abs(made.probabilities(PAIRS) - before).max() > 1e-3


@every_kind
def test_what_is_kept_from_call_to_call_changes_no_answer_and_no_copy(kind):
    made = model(kind)
    size = len(pickle.dumps(made))
    together = made.probabilities(PAIRS)
    for start in range(0, len(PAIRS), 2):
        close(made.probabilities(PAIRS[start : start + 2]), together[start : start + 2])
    assert len(pickle.dumps(made)) == size


@every_kind
def test_a_sentence_has_the_same_vector_beside_any_other(kind):
    made = model(kind)
    texts = [text for pair in PAIRS for text in pair]
    together = made.vectors(texts, batch_size=5)
    assert together.shape == (len(texts), 10)
    assert together.dtype == np.float32
    assert len(np.unique(together.round(4), axis=0)) == len(set(texts))
    for index, text in enumerate(texts):
        close(made.vectors([text])[0], together[index])
    with pytest.raises(ValueError, match="no text"):
        made.vectors([])


def test_the_vectors_are_those_that_the_scores_are_made_of():
    made = model("bilstm-max")
    first, second = (
        torch.from_numpy(made.vectors(list(side))) for side in zip(*PAIRS, strict=True)
    )
    scores = made.networks[0].scores(first, second).softmax(dim=1).detach().numpy()
    close(scores, made.probabilities(PAIRS))
