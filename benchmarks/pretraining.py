"""What trained models can do: reconstruction, the code space, samples and interpolations.

Everything but the training curve is measured again from the run folder and its corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click
import numpy as np

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    command_line,
    note,
    number,
    program,
    show,
)
from arae_toolkit.benchmarks.runs import log_rows, run_config, trained_model, training_command
from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.code_space import edit_neighbours, measure_code_space
from arae_toolkit.evaluation.reconstruction import (
    measure_reconstruction,
    measure_swapped_reconstruction,
)
from arae_toolkit.latent.pairs import PAIRS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.reports.results import Metric, summarise

SPLITS = ("dev", "test")
MONITORED_SENTENCES = 2000
MOST_SWAPS = 4
SAMPLES_SHOWN = 20
SEED = 0
UNITS = {
    "nats_per_sentence": "nats",
    "nats_per_token": "nats",
    "token_accuracy": "percent",
    "exact": "percent",
}
MONITOR_UNITS = {
    "code_norm": "norm",
    "generated_norm": "norm",
    "code_variance": "variance",
    "generated_variance": "variance",
    "neighbour_cosine": "cosine",
    "random_cosine": "cosine",
    "mean_distance": "distance",
    "unique_samples": "percent",
}
CURVE = ("iteration", "epoch", "seconds", *UNITS, *MONITOR_UNITS, "wasserstein")


@program(
    "pretraining",
    "runs/snli runs/snli-ae --corpus corpora/snli",
    takes=("corpus", "device", "threads"),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@number(
    "--samples",
    10_000,
    "Sentences sampled for the shares of distinct and of copied ones.",
    least=SAMPLES_SHOWN,
)
@click.option(
    "--training-device",
    default="cpu",
    show_default=True,
    help="What the runs were trained on, in words; the run folder does not tell.",
)
def main(
    here: Setting, corpus: Corpus, *, runs: tuple[str, ...], samples: int, training_device: str
) -> None:
    """Measure the models of one or more run folders on dev and test."""
    for run in runs:
        folder = find_run(run)
        config = run_config(folder)
        here.name = f"{here.program}-{folder.resolve().name}"
        here.seeds = [config["settings"]["training"]["seed"]]
        model = trained_model(here, folder, corpus)
        metrics, details = measure(here, model, corpus, samples=samples)
        curve = log_rows(folder, "dev")
        if not curve:
            raise ToolkitError(
                f"{folder}: the log holds no evaluation; let the run finish an epoch"
            )
        metrics["training_epochs"] = summarise([curve[-1]["epoch"]], "epochs")
        metrics["training_seconds"] = summarise([curve[-1]["seconds"]], "seconds")
        show(here.name, metrics)
        path = here.save(
            metrics,
            {
                "model": config["run"]["model"],
                "precision": config["run"]["precision"],
                "training_device": training_device,
                "measured_by": command_line(here.program),
                "settings": config["settings"],
                "curve": [{key: row[key] for key in CURVE if key in row} for row in curve],
                **details,
            },
            seconds=curve[-1]["seconds"],
            command=training_command(config),
        )
        click.echo(path)


def measure(here: Setting, model: ARAE, corpus: Corpus, *, samples: int) -> Measured:
    """Return the metrics of a model, and samples and interpolations as details.

    Args:
        here: The clock and the device.
        model: On the same device.
        corpus: With dev and test splits.
        samples: Sentences sampled.
    """
    metrics: dict[str, Metric] = {}
    counts = {}
    stores = {name: TokenStore(corpus.split(name), device=here.device) for name in SPLITS}
    for name, store in stores.items():
        note(f"{here.name}: reconstruction of {len(store):,} sentences of {name}")
        reconstruction = asdict(measure_reconstruction(model, store))
        counts[name] = reconstruction["sentences"]
        for key, unit in UNITS.items():
            metrics[f"{name}_{key}"] = summarise([reconstruction[key]], unit)
    note(f"{here.name}: code space and swapped words")
    for swaps in range(MOST_SWAPS + 1):
        swapped = measure_swapped_reconstruction(
            model, stores["dev"], swaps=swaps, most_swaps=MOST_SWAPS, seed=SEED
        )
        nats = swapped.nats_per_sentence
        metrics[f"dev_nats_per_sentence_{swaps}_swaps"] = summarise([nats], "nats")
        counts["swapped"], counts["too_short_to_swap"] = swapped.sentences, swapped.too_short
    dev = corpus.split("dev")
    monitors = measure_code_space(
        model,
        stores["dev"],
        rows=np.random.default_rng(SEED).permutation(len(dev))[:MONITORED_SENTENCES],
        neighbours=edit_neighbours(dev, seed=SEED),
        seed=SEED,
    ).values()
    for key, unit in MONITOR_UNITS.items():
        if key in monitors and key != "unique_samples":
            metrics[key] = summarise([monitors[key]], unit)
    note(f"{here.name}: {samples:,} samples")
    drawn = model.sample(samples, seed=SEED)
    metrics["unique_samples"] = summarise([100 * len(set(drawn)) / len(drawn)], "percent")
    copied = copied_share(drawn, corpus.split("train"), corpus.vocabulary)
    metrics["copied_samples"] = summarise([copied], "percent")
    details = {
        "sentences": counts,
        "samples_drawn": samples,
        "samples": drawn[:SAMPLES_SHOWN],
        "interpolations": [
            {"from": first, "to": second, "way": model.interpolate(first, second, steps=7)}
            for first, second in PAIRS
        ],
    }
    return metrics, details


def copied_share(samples: Sequence[str], train: PackedSentences, vocabulary: Vocabulary) -> float:
    """Return the percentage of samples that are, word for word, training sentences."""
    tokens = np.asarray(train.tokens)
    known = {
        tokens[start:end].tobytes()
        for start, end in zip(train.offsets[:-1], train.offsets[1:], strict=True)
    }
    encoded = vocabulary.encode_batch(samples)
    copies = sum(np.asarray(ids, dtype=tokens.dtype).tobytes() in known for ids in encoded)
    return 100 * copies / len(samples)


if __name__ == "__main__":
    main()
