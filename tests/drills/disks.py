"""Disks that are full, become full, or cannot be written."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from drills.forked import check_end, run
from drills.frame import Drill, NotTried, Trial
from drills.writers import WRITERS, check_again, undisturbed

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_PAGE = 4096
_ENOUGH = 256 << 20
_FEWEST = 8192  # bytes: messages, which are files here, must fit


@functools.cache
def _own_mounts() -> str:
    """Give this process mounts that nobody else sees; return why not where it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        return "no mounts of one's own on this system"
    if libc.unshare(_NEW_MOUNTS) != 0:
        return f"no mounts of one's own ({os.strerror(ctypes.get_errno())})"
    return _mount("--make-rprivate", "/")


def _mount(*words: object) -> str:
    """Mount something; return what went wrong, or nothing."""
    program = shutil.which("mount")
    if program is None:
        return "no mount on this system"
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk in memory on a folder."""
    folder.mkdir(parents=True)
    problem = _own_mounts() or _mount("-t", "tmpfs", "-o", f"size={_ENOUGH}", "drill", folder)
    if problem:
        raise NotTried(problem)
    try:
        yield
    finally:
        umount = shutil.which("umount") or "umount"
        subprocess.run([umount, "-l", folder], capture_output=True, check=False)


def _remount(folder: Path, option: str) -> None:
    if problem := _mount("-o", f"remount,{option}", folder):
        raise NotTried(problem)


def attempt(trial: Trial) -> None:
    """Give a command too little room, or none, then enough."""
    random, materials = trial.random, trial.materials
    writer = WRITERS[random.choice(sorted(WRITERS))]
    usual = undisturbed(writer, materials)
    kind = random.choice(["full", "full", "read-only", "limit"])
    place, work = trial.folder / "place", trial.folder / "work"
    if kind == "limit":
        folder = writer.start(materials, place / "out")
        size = random.randrange(_FEWEST, max(2 * _FEWEST, usual.largest))
        trial.what = f"{writer.name}, no file above {size} bytes"
        limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
        check_end(run(writer.work(materials, folder), work, before=[limit]), [0, 1])
        check_again(writer, materials, folder, work)
        return
    with _small_disk(place):
        folder = writer.start(materials, place / "out")
        if kind == "read-only":
            trial.what = f"{writer.name}, a disk that cannot be written"
            _remount(place, "ro")
            right = [1]
        else:
            status = os.statvfs(place)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            left = _PAGE * random.randrange(max(1, usual.total // _PAGE))
            size = max(_PAGE, used + left)  # no size at all means one without bound
            trial.what = f"{writer.name}, {size - used} bytes left on the disk"
            _remount(place, f"size={size}")
            right = [0, 1]
        check_end(run(writer.work(materials, folder), work), right)
        _remount(place, "rw" if kind == "read-only" else f"size={_ENOUGH}")
        check_again(writer, materials, folder, work)


DRILL = Drill(
    "disks",
    "On a disk that is full, becomes full or cannot be written a command ends in one line and "
    "exit code 1; given again with room enough it ends in the same files bit for bit.",
    "Commands that write work on a small disk in memory with a random number of bytes left, on "
    "one that is read-only, and under a limit on the size of files.",
    attempt,
    whole=600,
    fewest=1,
)
