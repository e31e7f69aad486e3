"""Where the time of a training iteration goes, by part of the model: textbook and library.

The profiler's times are assigned to parts by what an operation works on and belongs to, and scaled
to what an iteration takes without the profiler. All versions take turns in one process, and every
time is given as a share of the textbook version's iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch.profiler import ProfilerActivity, profile

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    median,
    note,
    number,
    program,
    repeat,
)
from arae_toolkit.benchmarks.training_rate import precisions_of
from arae_toolkit.benchmarks.versions import in_order, library_training, textbook_training
from arae_toolkit.config.presets import preset
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.reports.results import Metric

TEXTBOOK, PRESETS = "textbook", ("paper-2018", "default", "fast")
WARM_UP = 3
PROJECTION, FORWARD, BACKWARD = "projection and softmax", "LSTMs forward", "LSTMs backward"
TABLES, OPTIMIZERS, REST = "word tables", "optimizers and clipping", "critic, generator and rest"
PARTS = (PROJECTION, FORWARD, BACKWARD, TABLES, OPTIMIZERS, REST)


@program("iteration_profile", "--corpus corpora/snli", takes=("corpus", "seed", "threads"))
@number("--rounds", 4, "Of every version.", least=2)
@number("--iterations", 10, "In one round.")
def main(here: Setting, corpus: Corpus, seed: int, *, rounds: int, iterations: int) -> Measured:
    """Measure which part of the model an iteration's time is spent on, on a CPU."""
    configs = {name: preset(name, corpus=corpus.name) for name in PRESETS}
    batch_size = configs[PRESETS[0]].training.batch_size
    textbook, iterate = textbook_training(here, corpus, batch_size=batch_size, seed=seed)
    works: dict[str, Callable[[], object]] = {TEXTBOOK: iterate}
    gates = {TEXTBOOK: {4 * textbook.sizes.code, 4 * textbook.sizes.hidden}}
    for label, config in configs.items():
        for precision in precisions_of(here.device):
            _, algorithm = library_training(here, corpus, config, precision=precision, seed=seed)
            name = f"{label} {precision}"
            works[name] = in_order(algorithm)
            gates[name] = {4 * config.model.state_size, 4 * config.model.hidden_size}
    for work in works.values():
        repeat(work, WARM_UP)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    shares: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    for turn in range(rounds):
        for name, work in works.items():
            seconds[name].append(here.seconds(partial(repeat, work, iterations)))
            with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
                repeat(work, iterations)
            shares[name].append(
                shares_of(profiled.events(), vocab_size=len(corpus.vocabulary), gates=gates[name])
            )
        note(f"round {turn + 1} of {rounds}")
    metrics: dict[str, Metric] = {}
    for name in works:
        wholes = [
            100 * own / other for own, other in zip(seconds[name], seconds[TEXTBOOK], strict=True)
        ]
        metrics[f"{name}, an iteration"] = median(wholes, "percent")
        for part in PARTS:
            values = [
                whole * share[part] for whole, share in zip(wholes, shares[name], strict=True)
            ]
            metrics[f"{name}, {part}"] = median(values, "percent")
    details = {
        "unit": "percent of the textbook version's iteration, round by round",
        "batch_size": batch_size,
        "iterations_a_round": iterations,
        "seconds_of_a_round": seconds,
    }
    return metrics, details


def shares_of(events: Any, *, vocab_size: int, gates: set[int]) -> dict[str, float]:
    """Return the share of each part in the processor time of profiled operations.

    Args:
        events: Of the profiler, with shapes.
        vocab_size: V: what has it among its sizes belongs to the projection, unless it looks up
            words or is the optimizers'.
        gates: 4H of the LSTMs: the products that have it among their sizes are theirs.
    """
    microseconds = dict.fromkeys(PARTS, 0.0)
    for event in events:
        if event.self_cpu_time_total > 0:
            part = part_of(event, vocab_size=vocab_size, gates=gates)
            microseconds[part] += event.self_cpu_time_total
    whole = sum(microseconds.values())
    return {part: value / whole for part, value in microseconds.items()}


def part_of(event: Any, *, vocab_size: int, gates: set[int]) -> str:
    """Return the part of the model that an operation works for."""
    line = list(_with_callers(event))
    names = " ".join(one.name for one in line)
    lower = names.lower()
    # The innermost call whose sizes say something decides: casts and fills below it have none.
    sizes = next((found for found in map(_sizes, line) if found & ({vocab_size} | gates)), set())
    if any(word in lower for word in ("optimizer", "vector_norm", "foreach", "adam", "clip_grad")):
        return OPTIMIZERS
    if "embedding" in lower:
        return TABLES
    backward = "autograd::engine" in names or "backward" in lower
    if any(word in lower for word in ("lstm", "rnn")) or gates & sizes:
        return BACKWARD if backward else FORWARD
    if "crossentropy" in lower or vocab_size in sizes:
        return PROJECTION
    return REST


def _with_callers(event: Any) -> Iterator[Any]:
    """Yield an event, what called it, and so on outwards."""
    while event is not None:
        yield event
        event = event.cpu_parent


def _sizes(event: Any) -> set[int]:
    """Return all the sizes of an operation's tensors."""
    return {
        size
        for shape in event.input_shapes or ()
        if isinstance(shape, list)
        for size in shape
        if isinstance(size, int)
    }


if __name__ == "__main__":
    main()
