import numpy as np
import pytest
import torch

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.nn.conditional_decoder import AttributeDecoders

CPU = torch.device("cpu")


@pytest.mark.parametrize("form", ["shared-softmax", "separate", "joined"])
def test_decoders_score_sentences_by_their_own_value(form):
    torch.manual_seed(0)
    decoders = AttributeDecoders(
        8,
        attributes=3,
        form=form,
        embedding_size=4,
        hidden_size=5,
        code_size=6,
        code_gain=2.0,
    )
    softmaxes = [name for name in decoders.state_dict() if name.endswith("projection.weight")]
    assert len(softmaxes) == (3 if form == "separate" else 1)
    sentences = pack([[4, 5, EOS], [6, EOS], [7, 4, EOS]], vocab_size=8, labels=[2, 0, 2])
    store = AttributeStore(sentences, device=CPU)
    batch = store.batch(np.arange(3))  # rows 1, 0, 2
    code = torch.randn(3, 6)
    together = decoders.nats(code, batch)
    single = sum(
        decoders.part_nats(
            value, code[place : place + 1], store.batch(np.array([row])).whole
        ).item()
        for place, (row, value) in enumerate([(1, 0), (0, 2), (2, 2)])
    )
    assert together.item() == pytest.approx(single, rel=1e-5)
    other = decoders.part_nats(1, code[:1], store.batch(np.array([1])).whole)
    assert other.item() != pytest.approx(
        decoders.part_nats(0, code[:1], store.batch(np.array([1])).whole).item(), rel=1e-6
    )
