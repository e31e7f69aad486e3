"""Models of trained runs, each on the corpus that it was trained on."""

from __future__ import annotations

from pathlib import Path

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.arae import ARAE
from arae_toolkit.reports.run_page.run_folder import run_config


def trained_model(here: Setting, folder: Path, corpus: Corpus) -> ARAE:
    """Return the model of a run, on the device of a measurement.

    Args:
        here: Where to compute.
        folder: Of the run.
        corpus: What the model is to be measured on.

    Raises:
        CheckpointMismatch: If the run was trained on another corpus.
    """
    trained_on = run_config(folder)["corpus"]
    if corpus.sha256 != trained_on["sha256"]:
        raise CheckpointMismatch(
            f"{folder}: trained on another {trained_on['name']} than {corpus.folder} holds; "
            "name its corpus with --corpus"
        )
    return ARAE.from_pretrained(folder, device=here.device)
