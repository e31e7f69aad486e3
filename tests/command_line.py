"""The program run as a user runs it: within the test, or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from click.testing import CliRunner, Result

from arae_toolkit.recipes.cli import main

PROGRAM = "from arae_toolkit.recipes.cli import main; main(prog_name='arae-toolkit')"


def call(*words: object, code: int = 0, **settings: Any) -> Result:
    """Run a command, which is to end with an exit code."""
    result = CliRunner().invoke(main, list(map(str, words)), prog_name="arae-toolkit", **settings)
    assert result.exit_code == code, result.output
    return result


def start(*words: object, **settings: Any) -> subprocess.Popen[str]:
    """Start a command; unless told otherwise, stdout and stderr are pipes, buffered as usual."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(command, text=True, env=environment, **{**pipes, **settings})


def rows_in(result: Result) -> list[dict[str, Any]]:
    """Return the JSONL on stdout."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as JSONL."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)
