"""Training sentences per second of an adversarial autoencoder: the library against the textbook."""

from __future__ import annotations

from collections.abc import Callable

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    note,
    number,
    program,
    rate_metrics,
    ratios,
    repeat,
)
from arae_toolkit.benchmarks.textbook_aae import TextbookAAE
from arae_toolkit.benchmarks.training_rate import PRESETS, WARM_UP, precisions_of
from arae_toolkit.benchmarks.versions import (
    in_order,
    library_training,
    preset_of,
    textbook_training,
)
from arae_toolkit.data.corpus import Corpus


@program("aae_rate", "--corpus corpora/snli --threads 1", "--device cuda --iterations 100")
@number("--rounds", 5, "Runs of each version.", least=2)
@number("--iterations", 20, "In one run.")
@number("--batch-size", 64, "Sentences an iteration.", least=2)
def main(
    here: Setting, corpus: Corpus, *, rounds: int, iterations: int, batch_size: int, seed: int
) -> Measured:
    """Measure an adversarial autoencoder's training, against a plain one of equal sizes."""
    warm_up = WARM_UP[here.device.type]

    def run(iterate: Callable[[], object], warm_up: int) -> Callable[[], float]:
        repeat(iterate, warm_up)
        return here.rate(lambda: repeat(iterate, iterations), iterations * batch_size)

    _, iterate = textbook_training(here, corpus, batch_size=batch_size, seed=seed, kind=TextbookAAE)
    works = {"textbook": run(iterate, WARM_UP["cpu"])}
    for name in PRESETS:
        for precision in precisions_of(here.device):
            config = preset_of(corpus, name, batch_size)
            _, algorithm = library_training(
                here, corpus, config, precision=precision, seed=seed, kind="aae"
            )
            works[f"{name} {precision}"] = run(in_order(algorithm), warm_up)
    note(f"{rounds} rounds of {iterations} iterations of each of {', '.join(works)}")
    numbers = here.alternate(works, rounds=rounds)
    metrics = rate_metrics(numbers, "sentences/s")
    for name, rates in numbers.items():
        if name != "textbook":
            metrics[f"{name}, over textbook"] = ratios(rates, numbers["textbook"])
    return metrics, {"iterations_a_round": iterations, "batch_size": batch_size}


if __name__ == "__main__":
    main()
