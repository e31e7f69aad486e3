"""The version of this package, and what it runs on."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

__version__ = "0.1.0"

# What the measurements themselves write: a change there does not change what is measured.
WRITTEN_BY_MEASUREMENTS = ("results", "docs", "README.md")


def code_version(folder: Path) -> str:
    """Return the git commit of the code in a folder, with ``+changes`` if files differ from it.

    ``unknown`` where the folder is in no repository, or not a part of the one around it (as when
    installed into an environment that lies inside another project).
    """
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return "unknown"
    commit = _git(folder, "rev-parse", "HEAD")
    excluded = [f":(top,exclude){path}" for path in WRITTEN_BY_MEASUREMENTS]
    changes = _git(folder, "status", "--porcelain", "--", ":(top)", *excluded)
    if commit is None or changes is None:
        return "unknown"
    return commit + ("+changes" if changes else "")


def cpu_model() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Return how many processor cores this process may use."""
    # macOS and Windows bind no process to some of the cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def own_version() -> str:
    """Return the git commit of this package as of the first call; see :func:`code_version`."""
    return code_version(Path(__file__).resolve().parent)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what a git command prints, ``None`` if it fails or there is no git."""
    import subprocess  # here, because help needs this module

    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
