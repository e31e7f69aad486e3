"""The model of a run, whether its rows are sentences or images."""

from __future__ import annotations

from pathlib import Path

import torch

from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.model_folder import read_config
from arae_toolkit.priors.codes import Model


def load_autoencoder(folder: Path, *, device: str | torch.device = "cpu") -> Model:
    """Return the text or image model of a folder.

    Raises:
        CheckpointMismatch: If the folder holds neither, or its parts do not fit together.
    """
    kind = read_config(folder).get("kind")
    return (ImageARAE if kind == "image" else ARAE).from_pretrained(folder, device=device)
