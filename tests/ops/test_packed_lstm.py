import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arae_toolkit.data.packed_sequence import Packing
from arae_toolkit.devices import has_bfloat16, reduced
from arae_toolkit.ops import packed_lstm
from arae_toolkit.ops.packed_lstm import packed_states, packs

CPU = torch.device("cpu")
WORDS, EMBEDDING, CODE, HIDDEN = 9, 5, 4, 6


def _networks(*, coded: bool) -> tuple[nn.LSTM, nn.Embedding]:
    torch.manual_seed(0)
    inputs = EMBEDDING + (CODE if coded else 0)
    return nn.LSTM(inputs, HIDDEN, batch_first=True), nn.Embedding(WORDS, EMBEDDING)


def _sentences(lengths: list[int]) -> tuple[Tensor, Packing]:
    tokens = torch.randint(WORDS, (len(lengths), max(lengths)))
    return tokens, Packing.of(np.array(lengths), width=max(lengths), device=CPU)


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("lengths", [[3, 5, 1, 5], [1], [1, 1], [4], [2, 7, 3, 3, 6, 1]])
def test_states_and_gradients_equal_the_padded_lstms(lengths, coded):
    """Sparing products changes no output and no gradient."""
    lstm, embedding = _networks(coded=coded)
    tokens, packing = _sentences(lengths)
    code = torch.randn(len(lengths), CODE, requires_grad=True) if coded else None
    leaves = [*lstm.parameters(), *embedding.parameters(), *([code] if code is not None else [])]

    embedded = embedding(tokens)
    if code is not None:
        every_step = code[:, None].expand(-1, tokens.shape[1], -1)
        embedded = torch.cat([embedded, every_step], dim=2)
    plain = lstm(embedded)[0].flatten(0, 1)[packing.places]
    ours = packed_states(lstm, embedding, tokens.flatten()[packing.places], packing, code=code)
    torch.testing.assert_close(ours, plain)

    weights = torch.randn_like(plain)
    expected = torch.autograd.grad((plain * weights).sum(), leaves)
    found = torch.autograd.grad((ours * weights).sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    """The backward pass is the derivative of the forward pass."""
    lstm, embedding = _networks(coded=True)
    tokens, packing = _sentences([3, 1, 2])
    words = tokens.flatten()[packing.places]
    code = torch.randn(3, CODE, requires_grad=True)
    weights = torch.randn(len(words), HIDDEN)

    def value(shift: float) -> float:
        moved = (code + shift * direction).detach()
        states = packed_states(lstm, embedding, words, packing, code=moved)
        return float((states.detach().double() * weights).sum())

    direction = torch.randn(3, CODE)
    states = packed_states(lstm, embedding, words, packing, code=code)
    (slope,) = torch.autograd.grad((states * weights).sum(), code)
    difference = (value(1e-2) - value(-1e-2)) / 2e-2
    assert difference == pytest.approx(float((slope * direction).sum()), rel=1e-3, abs=1e-4)


def test_bfloat16_is_near_float32():
    """The lower precision of the products costs no more than its eight bits."""
    lstm, embedding = _networks(coded=True)
    tokens, packing = _sentences([4, 2, 3])
    words, code = tokens.flatten()[packing.places], torch.randn(3, CODE)
    full = packed_states(lstm, embedding, words, packing, code=code)
    with reduced(CPU, torch.bfloat16):
        half = packed_states(lstm, embedding, words, packing, code=code)
    assert half.dtype is torch.float32
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.03)
    half.sum().backward()
    assert lstm.weight_hh_l0.grad is not None
    assert lstm.weight_hh_l0.grad.dtype is torch.float32


@pytest.mark.parametrize("way", ["library", "packed"])
def test_bfloat16_is_packed_where_that_is_quicker(way, monkeypatch):
    monkeypatch.setattr(packed_lstm, "has_bfloat16", lambda _: True)
    monkeypatch.setattr(packed_lstm, "quickest", lambda *_, **__: way)
    with torch.autocast("cpu", torch.bfloat16):
        assert packs(CPU) == (way == "packed")


@pytest.mark.skipif(not has_bfloat16(CPU), reason="torch has no LSTM in bfloat16 here")
def test_both_lstms_that_are_timed_run_and_move_no_random_numbers(monkeypatch):
    """Their gradients stay with them, whatever mode they are asked in."""
    tried = []

    def both(question, make, **_):
        for name, compute in make().items():
            compute()
            tried.append(name)
        return "packed"

    monkeypatch.setattr(packed_lstm, "quickest", both)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert packed_lstm.quickest_lstm() == "packed"
    assert tried == ["library", "packed"]
    assert torch.equal(torch.get_rng_state(), before)


def test_float32_on_a_cpu_is_packed():
    assert packs(CPU)
    assert not packs(torch.device("meta"))


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_step_is_the_lstms_by_either_way(slow, first, monkeypatch):
    """Where a CPU is slow at tanh, it is computed from a sigmoid."""
    monkeypatch.setattr(packed_lstm, "quickest_tanh", lambda: "sigmoid" if slow else "tanh")
    generator = torch.Generator().manual_seed(3)
    size = packed_lstm.FEW_GATES // 40
    gates = 4 * torch.randn(12, 4 * size, generator=generator)
    cell = None if first else 2 * torch.randn(12, size, generator=generator)
    enter, keep, candidate, leave = gates.double().chunk(4, dim=1)
    kept = enter.sigmoid() * candidate.tanh()
    if cell is not None:
        kept += keep.sigmoid() * cell.double()
    hidden = leave.sigmoid() * kept.tanh()
    found = packed_lstm.cell_step(gates.clone(), cell)
    torch.testing.assert_close(found, (hidden.float(), kept.float()), rtol=0, atol=2e-6)
