"""Commands of ours in processes of their own: one for each, or several that train together."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from arae_toolkit.recipes.shared.progress import be_quiet, tell
from arae_toolkit.version import cores

if TYPE_CHECKING:
    import torch

    from arae_toolkit.distributed.ranks import Ranks

Command = TypeVar("Command", bound=Callable[..., Any])

MOST_ON_GPU = 8
THREADS_VARIABLE = "OMP_NUM_THREADS"
GOES_ON = "the same command goes on from the last checkpoint"
ENDING_SECONDS = 60
"""Processes that were asked to stop have so long for the iteration and the checkpoint."""


def command_of(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs the toolkit, with these arguments, in a process under ours."""
    program = f"from {__name__} import {run_as_child.__name__}; {run_as_child.__name__}()"
    # -P: a file random.py in the working folder would else be imported as that module.
    return [sys.executable, "-P", "-c", program, *arguments]


def run_as_child() -> None:
    """Run the program in a process of its own, which stops when the one above it is gone.

    However that one died: its end of the pipe is closed then. A run that nobody watches would
    stand in the way of the same command, started again.
    """
    from arae_toolkit.recipes.cli import PROGRAM, main

    def stop_with_parent() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_with_parent, daemon=True).start()
    main(prog_name=PROGRAM)


def default_jobs(seeds: int, *, on_gpu: bool) -> int:
    """Return how many seeds are trained at once unless the user says so.

    On a CPU one for each core, or for as many cores as a run has threads by ``OMP_NUM_THREADS``:
    processes share no work, so that they gain more from a core than threads do.
    """
    return min(seeds, MOST_ON_GPU if on_gpu else max(1, cores() // (threads_of(os.environ) or 1)))


def child_environment(jobs: int) -> dict[str, str]:
    """Return the environment of each of so many processes: they share the cores, and our modules.

    The number of threads is left as it is where the user has set it.
    """
    threads = str(max(1, cores() // jobs))
    search_path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return {THREADS_VARIABLE: threads, **os.environ, "PYTHONPATH": search_path}


def threads_of(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return how many threads an environment gives a process, ``None`` if it does not say."""
    threads = environment.get(THREADS_VARIABLE, "")
    return int(threads) if threads.isdecimal() and int(threads) > 0 else None


def options_given(ctx: click.Context, *, without: Sequence[str] = ()) -> list[str]:
    """Return the options on the command line of a click command, ready to be given again.

    Args:
        ctx: The running command.
        without: Names of parameters to leave out.
    """
    words = []
    for option in ctx.command.params:
        name = option.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(option, click.Option) or not given or name in without:
            continue
        value: Any = ctx.params.get(name)
        if option.is_flag:  # those not exposed, such as --debug, are none of the command's own
            spellings = option.opts if value else option.secondary_opts
            words += spellings[-1:] if name in ctx.params else []
        else:
            words += [
                f"{option.opts[-1]}={item}" for item in (value if option.multiple else [value])
            ]
    return words


def words_given(ctx: click.Context, *, without: Sequence[str] = ()) -> list[str]:
    """Return what was typed behind the program's name: the command, its arguments and options.

    Args:
        ctx: The running command.
        without: Names of parameters to leave out.
    """
    names, above = list[str](), ctx
    while above.parent is not None:
        names.insert(0, above.info_name or "")
        above = above.parent
    return [*names, *_arguments(ctx, without=without), *options_given(ctx, without=without)]


def command_line(*more: str, without: Sequence[str] = ("results",)) -> str:
    """Return what to type to run the present command again, for a file of results.

    Args:
        more: Further words, in place of options that are left out.
        without: Parameters to leave out. Where results lie is not how they were measured.
    """
    ctx = click.get_current_context()
    given = [*_arguments(ctx, without=without), *options_given(ctx, without=without)]
    return shlex.join([*ctx.command_path.split(), *given, *more])


def _arguments(ctx: click.Context, *, without: Sequence[str]) -> list[str]:
    """Return what stands on the command line of a click command besides its options."""
    words: list[str] = []
    for argument in ctx.command.params:
        value: Any = ctx.params.get(argument.name or "")
        if isinstance(argument, click.Argument) and value is not None:
            several = value if isinstance(value, tuple) else (value,)
            words += map(str, several if argument.name not in without else ())
    return words


@contextmanager
def signals_noted() -> Iterator[Callable[[], int]]:
    """Note SIGINT and SIGTERM instead of dying of them, so that the iteration can be finished.

    A second signal does what it always does.

    Yields:
        Returns the number of the signal received, 0 while there is none.
    """
    received = 0

    def note(number: int, _: FrameType | None) -> None:
        nonlocal received
        received = number
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def processes_option(command: str) -> Callable[[Command], Command]:
    """Return the option of a command that says how many processes train together."""
    return click.option(
        "--processes",
        type=click.IntRange(1),
        default=1,
        help="Processes of this machine that share out every batch. torchrun starts those of "
        f"several machines: torchrun ... -m arae_toolkit {command}.",
    )


def launch(processes: int, ctx: click.Context) -> None:
    """Run the present command in several processes of this machine that train together.

    Args:
        processes: How many.
        ctx: Of the command.

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
    patience: dict[str, Any] = {"shutdown_timeout": ENDING_SECONDS}  # else 30, in torch 2.3
    known = {field.name for field in dataclasses.fields(LaunchConfig)}
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
        **{name: value for name, value in patience.items() if name in known},
    )
    try:
        elastic_launch(config, sys.executable)(
            "-m", "arae_toolkit", *words_given(ctx, without=["processes"])
        )
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=lambda found: found[1].timestamp)
        first = error.failures.get(0)
        if failure.exitcode > 0 and (first is None or first.exitcode < 0):  # else it has said why
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


@contextmanager
def first_goes_ahead(ranks: Ranks | None) -> Iterator[None]:
    """Let the first process do alone what the others then find done, such as a prepared corpus."""
    if ranks and not ranks.leads:
        ranks.wait()
    yield
    if ranks and ranks.leads:
        ranks.wait()


def own_device(name: str) -> torch.device:
    """Return the device of this process: of several GPUs, each process on a machine has its own."""
    from arae_toolkit.devices import choose_device

    device = choose_device(name)
    place = os.environ.get("LOCAL_RANK")
    return choose_device(f"cuda:{place}") if device.type == "cuda" and place else device
