import pytest
import torch

from arae_toolkit.latent.inversion import InversionSettings, invert
from arae_toolkit.nn.priors import Generator


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(3)
    network = Generator(noise_size=4, code_size=10, hidden_sizes=(16, 16))
    return network.eval()


def codes(generator, count, *, seed=5):
    noise = generator.draw_noise(count, generator=torch.Generator().manual_seed(seed))
    return generator(noise).detach()


def test_the_noise_of_generated_codes_is_found(generator):
    code = codes(generator, 8)
    found = invert(generator, code)
    assert found.noise.shape == (8, 4)
    assert float(found.distance.max()) < 0.02
    torch.testing.assert_close(found.code, generator(found.noise).detach())
    torch.testing.assert_close(found.distance, (found.code - code).norm(dim=1))


def test_the_descent_and_its_starts_matter(generator):
    code = codes(generator, 8)
    few = invert(generator, code, settings=InversionSettings(steps=1, draws=4, rate=0))
    assert float(few.distance.mean()) > 0.2


def test_a_code_that_no_noise_makes_is_told_by_its_distance(generator):
    code = -codes(generator, 3)
    found = invert(generator, code)
    assert float(found.distance.min()) > 0.1


def test_what_is_found_does_not_depend_on_the_other_codes(generator):
    code = codes(generator, 5)
    together = invert(generator, code).noise
    alone = torch.cat([invert(generator, code[row : row + 1]).noise for row in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


def test_the_prior_term_keeps_the_noise_small(generator):
    code = codes(generator, 8)
    free, held = (
        invert(generator, code, settings=InversionSettings(prior_weight=weight))
        for weight in (0.0, 0.1)
    )
    assert float(held.noise.norm(dim=1).mean()) < float(free.noise.norm(dim=1).mean())
    assert float(held.distance.mean()) > float(free.distance.mean())


def test_the_generator_is_left_as_it_was(generator):
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    with torch.no_grad():
        invert(generator, codes(generator, 2), settings=InversionSettings(steps=3))
    assert all(parameter.grad is None for parameter in generator.parameters())
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
