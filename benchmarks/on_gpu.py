"""One command for a machine with a GPU and no network: ``python benchmarks/on_gpu.py --help``.

It needs no installation: it checks which packages are missing, makes ``arae_toolkit`` importable as
it is once installed, and hands over to :mod:`arae_toolkit.benchmarks.gpu.gpu_session`. Nothing but
the standard library may be imported here.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SESSION = "arae_toolkit.benchmarks.gpu.gpu_session"
PACKAGES = (
    *("torch", "numpy", "tokenizers", "sklearn", "click", "rich", "jsonlines", "safetensors"),
    *("sacrebleu", "rapidfuzz", "pooch", "matplotlib"),
)
FOLDERS = ("recipes", "data_prep", "benchmarks")


def missing_packages() -> list[str]:
    """Return the imports of the toolkit that this Python does not find."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def link_package(root: Path, place: Path) -> None:
    """Make in a folder the package as it is once installed, of links into the repository.

    Args:
        root: The repository.
        place: An empty folder, which is to stand on the import path.
    """
    package = place / "arae_toolkit"
    package.mkdir()
    for path in [*(root / "arae_toolkit").iterdir(), *(root / name for name in FOLDERS)]:
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path)


def is_installed(environment: dict[str, str]) -> bool:
    """Return whether a fresh process finds the package with all its folders."""
    program = f"import importlib.util as u, sys; sys.exit(not u.find_spec({SESSION!r}))"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0


def main() -> int:
    """Check, link and hand over; return the exit code."""
    if missing := missing_packages():
        sys.stderr.write(
            f"on_gpu: missing: {', '.join(missing)}; install them, or put their folder on "
            "PYTHONPATH\n"
        )
        return 1
    # Safe path: the working folder would hide the links.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    with tempfile.TemporaryDirectory() as place:
        if not is_installed(environment):
            link_package(Path(__file__).resolve().parents[1], Path(place))
            others = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (place, others)))
        command = [sys.executable, "-m", SESSION, *sys.argv[1:]]
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    raise SystemExit(main())
