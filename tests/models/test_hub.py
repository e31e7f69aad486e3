import json
import shutil
from pathlib import Path

import hub_stand_in
import numpy as np
import outside_stand_in
import pytest
import small
import torch
from safetensors.torch import load_file

from arae_toolkit import ARAE, NLIClassifier, SentenceEncoder, TextTransfer
from arae_toolkit.errors import CheckpointMismatch, NotFound, ToolkitError
from arae_toolkit.models import hub
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.model_folder import read_config, save_weights
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.networks import new_outside_network
from arae_toolkit.nli.outside_encoder import OutsideWeights
from arae_toolkit.storage.atomic_files import write_json

TEXTS = list(small.SENTENCES)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Put a stand-in of the hub in the place of the hub, and nothing of it in the user's cache."""
    pytest.importorskip("huggingface_hub", minversion="1.0")
    from huggingface_hub import HfApi, constants

    with hub_stand_in.running() as server:
        monkeypatch.setattr(
            hub, "_api", lambda token=None: HfApi(endpoint=server.address, token=token)
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.chdir(tmp_path)
        yield server


def card_of(place, name):
    return place.repositories[name]["README.md"].decode()


def test_a_model_of_a_run_is_published_with_its_card_and_had_again(place, undisturbed):
    model = ARAE.from_pretrained(undisturbed)
    address = model.push_to_hub("someone/captions", token="secret")
    assert address == f"{place.address}/someone/captions"
    assert "Bearer secret" in place.tokens
    files = place.repositories["someone/captions"]
    assert set(files) == {
        *("config.json", "tokenizer.json", "model.safetensors"),
        *("README.md", ".gitattributes"),
    }
    assert b"*.safetensors filter=lfs" in files[".gitattributes"]
    card = files["README.md"].decode()
    config = json.loads((undisturbed / "config.json").read_text())
    last = json.loads((undisturbed / "metrics.jsonl").read_text().splitlines()[-1])
    for part in (
        "library_name: arae-toolkit",
        "Corpus: synthetic",
        config["corpus"]["sha256"],
        f"| dev | nats per sentence | {last['nats_per_sentence']:.2f} |",
        "Seed 0.",
        'ARAE.from_pretrained("someone/captions")',
        "## Limits",
        "training.epochs = 6",
    ):
        assert part in card, part
    again = ARAE.from_pretrained("someone/captions")
    assert torch.equal(again.encode(TEXTS), model.encode(TEXTS))
    assert again.sample(3) == model.sample(3)


def test_what_is_published_are_the_weights_as_they_are(place):
    model = small.model(small.vocabulary())
    model.push_to_hub("someone/untrained")
    card = card_of(place, "someone/untrained")
    assert "None were measured" in card
    assert "## Settings" not in card
    encoder = SentenceEncoder("someone/untrained").fit()
    np.testing.assert_array_equal(encoder.transform(TEXTS), model.encode(TEXTS).numpy())


def test_images_are_published_alike(place):
    model = ImageARAE((4, 4), code_size=6, encoder_sizes=(8,), decoder_sizes=(8,)).eval()
    model.push_to_hub("someone/digits")
    again = ImageARAE.from_pretrained("someone/digits")
    pixels = np.eye(4, dtype=bool).reshape(1, 16)
    assert torch.equal(again.encode(pixels), model.encode(pixels))


def test_a_classifier_and_an_average_of_seeds_are_published_alike(place, tmp_path):
    pairs = [("a man runs .", "a man moves ."), ("a man runs .", "nobody moves .")] * 8
    sizes = {"embedding_size": 4, "code_size": 4, "hidden_size": 4}
    classifier = NLIClassifier(epochs=1, validation_fraction=0, **sizes).fit(pairs, [1, 0] * 8)
    classifier.push_to_hub("someone/pairs")
    again = NLIClassifier.load("someone/pairs")
    assert again.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(again.predict_proba(pairs), classifier.predict_proba(pairs))

    network = classifier.model_.networks[0]
    several = NLIModel(
        [network, network],
        classifier.model_.vocabulary,
        classifier.model_.labels,
        arguments=classifier.model_.arguments,
    )
    run = tmp_path / "run"
    several.save_pretrained(run)
    for member, accuracy in (("member-0", 60.0), ("member-1", 64.0)):
        scores = {"accuracy": accuracy, "majority": 50.0}
        (run / member / "evaluation.json").write_text(json.dumps({"test": scores}))
    NLIModel.from_pretrained(run).push_to_hub("someone/average")
    assert "| test | percent right | 62.00 ± 2.83 |" in card_of(place, "someone/average")
    assert "average of several seeds" in card_of(place, "someone/average")
    averaged = NLIModel.from_pretrained("someone/average").probabilities(pairs)
    np.testing.assert_allclose(averaged[:, 1], again.predict_proba(pairs)[:, 1], atol=1e-7)


def test_a_transfer_model_is_published_with_its_scorer(place, tmp_path):
    texts = [f"the {thing} was {how} ." for thing in ("soup", "bread", "fish", "cake", "tea")
             for how in ("good", "bad")] * 4  # fmt: skip
    labels = ["positive", "negative"] * 20
    settings = {
        **{"embedding_size": 4, "code_size": 4, "hidden_size": 4, "noise_size": 4},
        **{"generator_sizes": [4], "critic_sizes": [4], "batch_size": 4},
    }
    in_memory = TextTransfer("ae", epochs=1, settings=settings).fit(texts, labels)
    with pytest.raises(ToolkitError, match="lies in no folder"):
        in_memory.push_to_hub("someone/nothing")
    kept = TextTransfer("ae", epochs=1, settings=settings, folder=tmp_path / "kept")
    kept.fit(texts, labels)
    config = read_config(tmp_path / "kept")
    config["corpus"]["folder"] = str(tmp_path)  # as an earlier version wrote it
    write_json(tmp_path / "kept" / "config.json", config)
    save_weights(tmp_path / "kept", load_file(tmp_path / "kept" / "model.safetensors"))
    kept.push_to_hub("someone/transfer")
    files = place.repositories["someone/transfer"]
    assert {"config.json", "scorer/model.safetensors", "classes.json"} <= set(files)
    assert not any("training_state" in path for path in files)
    assert str(tmp_path).encode() not in b"".join(files.values())
    assert "Labels: negative, positive" in card_of(place, "someone/transfer")
    shutil.rmtree(tmp_path / "kept")
    again = TextTransfer.from_pretrained("someone/transfer", to="positive")
    assert list(again.transform(texts[:2])) == list(
        kept.set_params(to="positive").transform(texts[:2])
    )


def test_outside_weights_are_published_with_a_classifier(place, tmp_path, monkeypatch):
    """Whose they are stands on the card; their own files lie beside, as their library has them."""
    outside_stand_in.put_in_place(monkeypatch)
    outside_stand_in.save(outside_stand_in.Averaging(), tmp_path / "outside")
    (tmp_path / "outside" / "README.md").write_text(outside_stand_in.CARD)
    weights = OutsideWeights.load(
        str(tmp_path / "outside"), small.vocabulary(), device=torch.device("cpu"), tuned=False
    )
    arguments = {"kind": "paper", "hidden_size": 4, "dropout": 0.0}
    random = torch.Generator().manual_seed(0)
    network = new_outside_network(weights.for_training(), 3, generator=random, **arguments)
    model = NLIModel([network], weights.vocabulary, small.LABELS, arguments=arguments)
    model.push_to_hub("someone/outside")
    told = "With outside weights, frozen: stand-in (sentence-transformers); trained on SNLI's pairs"
    assert told in card_of(place, "someone/outside")
    again = NLIModel.from_pretrained("someone/outside")
    pairs = [(TEXTS[0], TEXTS[1])]
    assert again.probabilities(pairs).tolist() == model.probabilities(pairs).tolist()


def test_no_model_on_the_hub_is_told_in_one_line(place):
    with pytest.raises(ToolkitError, match="no such folder, and the hub gives no such") as caught:
        ARAE.from_pretrained("someone/else")
    assert "\n" not in str(caught.value)


def test_a_path_is_no_name_of_the_hub(tmp_path, monkeypatch):
    """Neither one whose folder exists, nor one of a run, nor a path object."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for source in ("models/none", "runs/none", Path("someone/none"), "none", "a/b/c"):
        with pytest.raises(NotFound, match="no such folder; 'arae-toolkit pretrain' and nli write"):
            ARAE.from_pretrained(source)
    with pytest.raises(CheckpointMismatch, match=r"no model here .config\.json is missing"):
        ARAE.from_pretrained("models")


def test_a_hub_that_takes_nothing_is_told_in_one_line(monkeypatch):
    class Refuses:
        def create_repo(self, *arguments, **more):
            raise OSError("401 Client Error\nmore")

    monkeypatch.setattr(hub, "_api", lambda token=None: Refuses())
    with pytest.raises(ToolkitError, match=r"does not take the model .401 Client Error.; log in"):
        small.model(small.vocabulary()).push_to_hub("someone/captions")


def test_a_missing_huggingface_hub_is_one_line_that_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ToolkitError, match=r"arae-toolkit\[hub\]"):
        ARAE.from_pretrained("someone/captions")
