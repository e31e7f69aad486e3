"""A self-contained model folder: ``config.json``, ``tokenizer.json``, ``model.safetensors``.

The weights carry in their own header the fingerprints of the configuration and the tokenizer they
belong to, and of their own bytes; the configuration carries that of the weights. Parts of different
models are told apart however they came together, and each save replaces one file whole.
Fingerprints are those of the content: line ends and indentation of a JSON file do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.models.folder_schema import check_config, check_finite
from arae_toolkit.storage.atomic_files import json_text, sha256_of_bytes, sha256_of_file, write_json
from arae_toolkit.storage.json_files import parsed_object, read_object, read_text
from arae_toolkit.storage.safetensors_file import (
    load_tensors,
    packed,
    read_metadata,
    save_tensors,
)

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
FORMAT = "arae-toolkit-model-1"
WEIGHTS_SHA256 = "weights_sha256"
"""The entry of the configuration that holds the fingerprints of its weights: of those in place and,
while they are replaced, of those to come. Earlier versions wrote none."""
FORMER_SHA256 = "former_sha256"
"""The entry of the configuration that holds its fingerprints before its run was extended, by which
the weights and the training state of that time know it."""
_PARTS = {"config_sha256": CONFIG, "tokenizer_sha256": TOKENIZER}
_READ_AGAIN = 3
"""So often is a folder read in which a training replaces files at that moment."""


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


def save_weights(
    folder: Path, tensors: Mapping[str, Tensor], *, parts: Mapping[str, str] | None = None
) -> None:
    """Replace the weights of a folder whose configuration and tokenizer are in place.

    Args:
        folder: The model folder.
        tensors: Weights by name.
        parts: What :func:`fingerprints` returned when both were known to belong to the weights;
            those of the files as they are unless given.

    Raises:
        ToolkitError: If a file cannot be written; a killed save leaves a folder that loads.
        CheckpointMismatch: If the configuration is missing or damaged.
    """
    weights, parts = packed(tensors), fingerprints(folder) if parts is None else parts
    config = read_config(folder)
    in_place = []
    with suppress(CheckpointMismatch):
        in_place = [read_metadata(folder / WEIGHTS)["tensors_sha256"]]
    if in_place and in_place != [weights.sha256]:
        both = [*in_place, weights.sha256]
        write_json(folder / CONFIG, {**config, WEIGHTS_SHA256: both})
    save_tensors(folder / WEIGHTS, weights, metadata=parts)
    write_json(folder / CONFIG, {**config, WEIGHTS_SHA256: [weights.sha256]})


def load_model_folder(folder: Path, *, device: str | torch.device = "cpu") -> ModelFolder:
    """Read a model folder.

    Raises:
        CheckpointMismatch: If a file is missing or damaged, the parts do not belong together, no
            model can be made of them, or the folder averages others.
    """
    for turn in range(_READ_AGAIN):
        config = read_config(folder)
        _refuse_average(folder, config)
        tensors, metadata = load_tensors(folder / WEIGHTS, device=device)
        named = config.pop(WEIGHTS_SHA256, None)
        if named is None or (isinstance(named, list) and metadata["tensors_sha256"] in named):
            break
        if turn == _READ_AGAIN - 1:
            raise CheckpointMismatch(
                f"{folder}: {CONFIG} was saved with another {WEIGHTS} than the one beside it; "
                "restore the files of one run"
            )
    check_parts(folder, metadata, by=WEIGHTS)
    config.pop(FORMER_SHA256, None)
    try:
        check_config(config, tensors)
        check_finite(tensors)
    except ValueError as error:
        raise CheckpointMismatch(f"{folder}: no usable model ({error})") from error
    has_tokenizer = (folder / TOKENIZER).exists()
    vocabulary = Vocabulary.load(folder / TOKENIZER) if has_tokenizer else None
    return ModelFolder(config, vocabulary, tensors)


@contextmanager
def parts_of(folder: Path) -> Iterator[None]:
    """Say of which folder the parts are that no model can be made of.

    Raises:
        CheckpointMismatch: If what stands inside fails as a constructor or torch does.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointMismatch(f"{folder}: weights and config disagree ({reason})") from error


