"""A flow that learns codes beside the autoencoder, and its part in the encoder's gradient."""

import pytest
import small
import torch
from torch.nn import functional

from arae_toolkit.config.schema import check_separate
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.pretraining.experiment import new_model
from arae_toolkit.pretraining.flow_regularizer import FlowRegularizer

SIZES = ("flow_width=24", "flow_blocks=1", "flow_weight=1", "code_noise=0.1", "flow_rate=0.003")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clusters(count, random):
    """Return codes near one of two opposite points, and the point of each."""
    centre = torch.zeros(count, 10)
    centre[:, 0] = torch.randint(0, 2, (count,), generator=random) * 2.0 - 1
    codes = functional.normalize(centre + 0.15 * torch.randn(count, 10, generator=random), dim=1)
    return codes, centre


@pytest.fixture(scope="module")
def learned():
    """Return a flow that has seen two clusters of codes, and what they cost it over time."""
    flow = FlowRegularizer(small.settings(*SIZES), torch.device("cpu"))
    flow.weight, random, nats = torch.tensor(0.5), seeded(), []
    for _ in range(400):
        codes, _ = clusters(64, random)
        nats.append(float(flow.gradient(codes, generator=random)[1]["flow_nats"]))
    return flow, nats


def test_codes_cost_less_once_the_flow_knows_them(learned):
    _, nats = learned
    assert abs(sum(nats[:5]) / 5) < 2.0  # it starts as the Gaussian that they are measured against
    assert sum(nats[-50:]) / 50 < -1.0


def test_the_gradient_draws_codes_to_where_others_are(learned):
    flow, _ = learned
    codes, centre = clusters(256, seeded(3))
    draws = [flow.gradient(codes, generator=seeded(seed))[0] for seed in range(30)]
    step, wanted = -torch.stack(draws).mean(dim=0), centre - codes
    along = step - (step * codes).sum(dim=1, keepdim=True) * codes  # codes stay on the sphere
    assert float(torch.cosine_similarity(along, wanted, dim=1).mean()) > 0.3


def test_the_gradient_has_its_weight():
    gradients = []
    for weight in (0.0, 1.0, 2.0):
        flow = FlowRegularizer(small.settings(*SIZES), torch.device("cpu"))
        flow.weight = torch.tensor(weight)
        codes, _ = clusters(8, seeded())
        gradients.append(flow.gradient(codes, generator=seeded(1))[0])
    nothing, once, twice = gradients
    assert not nothing.any() and once.any()
    torch.testing.assert_close(twice, 2 * once)


@pytest.mark.parametrize(("kind", "change"), [("ae", "code_norm=none"), ("language-model", "")])
def test_only_codes_on_the_sphere_have_a_flow(synthetic, kind, change):
    config = small.settings("flow_weight=1", *filter(None, [change]))
    with pytest.raises(ValueError, match="flow_weight"):
        new_model(Corpus(synthetic), config, kind=kind)


@pytest.mark.parametrize(
    "change", ["flow_weight=1", "generator_noise=0.1", "select=reverse-perplexity"]
)
def test_models_with_an_attribute_refuse_it(change):
    with pytest.raises(ValueError, match=change.split("=")[0]):
        check_separate(small.settings(change))
