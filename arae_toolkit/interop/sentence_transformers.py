"""sentence-transformers: its models as encoders here, and ours as a module of its pipelines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import SPECIAL_TOKENS, UNKNOWN, truncated
from arae_toolkit.errors import ToolkitError
from arae_toolkit.estimators.sentence_encoder import SentenceEncoder
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.nli.pretrained_encoder import PAIR_ENCODER, PREFIX

EXTRA = "pip install 'arae-toolkit[sentence-transformers]'"
try:
    from sentence_transformers.base.modules import InputModule
except ImportError:  # told where it is needed
    InputModule = None


def load_model(name: str, *, device: torch.device) -> Any:
    """Return a model of the library, by its folder or its name on the hub.

    Raises:
        ToolkitError: If the library is not installed, or there is no such model.
    """
    _check_installed()
    from sentence_transformers import SentenceTransformer

    _hide_progress()
    try:
        return SentenceTransformer(name, device=str(device)).eval()
    except (OSError, ValueError, RuntimeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ToolkitError(f"{name}: no model of sentence-transformers ({lines[0][:200]})") from (
            error
        )


def dimensions_of(model: Any) -> int:
    """Return the size of a model's vectors."""
    return int(model.get_embedding_dimension())


def features_of(model: Any, texts: Sequence[str], *, device: torch.device) -> dict[str, Any]:
    """Return what a model's first module reads of texts, on its device."""
    features = model.preprocess(list(texts))
    return {
        name: value.to(device) if isinstance(value, torch.Tensor) else value
        for name, value in features.items()
    }


def unknown_mark(model: Any) -> str:
    """Return what a model reads where a word is unknown; ours where it has no mark of its own."""
    mark = getattr(getattr(model, "tokenizer", None), "unk_token", None)
    return mark if isinstance(mark, str) else SPECIAL_TOKENS[UNKNOWN]


def card_facts(name: str) -> dict[str, Any]:
    """Return what a model's card says: ``name``, and the data sets it was ``trained_on``.

    Args:
        name: That it was loaded by. Of a folder its card's title is told in place of its path.
    """
    from huggingface_hub import ModelCard

    folder = Path(name)
    is_folder, file = folder.is_dir(), folder / "README.md"
    try:
        known = not is_folder or file.is_file()
        card = ModelCard.load(file if is_folder else name) if known else None
    except (OSError, ValueError):
        card = None
    title = re.search(r"^# (.+)$", card.text, re.MULTILINE) if card else None
    own_name = (title[1].strip() if title else folder.absolute().name) if is_folder else name
    sets = card.data.datasets if card else None
    sets = [sets] if isinstance(sets, str) else sets
    return {"name": own_name, "trained_on": sorted(map(str, sets)) if sets else None}


def save_model(model: Any, folder: Path) -> None:
    """Write a model as the library does."""
    _hide_progress()
    model.save(str(folder), create_model_card=False)


def _hide_progress() -> None:
    """Turn off the bars that transformers shows of weights: they take a moment."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _check_installed() -> None:
    if InputModule is None:
        raise ToolkitError(f"sentence-transformers is not installed; {EXTRA}")


class CodeModule(InputModule or nn.Module):  # type: ignore[misc]
    """A model's encoder as the first module of a ``SentenceTransformer``: texts to codes.

    ``SentenceTransformer(modules=[CodeModule("runs/snli")])`` encodes as the model does, and may be
    tuned. It is loaded again with ``trust_remote_code=True``, which the library asks of every
    module that is not its own.

    Args:
        folder: Of a model with an encoder; or ``owner/name`` of one on the hub.

    Raises:
        ToolkitError: If the library is not installed.
        CheckpointMismatch: If there is no encoder of sentences in the folder.
    """

    save_in_root = False

    def __init__(self, folder: str | Path) -> None:
        _check_installed()
        super().__init__()
        loaded = SentenceEncoder(folder).fit()
        self.encoder, self.vocabulary = loaded.encoder_, loaded.vocabulary_
        self.sentence_embedding_dimension = int(self.encoder.code_size)

    def get_embedding_dimension(self) -> int:
        """Return Z."""
        return self.sentence_embedding_dimension

    def preprocess(
        self, inputs: list[str], prompt: str | None = None, **more: Any
    ) -> dict[str, torch.Tensor]:
        """Return the ids of texts, padded, and where they stand. Shapes (B, T)."""
        del more
        texts = [f"{prompt or ''}{text}" for text in inputs]
        batch = batch_of(
            [truncated(ids) for ids in self.vocabulary.encode_batch(texts)],
            device=torch.device("cpu"),
        )
        inside = torch.arange(batch.tokens.shape[1])[None, :] < batch.lengths[:, None]
        return {"input_ids": batch.tokens, "attention_mask": inside.long()}

    def forward(self, features: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Add the codes of texts, as ``sentence_embedding``. Shape (B, Z)."""
        del more
        tokens = features["input_ids"]
        lengths = features["attention_mask"].sum(dim=1).tolist()
        rows = [row[:length] for row, length in zip(tokens.tolist(), lengths, strict=True)]
        return {
            **features,
            "sentence_embedding": self.encoder(batch_of(rows, device=tokens.device)),
        }

    def save(self, output_path: str, *given: Any, **more: Any) -> None:
        """Write the encoder as a model folder, with its weights as they are."""
        del given, more
        form = self.encoder.head.form
        own = {
            "code_norm": "sphere" if form == "sphere" else "none",
            "variational": form == "gaussian",
        }
        save_model_folder(
            Path(output_path),
            config={"kind": PAIR_ENCODER, "model": own},
            vocabulary=self.vocabulary,
            tensors={PREFIX + name: value for name, value in self.encoder.state_dict().items()},
        )

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **more: Any) -> CodeModule:
        """Return the module of a saved pipeline."""
        names = ("token", "cache_folder", "revision", "local_files_only")
        given = {name: more[name] for name in names if name in more}
        found = cls.load_dir_path(model_name_or_path, subfolder=subfolder, **given)
        return cls(Path(found))


def pair_features(encoder: SentenceEncoder, pairs: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return [u, v, |u - v|, u * v] of pairs, for any classifier of scikit-learn's.

    Args:
        encoder: Fitted; a model of ours or of sentence-transformers.
        pairs: N pairs of premise and hypothesis.

    Returns:
        Shape (N, 4Z), float32.
    """
    from arae_toolkit.estimators.validation import pairs_of

    sides = list(zip(*pairs_of(pairs), strict=True))
    first, second = (encoder.transform(list(side)) for side in sides)
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)
