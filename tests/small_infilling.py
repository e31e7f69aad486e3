"""Small infilling networks, sentences for them, and how they are asked."""

from dataclasses import asdict, replace

import numpy as np
import torch

from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.transfer.infilling.network import new_infilling_network
from arae_toolkit.transfer.infilling.settings import (
    InfillingConfig,
    InfillingModelConfig,
    InfillingTrainingConfig,
    Search,
)
from arae_toolkit.transfer.infilling.token_scoring import TokenScorer

CPU = torch.device("cpu")
SIZES = InfillingModelConfig(embedding_size=24, hidden_size=20, attribute_size=8, channels=16)
QUICK = InfillingConfig(
    SIZES,
    InfillingTrainingConfig(
        **{"batch_size": 16, "epochs": 1, "rate": 5e-3, "warmup": 3, "softmax_samples": 9},
        **{"log_every": 5, "save_every": 7, "evaluate_every": 20},
    ),
)
LEARNED = replace(
    QUICK,
    training=replace(QUICK.training, batch_size=32, epochs=8, rate=1e-2, save_every=999),
)
V, A = 30, 3


def network(seed=1, *, vocab_size=V, attributes=A):
    """Return an untrained network, with weights large enough to tell sentences apart."""
    made = new_infilling_network(asdict(SIZES), vocab_size, attributes, seed=seed)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
        made.word_bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))
        made.counts.copy_(torch.from_numpy(random.integers(1, 50, (attributes, vocab_size))))
        made.counts[:, : UNKNOWN + 1] = 0
        made.salience.copy_(torch.from_numpy(random.normal(size=(attributes, vocab_size))))
        made.salience[:, : UNKNOWN + 1] = 0
    return made.eval()


def scores(made=None, **changes):
    """Return the words of a network with nothing favoured, unless asked for."""
    plain = Search(guidance=0.0, most_guidance=0.0, words=V, rarity=0.0, kinship=0.0)
    return TokenScorer(made or network(), replace(plain, **changes), dtype=torch.float32)


def drawn(count, *, seed=0, longest=9, least=UNKNOWN):
    """Return random sentences."""
    random = np.random.default_rng(seed)
    return [
        [*random.integers(least, V, random.integers(1, longest)).tolist(), EOS]
        for _ in range(count)
    ]


def told(count):
    return torch.arange(count) % A


def asked(model, sentences, targets, *, count=1, strength=1.0, seed=0):
    return model.propose(sentences, targets, count=count, strength=strength, seed=seed)
