"""One cross-aligned autoencoder from a labelled corpus to a model folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.metrics_log import Listener
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.cross_aligned.rewriter import (
    CROSS_ALIGNED,
    CrossAlignedRewriter,
    sentence_nats,
)
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig
from arae_toolkit.transfer.cross_aligned.training import CrossAlignedTraining
from arae_toolkit.transfer.labelled_corpus import check_labelled, corpus_record
from arae_toolkit.transfer.scorer.scorer import Scorer, quick_evaluation
from arae_toolkit.transfer.scorer.training import provide_scorer

_BATCH_ROWS = 256


class CrossAlignedEvaluation:
    """Measures reconstruction and a quick transfer on dev, as for the other transfer models.

    Args:
        model: In training.
        vocabulary: Its words.
        scorer: Of the corpus.
        dev: Sentences with their values.
        count: How many of them to use.
        seed: Of their choice.
    """

    def __init__(
        self,
        model: CrossAligned,
        vocabulary: Vocabulary,
        scorer: Scorer,
        dev: PackedSentences,
        *,
        count: int,
        seed: int,
    ) -> None:
        self.model, self.vocabulary, self.scorer = model, vocabulary, scorer
        self.store = AttributeStore(dev, device=model.device)
        self.rows = np.random.default_rng(seed).permutation(len(dev))[:count]
        self.sentences = [dev[row].tolist() for row in self.rows]

    @torch.no_grad()
    def __call__(self, training: CrossAlignedTraining, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements."""
        del training, last
        model, nats, tokens = self.model, 0.0, 0
        for start in range(0, len(self.rows), _BATCH_ROWS):
            batch = self.store.batch(self.rows[start : start + _BATCH_ROWS])
            code = model.encoder(batch.whole, batch.labels)
            nats += float(sentence_nats(model, batch.whole, batch.labels, code).sum())
            tokens += int(batch.symbols)
        rewriter, labels = (
            CrossAlignedRewriter(model, self.vocabulary),
            self.store.labels[self.rows],
        )
        return {
            "nats_per_sentence": nats / len(self.rows),
            "nats_per_token": nats / tokens,
            **quick_evaluation(rewriter, self.scorer, self.sentences, labels),
        }


def train_cross_aligned(
    corpus: Corpus,
    config: CrossAlignedConfig,
    folder: Path,
    *,
    scorer_folder: Path,
    scorer_listeners: Sequence[Listener] = (),
    **options: Unpack[RunOptions],
) -> None:
    """Train on a labelled corpus's train split, resuming what the folders hold.

    The scorer is trained first where its folder holds none, and copied into the model's.

    Args:
        corpus: Prepared, with labelled sentences.
        config: Settings.
        folder: Of the model; other files in it are left alone.
        scorer_folder: Where the corpus's scorer is, or is to be; models of a corpus share it.
        scorer_listeners: Told of rows and notes of the scorer's training.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`.

    Raises:
        CheckpointMismatch: If a folder holds another run.
        DataError: If the corpus has no labelled sentences.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    check_labelled(corpus)
    facts = {"model": CROSS_ALIGNED, "task": "transfer", "corpus": corpus.sha256}
    experiment = Experiment(folder, config, facts, **options)
    provide_scorer(corpus, scorer_folder, folder, listeners=scorer_listeners, options=options)
    sizes, schedule = config.model, config.training
    model = CrossAligned(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        max_length=corpus.max_length,
        **asdict(sizes),
    )
    model.initialize(torch.Generator().manual_seed(schedule.seed))

    def make() -> tuple[CrossAlignedTraining, CrossAlignedEvaluation]:
        scorer, _ = Scorer.from_pretrained(folder / "scorer")
        evaluate = CrossAlignedEvaluation(
            model,
            corpus.vocabulary,
            scorer.to(experiment.device),
            corpus.split("dev"),
            count=schedule.evaluation_sentences,
            seed=schedule.seed,
        )
        store = AttributeStore(corpus.split("train"), device=experiment.device)
        training = CrossAlignedTraining(model, schedule, store, precision=experiment.precision)
        return training, evaluate

    experiment.train(
        model,
        make,
        record={
            "kind": CROSS_ALIGNED,
            "model": model.arguments,
            "settings": to_dict(config),
            "corpus": corpus_record(corpus),
        },
        vocabulary=corpus.vocabulary,
    )