def _refuse_average(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a folder that averages those in it: it has no weights, and is not damaged.

    Raises:
        CheckpointMismatch: If it does.
    """
    members = config.get("members")
    if isinstance(members, list) and not (folder / WEIGHTS).exists():
        raise CheckpointMismatch(
            f"{folder}: no single model, but the average of the classifiers of sentence pairs in "
            f"its folders {', '.join(map(str, members))}, for 'arae-toolkit nli predict', 'nli "
            "evaluate', 'report' and 'serve'"
        )


def read_config(folder: Path) -> dict[str, Any]:
    """Return ``config.json`` of a folder, its fingerprint of the weights included.

    Raises:
        CheckpointMismatch: If it is missing, damaged or in another format.
    """
    try:
        config = read_object(folder / CONFIG)
    except (OSError, ValueError) as error:
        state = "missing" if isinstance(error, FileNotFoundError) else "damaged"
        raise CheckpointMismatch(
            f"{folder}: no model here ({CONFIG} is {state}); name a folder that arae-toolkit "
            "pretrain has written"
        ) from error
    if config.get("format") != FORMAT:
        raise CheckpointMismatch(f"{folder / CONFIG}: not in the format {FORMAT} of this version")
    return config


def weights_sha256(folder: Path) -> str:
    """Return the fingerprint of the file of weights, by which a model is told from others."""
    return sha256_of_file(folder / WEIGHTS)


def replace_config(folder: Path, entries: Mapping[str, Any]) -> None:
    """Change entries of a folder's configuration; its weights still belong to it.

    Raises:
        ToolkitError: If the file cannot be written; the one before it is kept.
        CheckpointMismatch: If the configuration is missing or damaged.
    """
    config = read_config(folder)
    former = [*config.get(FORMER_SHA256, []), *_known(folder)["config_sha256"][:1]]
    write_json(folder / CONFIG, {**config, **entries, FORMER_SHA256: former})


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprints of the configuration and, where there is one, the tokenizer.

    The configuration's own entries for fingerprints are left out: they change with each save.

    Raises:
        CheckpointMismatch: If one of the files is damaged.
    """
    return {part: known[0] for part, known in _known(folder).items()}


def check_parts(folder: Path, recorded: Mapping[str, str], *, by: str) -> None:
    """Refuse a folder whose configuration or tokenizer is not the one that was recorded.

    Args:
        folder: The model folder.
        recorded: As :func:`fingerprints` returned it; other entries are passed over.
        by: The file that keeps the record, for the message.

    Raises:
        CheckpointMismatch: If a part is another, or missing.
    """
    known = _known(folder)
    for part in known.keys() | (_PARTS.keys() & recorded.keys()):
        if recorded.get(part) not in known.get(part, ()):
            raise CheckpointMismatch(
                f"{folder}: {by} was saved with another {part.removesuffix('_sha256')} than "
                "the one beside it; restore the files of one run"
            )


def holds_weights(folder: Path, tensors: Mapping[str, Tensor]) -> bool:
    """Return whether a folder loads, and holds these weights and no others."""
    try:
        content = load_model_folder(folder)
    except CheckpointMismatch:
        return False
    return packed(content.tensors).sha256 == packed(tensors).sha256


def check_vacant(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse to write over a model that cannot be had again.

    Args:
        folder: Where a model is to be written.
        tensors: Its weights: where the folder holds just these, nothing is lost.

    Raises:
        ToolkitError: If other weights lie there.
    """
    if not (folder / WEIGHTS).exists():
        return
    with suppress(CheckpointMismatch):
        if read_metadata(folder / WEIGHTS).get("tensors_sha256") == packed(tensors).sha256:
            return
    raise ToolkitError(
        f"{folder}: holds a trained model ({WEIGHTS}) that would be lost, without the files from "
        "which its training could go on; name another folder with --out, or give --overwrite, "
        "which keeps the old folder under another name"
    )


def _known(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the fingerprints that each part may have been recorded by: the content's first.

    Earlier versions recorded that of the bytes, which is the same unless the file's writer was the
    tokenizers library.
    """
    found = {}
    for part, name in _PARTS.items():
        if not (folder / name).exists():
            continue
        try:
            text = read_text(folder / name)
            content = parsed_object(text)
        except (OSError, ValueError) as error:
            raise CheckpointMismatch(f"{folder / name}: damaged ({error})") from error
        content.pop(WEIGHTS_SHA256, None)
        former = content.pop(FORMER_SHA256, [])
        plain = text.replace("\r\n", "\n")
        written = json_text(content, indent=2) + "\n"
        found[part] = tuple(sha256_of_bytes(form.encode()) for form in (written, plain))
        found[part] += tuple(former if isinstance(former, list) else ())
    return found
