import pytest
import torch
from torch import nn

from arae_toolkit.ops import cudnn_lstm
from arae_toolkit.ops.cudnn_lstm import lstm_states


@pytest.mark.parametrize(("inputs", "size"), [(6, 5), (8, 64), (16, 70)])
def test_units_of_zero_change_neither_states_nor_gradients(inputs, size):
    torch.manual_seed(0)
    lstm = nn.LSTM(inputs, size, batch_first=True)
    words = torch.randn(3, 4, inputs).requires_grad_()
    upstream = torch.randn(3, 4, size)
    plain, _ = lstm(words)
    filled = cudnn_lstm._filled_up_states(lstm, words, torch.float32)
    torch.testing.assert_close(filled, plain)
    wanted = [words, *lstm.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(filled, wanted, upstream),
        torch.autograd.grad(plain, wanted, upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_weights_lie_in_one_buffer_in_cudnns_order():
    """One after the other, without gaps: cuDNN then reads them where they are."""
    lstm = nn.LSTM(6, 5, batch_first=True)
    weights = cudnn_lstm._FilledUpWeights.apply(torch.float32, 64, 8, *lstm.all_weights[0])
    assert [tuple(weight.shape) for weight in weights] == [(256, 8), (256, 64), (256,), (256,)]
    place = weights[0].data_ptr()
    for weight in weights:
        assert weight.data_ptr() == place and weight.is_contiguous()
        place += weight.numel() * weight.element_size()


def test_on_a_cpu_torchs_own_lstm_is_taken():
    lstm = nn.LSTM(6, 5, batch_first=True)
    words = torch.randn(2, 3, 6)
    assert torch.equal(lstm_states(lstm, words), lstm(words)[0])


def test_a_cpu_without_an_lstm_in_bfloat16_runs_it_in_float32(monkeypatch):
    """One that has it gives nearly the same."""
    lstm = nn.LSTM(6, 5, batch_first=True)
    words = torch.randn(2, 3, 6)
    in_float32, _ = lstm(words)
    before = torch.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = lstm_states(lstm, words.bfloat16())
        monkeypatch.setattr(cudnn_lstm, "_cpu_has_lower", lambda: False)
        lacking = lstm_states(lstm, words)
    torch.testing.assert_close(states.float(), in_float32, rtol=0.02, atol=0.02)
    assert torch.equal(lacking, in_float32)
    assert torch.equal(torch.get_rng_state(), before)
