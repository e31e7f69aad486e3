"""Model folders: parts of several models are told apart, and forged ones are refused."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import small
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.model_folder import (
    CONFIG,
    TOKENIZER,
    WEIGHTS,
    load_model_folder,
    parts_of,
    save_weights,
)
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.storage.atomic_files import sha256_of_bytes
from arae_toolkit.storage.safetensors_file import save_tensors
from arae_toolkit.transfer.model import TransferModel


@pytest.fixture
def folder(tmp_path) -> Path:
    return small.save_model(tmp_path / "model")


@pytest.fixture
def ensemble(tmp_path) -> Path:
    return small.save_pair_model(tmp_path / "pairs", 1, 2)


def config_of(folder: Path) -> dict:
    return json.loads((folder / CONFIG).read_text(encoding="utf-8"))


def write_config(folder: Path, config: dict) -> None:
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")


def forged(folder: Path, change=lambda config: None, tensors=None) -> Path:
    """Write a folder's parts anew so that every fingerprint is right, as an attacker would."""
    config = config_of(folder)
    config.pop("weights_sha256", None)
    change(config)
    write_config(folder, config)
    parts = {
        "config_sha256": sha256_of_bytes((folder / CONFIG).read_bytes()),
        "tokenizer_sha256": sha256_of_bytes((folder / TOKENIZER).read_bytes()),
    }
    content = load_file(folder / WEIGHTS)
    content |= {} if tensors is None else tensors(content)
    save_tensors(folder / WEIGHTS, content, metadata=parts)
    return folder


def test_weights_of_another_model_of_the_same_form_are_refused(folder, tmp_path):
    other = small.model(small.vocabulary())
    with torch.no_grad():
        other.decoder.projection.bias.add_(1.0)
    other.save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other" / WEIGHTS, folder / WEIGHTS)
    with pytest.raises(CheckpointMismatch, match=r"saved with another model\.safetensors"):
        ARAE.from_pretrained(folder)


def test_a_save_that_is_killed_before_the_weights_leaves_a_folder_that_loads(folder, monkeypatch):
    before = load_model_folder(folder).tensors

    class Kill(BaseException):
        pass

    def kill(*_, **__):
        raise Kill

    monkeypatch.setattr("arae_toolkit.models.model_folder.save_tensors", kill)
    for turn in (1, 2):
        with pytest.raises(Kill):
            save_weights(folder, {name: t + turn for name, t in before.items()})
        after = load_model_folder(folder).tensors
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    monkeypatch.undo()
    save_weights(folder, {name: t + 3 for name, t in before.items()})
    assert len(config_of(folder)["weights_sha256"]) == 1


def test_folders_of_earlier_versions_without_the_new_fingerprints_load(folder):
    forged(folder)
    with safe_open(folder / WEIGHTS, framework="pt") as source:
        metadata = source.metadata()
    del metadata["header_sha256"]
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS, metadata=metadata)
    assert ARAE.from_pretrained(folder).sample(1, seed=0)


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def compact(text: str) -> str:
    return json.dumps(json.loads(text))


@pytest.mark.parametrize("form", [crlf, compact], ids=["line-ends", "indentation"])
@pytest.mark.parametrize("part", [CONFIG, TOKENIZER])
def test_the_form_of_a_json_file_does_not_count(folder, form, part):
    expected = ARAE.from_pretrained(folder).sample(2, seed=0)
    (folder / part).write_bytes(form((folder / part).read_text(encoding="utf-8")).encode())
    assert ARAE.from_pretrained(folder).sample(2, seed=0) == expected


def test_a_bit_of_the_weights_header_is_hashed(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[content.index(b"tokenizer_sha256") + 3] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointMismatch):
        ARAE.from_pretrained(folder)


@pytest.mark.parametrize(
    "members",
    [
        ["member-0", "member-0"],
        ["../../other"],
        ["."],
        ["member-1", "member-0/../member-0"],
        [],
        "member-0",
        [3],
        ["member-0"],
    ],
    ids=str,
)
def test_an_ensembles_members_are_those_that_were_averaged(ensemble, members):
    write_config(ensemble, config_of(ensemble) | {"members": members})
    with pytest.raises(CheckpointMismatch):
        NLIModel.from_pretrained(ensemble)


def test_an_ensembles_member_may_not_be_elsewhere(ensemble, tmp_path):
    elsewhere = small.save_pair_model(tmp_path / "elsewhere", 3)
    config = config_of(ensemble)
    config.pop("weights_sha256", None)
    write_config(ensemble, config | {"members": [str(elsewhere)]})
    with pytest.raises(CheckpointMismatch, match="names of folders"):
        NLIModel.from_pretrained(ensemble)


