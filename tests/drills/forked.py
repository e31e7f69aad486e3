"""Work in a forked process: in milliseconds, with streams, limits and a death of its own."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import arae_toolkit
from arae_toolkit import data_prep, recipes
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.cli import PROGRAM, main
from arae_toolkit.storage import paths
from arae_toolkit.version import own_version
from drills.frame import Broken

Work = Callable[[], None]
PATIENCE = 240.0
"""Seconds after which work counts as hanging, on a machine with much else to do."""
_TURN = 0.004
_NUMBERS = (0, 1, 2)
_LATE = (
    "torch._dynamo",
    "tensorboard.summary.writer.record_writer",
    "filelock",
    "sklearn.pipeline",
)
"""What others import when they are first used: a second and a half before a training begins."""


@dataclass(frozen=True)
class Done:
    """How work ended.

    Attributes:
        code: The exit code; negative for a signal; ``None`` if it had to be killed as hanging.
        stdout: What it wrote, unless it went elsewhere.
        stderr: The same.
        seconds: What it took.
    """

    code: int | None
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def told(self) -> str:
        """The last line of stderr."""
        lines = self.stderr.strip().splitlines()
        return lines[-1][:300] if lines else ""


def warm_up() -> None:
    """Import once what commands import, so that each process that is forked has it already."""
    names = [
        module.name
        for package in (arae_toolkit, recipes, data_prep)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.name.endswith("__main__")
    ]
    for name in (*names, *_LATE):
        with contextlib.suppress(ImportError, OSError):  # of an extra that is not there
            importlib.import_module(name)
    own_version()  # is written into models: one and the same, whatever becomes of the repository
    gc.collect()
    gc.freeze()  # no page of what is there is copied only because a child counts its garbage


def command(*words: object) -> Work:
    """Return the work of the program with these arguments."""
    return lambda: main(list(map(os.fspath, map(_word, words))), prog_name=PROGRAM)


def _word(word: object) -> str:
    return os.fspath(word) if isinstance(word, os.PathLike) else str(word)


def library(function: Callable[[], Any]) -> Work:
    """Return the work of a function: its value as JSON on stdout, errors as the program's."""

    def work() -> None:
        try:
            sys.stdout.write(json.dumps(function()) + "\n")
        except ToolkitError as error:
            sys.stderr.write(f"{PROGRAM}: error: {error}\n")
            sys.exit(error.exit_code)

    return work


@dataclass(eq=False)
class Process:
    """A process that does some work.

    Attributes:
        number: Its own, and that of its group.
        folder: Where its streams are kept.
        began: When, on the monotonic clock.
    """

    number: int
    folder: Path
    began: float = field(default_factory=time.monotonic)

    def wait(self, seconds: float = PATIENCE) -> Done:
        """Wait for the end; kill what hangs."""
        code: int | None = None
        while True:
            ended, status = os.waitpid(self.number, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - self.began > seconds:
                self.kill()
                os.waitpid(self.number, 0)
                break
            time.sleep(_TURN)
        _at_work.discard(self)
        self.kill()  # what it has left behind
        took = time.monotonic() - self.began
        stderr = (self.folder / "stderr").read_bytes().decode(errors="replace")
        return Done(code, (self.folder / "stdout").read_bytes(), stderr, took)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.number, number)


_at_work: set[Process] = set()


def end_with_all(*_: object) -> NoReturn:
    """End this process, as a signal asks for, and all that it has started."""
    # No exception, which is lost where it falls into the hooks of a fork.
    for process in list(_at_work):
        process.kill()
    for process in list(_at_work):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.number, 0)  # a killed process is there for a moment yet
    os._exit(128 + signal.SIGTERM)


def start(
    work: Work,
    folder: Path,
    *,
    stdin: bytes | int = b"",
    before: Sequence[Work] = (),
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start work in a process of its own, whose runs and caches lie in a folder.

    Args:
        work: What it does.
        folder: Where its streams, cache and runs lie, and where it works.
        stdin: What it reads, or the descriptor that it reads from.
        before: Done in the process once its streams are in place, such as closing one of them.
        environment: Variables beside those that name the folders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(stdin, bytes):
        (folder / "stdin").write_bytes(stdin)
    for name in ("stdout", "stderr"):
        (folder / name).write_bytes(b"")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Whoever is told to end between the fork and the note of it would leave the process behind.
    waiting = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        number = os.fork()
        if number == 0:
            _be_child(work, folder, stdin, before, environment or {})
        with contextlib.suppress(OSError):
            os.setpgid(number, number)  # here as well, so that it is one before it is killed
        process = Process(number, folder)
        _at_work.add(process)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
    return process


def run(work: Work, folder: Path, *, seconds: float = PATIENCE, **settings: Any) -> Done:
    """Do work in a process of its own and wait for its end."""
    return start(work, folder, **settings).wait(seconds)


def _be_child(
    work: Work,
    folder: Path,
    stdin: bytes | int,
    before: Sequence[Work],
    environment: Mapping[str, str],
) -> NoReturn:
    """Do the work as a process that has just been started would, and end."""
    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        given = os.open(folder / "stdin", os.O_RDONLY) if isinstance(stdin, bytes) else stdin
        written = [os.open(folder / name, os.O_WRONLY) for name in ("stdout", "stderr")]
        for target, source in enumerate((given, *written)):
            os.dup2(source, target)
            if source > max(_NUMBERS):
                os.close(source)
        os.chdir(folder)
        os.environ.update({paths.CACHE_VARIABLE: str(folder / "cache"), **environment})
        os.environ[paths.RUNS_VARIABLE] = str(folder / "runs")
        for step in before:
            step()
        sys.stdin, sys.stdout, sys.stderr = map(_stream, _NUMBERS)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - all that ends a process ends it here
        with contextlib.suppress(OSError, ValueError, AttributeError):
            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def _stream(number: int) -> Any:
    """Return the stream of a descriptor as Python makes it at its start: none if it is closed."""
    try:
        os.fstat(number)
        # A descriptor of the other direction is met when it is used.
        raw = open(number, "rb" if number == 0 else "wb", 0, closefd=False)  # noqa: SIM115
        buffered: Any = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
        errors = "backslashreplace" if number == max(_NUMBERS) else "surrogateescape"
        return io.TextIOWrapper(
            buffered, encoding="utf-8", errors=errors, line_buffering=number == max(_NUMBERS)
        )
    except OSError:
        return None


def check_end(done: Done, codes: Sequence[int]) -> None:
    """Refuse an end that no user should meet.

    Args:
        done: How the work ended.
        codes: The exit codes that are right.

    Raises:
        Broken: If it hung, was killed, showed a traceback, ended with another code, or failed
            without a word.
    """
    if done.code is None:
        raise Broken(f"hangs; stderr ends in {done.told!r}")
    if "Traceback (most recent call last)" in done.stderr:
        raise Broken(f"a traceback, exit {done.code}: {done.told}")
    if done.code not in codes:
        raise Broken(f"exit {done.code}, where {list(codes)} are right: {done.told}")
    failed = [line for line in done.stderr.splitlines() if line.startswith(f"{PROGRAM}: error: ")]
    if done.code not in (0, 2) and len(failed) != 1:
        raise Broken(f"exit {done.code} with {len(failed)} lines of error: {done.told!r}")
