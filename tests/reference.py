"""Slow, paper-shaped versions of what the library does fast, to test against."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.vocabulary import BOS, EOS


def lstm_states(lstm: nn.LSTM, inputs: Tensor) -> Tensor:
    """Run an LSTM over one sentence, a step and a gate at a time. (T, I) to (T, H)."""
    from_input, from_state, input_bias, state_bias = lstm.all_weights[0]
    hidden = cell = torch.zeros(lstm.hidden_size)
    states = []
    for step in inputs:
        gates = from_input @ step + input_bias + from_state @ hidden + state_bias
        enter, keep, candidate, leave = gates.chunk(4)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        states.append(hidden)
    return torch.stack(states)


def encode(encoder: nn.Module, sentence: list[int]) -> Tensor:
    """Return the code of one sentence of ids. (Z,)."""
    states = lstm_states(encoder.lstm, encoder.embedding.weight[torch.tensor(sentence)])
    return states[-1] / states[-1].norm()


def sentence_nats(decoder: nn.Module, code: Tensor, sentence: list[int]) -> Tensor:
    """Return ``-log p(sentence | code)``, word by word."""
    previous = torch.tensor([BOS, *sentence[:-1]])
    words = decoder.embedding.weight[previous]
    codes = (code * decoder.code_gain).expand(len(sentence), -1)
    states = lstm_states(decoder.lstm, torch.cat([words, codes], dim=1))
    if decoder.output_map is not None:
        states = torch.stack([decoder.output_map.weight @ state for state in states])
    scores = states @ decoder.projection.weight.t() + decoder.projection.bias
    return functional.cross_entropy(scores, torch.tensor(sentence), reduction="sum")


def likeliest_sentence(
    log_probability: Callable[[tuple[int, ...]], float], *, words: list[int], steps: int
) -> tuple[int, ...]:
    """Return the best of all strings that end in ``<eos>`` or are ``steps`` long."""
    candidates = [(*body, EOS) for n in range(steps) for body in itertools.product(words, repeat=n)]
    candidates += list(itertools.product(words, repeat=steps))
    return max(candidates, key=log_probability)


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the Levenshtein distance by its recursive definition."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        edit_distance(first[1:], second) + 1,
        edit_distance(first, second[1:]) + 1,
        edit_distance(first[1:], second[1:]) + (first[0] != second[0]),
    )
