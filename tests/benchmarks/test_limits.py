import numpy as np
import pytest
import small
import torch
from small_benchmarks import SIZES
from torch import Tensor

from arae_toolkit.benchmarks import common, encoding, sampling
from arae_toolkit.benchmarks.roofline import arithmetic, counts, limits, rates
from arae_toolkit.benchmarks.textbook import PaddedSentences, Textbook
from arae_toolkit.benchmarks.textbook_aae import TextbookAAE
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import Generator
from arae_toolkit.optim.update import Update
from arae_toolkit.pretraining.steps import (
    CriticTerm,
    critic_step,
    encoder_step,
    generator_step,
    reconstruction_step,
)

CPU = torch.device("cpu")
MAX_LENGTH = 10
ADAM_RATE = 1e-4
# --- the textbook version is the same algorithm ------------------------------------------------


class _Both:
    """The textbook's networks and the library's, with equal weights and equal randomness."""

    def __init__(self) -> None:
        words = small.vocabulary()
        self.textbook = Textbook(len(words), device=CPU, sizes=SIZES, seed=3)
        self.model = ARAE(
            words,
            max_length=MAX_LENGTH,
            embedding_size=SIZES.embedding,
            code_size=SIZES.code,
            hidden_size=SIZES.hidden,
            noise_size=SIZES.noise,
            generator_sizes=(SIZES.perceptron, SIZES.perceptron),
            generator_normalization="batch",
            generator_output="none",
        )
        self.critic = Critic(
            code_size=SIZES.code,
            hidden_sizes=(SIZES.perceptron, SIZES.perceptron),
            normalization="batch",
        )
        assert isinstance(self.model.prior, Generator)
        self.prior = self.model.prior
        for theirs, ours in self.networks():
            theirs.load_state_dict(ours.state_dict())
        self.random = torch.Generator().manual_seed(5)
        self.textbook.random.manual_seed(5)
        rows = np.arange(len(small.SENTENCES))
        sentences = small.sentences(words)
        self.batch = TokenStore(sentences, device=CPU).batch(rows)
        table = PaddedSentences(sentences, max_length=MAX_LENGTH, batch_size=8, device=CPU)
        self.padded = table.tokens, table.lengths

    def networks(self) -> list[tuple[torch.nn.Module, torch.nn.Module]]:
        """Return each network of the library with its counterpart."""
        return [
            (self.model.encoder, self.textbook.encoder),
            (self.model.decoder, self.textbook.decoder),
            (self.prior.layers, self.textbook.generator),
            (self.critic.layers, self.textbook.critic),
        ]

    def assert_equal_weights(self) -> None:
        for theirs, ours in self.networks():
            without_effect = _biases_without_effect(ours)
            for (name, first), second in zip(
                theirs.state_dict().items(), ours.state_dict().values(), strict=True
            ):
                # Adam turns a gradient that is zero but for rounding into a step of its full rate.
                slack = {"atol": 2 * ADAM_RATE, "rtol": 0.0} if name in without_effect else {}
                torch.testing.assert_close(
                    first, second, msg=lambda text, n=name: f"{n}: {text}", **slack
                )

    def sgd(self, *networks: torch.nn.Module) -> Update:
        parameters = [p for network in networks for p in network.parameters()]
        return Update(parameters, torch.optim.SGD(parameters, lr=1.0), clip_norm=1.0)

    def adam(self, network: torch.nn.Module) -> Update:
        parameters = list(network.parameters())
        return Update(parameters, torch.optim.Adam(parameters, lr=ADAM_RATE, betas=(0.5, 0.999)))


def _biases_without_effect(network: torch.nn.Module) -> set[str]:
    """Return the names of biases whose gradients may be zero but for rounding.

    Up to the last batch normalization: it takes the biases before it out again, and its own and
    earlier ones where a unit is on the same side of its activation in all rows.
    """
    layers = list(network.children()) if isinstance(network, torch.nn.Sequential) else []
    norms = [at for at, layer in enumerate(layers) if isinstance(layer, torch.nn.BatchNorm1d)]
    return {f"{place}.bias" for place in range(max(norms, default=-1) + 1)}


