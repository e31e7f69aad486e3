"""One of several processes that train a small model; what they end with is written by the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import small
import torch
from pytest import MonkeyPatch
from safetensors.torch import save_file
from small_transfer import changed
from torch import Tensor, distributed, nn
from torch.nn import functional

from arae_toolkit.data.corpus import Corpus, pack
from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.labelled_batches import AttributeStore, class_weights
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.distributed import ranks as together
from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nli import classifier_training
from arae_toolkit.nli.classifier_training import ClassifierTraining
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pretraining.heads import PairPretrainingHeads
from arae_toolkit.nli.pretraining.training import PairPretraining
from arae_toolkit.nli.settings import PairTrainingConfig
from arae_toolkit.nn import lstm_decoder, lstm_encoder
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.initialization import uniform
from arae_toolkit.nn.priors import PriorKind
from arae_toolkit.ops import linear_cross_entropy
from arae_toolkit.pretraining import algorithm
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.training.loop import Trainable
from arae_toolkit.transfer.autoencoder import attribute_classifier, experiment
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedSchedule
from arae_toolkit.transfer.cross_aligned.training import CrossAlignedTraining
from arae_toolkit.transfer.infilling.network import new_infilling_network
from arae_toolkit.transfer.infilling.settings import InfillingTrainingConfig
from arae_toolkit.transfer.infilling.training import InfillingTraining
from arae_toolkit.transfer.salience import log_ratios, word_counts


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
        for module in (attribute_classifier, classifier_training):
            patch.setattr(module, "class_weights", lambda *of: class_weights(*of).double())
        patch.setattr(Tensor, "float", Tensor.double)
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
        opened, config = Corpus(corpus), changed(attribute_warmup=0, **settings)
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


def trained_classifier(
    settings: dict[str, Any], iterations: int, ranks: Ranks
) -> dict[str, Tensor]:
    """Return what a classifier of pairs ends with: see :func:`end_of`."""
    with float64():
        words, settings = small.rule_words(), dict(settings)
        network = new_network(
            len(words),
            len(small.LABELS),
            generator=torch.Generator().manual_seed(3),
            **{"kind": settings.pop("kind"), "embedding_size": 8, "code_size": 8},
            **{"hidden_size": 12, "dropout": 0.2},
        )
        schedule = PairTrainingConfig(batch_size=10, epochs=99, warmup=2, rate=5e-3, **settings)
        store = small.rule_store(47, words)
        training = ClassifierTraining(network, schedule, store, np.arange(47), ranks=ranks)
        return end_of(training, iterations)


def trained_pair_encoder(
    settings: dict[str, Any], generates: bool, iterations: int, ranks: Ranks
) -> dict[str, Tensor]:
    """Return what the pretraining of a pair encoder ends with: see :func:`end_of`."""
    with float64():
        words, random = small.rule_words(), torch.Generator().manual_seed(3)
        encoder = BiLSTMEncoder(len(words), embedding_size=8, code_size=8)
        uniform(encoder, bound=0.5, generator=random)
        heads = PairPretrainingHeads(encoder, len(small.LABELS), generates=generates)
        heads.initialize(random)
        texts = {text for pair in small.rule_pairs(30)[0] for text in pair}
        singles = pack(words.encode_batch(sorted(texts)), vocab_size=len(words))
        training = PairPretraining(
            *(heads, PairTrainingConfig(epochs=99, warmup=2, rate=5e-3, **settings)),
            *(small.rule_store(47, words), TokenStore(singles, device=torch.device("cpu"))),
            known=np.arange(47) % 2 == 0,
            ranks=ranks,
        )
        return end_of(training, iterations)


def trained_infilling(
    corpus: Path, settings: dict[str, Any], iterations: int, ranks: Ranks
) -> dict[str, Tensor]:
    """Return what an infilling model ends with: see :func:`end_of`."""
    with float64():
        opened, schedule = Corpus(corpus), InfillingTrainingConfig(epochs=99, warmup=2, **settings)
        words, values, train = len(opened.vocabulary), len(opened.labels), opened.split("train")
        sizes = {"embedding_size": 12, "hidden_size": 10, "attribute_size": 4, "channels": 8}
        network = new_infilling_network(sizes, words, values)
        counts = word_counts(train, values, words)
        salience = log_ratios(counts, smoothing=schedule.smoothing)
        network.salience.copy_(torch.from_numpy(salience))
        cpu = torch.device("cpu")
        return end_of(
            InfillingTraining(network, schedule, train, device=cpu, ranks=ranks), iterations
        )


def trained_cross_aligned(
    corpus: Path, settings: dict[str, Any], iterations: int, ranks: Ranks
) -> dict[str, Tensor]:
    """Return what a cross-aligned autoencoder ends with: see :func:`end_of`."""
    with float64():
        opened = Corpus(corpus)
        model = CrossAligned(
            len(opened.vocabulary),
            attributes=opened.labels,
            max_length=opened.max_length,
            **{"embedding_size": 12, "attribute_size": 4, "code_size": 10, "filters": 4},
        )
        model.initialize(torch.Generator().manual_seed(0))
        with torch.no_grad():  # some of what it writes ends early
            model.generator.projection.weight.mul_(10)
            model.generator.projection.bias[EOS] = 0.1
        store = AttributeStore(opened.split("train"), device=torch.device("cpu"))
        schedule = CrossAlignedSchedule(
            iterations=iterations, warmup=2, adversarial_warmup=2, loss_bound=9.0, **settings
        )
        return end_of(CrossAlignedTraining(model, schedule, store, ranks=ranks), iterations)


def added_rows(met: list[list[int]], ranks: Ranks) -> dict[str, Tensor]:
    """Return gradients that were added up, of a table of which each process met some words.

    Args:
        met: The rows of each process, or one's alone: all of them.
    """
    table, layer = (nn.Parameter(torch.zeros(size, 3)) for size in (40, 4))
    own = met[ranks.rank] if ranks.size > 1 else [*chain(*met)]
    table.grad, layer.grad = torch.zeros_like(table), torch.full_like(layer, float(len(own)))
    for row in own:
        table.grad[row] += torch.tensor([1.0, -1.0, 0.0]) * (row + 1)
    sent: list[int] = []
    add_up = together._add_up

    def counted(tensor: Tensor, *, largest: bool = False) -> None:
        sent.append(tensor.numel())
        add_up(tensor, largest=largest)

    with MonkeyPatch.context() as patch:
        patch.setattr(together, "_add_up", counted)
        ranks.sum_gradients([table, layer])
    return {
        "gradients/table": table.grad,
        "gradients/layer": layer.grad,
        "sent": torch.tensor(sent),
    }


def end_of(training: Trainable, iterations: int) -> dict[str, Tensor]:
    """Return weights, the scalars of every iteration, and the gradients of the first."""
    gradients: dict[str, Tensor] = {}
    for name, update in training.updates.items():
        watch = partial(_note_gradients, update.parameters, f"gradients/{name}", gradients)
        update.optimizer.register_step_pre_hook(watch)
    scalars = [training.iteration(number) for number in range(iterations)]
    found = gradients | {
        f"{name}/{key}": value.detach().clone().contiguous()
        for name, module in training.modules.items()
        for key, value in module.state_dict().items()
    }
    return found | {
        f"scalars/{name}": torch.stack([row[name].double() for row in scalars if name in row])
        for name in scalars[-1]
    }


def _note_gradients(
    parameters: list[nn.Parameter], name: str, gradients: dict[str, Tensor], *_: Any
) -> None:
    """Keep the gradients that an optimizer's first step is taken with."""
    for number, parameter in enumerate(parameters):
        if parameter.grad is not None:
            gradients.setdefault(f"{name}/{number}", parameter.grad.clone())


def end_of_case(case: dict[str, Any], ranks: Ranks) -> dict[str, Tensor]:
    """Return what the model of a case ends with."""
    own = dict(case)
    trains = {
        "transfer": trained_transfer,
        "images": trained_images,
        "text": trained,
        "classifier": trained_classifier,
        "pair encoder": trained_pair_encoder,
        "infilling": trained_infilling,
        "cross-aligned": trained_cross_aligned,
        "table": added_rows,
    }
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
