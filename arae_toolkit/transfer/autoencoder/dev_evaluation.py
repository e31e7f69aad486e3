"""Evaluation of a transfer autoencoder on the dev split while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import reduced
from arae_toolkit.evaluation.reconstruction import codes_of
from arae_toolkit.nn.priors import FittedGaussian
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import LatentRewriter
from arae_toolkit.transfer.scorer.scorer import Scorer, quick_evaluation

BATCH_ROWS = 256
FITTED_ROWS = 20_000


@dataclass
class TransferEvaluation:
    """Measures reconstruction, the latent classifier and a quick transfer on dev.

    Attributes:
        model: In training.
        vocabulary: Its words.
        scorer: Of the corpus.
        train: Training sentences, for a prior that is fitted to their codes.
        store: Dev sentences with their values, and the chances of the training's.
        dev: The same, packed.
        training: How many of them to use, and the seed of their choice.
        dtype: Precision of the matrix products.
        rows: Of the dev sentences used. Shape (N,).
    """

    model: TransferAutoencoder
    vocabulary: Vocabulary
    scorer: Scorer
    train: Store
    store: AttributeStore
    dev: PackedSentences
    training: TrainingConfig
    dtype: torch.dtype
    rows: Indices = field(init=False)

    def __post_init__(self) -> None:
        """Choose the sentences once."""
        chosen = np.random.default_rng(self.training.seed).permutation(len(self.dev))
        self.rows = chosen[: self.training.evaluation_sentences]

    @torch.no_grad()
    def __call__(self, algorithm: Algorithm, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements."""
        del algorithm, last
        model = self.model
        model.eval()
        if isinstance(model.prior, FittedGaussian):
            chosen = np.random.default_rng(self.training.seed).permutation(len(self.train))
            model.prior.fit(codes_of(model, self.train, chosen[:FITTED_ROWS]))
        nats, tokens, right = 0.0, 0, 0
        random = torch.Generator(self.store.device).manual_seed(self.training.seed)
        for start in range(0, len(self.rows), BATCH_ROWS):
            batch = self.store.batch(self.rows[start : start + BATCH_ROWS])
            with reduced(batch.device, self.dtype):
                code = model.encoder(batch)
                nats += float(model.decoder.nats(code, batch, dtype=self.dtype))
                # What the classifier learned from, and the decoders: codes with words hidden.
                visible = batch.corrupted(share=self.training.word_drop, generator=random)
                if visible is not batch:
                    code = model.encoder(visible)
            tokens += int(batch.symbols)
            right += int((model.classifier(code).argmax(dim=1) == batch.labels).sum())
        rewriter = LatentRewriter(model, self.vocabulary)
        sentences = [self.dev[row].tolist() for row in self.rows]
        return {
            "nats_per_sentence": nats / len(self.rows),
            "nats_per_token": nats / tokens,
            "classifier_accuracy": 100 * right / len(self.rows),
            **quick_evaluation(rewriter, self.scorer, sentences, self.store.labels[self.rows]),
        }
