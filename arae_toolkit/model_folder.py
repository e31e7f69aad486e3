"""A self-contained model folder: ``config.json``, ``tokenizer.json``, ``model.safetensors``.

The weights carry in their own header the fingerprints of the configuration and the tokenizer they
belong to, and of their own bytes, so parts of different models are told apart however they came
together, and each save replaces one file whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.files import replacing, sha256_of_bytes, write_json
from arae_toolkit.vocabulary import Vocabulary

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
FORMAT = "arae-toolkit-model-1"
_SAME_AS = "same_as"


@dataclass(frozen=True)
class ModelFolder:
    """What a model folder holds, read and checked.

    Attributes:
        config: ``config.json``; its entry ``model`` holds the constructor's arguments.
        vocabulary: The tokenizer, ``None`` for an image model.
        tensors: Weights by name.
    """

    config: dict[str, Any]
    vocabulary: Vocabulary | None
    tensors: dict[str, Tensor]


def save_model_folder(
    folder: Path,
    *,
    config: Mapping[str, Any],
    vocabulary: Vocabulary | None,
    tensors: Mapping[str, Tensor],
) -> None:
    """Write the three files, each whole; other files in the folder are left alone.

    Raises:
        ToolkitError: If the folder cannot be written.
    """
    write_json(folder / CONFIG, {"format": FORMAT, **config})
    if vocabulary is not None:
        vocabulary.save(folder / TOKENIZER)
    save_weights(folder, tensors)


def save_weights(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Replace the weights of a folder whose configuration and tokenizer are in place."""
    save_tensors(folder / WEIGHTS, tensors, metadata=_fingerprints(folder))


def load_model_folder(folder: Path, *, device: str | torch.device = "cpu") -> ModelFolder:
    """Read a model folder.

    Raises:
        CheckpointMismatch: If a file is missing or damaged, or the parts do not belong together.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(
            f"{folder}: no model here ({CONFIG} is missing or damaged); name a folder that "
            "arae-toolkit pretrain has written"
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointMismatch(f"{folder / CONFIG}: not in the format {FORMAT} of this version")
    has_tokenizer = (folder / TOKENIZER).exists()
    tensors, metadata = load_tensors(folder / WEIGHTS, device=device)
    for part, fingerprint in _fingerprints(folder).items():
        if metadata.get(part) != fingerprint:
            raise CheckpointMismatch(
                f"{folder}: {WEIGHTS} was saved with another {part.removesuffix('_sha256')} than "
                "the one beside it; restore the files of one run"
            )
    vocabulary = Vocabulary.load(folder / TOKENIZER) if has_tokenizer else None
    return ModelFolder(config, vocabulary, tensors)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all, with a fingerprint of its content.

    A tensor that goes by several names is written once, the other names into the header.
    """
    same_as = _other_names(tensors)
    content = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in tensors.items()
        if name not in same_as
    }
    header = {**metadata, "tensors_sha256": _tensors_sha256(content)}
    if same_as:
        header[_SAME_AS] = json.dumps(same_as)
    with replacing(path) as temporary:
        save_file(content, temporary, metadata=header)


def load_tensors(
    path: Path, *, device: str | torch.device = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file written by :func:`save_tensors`: tensors by name, and the metadata.

    Raises:
        CheckpointMismatch: If the file is missing, cut short or altered.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as source:
            metadata = dict(source.metadata() or {})
            tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointMismatch(f"{path}: missing or damaged ({error})") from error
    if metadata.pop("tensors_sha256", None) != _tensors_sha256(tensors):
        raise CheckpointMismatch(f"{path}: the content does not match its fingerprint")
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    try:
        same_as = json.loads(metadata.pop(_SAME_AS, "{}"))
        tensors |= {name: tensors[first] for name, first in same_as.items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointMismatch(f"{path}: its header is damaged") from error
    return tensors, metadata


def _fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprints of the configuration and, where there is one, the tokenizer."""
    parts = {"config_sha256": CONFIG, "tokenizer_sha256": TOKENIZER}
    return {
        key: sha256_of_bytes((folder / name).read_bytes())
        for key, name in parts.items()
        if (folder / name).exists()
    }


def _other_names(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return, for each tensor that has been met under another name before, that name."""
    met: dict[tuple[int, torch.Size, tuple[int, ...], torch.dtype], str] = {}
    same_as = {}
    for name, tensor in tensors.items():
        if tensor.numel():
            key = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
            first = met.setdefault(key, name)
            if first != name:
                same_as[name] = first
    return same_as


def _tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