def test_the_textbook_reconstructs_like_the_library():
    both = _Both()
    theirs = both.textbook.reconstruction_step(both.padded)
    ours = reconstruction_step(
        both.model.encoder,
        both.model.decoder,
        both.batch,
        both.sgd(both.model.encoder, both.model.decoder),
        code_noise=torch.tensor(0.05),
        generator=both.random,
        per_token=True,
    )
    torch.testing.assert_close(ours["nats_per_token"], theirs["nats_per_token"])
    both.assert_equal_weights()


def test_the_textbook_trains_its_critic_like_the_library():
    both = _Both()
    theirs = both.textbook.critic_step(both.padded)
    ours = critic_step(
        both.critic,
        both.model.encoder(both.batch).detach(),
        both.prior.sample(len(both.batch), generator=both.random),
        both.adam(both.critic),
        constraint="gradient_penalty",
        mix=torch.rand(len(both.batch), 1, generator=both.random),
        penalty_weight=1.0,
    )
    for name in ("wasserstein", "gradient_penalty"):
        torch.testing.assert_close(ours[name], theirs[name])
    both.assert_equal_weights()


def test_the_textbook_pulls_encoder_and_generator_like_the_library():
    both = _Both()
    start = both.model.encoder.embedding.weight.clone()
    both.textbook.adversarial_step(both.padded)
    encoder_step(
        CriticTerm(both.critic, torch.tensor(0.1)),
        both.model.encoder,
        [both.batch],
        both.sgd(both.model.encoder),
        reference_norm=torch.tensor(1.0),
    )
    noise = both.prior.draw_noise(len(both.batch), generator=both.random)
    generator_step(both.critic, both.prior, noise, both.adam(both.prior))
    assert not torch.equal(start, both.model.encoder.embedding.weight)
    # The critic's batch norm has seen the same rows, once more or less often in its running mean.
    both.critic.load_state_dict(
        {f"layers.{name}": value for name, value in both.textbook.critic.state_dict().items()}
    )
    both.assert_equal_weights()


