"""One training of a cross-aligned autoencoder from a labelled corpus to a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.cross_aligned.rewriter import (
    CROSS_ALIGNED,
    CrossAlignedRewriter,
    sentence_nats,
)
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig
from arae_toolkit.transfer.cross_aligned.training import CrossAlignedTraining
from arae_toolkit.transfer.labelled_corpus import labelled_part, model_record
from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER, Scorer, quick_evaluation
from arae_toolkit.transfer.scorer.training import provide_scorer

_BATCH_ROWS = 256


@torch.no_grad()
def _evaluate(
    model: CrossAligned, vocabulary: Vocabulary, scorer: Scorer, dev: PackedSentences, rows: Indices
) -> Mapping[str, Any]:
    """Return the reconstruction and a quick transfer of some dev sentences."""
    store, nats, tokens = AttributeStore(dev, device=model.device), 0.0, 0
    for start in range(0, len(rows), _BATCH_ROWS):
        batch = store.batch(rows[start : start + _BATCH_ROWS])
        code = model.encoder(batch.whole, batch.labels)
        nats += float(sentence_nats(model, batch.whole, batch.labels, code).sum())
        tokens += int(batch.symbols)
    rewriter, sentences = CrossAlignedRewriter(model, vocabulary), [dev[r].tolist() for r in rows]
    return {
        "nats_per_sentence": nats / len(rows),
        "nats_per_token": nats / tokens,
        **quick_evaluation(rewriter, scorer, sentences, store.labels[rows]),
    }


def train_cross_aligned(
    corpus: Corpus,
    config: CrossAlignedConfig,
    folder: Path,
    *,
    scorer_folder: Path,
    **options: Unpack[RunOptions],
) -> None:
    """Train on a labelled corpus's train split, resuming what the folders hold.

    See :meth:`~arae_toolkit.transfer.systems.TransferSystem.train` for the arguments.

    Raises:
        CheckpointMismatch: If a folder holds another run.
        DataError: If the corpus has no labelled sentences.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    corpus = labelled_part(corpus)
    facts = {"model": CROSS_ALIGNED, "task": "transfer", "corpus": corpus.sha256}
    experiment = Experiment(folder, config, facts, **options)
    provide_scorer(corpus, scorer_folder, folder, options)
    schedule = config.training
    model = CrossAligned(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        max_length=corpus.max_length,
        **asdict(config.model),
    )
    model.initialize(torch.Generator().manual_seed(schedule.seed))

    def make() -> tuple[CrossAlignedTraining, Evaluate[CrossAlignedTraining]]:
        dev = corpus.split("dev")
        rows = np.random.default_rng(schedule.seed).permutation(len(dev))
        rows = rows[: schedule.evaluation_sentences]
        store = AttributeStore(corpus.split("train"), device=experiment.device)
        training = CrossAlignedTraining(
            model, schedule, store, precision=experiment.precision, ranks=experiment.ranks
        )

        def evaluate(_: CrossAlignedTraining, last: bool) -> Mapping[str, Any]:
            del last
            return _evaluate(model, corpus.vocabulary, scorer(), dev, rows)

        return training, evaluate

    @cache
    def scorer() -> Scorer:
        return Scorer.from_pretrained(folder / SCORER_FOLDER)[0].to(experiment.device)

    record = model_record(CROSS_ALIGNED, model.arguments, config, corpus)
    experiment.train(model, make, record=record, vocabulary=corpus.vocabulary)
