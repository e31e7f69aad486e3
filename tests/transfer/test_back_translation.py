import torch
from small_transfer import changed

from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.vocabulary import EOS, PAD
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.transfer.autoencoder.back_translation import BackTranslation, ended
from arae_toolkit.transfer.autoencoder.experiment import new_model

CPU = torch.device("cpu")


def test_back_translation_takes_its_turns(corpus):
    config = changed(cycle_weight=1.0, cycle_start=0.5, cycle_every=2)
    model = new_model(corpus, config, kind="ae")
    store = AttributeStore(corpus.split("train"), device=CPU)
    algorithm = Algorithm(model, config, store, extended=True)
    update = algorithm.updates["autoencoder"]
    cycle = BackTranslation(
        model, config.training, store, update=update, iterations=8, dtype=torch.float32
    )
    found = []
    for iteration in range(8):
        cycle.prepare(iteration)
        found.append(float(cycle.run(torch.tensor(1.0))["cycle_nats_per_token"]))
    assert [value > 0 for value in found] == [False] * 4 + [True, False, True, False]


def test_decoded_words_end_once():
    assert ended([5, EOS, PAD]) == [5, EOS]
    assert ended([5, 6]) == [5, 6, EOS]
    assert ended([PAD, 5, PAD]) == [5, EOS]
    assert ended([EOS, 5]) == ended([PAD]) == ended([]) == [EOS]
