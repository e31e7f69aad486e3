"""Tensors in safetensors files, shared ones stored once, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.atomic_files import replacing, sha256_of_bytes
from arae_toolkit.storage.json_files import check_regular
from arae_toolkit.storage.stand_ins import stand_in

_SAME_AS, _HEADER = "same_as", "header_sha256"
MOST_TENSOR_BYTES = 1 << 36
"""No file of tensors is larger: what claims to be is no work of ours."""


@dataclass(frozen=True)
class Packed:
    """Tensors ready to be written: on the CPU, each once.

    Attributes:
        content: By name.
        same_as: The further names of tensors that go by several, with the name that is kept.
    """

    content: dict[str, Tensor]
    same_as: dict[str, str]

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the content."""
        return tensors_sha256(self.content)


def packed(tensors: Mapping[str, Tensor]) -> Packed:
    """Return tensors as :func:`save_tensors` writes them."""
    same_as = _other_names(tensors)
    kept = {name: tensor for name, tensor in tensors.items() if name not in same_as}
    return Packed({name: t.detach().cpu().contiguous() for name, t in kept.items()}, same_as)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor] | Packed, *, metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file, whole or not at all, with a fingerprint of all that it holds.

    A tensor that goes by several names is written once, the other names into the header.

    Raises:
        ToolkitError: If the file cannot be written; the one before it is kept.
    """
    whole = tensors if isinstance(tensors, Packed) else packed(tensors)
    header = {**metadata, "tensors_sha256": whole.sha256}
    if whole.same_as:
        header[_SAME_AS] = json.dumps(whole.same_as)
    header[_HEADER] = _header_sha256(header)
    with replacing(path) as temporary:
        try:
            save_file(whole.content, temporary, metadata=header)
            _put_in_order(temporary)
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from error


def _put_in_order(path: Path) -> None:
    """Sort the metadata of a file, which the library writes in another order each time."""
    with path.open("rb+") as target:
        size = int.from_bytes(target.read(8), "little")
        header = json.loads(target.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        content = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(content) <= size:  # blanks may stand behind it
            target.seek(8)
            target.write(content.ljust(size))


def load_tensors(
    path: Path, *, device: str | torch.device = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file written by :func:`save_tensors`: tensors by name, and the metadata.

    Raises:
        CheckpointMismatch: If the file is missing, cut short or altered.
    """
    try:
        check_regular(path, most_bytes=MOST_TENSOR_BYTES)
        with _opened(path) as source:
            metadata = _checked_header(path, source.metadata())
            tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        reason = stand_in(path) or f"missing or damaged ({error})"
        raise CheckpointMismatch(f"{path}: {reason}") from error
    if metadata.get("tensors_sha256") != tensors_sha256(tensors):
        raise CheckpointMismatch(f"{path}: the content does not match its fingerprint")
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    try:
        same_as = json.loads(metadata.pop(_SAME_AS, "{}"))
        tensors |= {name: tensors[first] for name, first in same_as.items()}
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointMismatch(f"{path}: its header is damaged") from error
    return tensors, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata alone of such a file, without reading its tensors.

    Raises:
        CheckpointMismatch: If the file is missing, cut short or altered in its header.
    """
    try:
        check_regular(path, most_bytes=MOST_TENSOR_BYTES)
        with _opened(path) as source:
            return _checked_header(path, source.metadata())
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointMismatch(f"{path}: missing or damaged ({error})") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file of tensors, whatever its name: the library takes names in UTF-8 alone."""
    with path.open("rb") as file:
        try:
            str(path).encode()
            name = path
        except UnicodeEncodeError:
            name = Path(f"/dev/fd/{file.fileno()}")
        with safe_open(name, framework="pt", device="cpu") as source:
            yield source


def _checked_header(path: Path, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return the metadata of a file without their fingerprint, which earlier versions lack."""
    header = dict(metadata or {})
    expected = header.pop(_HEADER, None)
    if expected is not None and expected != _header_sha256(header):
        raise CheckpointMismatch(f"{path}: the header does not match its fingerprint")
    return header


def _header_sha256(metadata: Mapping[str, str]) -> str:
    return sha256_of_bytes(json.dumps(sorted(metadata.items())).encode())


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
