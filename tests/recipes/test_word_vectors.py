"""Training that starts from word vectors of others, whatever is trained."""

import pytest
import torch
from command_line import call
from small_runs import SMALL, pretrain

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.nli.model import NLIModel

NLI = (
    *("--labels", "60", "--seeds", "1", "--device", "cpu", "--set", "epochs=1"),
    *("--set", "embedding_size=4", "--set", "code_size=8", "--set", "hidden_size=4"),
)
HELD = ("--set", "encoder_rate=1e-9")
"""The encoder does not move: its weights that are saved are those that training started from."""


@pytest.fixture
def vectors(synthetic, tmp_path):
    """A file with vectors of four numbers for half of the corpus's words."""
    words = Corpus(synthetic).vocabulary.words[4::2]
    path = tmp_path / "vectors.txt"
    path.write_text(
        "".join(
            f"{word} {row / 1000} {row % 7 / 7} {row % 5 / 5} 1\n" for row, word in enumerate(words)
        )
    )
    return path


def given(corpus, table):
    """Return whether a table holds the vectors of the file."""
    rows = table[4::2]
    wanted = torch.tensor([[row / 1000, row % 7 / 7, row % 5 / 5, 1] for row in range(len(rows))])
    return torch.allclose(rows, wanted, atol=1e-4)


def test_pretrain_starts_from_them_and_is_another_run_without(synthetic, tmp_path, vectors):
    out = tmp_path / "run"
    sizes = ("--set", "embedding_size=4", "--set", "tied_embeddings=none")
    held = ("--set", "autoencoder_rate=1e-9", "--model", "ae")
    result = pretrain(synthetic, out, "--word-vectors", vectors, *sizes, *held, epochs=1)
    assert "vectors for" in result.stderr
    from arae_toolkit import ARAE

    model = ARAE.from_pretrained(out)
    assert given(synthetic, model.encoder.embedding.weight)
    assert given(synthetic, model.decoder.embedding.weight)
    again = pretrain(synthetic, out, *sizes, *held, epochs=1, code=4)
    assert "word_vectors" in again.stderr
    pretrain(synthetic, out, "--word-vectors", vectors, *sizes, *held, epochs=1)


@pytest.mark.parametrize("model", ["paper", "attention"])
def test_nli_starts_from_them_and_from_no_encoder(synthetic, tmp_path, vectors, model):
    """One update learns nothing, which is said; what it started from lies there."""
    places = ("--out", tmp_path / "nli", "--results", tmp_path / "results", "--corpus", synthetic)
    options = (*places, *NLI, *HELD, "--model", model, "--objective", "supervised")
    result = call("nli", *options, "--word-vectors", vectors, code=5)
    assert f"{model} from word vectors" in result.stderr
    network = NLIModel.from_pretrained(tmp_path / "nli" / "seed-0").networks[0]
    assert given(synthetic, network.encoder.embedding.weight)
    assert "word_vectors" in call("nli", *options, code=4).stderr  # another run without
    refused = call("nli", *options, "--word-vectors", vectors, "--encoder", "runs/some", code=2)
    assert "so does an encoder" in refused.stderr


def test_an_encoder_of_pairs_starts_from_them(synthetic, tmp_path, vectors):
    sizes = ("--set", "embedding_size=4", "--set", "code_size=8", "--set", "rate=1e-9")
    out = tmp_path / "pairs"
    call(
        *(
            "nli",
            "pretrain",
            "--corpus",
            synthetic,
            "--device",
            "cpu",
            "--out",
            out,
            "--set",
            "epochs=1",
        ),
        *("--word-vectors", vectors, *sizes),
    )
    from safetensors.torch import load_file

    tensors = load_file(out / "model.safetensors")
    assert given(synthetic, tensors["encoder.embedding.weight"])


def test_vectors_of_another_size_are_told_with_the_setting(synthetic, tmp_path, vectors):
    result = pretrain(synthetic, tmp_path / "run", "--word-vectors", vectors, code=2)
    assert "give --set embedding_size=4" in result.stderr
    assert SMALL and not (tmp_path / "run").exists()


def test_images_have_no_words(tmp_path, vectors):
    result = call("pretrain", "digits", "--word-vectors", vectors, code=2)
    assert "images have no words" in result.stderr
