"""Small classifiers of sentence pairs for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import small
import torch

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pair_batches import PairStore, store_of_texts

LABELS = ("entailment", "neutral", "contradiction")
NOUNS = ("man", "woman", "dog", "cat", "girl", "boy")
ARGUMENTS = {"kind": "bilstm-max", "embedding_size": 12, "code_size": 10, "hidden_size": 14}


def model(*seeds: int) -> NLIModel:
    """Return an untrained model of a network for each seed, large enough to tell pairs apart."""
    words = small.vocabulary()
    networks = []
    for seed in seeds or (1,):
        generator = torch.Generator().manual_seed(seed)
        network = new_network(len(words), len(LABELS), generator=generator, **ARGUMENTS)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(3.0)
        networks.append(network)
    return NLIModel(networks, words, LABELS, arguments=ARGUMENTS)


def save_model(folder: Path, *seeds: int) -> Path:
    """Write a model folder and return it."""
    model(*seeds).save_pretrained(folder)
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
