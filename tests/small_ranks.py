"""One of several processes that train a small model; what they end with is written by the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import small
import torch
from pytest import MonkeyPatch
from safetensors.torch import save_file
from torch import Tensor, distributed
from torch.nn import functional

from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.nn import lstm_decoder, lstm_encoder
from arae_toolkit.nn.priors import PriorKind
from arae_toolkit.ops import linear_cross_entropy
from arae_toolkit.pretraining import algorithm
from arae_toolkit.pretraining.algorithm import Algorithm


def gradients_in_float64(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: Any, ignored: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the kernels return, which sum in float32, by plain operations."""
    del dtype, ignored
    hidden, weight, bias = (t.detach().requires_grad_() for t in (hidden, weight, bias))
    with torch.enable_grad():
        nats = functional.cross_entropy(hidden @ weight.t() + bias, targets, reduction="sum")
    of_hidden, of_weight, of_bias = torch.autograd.grad(nats, (hidden, weight, bias))
    return nats.detach(), of_hidden, torch.cat([of_weight, of_bias[:, None]], dim=1)


def trained(
    settings: tuple[str, ...], prior: PriorKind, iterations: int, ranks: Ranks, **more: Any
) -> dict[str, torch.Tensor]:
    """Return weights, and the scalars of every iteration, of a model trained in float64."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    patch = MonkeyPatch()
    patch.setattr(linear_cross_entropy, "gradients_on_cpu", gradients_in_float64)
    for module in (lstm_encoder, lstm_decoder, algorithm):  # the packed LSTM adds up in float32
        patch.setattr(module, "packs", lambda _: False)
    try:
        config, words = small.settings(*settings), small.vocabulary()
        model = small.model(words, config, prior=prior)
        training = Algorithm(model, config, small.store(words), ranks=ranks, **more)
        scalars = [training.iteration(number) for number in range(iterations)]
    finally:
        patch.undo()
        torch.set_default_dtype(torch.float32)
    found = {
        f"{name}/{key}": value.detach().clone().contiguous()
        for name, module in training.modules.items()
        for key, value in module.state_dict().items()
    }
    found |= {
        f"scalars/{name}": torch.stack([row[name].double() for row in scalars if name in row])
        for name in scalars[-1]
    }
    return found


def work(rank: int, size: int, place: Path, cases: dict[str, dict[str, Any]]) -> None:
    """Train each of the cases together with the other processes."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{place / 'meeting'}", rank=rank, world_size=size
    )
    for name, case in cases.items():
        found = trained(**case, ranks=Ranks(size, rank))
        save_file(found, place / f"{name}-{rank}.safetensors")
    distributed.destroy_process_group()
