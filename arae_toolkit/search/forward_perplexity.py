"""The forward perplexity of a run's samples by a small judge, as an objective of sweeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation.kept_judges import default_folder, kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModel, LanguageModelSettings
from arae_toolkit.evaluation.text_model import decoding_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.pretraining.dev_evaluation import SELECTION_SEED
from arae_toolkit.storage.locks import locked

SETTINGS = LanguageModelSettings(
    embedding_size=128, hidden_size=128, iterations=1_800, seed=SELECTION_SEED
)
"""Half as large as the judges that tables are measured with, and of another seed: who chooses is
not to be the one who scores."""
PATIENCE_SECONDS = 3_600.0
"""A worker waits so long for the judge that another one trains."""


def small_judge(corpus: Corpus, *, device: torch.device, **shown: Any) -> LanguageModel:
    """Return the judge of a corpus, trained where it is not kept yet.

    Args:
        corpus: Of text.
        device: Where to compute.
        shown: ``note`` and ``progress`` of
            :func:`~arae_toolkit.evaluation.kept_judges.kept_language_model`.
    """
    folder = default_folder(corpus) / "small"
    with locked(folder, "a judge's training", name="judge", patience=PATIENCE_SECONDS):
        return kept_language_model(corpus, folder=folder, settings=SETTINGS, device=device, **shown)


def forward_perplexity(
    corpus: Corpus, *, count: int, device: torch.device, **shown: Any
) -> Callable[[Path], float]:
    """Return what measures the folder of a run: perplexity per token of its samples.

    Args:
        corpus: That it was trained on.
        count: Samples drawn of each run, always with one seed.
        device: Where to compute.
        shown: As for :func:`small_judge`.
    """
    judge = small_judge(corpus, device=device, **shown)

    def measure(folder: Path) -> float:
        model = ARAE.from_pretrained(folder, device=device)
        samples = model.sample(count, seed=SELECTION_SEED, decoding=decoding_of(model))
        return judge.read(samples).perplexity

    return measure
