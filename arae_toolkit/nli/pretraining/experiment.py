"""Pretraining an encoder on a corpus's pairs without their labels, into a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.nli.label_splits import LabelledRows
from arae_toolkit.nli.model import network_of
from arae_toolkit.nli.pair_batches import PairStore
from arae_toolkit.nli.pretrained_encoder import PAIR_ENCODER
from arae_toolkit.nli.pretraining.heads import PairLanguageModel
from arae_toolkit.nli.pretraining.training import PairPretraining, encoder_weights
from arae_toolkit.nli.settings import Objective, PairConfig
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.training.experiment import Experiment, RunOptions

DEV_PAIRS, DEV_BATCH = 2048, 64


def pretrain_pair_encoder(
    corpus: Corpus,
    config: PairConfig,
    folder: Path,
    *,
    objective: Objective,
    labelled: LabelledRows | None = None,
    **options: Unpack[RunOptions],
) -> None:
    """Train an encoder of two directions on all pairs and sentences of the train split.

    Args:
        corpus: With pairs.
        config: Sizes and schedule.
        folder: The run's; it ends as a model folder that holds the encoder.
        objective: ``masked-pairs``, or ``cross-sentence``, which also writes hypotheses.
        labelled: Pairs whose labels the decoder of ``cross-sentence`` may be told.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    facts = {
        "objective": objective,
        "corpus": corpus.sha256,
        "labels": "none" if labelled is None else labelled.sha256,
    }
    experiment = Experiment(folder, config, facts, **options)
    seed = config.training.seed
    network = network_of(
        asdict(config.model),
        len(corpus.vocabulary),
        len(corpus.labels),
        generator=torch.Generator().manual_seed(seed),
    )
    assert isinstance(network.encoder, BiLSTMEncoder), (
        "the paper's encoder has objectives of its own"
    )
    model = PairLanguageModel(
        network.encoder, len(corpus.labels), generates=objective == "cross-sentence"
    )
    model.initialize(torch.Generator().manual_seed(seed + 1))

    def make() -> tuple[PairPretraining, _HeldOut]:
        device = experiment.device
        pairs = PairStore(corpus.pairs("train"), device=device)
        known = None
        if labelled is not None:
            known = np.zeros(len(pairs), dtype=np.bool_)
            known[labelled.rows] = True
        training = PairPretraining(
            model,
            config.training,
            pairs,
            TokenStore(corpus.split("train"), device=device),
            precision=experiment.precision,
            dropout=config.model.embedding_dropout,
            known=known,
        )
        return training, _HeldOut(PairStore(corpus.pairs("dev"), device=device), seed=seed)

    experiment.train(
        model,
        make,
        record={"kind": PAIR_ENCODER, "model": asdict(config.model)},
        vocabulary=corpus.vocabulary,
        weights=encoder_weights(model),
    )


class _HeldOut:
    """Measures the objective on some pairs of dev, with the same words hidden each time."""

    def __init__(self, dev: PairStore, *, seed: int) -> None:
        rows = np.random.default_rng(seed).permutation(len(dev))[:DEV_PAIRS]
        self.dev, self.seed = dev, seed
        self.rows = rows[np.argsort(dev.lengths[rows], kind="stable")]

    @torch.no_grad()
    def __call__(self, training: PairPretraining, last: bool) -> Mapping[str, Any]:
        training.model.eval()
        random = torch.Generator(self.dev.device).manual_seed(self.seed)
        words = matching = 0.0
        hidden = batches = 0
        for start in range(0, len(self.rows), DEV_BATCH):
            batch = self.dev.batch(self.rows[start : start + DEV_BATCH])
            terms = training.objective.of_pairs(batch, self.dev, random)
            words += float(terms.words)
            hidden += terms.hidden
            matching += float(terms.matching)
            batches += 1
        return {
            "nats_per_hidden_word": words / max(1, hidden),
            "matching_nats": matching / max(1, batches),
        }