def test_another_models_member_is_refused(ensemble, tmp_path):
    other = small.save_pair_model(tmp_path / "other", 3)
    shutil.rmtree(ensemble / "member-1")
    shutil.copytree(other, ensemble / "member-1")
    with pytest.raises(CheckpointMismatch, match="not those that were averaged"):
        NLIModel.from_pretrained(ensemble)


def test_ensembles_of_earlier_versions_load(ensemble):
    config = config_of(ensemble)
    config.pop("weights_sha256", None)
    write_config(ensemble, config)
    assert len(NLIModel.from_pretrained(ensemble).members) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_length", value) for value in (-1, 0, "x", 10**9, None, 2.5, True)),
        *(("hidden_size", value) for value in (10**9, -4, "12", [14])),
        *(("code_gain", value) for value in ("x", None, [1.0])),
        *(("generator_sizes", value) for value in (11, ["x"], [10**8])),
        *(("encoder", value) for value in ("gru", 3)),
        ("tied_embeddings", {}),
        ("no_such", 1),
    ],
    ids=str,
)
def test_forged_arguments_are_refused(folder, name, value):
    began = time.monotonic()
    with pytest.raises(CheckpointMismatch):
        ARAE.from_pretrained(forged(folder, lambda config: config["model"].update({name: value})))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, value):
    def change(tensors):
        name = sorted(tensors)[0]
        altered = tensors[name].clone()
        altered.view(-1)[0] = value
        return {name: altered}

    with pytest.raises(CheckpointMismatch, match="not finite"):
        ARAE.from_pretrained(forged(folder, tensors=change))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_weights_of_another_type_are_refused(folder, dtype):
    def change(tensors):
        return {name: tensor.to(dtype) for name, tensor in tensors.items()}

    with pytest.raises(CheckpointMismatch, match=r"torch\.\w+, where torch\.float32 is needed"):
        ARAE.from_pretrained(forged(folder, tensors=change))


@pytest.mark.parametrize("labels", ["abc", [1, 2, 3], ["a", "a", "b"], {"a": 1}], ids=str)
def test_forged_labels_are_refused(tmp_path, labels):
    folder = small.save_pair_model(tmp_path / "pairs", 1)
    with pytest.raises(CheckpointMismatch):
        NLIModel.from_pretrained(forged(folder, lambda config: config.update(labels=labels)))


@pytest.mark.parametrize("kind", [[None], {"": None}, 3], ids=str)
@pytest.mark.parametrize(
    "of", [ARAE, ImageARAE, NLIModel, TransferModel], ids=lambda of: of.__name__
)
def test_a_kind_that_is_no_text_is_refused(folder, of, kind):
    with pytest.raises(CheckpointMismatch, match="kind must be a text"):
        of.from_pretrained(forged(folder, lambda config: config.update(kind=kind)))


@pytest.mark.parametrize("model", [None, [], "x", 3], ids=str)
def test_a_model_entry_of_another_kind_is_refused(folder, model):
    with pytest.raises(CheckpointMismatch):
        ARAE.from_pretrained(forged(folder, lambda config: config.update(model=model)))


@pytest.mark.parametrize("part", [CONFIG, TOKENIZER])
def test_deeply_nested_json_is_refused(folder, part):
    (folder / part).write_text('{"a":' * 200_000 + "1" + "}" * 200_000)
    with pytest.raises(CheckpointMismatch):
        ARAE.from_pretrained(folder)


@pytest.mark.parametrize("part", [CONFIG, TOKENIZER, WEIGHTS])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "directory link", "loop"])
def test_only_regular_files_are_read(folder, part, kind, tmp_path):
    path = folder / part
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "directory link":
        path.symlink_to(tmp_path)
    else:
        path.symlink_to(path)
    with pytest.raises(CheckpointMismatch):
        ARAE.from_pretrained(folder)


@pytest.mark.parametrize("part", [CONFIG, TOKENIZER])
def test_the_size_of_a_json_file_is_bounded(folder, part):
    with (folder / part).open("r+b") as target:
        target.truncate(1 << 33)  # sparse: nothing lies on the disk
    with pytest.raises(CheckpointMismatch, match=r"damaged|usable"):
        ARAE.from_pretrained(folder)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("no size\nof all"), "no size"), (RuntimeError(), "RuntimeError")],
)
def test_parts_that_make_no_model_are_named_by_their_folder(error, reason):
    with pytest.raises(CheckpointMismatch) as told, parts_of(Path("run")):
        raise error
    assert str(told.value) == f"run: weights and config disagree ({reason})"
