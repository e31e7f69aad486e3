"""``arae-toolkit pretrain --seeds``: several seeds of one command, each in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.child_processes import signals_noted

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus

NOT_PASSED_ON = ("source", "part", "classes", "seed", "seeds", "jobs", "out")
"""Options that a seed's own command does without: it is given a prepared corpus and a folder."""


def train_seeds(
    corpus: Corpus,
    settings: Any,
    out: Path,
    *,
    epochs: float,
    seeds: int,
    jobs: int | None,
    device_name: str,
) -> None:
    """Train several seeds by this same command, one seed a process; report on them all.

    Args:
        corpus: Prepared.
        settings: Of the first seed's run; those of the others differ in the seed.
        out: What the folders of the runs are called after.
        epochs: Of each run.
        seeds: How many.
        jobs: How many at once; as many as there are cores unless given.
        device_name: Where to compute.

    Raises:
        SeedsStopped: If asked to stop by a signal; each has written its checkpoint.
        SeedsFailed: If one was not trained to its end.
    """
    from arae_toolkit.recipes.pretrain import seed_runs
    from arae_toolkit.recipes.pretrain.seeds_display import SeveralDisplay
    from arae_toolkit.recipes.pretrain.seeds_summary import report
    from arae_toolkit.recipes.shared.child_processes import (
        child_environment,
        default_jobs,
        options_given,
        threads_of,
    )

    device = _device_type(device_name)
    at_once = min(seeds, jobs or default_jobs(seeds, on_gpu=device == "cuda"))
    environment = child_environment(at_once)
    first = settings.training.seed
    runs = [
        seed_runs.SeedRun(seed, seed_runs.seed_folder(out, seed))
        for seed in range(first, first + seeds)
    ]
    ctx = click.get_current_context()
    options = options_given(ctx, without=NOT_PASSED_ON)
    debug = ["--debug"] if ctx.find_root().params.get("debug") else []
    # By its folder: it is prepared, and nothing is left to look up or to download.
    arguments = [*debug, "pretrain", *options, str(corpus.folder.resolve())]
    display = SeveralDisplay(runs, epochs=epochs)
    display.note(
        f"seeds {first} to {runs[-1].seed} on {corpus.name}, {device}, {at_once} at once, to "
        f"{seed_runs.beside(out, '-seed-*')}"
    )
    with signals_noted() as received, display.live():
        seed_runs.train_all(
            runs,
            arguments,
            jobs=at_once,
            environment=environment,
            stop_signal=lambda: received[0],
            watcher=display,
        )
    report(
        runs,
        out,
        corpus=corpus,
        settings=settings,
        device=device,
        threads=threads_of(environment),
        command=[*ctx.command_path.split(), ctx.params["corpus"], *options_given(ctx)],
        stopped_by=received[0],
    )


def _device_type(name: str) -> str:
    """Return ``cpu`` or ``cuda``; torch takes seconds to load, and is asked only if it must be."""
    if name == "cpu":
        return name
    from arae_toolkit.devices import choose_device

    return choose_device(name).type
