import pytest
import small
import torch

from arae_toolkit.estimators import SentenceEncoder
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
from arae_toolkit.nli.settings import PairModelConfig

FORMS = {
    "state": {},
    "wide": {"encoder_size": 14},
    "unbounded": {"encoder_size": 14, "code_norm": "none", "prior": "gaussian"},
    "variational": {"code_norm": "none", "prior": "gaussian", "variational": True},
}
"""Of an encoder's head: none, and the three that map its states."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoder", ["lstm", "bilstm-max"])
def test_a_classifier_starts_from_the_states_and_features_are_the_codes(tmp_path, form, encoder):
    """Whatever stands between the two, which a classifier leaves behind."""
    model = ARAE(
        small.vocabulary(),
        max_length=10,
        encoder=encoder,
        embedding_size=6,
        code_size=8,
        hidden_size=5,
        **FORMS[form],
    )
    model.initialize(generator=torch.Generator().manual_seed(0), bound=0.5)
    model.save_pretrained(tmp_path)
    pretrained = PretrainedEncoder.load(tmp_path)
    kind = "paper" if encoder == "lstm" else "bilstm-max"
    sizes = pretrained.fitted(PairModelConfig(kind=kind))
    assert sizes.code_size == FORMS[form].get("encoder_size", 8)
    network = new_network(
        len(pretrained.vocabulary),
        3,
        kind=kind,
        embedding_size=6,
        code_size=sizes.code_size,
        hidden_size=5,
        generator=torch.Generator(),
    )
    assert pretrained.put_into(network)
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, model.encoder.state_dict()[name]), name
    features = SentenceEncoder(tmp_path).fit().transform(small.SENTENCES)
    torch.testing.assert_close(torch.from_numpy(features), model.encode(small.SENTENCES))
