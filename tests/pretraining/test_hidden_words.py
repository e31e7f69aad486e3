"""Words hidden from the encoder are hidden in every update of an iteration."""

import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.pretraining.algorithm import Algorithm

CPU = torch.device("cpu")
UPDATES = ["joint", "separate"]
HIDDEN = {UNKNOWN, EOS, PAD}
"""What is left of sentences whose words are all hidden."""


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_critic_and_encoder_never_see_a_hidden_word(update, precision):
    config = small.settings(
        "word_drop=1", "critic_steps=2", "encoder_steps=2", f"encoder_update={update}"
    )
    words = small.vocabulary()
    model = small.model(words, config)
    algorithm = Algorithm(model, config, small.store(words), precision=precision)
    seen = small.seen_by(model.encoder)
    algorithm.iteration(0)
    assert len(seen) >= {"joint": 2, "separate": 4}[update]
    assert set(torch.cat([batch.tokens.flatten() for batch in seen]).tolist()) == HIDDEN


def test_pixels_are_hidden_from_the_critic_as_well():
    config = small.settings("word_drop=1", "encoder_update=separate")
    model = ImageARAE((3, 2), encoder_sizes=(8, 6), decoder_sizes=(6, 8, 9), code_size=10)
    store = PixelStore(np.full((8, 6), 255, dtype=np.uint8), device=CPU)
    seen = small.seen_by(model.encoder)
    Algorithm(model, config, store).iteration(0)
    assert len(seen) == 3
    assert not any(batch.pixels.any() for batch in seen)
