"""One pretraining of a pair encoder without labels, into a model folder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.distributed.ranks import ALONE
from arae_toolkit.nli.label_splits import LabelledRows
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pair_batches import PairStore
from arae_toolkit.nli.pretrained_encoder import PAIR_ENCODER
from arae_toolkit.nli.pretraining.heads import PairPretrainingHeads
from arae_toolkit.nli.pretraining.training import PairPretraining, encoder_weights
from arae_toolkit.nli.settings import Objective, PairConfig, check_pretrainable
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate

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
        labelled: Pairs whose labels the decoder of ``cross-sentence`` may use.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        ValueError: If the network is the paper's.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    check_pretrainable(config.model)
    facts = {
        "objective": objective,
        "corpus": corpus.sha256,
        "labels": "none" if labelled is None else labelled.sha256,
    }
    experiment = Experiment(folder, config, facts, **options)
    seed = config.training.seed
    arguments, generator = asdict(config.model), torch.Generator().manual_seed(seed)
    network = new_network(
        len(corpus.vocabulary), len(corpus.labels), generator=generator, **arguments
    )
    assert isinstance(network.encoder, BiLSTMEncoder), "the paper's has objectives of its own"
    model = PairPretrainingHeads(
        network.encoder, len(corpus.labels), generates=objective == "cross-sentence"
    )
    model.initialize(torch.Generator().manual_seed(seed + 1))

    def make() -> tuple[PairPretraining, Evaluate[PairPretraining]]:
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
            ranks=experiment.ranks,
        )
        dev = PairStore(corpus.pairs("dev"), device=device)
        rows = np.random.default_rng(seed).permutation(len(dev))[:DEV_PAIRS]
        rows = rows[np.argsort(dev.lengths[rows], kind="stable")]
        return training, lambda trained, last: _evaluate(trained, dev, rows)

    experiment.train(
        model,
        make,
        record={"kind": PAIR_ENCODER, "model": arguments, "corpus": corpus.record},
        vocabulary=corpus.vocabulary,
        weights=encoder_weights(model),
    )


@torch.no_grad()
def _evaluate(
    training: PairPretraining, dev: PairStore, rows: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Return the objective on some pairs of dev, with the same words masked each time."""
    training.model.eval()
    objective = replace(training.objective, ranks=ALONE)  # one process measures
    random = torch.Generator(dev.device).manual_seed(training.intervals.seed)
    words = matching = 0.0
    masked, starts = 0, range(0, len(rows), DEV_BATCH)
    for start in starts:
        batch = dev.batch(rows[start : start + DEV_BATCH])
        terms = objective.of_pairs(batch, dev, random)
        words += float(terms.words)
        masked += terms.masked
        matching += float(terms.matching)
    return {
        "nats_per_hidden_word": words / max(1, masked),
        "matching_nats": matching / max(1, len(starts)),
    }