def test_a_plain_adversarial_autoencoder_learns_to_write_and_to_be_taken_for_its_prior():
    """Its discriminator first tells codes from the prior's draws, and then no longer."""
    plain = TextbookAAE(len(small.vocabulary()), device=CPU, sizes=SIZES, seed=0)
    plain.critic_optimizer.param_groups[0]["lr"] = 0.01
    data = PaddedSentences(
        small.sentences(small.vocabulary()), max_length=MAX_LENGTH, batch_size=8, device=CPU
    )
    batch = data.draw()
    alone = [plain.critic_step(batch)["discriminator"] for _ in range(60)]
    assert alone[-1] < 0.5 * alone[0]
    fooled = [plain.adversarial_step(batch)["adversarial"] for _ in range(60)]
    assert fooled[-1] < fooled[0]
    losses = [plain.iteration(batch, data)["nats_per_token"] for _ in range(60)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_whole_iteration_of_the_textbook_moves_every_network():
    both = _Both()
    data = PaddedSentences(
        small.sentences(small.vocabulary()), max_length=MAX_LENGTH, batch_size=8, device=CPU
    )
    perceptrons = both.textbook.generator, both.textbook.critic
    before = [network.state_dict()["0.weight"].clone() for network in perceptrons]
    losses = both.textbook.iteration(both.padded, data)
    assert all(bool(torch.isfinite(value)) for value in losses.values())
    for network, weight in zip(perceptrons, before, strict=True):
        assert not torch.equal(weight, network.state_dict()["0.weight"])


def test_the_textbook_learns():
    both = _Both()
    nats = [
        float(both.textbook.reconstruction_step(both.padded)["nats_per_token"]) for _ in range(120)
    ]
    assert nats[-1] < 0.75 * nats[0]


def test_the_textbook_decodes_the_librarys_sentences():
    for output_map in ("true", "false"):
        model = small.model(small.vocabulary(), small.settings(f"output_map={output_map}"))
        decoder = sampling.textbook_decoder(model)
        assert sampling.same_sentences(model, decoder, seed=1) == 100
    one_by_one = sampling.textbook_sample(model, decoder, 3, batch_size=1, seed=1)
    assert len(one_by_one) == 3
    assert len(set(model.sample(50, seed=1))) > 1, "else equal sentences would mean little"


def test_padding_holds_every_sentence():
    sentences = small.sentences(small.vocabulary())
    data = PaddedSentences(sentences, max_length=MAX_LENGTH, batch_size=4, device=CPU)
    assert data.tokens.shape == (8, MAX_LENGTH + 1)
    for row, length in enumerate(data.lengths.tolist()):
        assert data.tokens[row, :length].tolist() == sentences[row].tolist()
        assert not data.tokens[row, length:].any()
    seen = torch.cat([tokens for tokens, _ in data.epoch()])
    assert sorted(seen.tolist()) == sorted(data.tokens.tolist())


# --- arithmetic --------------------------------------------------------------------------------


def test_the_flops_of_an_iteration_are_those_of_the_formula():
    config = preset("paper-2018", corpus="snli")
    products = arithmetic.products_of_iteration(config, vocab_size=11_004, tokens_per_sentence=10)
    flops = arithmetic.flops_by_part(products)
    tokens = 64 * 10
    encoder_forward = tokens * (2 * 300 * 1200 + 2 * 300 * 1200)
    assert flops["projection"] == 3 * 2 * tokens * 300 * 11_004
    assert flops["encoder"] == pytest.approx(3 * encoder_forward)
    assert flops["decoder"] == pytest.approx(3 * tokens * (2 * 600 * 1200 + 2 * 300 * 1200))
    assert flops["critic's encoder passes"] == pytest.approx(5 * encoder_forward)
    assert flops["encoder update"] == pytest.approx(3 * encoder_forward)
    perceptrons = flops["critic"] + flops["generator"]
    assert perceptrons < 0.1 * sum(flops.values())
    joint = preset("faithful", corpus="snli")
    parts = arithmetic.flops_by_part(
        arithmetic.products_of_iteration(joint, vocab_size=11_004, tokens_per_sentence=10)
    )
    assert "encoder update" not in parts
    assert parts["critic's encoder passes"] == pytest.approx(3 * encoder_forward)


def _counts(sentences: int, tokens: int, distinct: int, longest: int) -> counts.Counts:
    return counts.Counts(sentences, tokens, distinct, longest)


READ = counts.IterationCounts(
    reconstruction=_counts(64, 640, 150, 12),
    critic=(_counts(320, 3300, 500, 15),),
    encoder=(_counts(64, 650, 160, 14),),
)
READ_JOINTLY = counts.IterationCounts(READ.reconstruction, (_counts(192, 2000, 400, 15),), ())


def test_needed_products_are_those_of_distinct_words():
    config = preset("paper-2018", corpus="snli")
    flops = arithmetic.flops_by_part(arithmetic.needed_products(config, READ, vocab_size=11_004))
    gates = 2 * 300 * 1200  # of one row
    assert flops["encoder"] == pytest.approx(3 * gates * (150 + 640 - 64))
    assert flops["decoder"] == pytest.approx(3 * gates * (150 + 640 - 64 + 64))
    assert flops["projection"] == 3 * 2 * 640 * 300 * 11_004
    assert flops["critic's encoder passes"] == pytest.approx(gates * (500 + 3300 - 320))
    assert flops["encoder update"] == pytest.approx(3 * gates * (160 + 650 - 64))
    token_by_token = arithmetic.flops_by_part(
        arithmetic.products_of_iteration(config, vocab_size=11_004, tokens_per_sentence=10)
    )
    assert flops.keys() == token_by_token.keys()
    assert all(flops[part] <= token_by_token[part] for part in flops)
    sampled = with_overrides(config, ["softmax_samples=1000"])
    products = arithmetic.needed_products(sampled, READ, vocab_size=11_004)
    estimated = arithmetic.flops_by_part(products)["projection"]
    assert estimated == 3 * 2 * 640 * 300 * (150 + 1000)
    factored = with_overrides(config, ["embedding_size=128", "output_map=true"])
    products = arithmetic.needed_products(factored, READ, vocab_size=11_004)
    assert arithmetic.flops_by_part(products)["projection"] == 3 * 2 * 640 * 128 * 11_004
    assert arithmetic.flops_by_part(products)["output map"] == 3 * 2 * 640 * 300 * 128
    joint = arithmetic.needed_products(
        preset("default", corpus="snli"), READ_JOINTLY, vocab_size=11_004
    )
    assert "encoder update" not in arithmetic.flops_by_part(joint)


def test_distinct_words_are_enough_for_an_lstm_and_its_gradients():
    """The oracle of the count: words multiplied once each give what nn.LSTM gives."""
    lstm = torch.nn.LSTM(5, 4, batch_first=True)
    table = torch.randn(7, 5, requires_grad=True)
    tokens = torch.tensor([[3, 1, 3, 2], [1, 1, 6, 3]])
    outcome = lstm(table[tokens])[0].square().sum()
    names = ("weight_ih_l0", "weight_hh_l0")
    parameters = [table, *(getattr(lstm, name) for name in names)]
    expected = torch.autograd.grad(outcome, parameters)

    words, places = tokens.unique(return_inverse=True)
    rows = torch.nn.functional.linear(table[words], lstm.weight_ih_l0)  # D rows, not N
    hidden, cell = torch.zeros(2, 4), torch.zeros(2, 4)
    total = torch.zeros(())
    for step in range(4):
        gates = rows[places[:, step]] + lstm.bias_ih_l0 + lstm.bias_hh_l0
        if step > 0:  # the first state is zero
            gates = gates + hidden @ lstm.weight_hh_l0.t()
        enter, keep, candidate, leave = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        total = total + hidden.square().sum()
    torch.testing.assert_close(total, outcome)
    for ours, theirs in zip(torch.autograd.grad(total, parameters), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_rows_are_counted():
    words = small.vocabulary()
    sentences = small.sentences(words)
    rows = np.array([0, 3, 0])  # a man runs . / a dog runs . / a man runs .
    assert counts.count_rows(sentences, rows) == _counts(3, 15, 6, 5)  # a man dog runs . <eos>
    mean = counts.mean_counts([_counts(2, 8, 4, 4), _counts(2, 10, 6, 5)])
    assert mean == _counts(2, 9, 5, 4.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "passes", "updates"),
    [("paper-2017", [1, 1, 1, 1, 1], 5), ("paper-2018", [5], 1), ("default", [3], 0)],
)
def test_every_pass_of_the_encoder_is_counted(name, passes, updates):
    config = with_overrides(preset(name, corpus="snli"), ["batch_size=2"])
    assert counts.critic_passes(config.training) == passes
    sentences = small.sentences(small.vocabulary())
    sampler = EpochSampler(sentences.lengths, batch_size=2, seed=0)
    read = counts.counts_of_iterations(sentences, sampler, config, range(2, 9))
    assert [rows.sentences for rows in read.critic] == [2 * batches for batches in passes]
    assert len(read.encoder) == updates
    # Iterations 2 to 8 are the last two of the first epoch, four of the second, one of the third.
    order = [*list(sampler.epoch(0))[2:], *sampler.epoch(1), next(iter(sampler.epoch(2)))]
    tokens = [sentences.lengths[rows].sum() for rows in order]
    assert read.reconstruction.tokens == pytest.approx(np.mean(tokens))


def test_the_bytes_of_an_iteration_are_those_of_the_formula():
    config = preset("paper-2018", corpus="snli")
    words, lstm = 11_004, 4 * 300 * (300 + 300 + 2)
    decoder = 4 * 300 * (600 + 300 + 2) + words * 301
    critic = 301 * 300 + 301 * 300 + 301
    generator = 101 * 300 + 301 * 300 + 301 * 300
    sgd, adam = 2 * 4 + 2 * 4 + 2 * 4, 2 * 4 + 2 * 4 + 6 * 4
    expected = (
        sgd * (lstm + decoder + 2 * 150 * 300)  # weights, gradients, descent
        + 4 * (lstm + 500 * 300)  # the critic's pass only reads
        + sgd * (lstm + 160 * 300)
        + 5 * (adam * critic + 4 * generator)
        + adam * generator
    )
    moved = limits.bytes_of_iteration(config, READ, vocab_size=words, dtype=torch.float32)
    assert moved == pytest.approx(expected)
    half = limits.bytes_of_iteration(config, READ, vocab_size=words, dtype=torch.bfloat16)
    read_reduced = 2 * (lstm + decoder + 2 * 150 * 300) + lstm + 500 * 300 + 2 * (lstm + 160 * 300)
    assert moved - half == pytest.approx(2 * read_reduced)
    # Adam moves every row of the two tables, whether it has a gradient or not.
    with_adam = with_overrides(config, ["autoencoder_optimizer=adam"])
    more = limits.bytes_of_iteration(with_adam, READ, vocab_size=words, dtype=torch.float32)
    tables = 4 * (6 * 2 * words * 300 - 2 * 2 * 150 * 300)
    assert more - moved == pytest.approx(4 * 4 * (lstm + decoder) + tables)
    # An estimated softmax has fewer rows to read, and plain descent fewer to move.
    sampled = with_overrides(config, ["softmax_samples=1000"])
    less = limits.bytes_of_iteration(sampled, READ, vocab_size=words, dtype=torch.float32)
    assert moved - less == pytest.approx(sgd * (words - 1150) * 301)
    # Of tied tables there is one, whose every row the softmax reads and Adam moves.
    tied = with_overrides(with_adam, ["tied_embeddings=all"])
    fewer = limits.bytes_of_iteration(tied, READ, vocab_size=words, dtype=torch.float32)
    assert more - fewer == pytest.approx(2 * (16 * 150 * 300 + 24 * words * 300))
    # With a map the softmax's table is as narrow as the words' vectors.
    narrow = with_overrides(tied, ["embedding_size=128"])
    mapped = with_overrides(narrow, ["output_map=true"])
    smaller, larger = (
        limits.bytes_of_iteration(one, READ, vocab_size=words, dtype=torch.float32)
        for one in (mapped, narrow)
    )
    assert larger - smaller == pytest.approx(40 * (words * (300 - 128) - 300 * 128))


def test_the_chain_of_an_iteration_is_as_long_as_its_longest_sentences():
    config = with_overrides(preset("paper-2018", corpus="snli"), ["hidden_size=200"])
    assert limits.chain_of_iteration(config, READ) == {300: 2 * 12 + 15 + 2 * 14, 200: 2 * 12}
    joint = preset("faithful", corpus="snli")
    assert limits.chain_of_iteration(joint, READ_JOINTLY) == {300: 4 * 12 + 15}


def test_the_lowest_limit_binds(tmp_path):
    machine = limits.Machine(common.setting("x", tmp_path))
    product = arithmetic.Product("a", 2, 3, 4, times=10, reduced=True)
    work = limits.Work(
        sentences=8,
        needed=[product],
        token_by_token=[product, product],
        bytes_moved=100.0,
        steps={3: 20.0},
        dtype=torch.float32,
    )
    machine.rates.fastest = {((2, 3, 4), torch.float32): 0.1}
    machine.rates.at_once = {((2, 3, 4), torch.float32): 0.2}
    machine.bytes_per_second = 1000.0
    machine.step_seconds = {(8, 3, torch.float32): 0.2}
    found = machine.limits(work)
    assert found == limits.Limits(arithmetic=8, token_by_token=2, bandwidth=80, chain=2)
    assert found.binding == "chain"
    metrics = found.metrics("x", [1.0, 1.0])
    assert metrics["x, share of the chain limit"]["value"] == 50
    assert metrics["x, share of the limit"]["value"] == 50
    assert metrics["x, share of the arithmetic limit"]["value"] == 12.5


def test_the_machine_is_measured_at_its_best(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "COPY_BYTES", 2**22)
    here = common.setting("x", tmp_path)
    here.trials, here.trial_seconds = 2, 0.001
    assert 1e8 < rates.copy_rate(here) < 1e13
    small_step, large_step = (
        rates.step_seconds(here, rows=8, size=size, dtype=torch.float32) for size in (8, 256)
    )
    assert 0 < small_step < large_step < 0.1


def test_the_limit_is_the_time_of_all_products(tmp_path):
    measured = rates.MatrixRates(common.setting("x", tmp_path))
    products = [
        arithmetic.Product("a", 2, 3, 4, times=10, reduced=True),
        arithmetic.Product("b", 5, 6, 7),
    ]
    measured.fastest = {
        ((2, 3, 4), torch.bfloat16): 0.5,
        ((2, 3, 4), torch.float32): 2.0,
        ((5, 6, 7), torch.float32): 0.25,
    }
    assert measured.limit_seconds(products, torch.bfloat16) == 5.25
    assert measured.limit_seconds(products, torch.float32) == 20.25


def test_every_way_gives_the_product_and_the_fastest_counts(tmp_path, monkeypatch):
    here = common.setting("x", tmp_path)
    monkeypatch.setattr(rates, "SLICE_ROWS", 3)
    monkeypatch.setattr(rates, "SLICE_COLUMNS", 4)
    results: list[Tensor] = []

    def multiply(first: Tensor, second: Tensor, *, out: Tensor) -> None:
        results.append(out.copy_(first @ second))

    monkeypatch.setattr(torch, "mm", multiply)
    shapes = []
    for way in rates._ways(here, (7, 2, 9), torch.float32):
        results.clear()
        way()
        shapes.append([tuple(part.shape) for part in results])
        assert sum(part.numel() for part in results) == 7 * 9, "every element once"
    rows, columns = [(3, 9), (3, 9), (1, 9)], [(7, 4), (7, 4), (7, 1)]
    assert shapes == [[(7, 9)]] * 2 + [rows] * 2 + [columns] * 2

    times = iter([5.0, 4.0, 3.0, 6.0, 2.5, 7.0])
    monkeypatch.setattr(rates, "fastest", lambda here, work: next(times))
    measured = rates.MatrixRates(here)
    product = arithmetic.Product("a", 7, 2, 9)
    measured.measure([product], torch.float32)
    assert measured.limit_seconds([product], torch.float32) == 2.5
    assert measured.limit_seconds([product], torch.float32, at_once=True) == 5


def test_the_products_of_encoding_are_those_of_the_formula():
    model = small.model(small.vocabulary())
    batch = encoding.count_batches(model, ["a man runs .", "a man eats .", "two dogs sleep ."])
    assert (batch.number, batch.counts) == (1, _counts(3, 15, 9, 5))
    assert (batch.beginnings, batch.first_words) == (13, 2)  # "a", "a man" are shared
    shared, apart = (
        arithmetic.flops_by_part(batch.products(model, shared=shared)) for shared in (True, False)
    )
    assert shared["words"] == apart["words"] == 2 * 9 * 12 * 40
    assert shared["states"] == pytest.approx(2 * (13 - 2) * 10 * 40)
    assert apart["states"] == 2 * (15 - 3) * 10 * 40


def test_sampled_words_are_counted_to_the_end_of_the_sentence():
    model = small.model(small.vocabulary())
    with torch.no_grad():
        for score, expected in ((1e4, 1), (-1e4, model.max_length)):
            model.decoder.projection.bias[EOS] = score
            decoder = sampling.textbook_decoder(model)
            counted = sampling.count_samples(model, decoder, sentences=20, seed=0)
            assert counted.tokens == 20 * expected
            assert 1 <= counted.distinct <= counted.tokens


def test_the_products_of_sampling_are_those_of_the_formula():
    model = small.model(small.vocabulary())
    flops = arithmetic.flops_by_part(
        sampling.products_of_sampling(model, sentences=5, counts=_counts(20, 130, 9, 10), count=50)
    )
    words = len(model.vocabulary)
    assert flops["code"] == 2 * 5 * 10 * 56
    assert flops["words"] == pytest.approx(2 * 9 * 12 * 56 / 10)  # once in a run of ten times 5
    assert flops["states"] == 2 * 27.5 * 14 * 56
    assert flops["projection"] == 2 * 32.5 * 14 * words
    assert flops["generator"] == 2 * 5 * (5 * 11 + 11 * 10)
    mapped = small.model(small.vocabulary(), small.settings("output_map=true"))
    flops = arithmetic.flops_by_part(
        sampling.products_of_sampling(mapped, sentences=5, counts=_counts(20, 130, 9, 10), count=50)
    )
    assert flops["output map"] == 2 * 32.5 * 14 * 12
    assert flops["projection"] == 2 * 32.5 * 12 * words
