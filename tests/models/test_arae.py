import json
from pathlib import Path

import pytest
import small
import torch

from arae_toolkit import ARAE
from arae_toolkit.data.vocabulary import MOST_WORDS
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.models.arae import READ_TIMES_LONGEST


def test_a_saved_model_is_the_same_bit_for_bit(tmp_path):
    """Weights, codes and samples survive the way through a folder."""
    arae = small.model(small.vocabulary()).eval()
    arae.save_pretrained(tmp_path)
    loaded = ARAE.from_pretrained(tmp_path)
    for name, tensor in arae.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    texts = list(small.SENTENCES)
    assert torch.equal(arae.encode(texts), loaded.encode(texts))
    assert arae.sample(5, seed=3) == loaded.sample(5, seed=3)
    assert loaded.arguments == arae.arguments


def test_batches_equal_rows_one_by_one():
    """Codes and nats do not depend on the batch size or the order."""
    arae = small.model(small.vocabulary()).eval()
    texts = [*small.SENTENCES, "", "a", "unheard words here"]
    together = arae.encode(texts)
    alone = torch.cat([arae.encode([text]) for text in texts])
    torch.testing.assert_close(together, alone)
    nats, tokens = arae.nats(texts)
    assert tokens == [len(arae.vocabulary.encode(text)) for text in texts]
    for value, text in zip(nats, texts, strict=True):
        assert value == pytest.approx(arae.nats([text])[0][0], rel=1e-4)
    assert arae.reconstruct(texts, batch_size=2) == arae.reconstruct(texts)


def test_nats_are_those_of_the_decoder():
    """The sentence's nats are what training descends."""
    arae = small.model(small.vocabulary()).eval()
    import numpy as np

    batch = small.store(arae.vocabulary).batch(np.arange(8))
    total = float(arae.decoder.nats(arae.encoder(batch), batch).detach())
    assert sum(arae.nats(small.SENTENCES)[0]) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("method", ["greedy", "sample"])
@pytest.mark.parametrize("prior", ["generator", "sphere", "fitted"])
def test_a_sample_depends_on_the_seed_and_its_number_alone(prior, method):
    arae = small.model(small.vocabulary(), prior=prior).eval()
    decoding = Decoding(method)
    many = arae.sample(700, seed=1, decoding=decoding)
    assert len(set(many)) > 20
    for count in (1, 3, 4, 513):
        for batch_size in (2, 512):
            some = arae.sample(count, seed=1, decoding=decoding, batch_size=batch_size)
            assert some == many[:count]


@pytest.mark.parametrize("text", ["a man runs .", "", b"a man"])
def test_one_text_is_no_list_of_texts(text):
    arae = small.model(small.vocabulary()).eval()
    for method in (arae.encode, arae.reconstruct, arae.nats, arae.decode):
        with pytest.raises(TypeError, match=r"expected|must be"):
            method(text)


def test_fewer_samples_than_none_are_refused():
    """Not answered by none."""
    arae = small.model(small.vocabulary())
    with pytest.raises(ValueError, match="count must be at least 0, got -1"):
        arae.sample(-1)


def test_samples_are_fixed_by_the_seed():
    """Same seed, same sentences, with every method; other seeds differ."""
    arae = small.model(small.vocabulary()).eval()
    for decoding in (Decoding(), Decoding("sample")):
        first = arae.sample(20, seed=1, decoding=decoding)
        assert first == arae.sample(20, seed=1, decoding=decoding)
        assert first != arae.sample(20, seed=2, decoding=decoding)
    assert len(arae.sample(7, batch_size=3)) == 7
    assert arae.sample(0) == []


def test_interpolation_starts_and_ends_at_the_reconstructions():
    arae = small.model(small.vocabulary()).eval()
    first, second = small.SENTENCES[1], small.SENTENCES[4]
    path = arae.interpolate(first, second, steps=4)
    assert len(path) == 4
    assert [path[0], path[-1]] == arae.reconstruct([first, second])
    with pytest.raises(ValueError, match="steps"):
        arae.interpolate(first, second, steps=1)


def test_codes_of_another_size_are_refused():
    """The message holds both shapes."""
    arae = small.model(small.vocabulary())
    with pytest.raises(ValueError, match=r"\(B, 10\).*\(2, 9\)"):
        arae.decode(torch.zeros(2, 9))


def _damage_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model"]["max_length"] = 99
    (folder / "config.json").write_text(json.dumps(config))


def _swap_tokenizer(folder: Path) -> None:
    from arae_toolkit.data.vocabulary import Vocabulary

    Vocabulary.build(["some other words"], size=5).save(folder / "tokenizer.json")


def _flip_a_bit(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)


def _cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _break_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    "damage",
    [_damage_config, _swap_tokenizer, _flip_a_bit, _cut_short, _remove_weights, _break_json],
)
def test_parts_that_do_not_belong_together_are_refused(tmp_path, damage):
    """Exit code 4 and one line that names the folder."""
    small.save_model(tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(CheckpointMismatch, match=str(tmp_path)) as caught:
        ARAE.from_pretrained(tmp_path)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_saving_again_leaves_other_files_alone(tmp_path):
    """A folder is never wiped."""
    (tmp_path / "notes.txt").write_text("mine")
    small.save_model(tmp_path)
    small.save_model(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_of_a_very_long_text_the_beginning_is_read():
    """Its words may be many thousands; reading each would take minutes and tell nothing."""
    arae = small.model(small.vocabulary()).eval()
    most = max(MOST_WORDS, READ_TIMES_LONGEST * arae.max_length)
    start, rest = "a man runs . " * most, "two dogs sleep . " * 1000
    whole = " ".join(start.split()[:most])
    assert torch.equal(arae.encode([whole + " " + rest]), arae.encode([whole]))


def test_a_model_of_another_kind_is_called_so(tmp_path):
    small.pair_model(1).save_pretrained(tmp_path)
    with pytest.raises(
        CheckpointMismatch, match=r"a model of kind .*autoencoder of text is needed"
    ):
        ARAE.from_pretrained(tmp_path)


def test_a_model_in_bfloat16_rounds_what_it_decodes_and_measures(tmp_path):
    exact = small.model(small.vocabulary()).eval()
    exact.save_pretrained(tmp_path)
    rounded = ARAE.from_pretrained(tmp_path, precision="bf16")
    texts = list(small.SENTENCES)
    codes, nats = exact.encode(texts), torch.tensor(exact.nats(texts)[0])
    assert rounded.encode(texts).dtype == torch.float32
    torch.testing.assert_close(rounded.encode(texts), codes, atol=0.02, rtol=0)
    close = torch.tensor(rounded.nats(texts)[0])
    torch.testing.assert_close(close, nats, atol=0, rtol=0.02)
    assert not torch.equal(close, nats)
    asked = Decoding(dtype=torch.bfloat16)
    assert rounded.decode(codes) == exact.decode(codes, decoding=asked)
    assert rounded.sample(40) == exact.sample(40, decoding=asked)
    as_before = Decoding(dtype=torch.float32)
    assert rounded.sample(40, decoding=as_before) == exact.sample(40)
