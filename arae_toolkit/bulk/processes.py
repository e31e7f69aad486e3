"""Workers as processes of this machine: started by spawn, replaced when one is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from arae_toolkit.bulk.tasks import Task
from arae_toolkit.bulk.workers import MOST_ATTEMPTS, Part, Record, Worker
from arae_toolkit.errors import ToolkitError
from arae_toolkit.version import cores

_THREADS_VARIABLE = "OMP_NUM_THREADS"
_PATIENCE_SECONDS = 10.0
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads of torch that are gone


def by_processes(task: Task, output: str, parts: Iterable[Part], workers: int) -> Iterator[Record]:
    """Have parts answered by processes, and yield the record of each as it is done.

    A part whose process was killed is given to another.

    Args:
        task: What is asked of the model.
        output: Address of the output folder.
        parts: Read one by one, as processes come free.
        workers: How many processes, of which no more are started than there are parts.

    Raises:
        ToolkitError: What a worker could not do, or if workers are killed over a part again and
            again.
    """
    source, again = iter(parts), list[Part]()
    killed: Counter[tuple[str, int]] = Counter()
    team: list[_Process] = []
    try:
        while True:
            while (free := next((one for one in team if one.part is None), None)) or (
                len(team) < workers
            ):
                part = again.pop() if again else next(source, None)
                if part is None:
                    break
                if free is None:
                    team.append(free := _Process(task, output, len(team), workers))
                free.give(part)
            busy = {one.pipe: one for one in team if one.part is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                one = busy[pipe]  # type: ignore[index]  # of what was given, which are pipes
                part, one.part = one.part, None
                assert part is not None
                try:
                    answer = one.pipe.recv()
                except (EOFError, OSError):
                    one.process.join()
                    team[team.index(one)] = _Process(task, output, one.index, workers)
                    killed[part.file, part.index] += 1
                    _check_death(one.process.exitcode or 0, part, killed[part.file, part.index])
                    again.append(part)
                    continue
                if isinstance(answer, ToolkitError):
                    raise answer
                yield answer
    finally:
        for one in team:
            one.stop()


def _check_death(code: int, part: Part, times: int) -> None:
    """Refuse to go on if a worker failed by itself, or was killed over a part too often."""
    if code >= 0:
        raise ToolkitError(
            f"{part.place}: a worker failed (exit code {code}); what it says stands above"
        )
    if times >= MOST_ATTEMPTS:
        name = signal.Signals(-code).name
        raise ToolkitError(
            f"{part.place}: {times} workers were killed there, the last by {name}; if memory is "
            "short, take fewer --workers or a smaller --batch-size"
        )


class _Process:
    """A worker in a process of its own, and the pipe to it."""

    def __init__(self, task: Task, output: str, index: int, workers: int) -> None:
        self.index = index
        self.part: Part | None = None
        self.pipe, theirs = _SPAWN.Pipe()
        threads = max(1, cores() // workers)
        self.process = _SPAWN.Process(
            target=_work, args=(task, output, index, threads, theirs), daemon=True
        )
        with _interrupts_left_to_us():
            self.process.start()
        theirs.close()

    def give(self, part: Part) -> None:
        """Have a part answered; that the process is dead is met when its answer is awaited."""
        self.part = part
        with contextlib.suppress(OSError):
            self.pipe.send(part)

    def stop(self) -> None:
        """End the process: at once if it has work, which is done anew another time."""
        self.pipe.close()
        if self.part is None:
            self.process.join(_PATIENCE_SECONDS)
        self.process.kill()
        self.process.join()


@contextlib.contextmanager
def _interrupts_left_to_us() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is sent to all, and we end them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, which alone may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(task: Task, output: str, index: int, threads: int, pipe: Connection[Any, Any]) -> None:
    """Answer parts until there are no more, or nobody is there to give them."""
    os.environ.setdefault(_THREADS_VARIABLE, str(threads))  # before torch is loaded
    worker = Worker(task, output, index)
    while True:
        try:
            part = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Record | ToolkitError = worker.answer(part)
        except ToolkitError as error:
            answer = error
        try:
            pipe.send(answer)
        except OSError:
            return
