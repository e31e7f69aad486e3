"""A small transfer model with random weights, large enough to write different sentences."""

from pathlib import Path

import torch

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import LATENT
from arae_toolkit.transfer.model import SCORER_FOLDER
from arae_toolkit.transfer.scorer.scorer import Scorer

ATTRIBUTES = ("negative", "positive", "neutral")
SENTENCES = (
    "the food was bad , and i 'm sad .",
    "the staff did n't care !",
    "great place , really .",
    "we paid $ _num_ for it .",
    "is this `` good '' ?",
)


def save_model(folder: Path, *, attributes: tuple[str, ...] = ATTRIBUTES, seed: int = 7) -> Path:
    """Write a model folder with its scorer and return it."""
    vocabulary = Vocabulary.build(SENTENCES, size=100)
    generator = torch.Generator().manual_seed(seed)
    model = TransferAutoencoder(
        len(vocabulary),
        attributes=attributes,
        max_length=12,
        embedding_size=12,
        code_size=10,
        hidden_size=14,
        noise_size=5,
        generator_sizes=(11,),
        classifier_sizes=(13,),
        code_gain=3.0,
    )
    model.initialize(generator=generator, bound=0.9)
    save_model_folder(
        folder,
        config={"kind": LATENT, "model": model.arguments},
        vocabulary=vocabulary,
        tensors=model.state_dict(),
    )
    scorer = Scorer(
        len(vocabulary), attributes=attributes, embedding_size=8, hidden_size=9, filters=6
    )
    scorer.initialize(generator)
    scorer.save_pretrained(folder / SCORER_FOLDER, vocabulary)
    return folder
