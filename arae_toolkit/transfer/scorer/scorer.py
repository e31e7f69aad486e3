"""The scorer inside a transfer model: an attribute classifier and a language model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from arae_toolkit.data.token_batches import length_bucketed_batches
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import reduced
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.evaluation.text_overlap import content_bleu
from arae_toolkit.models.model_folder import (
    constructor_arguments,
    load_model_folder,
    parts_of,
    save_model_folder,
)
from arae_toolkit.nn import initialization
from arae_toolkit.nn.conditional_decoder import AttributeDecoders
from arae_toolkit.nn.text_cnn import TextCNN
from arae_toolkit.storage.atomic_files import replacing
from arae_toolkit.transfer.rewriter import Rewriter, Sentence, network_of

SCORER = "transfer-scorer"
SCORER_FOLDER = "scorer"
"""In the folder of a transfer model."""
FLOOR_FILE = "fluency.json"
"""Beside the weights of a scorer: the floor of fluency, and which weights it was found with."""


class Scorer(nn.Module):
    """A classifier of the attribute, and a language model for each of its values.

    It belongs to the model, which may choose among its proposals by it. Evaluators that measure
    transfer are trained apart, and are of other kinds.

    Args:
        vocab_size: V.
        attributes: Names of the attribute's values, A of them.
        embedding_size: E, of both networks.
        hidden_size: H of the language model, whose LSTM all values share.
        filters: Of the classifier, of each width.

    Attributes:
        dtype: Of the matrix products when sentences are scored. ``bfloat16`` is quicker where the
            device has it, and moves a score in its third digit.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: Sequence[str],
        embedding_size: int = 128,
        hidden_size: int = 256,
        filters: int = 128,
    ) -> None:
        arguments = constructor_arguments(locals(), "vocab_size")
        super().__init__()
        self.attributes = tuple(attributes)
        self.dtype = torch.float32
        self.arguments = arguments
        self.recognizer = TextCNN(
            vocab_size,
            attributes=len(attributes),
            embedding_size=embedding_size,
            filters=filters,
        )
        self.language_model = AttributeDecoders(
            vocab_size,
            attributes=len(attributes),
            form="joined",
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            code_size=0,
            code_gain=1.0,
        )

    def initialize(self, generator: torch.Generator) -> None:
        """Draw starting weights."""
        self.recognizer.initialize(generator)
        initialization.uniform(self.language_model, bound=0.1, generator=generator, forget_bias=1.0)

    @classmethod
    def from_pretrained(cls, folder: Path) -> tuple[Scorer, Vocabulary]:
        """Load a scorer's folder, with the vocabulary it reads by.

        Raises:
            CheckpointMismatch: If the folder holds none, or its parts do not fit together.
        """
        content = load_model_folder(folder)
        if content.config.get("kind") != SCORER or content.vocabulary is None:
            raise CheckpointMismatch(f"{folder}: no scorer of transfers here")
        with parts_of(folder):
            return network_of(cls, content), content.vocabulary

    def save_pretrained(self, folder: Path, vocabulary: Vocabulary) -> None:
        """Write a self-contained folder."""
        save_model_folder(
            folder,
            config={"kind": SCORER, "model": self.arguments},
            vocabulary=vocabulary,
            tensors=self.state_dict(),
        )

    @torch.no_grad()
    def probabilities(
        self, sentences: Sequence[Sentence], *, batch_size: int = 256
    ) -> npt.NDArray[np.float64]:
        """Return how likely each value is for each sentence. Shape (N, A)."""
        result = np.zeros((len(sentences), len(self.attributes)))
        device = self.language_model.device
        for rows, batch in length_bucketed_batches(sentences, batch_size, device=device):
            with reduced(device, self.dtype):
                scores = self.recognizer(batch)
            result[rows] = scores.double().softmax(dim=1).cpu().numpy()
        return result

    @torch.no_grad()
    def nats_per_token(
        self, sentences: Sequence[Sentence], values: Sequence[int], *, batch_size: int = 256
    ) -> npt.NDArray[np.float64]:
        """Return how unlikely each sentence is as a text of a value, ``<eos>`` included. (N,).

        Args:
            sentences: N of them.
            values: An attribute value for each.
            batch_size: Most sentences read at a time.
        """
        result = np.zeros(len(sentences))
        wanted = np.asarray(values)
        device = self.language_model.device
        for value in np.unique(wanted).tolist():
            own = (wanted == value).nonzero()[0]
            chosen = [sentences[row] for row in own]
            for rows, batch in length_bucketed_batches(chosen, batch_size, device=device):
                code = self.language_model.code_of(value, torch.zeros(len(batch), 0, device=device))
                with reduced(device, self.dtype):
                    nats = self.language_model.of(value).sentence_nats(
                        code, batch, dtype=self.dtype
                    )
                result[own[rows]] = (nats / batch.lengths).cpu().numpy()
        return result


def quick_evaluation(
    rewriter: Rewriter,
    scorer: Scorer,
    sentences: Sequence[Sentence],
    labels: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Return how well sentences are transferred to the next value each: to watch a run by.

    It is no result: the scorer belongs to the model, and BLEU is the mean of the sentences'.
    """
    names, decode = rewriter.attributes, rewriter.vocabulary.decode
    targets = ((labels + 1) % len(names)).tolist()
    proposals = rewriter.propose(sentences, targets, count=1, strength=1.0, seed=0)
    found = [own[0] for own in proposals]
    bleu = [content_bleu(*both) for both in zip(sentences, found, strict=True)]
    return {
        "transferred": 100 * float((scorer.probabilities(found).argmax(axis=1) == targets).mean()),
        "content_bleu": float(np.mean(bleu)),
        "samples": [
            f"{decode(source)}  ->  {names[target]}: {decode(words)}"
            for source, target, words in zip(sentences[:10], targets, found, strict=False)
        ],
    }


def copy_scorer(source: Path, folder: Path) -> None:
    """Put the files of a finished scorer into a model folder, each whole."""
    for name in ("tokenizer.json", "model.safetensors", "config.json", FLOOR_FILE):
        if name == FLOOR_FILE and not (source / name).exists():
            continue  # of a scorer that was trained before there was a floor
        with replacing(folder / SCORER_FOLDER / name) as temporary:
            shutil.copyfile(source / name, temporary)
