"""Small models and data for tests."""

from pathlib import Path

import torch

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.models.arae import ARAE

SENTENCES = (
    "a man runs .",
    "two dogs sleep in the sun .",
    "the girl holds a red ball .",
    "a dog runs .",
    "a boy eats .",
    "the old man sleeps on a bench .",
    "two girls play with a dog .",
    "a woman reads the book in the park .",
)

SMALL = Config(
    ModelConfig(
        embedding_size=12,
        code_size=10,
        hidden_size=14,
        noise_size=5,
        code_gain=3.0,
        generator_sizes=(11,),
        critic_sizes=(13,),
    ),
    TrainingConfig(batch_size=4, epochs=3, warmup=0, adversarial_warmup=0, log_every=2),
)


def vocabulary() -> Vocabulary:
    """Return the vocabulary of the test sentences."""
    return Vocabulary.build(SENTENCES, size=100)


def sentences(words: Vocabulary) -> PackedSentences:
    """Return the test sentences, packed."""
    return pack(words.encode_batch(SENTENCES), vocab_size=len(words))


def settings(*assignments: str) -> Config:
    """Return the small settings with some changed."""
    return with_overrides(SMALL, assignments)


def model(words: Vocabulary, config: Config = SMALL, *, prior: str = "generator") -> ARAE:
    """Return a small model with weights large enough to tell sentences apart."""
    sizes = config.model
    arae = ARAE(
        words,
        max_length=10,
        embedding_size=sizes.embedding_size,
        code_size=sizes.code_size,
        hidden_size=sizes.hidden_size,
        noise_size=sizes.noise_size,
        generator_sizes=sizes.generator_sizes,
        generator_normalization=sizes.generator_normalization,
        generator_output=sizes.generator_output,
        code_gain=sizes.code_gain,
        output_map=sizes.output_map,
        tied_embeddings=sizes.tied_embeddings,
        prior=prior,  # type: ignore[arg-type]
    )
    arae.initialize(generator=torch.Generator().manual_seed(7), bound=0.7)
    return arae


def store(words: Vocabulary) -> TokenStore:
    """Return the test sentences on the CPU."""
    return TokenStore(sentences(words), device=torch.device("cpu"))


def save_model(folder: Path) -> Path:
    """Write a small model folder and return it."""
    model(vocabulary()).save_pretrained(folder)
    return folder
