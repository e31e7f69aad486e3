"""Small classifiers of sentence pairs for tests."""

from __future__ import annotations

from pathlib import Path

import small
import torch

from arae_toolkit.models.nli import NLIModel, network_of

LABELS = ("entailment", "neutral", "contradiction")
ARGUMENTS = {"kind": "bilstm-max", "embedding_size": 12, "code_size": 10, "hidden_size": 14}


def model(*seeds: int) -> NLIModel:
    """Return an untrained model of a network for each seed, large enough to tell pairs apart."""
    words = small.vocabulary()
    networks = []
    for seed in seeds or (1,):
        generator = torch.Generator().manual_seed(seed)
        network = network_of(ARGUMENTS, len(words), len(LABELS), generator=generator)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(3.0)
        networks.append(network)
    return NLIModel(networks, words, LABELS, arguments=ARGUMENTS)


def save_model(folder: Path, *seeds: int) -> Path:
    """Write a model folder and return it."""
    model(*seeds).save_pretrained(folder)
    return folder
