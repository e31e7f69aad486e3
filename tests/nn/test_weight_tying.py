import pytest
import small
import torch
from command_line import call
from safetensors import safe_open
from small_runs import prepare, pretrain
from torch import nn

from arae_toolkit import ARAE
from arae_toolkit.config.schema import check_tying
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.model_folder import WEIGHTS
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.storage.safetensors_file import load_tensors, save_tensors

TIED = ("embedding_size=14", "hidden_size=14")
FACTORED = ("embedding_size=9", "hidden_size=14", "output_map=true")
TABLES = ("encoder.embedding.weight", "decoder.embedding.weight", "decoder.projection.weight")


def _model(tying: str, sizes: tuple[str, ...] = TIED) -> ARAE:
    return small.model(small.vocabulary(), small.settings(*sizes, f"tied_embeddings={tying}"))


def _nats(model: ARAE) -> torch.Tensor:
    (batch,) = [small.store(model.vocabulary).batch(torch.arange(8).numpy())]
    return model.decoder.nats(model.encoder(batch), batch)


@pytest.mark.parametrize(("tying", "tables"), [("none", 3), ("decoder", 2), ("all", 1)])
def test_so_many_tables_are_left(tying, tables):
    """Encoder's, decoder's and softmax's: three, or fewer."""
    weights = dict(_model(tying).named_parameters(remove_duplicate=False))
    assert len({id(weights[name]) for name in TABLES}) == tables


@pytest.mark.parametrize("sizes", [TIED, FACTORED], ids=["E = H", "output map"])
@pytest.mark.parametrize("tying", ["decoder", "all"])
def test_the_gradient_of_a_shared_table_is_the_sum_of_its_uses(tying, sizes):
    """The same values in tables of their own: their gradients, added up."""
    tied, apart = _model(tying, sizes), _model("none", sizes)
    apart.load_state_dict(tied.state_dict())
    _nats(tied).backward()
    _nats(apart).backward()
    found = tied.decoder.embedding.weight.grad
    own = dict(apart.named_parameters())
    shared = TABLES if tying == "all" else TABLES[1:]
    expected = sum(own[name].grad for name in shared)  # type: ignore[misc]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_an_iteration_moves_a_shared_table_once():
    """The optimizer holds each parameter once, whoever uses it."""
    config = small.settings(*TIED, "tied_embeddings=all")
    words = small.vocabulary()
    algorithm = Algorithm(small.model(words, config), config, small.store(words))
    parameters = algorithm.updates["autoencoder"].parameters
    assert len(parameters) == len({id(parameter) for parameter in parameters})
    before = algorithm.model.decoder.embedding.weight.detach().clone()
    algorithm.iteration(0)
    # Adam's first step has the size of the rate for whatever has a gradient, however often used.
    step = (algorithm.model.decoder.embedding.weight.detach() - before).abs().max()
    assert float(step) == pytest.approx(config.training.autoencoder_rate, rel=1e-3)


@pytest.mark.parametrize(
    "settings", [("encoder_update=separate",), ("softmax_samples=3",), ("word_drop=0.3",)]
)
def test_gradients_by_rows_move_a_shared_table_as_whole_ones_do(settings):
    config = small.settings(*TIED, "tied_embeddings=all", *settings)
    words = small.vocabulary()
    by_rows, whole = (
        Algorithm(small.model(words, config), config, small.store(words)) for _ in range(2)
    )
    for network in (whole.model.encoder, whole.model.decoder):
        network.embedding.shared = False
    for iteration in range(4):
        by_rows.iteration(iteration)
        whole.iteration(iteration)
    expected = whole.model.state_dict()
    for name, found in by_rows.model.state_dict().items():
        torch.testing.assert_close(found, expected[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("sizes", [TIED, FACTORED], ids=["E = H", "output map"])
def test_a_tied_model_is_saved_once_and_is_tied_again(tmp_path, sizes):
    """One table in the file; what comes back is the same, bit for bit, and still shares it."""
    model = _model("all", sizes).eval()
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / WEIGHTS, framework="pt") as file:
        assert [name in file.keys() for name in TABLES].count(True) == 1  # noqa: SIM118
    loaded = ARAE.from_pretrained(tmp_path)
    assert loaded.encoder.embedding.weight is loaded.decoder.projection.weight
    texts = list(small.SENTENCES)
    assert torch.equal(model.encode(texts), loaded.encode(texts))
    assert model.sample(5, seed=3) == loaded.sample(5, seed=3)


def test_only_the_same_tensor_is_written_once(tmp_path):
    """Equal values in another place are another tensor."""
    first = torch.arange(9.0).view(3, 3)
    tensors = {"first": first, "again": first, "equal": first.clone()}
    save_tensors(tmp_path / "x.safetensors", tensors, metadata={"of": "a test"})
    found, metadata = load_tensors(tmp_path / "x.safetensors")
    assert metadata.pop("tensors_sha256")
    assert metadata == {"of": "a test"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(tensor, first) for tensor in found.values())
    assert found["again"].data_ptr() == found["first"].data_ptr()
    assert found["equal"].data_ptr() != found["first"].data_ptr()


def test_a_name_for_nothing_is_damage(tmp_path):
    """A header that names a tensor that is not there is refused."""
    save_tensors(tmp_path / "x", {"a": torch.ones(2)}, metadata={"same_as": '{"b": "c"}'})
    with pytest.raises(CheckpointMismatch, match="header is damaged"):
        load_tensors(tmp_path / "x")


def test_sizes_that_cannot_be_shared_are_refused():
    """E and H must agree; without tying, or with a map between them, they need not."""
    apart = ("embedding_size=3", "hidden_size=5")
    check_tying(small.settings(*apart).model)
    check_tying(small.settings(*apart, "tied_embeddings=all", "output_map=true").model)
    refused = small.settings(*apart, "tied_embeddings=decoder")
    with pytest.raises(ValueError, match=r"embedding_size \(3\) and hidden_size \(5\)"):
        check_tying(refused.model)
    with pytest.raises(ValueError, match=r"shapes \(\d+, 3\) and \(\d+, 5\) cannot be one"):
        small.model(small.vocabulary(), refused)


def test_it_trains_from_the_command_line(tmp_path):
    """Tied by a setting; sizes that do not fit are a usage error before anything is written."""
    corpus = prepare(tmp_path / "corpus")
    refused = tmp_path / "refused"
    tied = ("--set", "tied_embeddings=all")
    result = pretrain(corpus, refused, *tied, "--set", "hidden_size=20", code=2)
    assert "embedding_size (16) and hidden_size (20)" in result.stderr
    assert not refused.exists()
    out = tmp_path / "tied"
    pretrain(corpus, out, *tied, epochs=1)
    assert isinstance(ARAE.from_pretrained(out).decoder.projection, nn.Linear)
    call("sample", out, "--count", "2")
    mapped = tmp_path / "mapped"
    factored = (*tied, "--set", "hidden_size=20", "--set", "output_map=true")
    pretrain(corpus, mapped, *factored, epochs=1)
    assert ARAE.from_pretrained(mapped).decoder.projection.weight.shape[1] == 16
    call("sample", mapped, "--count", "2")
