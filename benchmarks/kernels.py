"""Where the time of one training iteration goes: the profiler's tables, before and after.

Three versions are profiled: the textbook, the library operation by operation, and the library with
captured CUDA graphs (on a CPU the last two are the same).
"""

from __future__ import annotations

from collections.abc import Callable

import click
from torch.profiler import ProfilerActivity, profile

from arae_toolkit.benchmarks.common import Setting, number, program, repeat
from arae_toolkit.benchmarks.training_rate import precisions_of
from arae_toolkit.benchmarks.versions import (
    in_order,
    library_training,
    preset_of,
    textbook_training,
)
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.storage.atomic_files import write_text

NAME = "kernels"
WARM_UP, TOP = 4, 25
LAUNCHES = ("LaunchKernel", "GraphLaunch", "MemcpyAsync", "MemsetAsync")
"""Parts of the names of the calls by which a program gives a CUDA device something to do."""


@program(NAME, "--corpus corpora/snli --device cuda")
@number("--batch-size", 64, "Sentences.", least=2)
def main(here: Setting, corpus: Corpus, seed: int, *, batch_size: int) -> None:
    """Write kernels-VERSION.txt for each version; print the paths."""
    for name, iteration in versions(here, corpus, batch_size=batch_size, seed=seed).items():
        path = here.out / f"{NAME}-{name}.txt"
        write_text(
            path, f"{name}, {batch_size} sentences, {here.device}\n\n{table(here, iteration)}"
        )
        click.echo(path)


def versions(
    here: Setting, corpus: Corpus, *, batch_size: int, seed: int
) -> dict[str, Callable[[], object]]:
    """Return, by name, functions that train by one iteration, in the best precision there is."""
    precision = precisions_of(here.device)[-1]
    _, iterate = textbook_training(here, corpus, batch_size=batch_size, seed=seed)
    works: dict[str, Callable[[], object]] = {"textbook-fp32": iterate}
    config = preset_of(corpus, "default", batch_size)
    for name, cuda_graphs in (("eager", False), ("graphs", True)):
        _, algorithm = library_training(
            here, corpus, config, precision=precision, seed=seed, cuda_graphs=cuda_graphs
        )
        works[f"{name}-{precision}"] = in_order(algorithm)
    return works


def table(here: Setting, iteration: Callable[[], object]) -> str:
    """Return the profiler's table of one iteration, after how long it took and its launches.

    Args:
        here: The clock and the device.
        iteration: Trains by one iteration.
    """
    on_cuda = here.device.type == "cuda"
    repeat(iteration, WARM_UP)
    seconds = min(here.seconds(iteration) for _ in range(WARM_UP))
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_cuda
    with profile(activities=activities) as profiled:
        here.seconds(iteration)
    events = profiled.key_averages()
    launches = {
        event.key: event.count for event in events if any(name in event.key for name in LAUNCHES)
    }
    calls = ", ".join(f"{name} {times}" for name, times in sorted(launches.items())) or "none"
    operations = sum(event.count for event in events)
    order = "self_cpu_time_total"
    if on_cuda:
        named_device = hasattr(events[0], "self_device_time_total")  # before torch 2.4: cuda
        order = "self_device_time_total" if named_device else "self_cuda_time_total"
    return (
        f"{1000 * seconds:.2f} ms an iteration without the profiler\n"
        f"{operations} recorded events; launches: {sum(launches.values())} ({calls})\n\n"
        f"{events.table(sort_by=order, row_limit=TOP, max_name_column_width=80)}\n"
    )


if __name__ == "__main__":
    main()
