"""Processes that train together: one and two are measured, more are told from a model.

An iteration of N processes takes what one of them computes of it and what they tell each other. The
first is measured for any N, in one process that computes one's share and is told nothing; the
second for two, by messages alone. Their sum stands beside two processes that train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    median,
    number,
    precision_option,
    preset_option,
    program,
    ratios,
)
from arae_toolkit.benchmarks.training_process import Training, trained
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision
from arae_toolkit.reports.results import Metric

ONE, THREADS, TWO = "one process", "one process, two threads", "two processes"
MORE = (2, 8, 64)
"""Numbers of processes whose share is measured in one."""


@program("processes", "--corpus corpora/snli --batch-size 256", takes=("corpus",))
@number("--rounds", 5, "Runs of each way.", least=2)
@number("--iterations", 40, "Timed, in one run.")
@number("--batch-size", 256, "Sentences an iteration, of all processes together.", least=2)
@preset_option("default")
@precision_option("Of matrix products.")
def main(
    here: Setting,
    corpus: Corpus,
    *,
    rounds: int,
    iterations: int,
    batch_size: int,
    preset_name: str,
    precision: Precision,
) -> Measured:
    """Measure training in one and in two processes, and what more would do."""
    here.name = f"{here.program}-{preset_name}-{precision}-{batch_size}"
    alone = Training(
        str(corpus.folder), preset_name, precision, batch_size=batch_size, iterations=iterations
    )
    shares = {n: replace(alone, size=n, pretends=True) for n in MORE if n <= batch_size}
    messages: dict[int, list[int]] = {}

    def seconds_of(training: Training, threads: int = 1) -> Callable[[], float]:
        def run() -> float:
            found = trained(training, threads=threads)
            messages[training.size] = found["messages"]
            return float(found["seconds"]) / training.iterations

        return run

    ways = {
        ONE: seconds_of(alone),
        THREADS: seconds_of(alone, threads=2),
        TWO: seconds_of(replace(alone, size=2)),
        **{f"a share of {n}": seconds_of(training) for n, training in shares.items()},
    }
    seconds = here.alternate(ways, rounds=rounds)
    told = replace(alone, size=2, messages_only=tuple(messages[2]))
    telling = here.alternate({"messages of two": seconds_of(told)}, rounds=rounds)
    return _metrics(seconds | telling, batch_size), {
        "preset": preset_name,
        "batch_size": batch_size,
        "messages": {str(n): _counted(sizes) for n, sizes in messages.items()},
    }


def _metrics(seconds: dict[str, list[float]], batch_size: int) -> dict[str, Metric]:
    """Return rates, what two processes gain, and what the model says of them."""
    metrics: dict[str, Metric] = {}
    for name, values in seconds.items():
        metrics[name] = median([1000 * value for value in values], "milliseconds")
        if name in (ONE, THREADS, TWO):
            metrics[f"{name}, rate"] = median(
                [batch_size / value for value in values], "sentences/s"
            )
    metrics[f"{TWO}, over {ONE}"] = ratios(seconds[ONE], seconds[TWO])
    metrics[f"{TWO}, over {THREADS}"] = ratios(seconds[THREADS], seconds[TWO])
    told = [a + b for a, b in zip(seconds["a share of 2"], seconds["messages of two"], strict=True)]
    metrics["model of two, over measured"] = ratios(told, seconds[TWO])
    for name, values in seconds.items():
        if name.startswith("a share of"):
            metrics[f"{name}, most gain"] = ratios(seconds[ONE], values)
    return metrics


def _counted(sizes: list[int]) -> dict[str, Any]:
    """Return how many messages an iteration has, and how many bytes."""
    return {"messages": len(sizes), "bytes": sum(sizes)}


if __name__ == "__main__":
    main()
