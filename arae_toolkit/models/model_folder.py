"""A self-contained model folder: ``config.json``, ``tokenizer.json``, ``model.safetensors``.

The weights carry in their own header the fingerprints of the configuration and the tokenizer they
belong to, and of their own bytes, so parts of different models are told apart however they came
together, and each save replaces one file whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.atomic_files import sha256_of_bytes, write_json
from arae_toolkit.storage.safetensors_file import load_tensors, save_tensors

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
FORMAT = "arae-toolkit-model-1"


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


def constructor_arguments(given: Mapping[str, Any], *left_out: str) -> dict[str, Any]:
    """Return a model's arguments by name, as ``config.json`` keeps them.

    Args:
        given: The ``locals()`` of the constructor, at its start.
        left_out: Names of arguments that the folder keeps elsewhere.
    """
    names = [name for name in given if name not in ("self", "__class__", *left_out)]
    return {n: list(given[n]) if isinstance(given[n], list | tuple) else given[n] for n in names}


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


def _fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprints of the configuration and, where there is one, the tokenizer."""
    parts = {"config_sha256": CONFIG, "tokenizer_sha256": TOKENIZER}
    return {
        key: sha256_of_bytes((folder / name).read_bytes())
        for key, name in parts.items()
        if (folder / name).exists()
    }
