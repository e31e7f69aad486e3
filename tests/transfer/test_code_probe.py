import torch
from small_transfer import QUICK

from arae_toolkit.transfer.autoencoder.code_probe import probe_model
from arae_toolkit.transfer.autoencoder.experiment import new_model


def test_fresh_classifiers_read_what_codes_tell(corpus):
    model = new_model(corpus, QUICK, kind="ae")
    model.initialize(generator=torch.Generator().manual_seed(4), bound=0.6)
    found = probe_model(model, corpus)
    assert max(found.linear, found.perceptron) > found.majority + 20
    assert probe_model(model, corpus) == found
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
    blind = probe_model(model, corpus)
    assert max(blind.linear, blind.perceptron) <= max(blind.majority, 100 - blind.majority)
