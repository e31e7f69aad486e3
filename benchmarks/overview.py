"""One table for a machine: training, encoding and sampling, library against textbook and limits.

Nothing is trained to quality: speed does not depend on the weights, so fresh ones do. Sentences are
sampled with ``<eos>`` ruled out, so that both versions decode the same number of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
import torch

from arae_toolkit.benchmarks import encoding, sampling, training_rate
from arae_toolkit.benchmarks.common import Setting, note, number, program
from arae_toolkit.benchmarks.overview_table import Row, markdown, row_of
from arae_toolkit.benchmarks.training_rate import PRESETS, configs_of, precisions_of
from arae_toolkit.config.presets import preset
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.pretraining.experiment import new_model
from arae_toolkit.reports.results import Metric

NEVER = -1e4
"""Score that no word is chosen with."""


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: Runs of each version.
        iterations: Training iterations in a run.
        encoded: Sentences encoded in a run; 0 leaves encoding out.
        sampled: Sentences sampled in a run; 0 leaves sampling out.
        trials: How often what the limits rest on is timed.
        trial_seconds: What such a trial takes at least.
    """

    rounds: int = 5
    iterations: int = 10
    encoded: int = 2048
    sampled: int = 512
    trials: int = 4
    trial_seconds: float = 0.02

    def runs(self, device: torch.device) -> int:
        """Return the number of runs of all versions together, for a progress bar."""
        training = 1 + len(PRESETS) * len(precisions_of(device))
        return self.rounds * (training + 2 * (self.encoded > 0) + 2 * (self.sampled > 0))


QUICK = Extent(rounds=2, iterations=1, encoded=256, sampled=64, trials=1, trial_seconds=0.003)
"""Enough to see that all works; its numbers are rough."""


def extent_of(device: torch.device, *, rounds: int, quick: bool = False) -> Extent:
    """Return an extent that takes minutes on one core, or on a GPU; ``quick`` takes seconds."""
    if quick:
        return QUICK
    if device.type == "cuda":
        return Extent(
            rounds=rounds,
            iterations=40,
            encoded=16_384,
            sampled=16_384,
            trials=3,
            trial_seconds=0.01,
        )
    return Extent(rounds=rounds)


@program(
    "overview", "--corpus corpora/snli --threads 1", "--device cuda --batch-size 1024 --no-graphs"
)
@number("--batch-size", 64, "In training.", least=2)
@number("--rounds", 5, "Runs of each version.", least=2)
@click.option(
    "--graphs/--no-graphs",
    "cuda_graphs",
    default=True,
    show_default=True,
    help="Whether the library captures its training steps, on CUDA.",
)
@click.option("--training-only", is_flag=True, help="Leave encoding and sampling out.")
@click.option("--quick", is_flag=True, help="Rough numbers, in seconds.")
def main(here: Setting, corpus: Corpus, *, rounds: int, quick: bool, **options: Any) -> None:
    """Measure training, encoding and sampling; show the table on stdout."""
    eager = "" if options["cuda_graphs"] else "-eager"
    here.name = f"{here.program}-{here.device.type}-{options['batch_size']}{eager}"
    extent = extent_of(here.device, rounds=rounds, quick=quick)
    metrics, details, rows = measure(here, corpus, extent, **options)
    path = here.save(metrics, details)
    click.echo(markdown(rows))
    note(str(path))


def measure(
    here: Setting,
    corpus: Corpus,
    extent: Extent,
    *,
    batch_size: int = 64,
    seed: int = 0,
    cuda_graphs: bool = True,
    training_only: bool = False,
) -> tuple[dict[str, Metric], dict[str, Any], list[Row]]:
    """Return the metrics, the details and the rows of the table.

    Args:
        here: The clock and the device.
        corpus: Its train split is used.
        extent: How much is measured.
        batch_size: Of the training steps.
        seed: Of weights, batches and noise.
        cuda_graphs: Whether the library captures its training steps on a CUDA device.
        training_only: Leave encoding and sampling out.
    """
    here.trials, here.trial_seconds = extent.trials, extent.trial_seconds
    metrics: dict[str, Metric] = {}
    details: dict[str, Any] = {}
    rows: list[Row] = []
    names = [f"{name} {p}" for name in PRESETS for p in precisions_of(here.device)]
    size = min(batch_size, corpus.rows("train"))
    measured, details["training"] = training_rate.measure(
        here,
        corpus,
        configs_of(corpus, size),
        rounds=extent.rounds,
        iterations=extent.iterations,
        seed=seed,
        cuda_graphs=cuda_graphs,
    )
    metrics |= _prefixed("training", measured)
    for name in names:
        binding = details["training"]["binding_limit"][name]
        rows.append(row_of(f"training, {name}", measured, "textbook", name, binding=binding))
    if training_only:
        return metrics, details, rows
    model = fresh_model(corpus, here.device)
    if extent.encoded:
        texts = encoding.texts_of(corpus, extent.encoded, seed=seed)
        measured, details["encoding"] = encoding.measure(here, model, texts, rounds=extent.rounds)
        metrics |= _prefixed("encoding", measured)
        rows.append(row_of("encoding", measured, "textbook", "library"))
    if extent.sampled:
        measured, details["sampling"] = sampling.measure(
            here,
            model,
            count=extent.sampled,
            one_by_one=0,
            rounds=extent.rounds,
            seed=seed,
        )
        metrics |= _prefixed("sampling", measured)
        reference = f"textbook, batches of {sampling.BATCH_SIZE}"
        rows.append(row_of("sampling", measured, reference, "library"))
    return metrics, details, rows


def fresh_model(corpus: Corpus, device: torch.device) -> ARAE:
    """Return an untrained model of the default sizes whose sentences never end."""
    model = new_model(corpus, preset("default", corpus=corpus.name), kind="arae")
    assert isinstance(model, ARAE), "a text corpus"
    with torch.no_grad():
        model.decoder.projection.bias[EOS] = NEVER
    return model.to(device).eval()


def _prefixed(part: str, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    return {f"{part}, {name}": metric for name, metric in metrics.items()}


if __name__ == "__main__":
    main()
