"""Tensors in safetensors files, shared ones stored once, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.atomic_files import replacing
from arae_toolkit.storage.stand_ins import stand_in

_SAME_AS = "same_as"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all, with a fingerprint of its content.

    A tensor that goes by several names is written once, the other names into the header.

    Raises:
        ToolkitError: If the file cannot be written; the one before it is kept.
    """
    same_as = _other_names(tensors)
    content = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in tensors.items()
        if name not in same_as
    }
    header = {**metadata, "tensors_sha256": tensors_sha256(content)}
    if same_as:
        header[_SAME_AS] = json.dumps(same_as)
    with replacing(path) as temporary:
        try:
            save_file(content, temporary, metadata=header)
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from error


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
        reason = stand_in(path) or f"missing or damaged ({error})"
        raise CheckpointMismatch(f"{path}: {reason}") from error
    if metadata.pop("tensors_sha256", None) != tensors_sha256(tensors):
        raise CheckpointMismatch(f"{path}: the content does not match its fingerprint")
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    try:
        same_as = json.loads(metadata.pop(_SAME_AS, "{}"))
        tensors |= {name: tensors[first] for name, first in same_as.items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointMismatch(f"{path}: its header is damaged") from error
    return tensors, metadata


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


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the fingerprint of tensors on the CPU: of their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
