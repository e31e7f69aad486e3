"""Small models and data for tests."""

from pathlib import Path

import numpy as np
import torch

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.token_batches import TokenBatch, TokenStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pair_batches import PairStore, store_of_texts

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


def seen_by(encoder: torch.nn.Module) -> list[TokenBatch]:
    """Return a list that grows by each batch that the encoder is given."""
    seen: list[TokenBatch] = []
    encoder.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    return seen


def save_model(folder: Path) -> Path:
    """Write a small model folder and return it."""
    model(vocabulary()).save_pretrained(folder)
    return folder


LABELS = ("entailment", "neutral", "contradiction")
NOUNS = ("man", "woman", "dog", "cat", "girl", "boy")
PAIRS = [
    ("a man runs .", "a man sleeps ."),
    ("two dogs sleep in the sun .", "two dogs play"),
    ("the girl holds a red ball .", "a girl reads a book in the park ."),
    ("a boy eats .", "zebras"),
    ("a woman reads the book in the park .", "the old man sleeps on a bench ."),
]
PAIR_ARGUMENTS = {"kind": "bilstm-max", "embedding_size": 12, "code_size": 10, "hidden_size": 14}


def pair_model(*seeds: int) -> NLIModel:
    """Return an untrained model of a network for each seed, large enough to tell pairs apart."""
    words = vocabulary()
    networks = []
    for seed in seeds or (1,):
        generator = torch.Generator().manual_seed(seed)
        network = new_network(len(words), len(LABELS), generator=generator, **PAIR_ARGUMENTS)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(3.0)
        networks.append(network)
    return NLIModel(networks, words, LABELS, arguments=PAIR_ARGUMENTS)


def save_pair_model(folder: Path, *seeds: int) -> Path:
    """Write a model folder and return it."""
    pair_model(*seeds).save_pretrained(folder)
    return folder


def rule_pairs(count: int, *, seed: int = 0) -> tuple[list[Pair], list[int]]:
    """Return pairs with the class ids of a rule: the same noun entails, ``nobody`` contradicts."""
    random = np.random.default_rng(seed)
    pairs, labels = [], []
    for label in random.permutation(np.arange(count) % 3).tolist():
        noun, other = random.choice(NOUNS, size=2, replace=False).tolist()
        end = random.choice(["runs", "sleeps in the sun", "eats"])
        hypothesis = ("nobody is here .", f"the {other} {end} .", f"the {noun} {end} .")
        pairs.append((f"a {noun} {end} now .", hypothesis[(2, 1, 0)[label]]))
        labels.append(label)
    return pairs, labels


def rule_store(count: int, words: Vocabulary | None = None, *, seed: int = 0) -> PairStore:
    """Return such pairs on the CPU."""
    pairs, labels = rule_pairs(count, seed=seed)
    return store_of_texts(pairs, labels, words or rule_words(), device=torch.device("cpu"))


def rule_words() -> Vocabulary:
    """Return the vocabulary of such pairs."""
    return Vocabulary.build((text for pair in rule_pairs(60)[0] for text in pair), size=100)
