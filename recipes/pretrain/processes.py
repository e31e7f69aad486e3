"""``arae-toolkit pretrain --processes``: torchrun's launcher, and what a process under it does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arae_toolkit.recipes.shared.child_processes import child_environment
from arae_toolkit.recipes.shared.progress import be_quiet, tell

if TYPE_CHECKING:
    import torch

    from arae_toolkit.distributed.ranks import Ranks

GOES_ON = "the same command goes on from the last checkpoint"
ENDING_SECONDS = 60
"""Processes that were asked to stop have so long for the iteration and the checkpoint."""


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Run a command of ours in several processes of this machine that train together.

    Args:
        processes: How many.
        arguments: Of the program.

    Raises:
        click.exceptions.Exit: With the code of the first process that failed.
    """
    import logging

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    for name in [*logging.root.manager.loggerDict]:  # what they say, we say in a line
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.update(child_environment(processes))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(os.getpid()),
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        monitor_interval=0.2,
        shutdown_timeout=ENDING_SECONDS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "arae_toolkit", *arguments)
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=lambda found: found[1].timestamp)
        if rank and failure.exitcode > 0:
            tell(f"arae-toolkit: error: process {rank} of {processes} failed; {GOES_ON}")
        if failure.exitcode < 0:  # whoever was killed could not say so
            name = signal.Signals(-failure.exitcode).name
            tell(f"arae-toolkit: error: process {rank} of {processes} died by {name}; {GOES_ON}")
        raise click.exceptions.Exit(failure.exitcode if failure.exitcode > 0 else 1) from error
    except SignalException as error:
        raise click.exceptions.Exit(128 + error.sigval) from error


def join(ctx: click.Context, device: str) -> Ranks | None:
    """Return the processes that torchrun started this one with, ``None`` if it is alone.

    They part when the command ends.

    All but the first are quiet: what they have to say, the first says as well.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return None
    from arae_toolkit.distributed.ranks import joined, left

    ranks = joined(own_device(device))
    ctx.call_on_close(left)
    if not ranks.leads:
        be_quiet()
    return ranks


def own_device(name: str) -> torch.device:
    """Return the device of this process: of several GPUs, each process on a machine has its own."""
    from arae_toolkit.devices import choose_device

    device = choose_device(name)
    place = os.environ.get("LOCAL_RANK")
    return choose_device(f"cuda:{place}") if device.type == "cuda" and place else device
