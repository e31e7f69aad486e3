"""Tasks of bulk work: what is asked of which model, as workers load it and a manifest keeps it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arae_toolkit.bulk.row_answers import (
    RowAnswers,
    code_answers,
    label_answers,
    reconstruction_answers,
    targets_of,
    transfer_answers,
)
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.atomic_files import sha256_of_file
from arae_toolkit.storage.row_forms import Name
from arae_toolkit.version import __version__

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

Command = Literal["transfer", "encode", "reconstruct", "nli predict"]

_MODEL_FILES = ("config.json", "tokenizer.json", "model.safetensors", "fluency.json")


@dataclass(frozen=True)
class Task:
    """What is asked of a model.

    Attributes:
        command: The command whose answers are given.
        folder: The model's.
        names: The fields that hold the texts of a row.
        options: Of the command, such as the labels of ``transfer``.
        precision: Of the matrix products.
        device: Where to compute, by name.
        batch_size: Rows answered together.
        fingerprint: Of the model; see :func:`model_fingerprint`.
    """

    command: Command
    folder: str
    names: tuple[Name, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = "fp32"
    device: str = "auto"
    batch_size: int = 64
    fingerprint: str = ""

    @property
    def has_lines(self) -> bool:
        """Whether an answer can be a line of text."""
        return self.command != "encode"

    def as_json(self) -> dict[str, Any]:
        """Return all that answers depend on, but for rounding."""
        options = {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in self.options.items()
        }
        return {
            "command": self.command,
            "version": __version__,
            "model_sha256": self.fingerprint,
            "fields": [name if isinstance(name, str) else list(name) for name in self.names],
            **options,
            "precision": self.precision,
        }

    def load(self, index: int = 0) -> RowAnswers[Any]:
        """Load the model.

        Args:
            index: Of the worker: where there are several GPUs, each takes its own.

        Raises:
            ToolkitError: If there is no such model or device, or it does not know a label.
            CheckpointMismatch: If the model is another than when work began.
        """
        from arae_toolkit.devices import choose_device

        device = choose_device(spread(self.device, index))
        folder, options = Path(self.folder), self.options
        if self.fingerprint and model_fingerprint(folder) != self.fingerprint:
            raise CheckpointMismatch(f"{folder}: the model has changed since this work began")
        if self.command == "transfer":
            from arae_toolkit.transfer.model import TransferModel

            model = TransferModel.from_pretrained(folder, device=device, precision=self.precision)
            rewriting = {name: value for name, value in options.items() if name != "to"}
            targets = targets_of(model, options["to"], run=self.folder)
            return transfer_answers(model, targets, **rewriting)
        if self.command == "nli predict":
            from arae_toolkit.nli.model import NLIModel

            classifier = NLIModel.from_pretrained(folder, device=device)
            classifier.precision = self.precision
            return label_answers(classifier)
        from arae_toolkit.generation.decoding import Decoding
        from arae_toolkit.models.arae import ARAE

        autoencoder = ARAE.from_pretrained(folder, device=device, precision=self.precision)
        if self.command == "encode":
            return code_answers(autoencoder)
        return reconstruction_answers(autoencoder, Decoding(**options))


def spread(device: str, index: int) -> str:
    """Return the device of a worker: the GPUs in turn where any will do and there are several."""
    if device not in ("auto", "cuda"):
        return device
    import torch

    count = torch.cuda.device_count()
    return f"cuda:{index % count}" if count > 1 else device


def model_fingerprint(folder: Path) -> str:
    """Return the SHA-256 of what a model is loaded from: configuration, words and weights.

    What its training left beside it does not count.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name in _MODEL_FILES and path.is_file():
            digest.update(f"{path.relative_to(folder)} {sha256_of_file(path)}\n".encode())
    return digest.hexdigest()
