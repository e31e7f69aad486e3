"""One of several processes that train a small model; what they end with is written by the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import small
import torch
from pytest import MonkeyPatch
from safetensors.torch import save_file
from small_transfer import changed
from torch import Tensor, distributed
from torch.nn import functional

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nn import lstm_decoder, lstm_encoder
from arae_toolkit.nn.priors import PriorKind
from arae_toolkit.ops import linear_cross_entropy
from arae_toolkit.pretraining import algorithm
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.transfer.autoencoder import attribute_classifier, experiment


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


@contextmanager
def float64() -> Iterator[None]:
    """Compute in float64, by one thread and by operations that know it."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with MonkeyPatch.context() as patch:
        patch.setattr(linear_cross_entropy, "gradients_on_cpu", gradients_in_float64)
        for module in (lstm_encoder, lstm_decoder, algorithm):  # packed, sums are in float32
            patch.setattr(module, "packs", lambda _: False)
        counted = attribute_classifier.class_weights
        patch.setattr(attribute_classifier, "class_weights", lambda *of: counted(*of).double())
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def trained(
    settings: tuple[str, ...], prior: PriorKind, iterations: int, ranks: Ranks, **more: Any
) -> dict[str, Tensor]:
    """Return what a model of plain sentences ends with: see :func:`end_of`."""
    with float64():
        config, words = small.settings(*settings), small.vocabulary()
        model = small.model(words, config, prior=prior)
        return end_of(Algorithm(model, config, small.store(words), ranks=ranks, **more), iterations)


def trained_transfer(
    corpus: Path, settings: dict[str, Any], iterations: int, ranks: Ranks, exact: bool = True
) -> dict[str, Tensor]:
    """Return what a transfer model ends with: see :func:`end_of`. Decoding is in float32 only."""
    with float64() if exact else nullcontext():
        opened, config = Corpus(corpus), changed(**settings)
        model = experiment.new_model(opened, config, kind="arae")
        store = AttributeStore(opened.split("train"), device=torch.device("cpu"))
        return end_of(experiment.new_algorithm(model, config, store, "fp32", ranks), iterations)


def trained_images(settings: tuple[str, ...], iterations: int, ranks: Ranks) -> dict[str, Tensor]:
    """Return what a model of images ends with: see :func:`end_of`."""
    with float64():
        config = small.settings(*settings)
        random = np.random.default_rng(0)
        pixels = random.random((40, 36)) < random.random(36)
        model = ImageARAE((6, 6), encoder_sizes=(12,), decoder_sizes=(12,), code_size=10)
        model.initialize(generator=torch.Generator().manual_seed(3))
        store = PixelStore(pixels, device=torch.device("cpu"))
        return end_of(Algorithm(model, config, store, ranks=ranks), iterations)


def end_of(training: Algorithm, iterations: int) -> dict[str, Tensor]:
    """Return weights, and the scalars of every iteration."""
    scalars = [training.iteration(number) for number in range(iterations)]
    found = {
        f"{name}/{key}": value.detach().clone().contiguous()
        for name, module in training.modules.items()
        for key, value in module.state_dict().items()
    }
    return found | {
        f"scalars/{name}": torch.stack([row[name].double() for row in scalars if name in row])
        for name in scalars[-1]
    }


def end_of_case(case: dict[str, Any], ranks: Ranks) -> dict[str, Tensor]:
    """Return what the model of a case ends with."""
    own = dict(case)
    trains = {"transfer": trained_transfer, "images": trained_images, "text": trained}
    return trains[own.pop("kind", "text")](**own, ranks=ranks)


def work(rank: int, size: int, place: Path, cases: dict[str, dict[str, Any]]) -> None:
    """Train each of the cases together with the other processes."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{place / 'meeting'}", rank=rank, world_size=size
    )
    for name, case in cases.items():
        found = end_of_case(case, Ranks(size, rank))
        save_file(found, place / f"{name}-{rank}.safetensors")
    distributed.destroy_process_group()
