"""The code blocks of README and docs: found, checked, and run with small models."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_tree import command_names

from arae_toolkit.recipes.cli import PROGRAM, main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMAND_NAMES = tuple(command_names())
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for path in sorted(DOCS.rglob("*.md")) if "reference" not in path.parts),
]
"""Every page that a reader sees, but for the reference, which is made from docstrings."""

BLOCK = re.compile(
    r"^(?:<!-- test: (?P<notes>.*?) -->\n)?```(?P<language>\S*)\n(?P<text>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
_SIZES = "embedding_size=16 code_size=16 hidden_size=16 generator_sizes=[16] critic_sizes=[16]"
_AUTOENCODER = f"epochs=1 batch_size=32 warmup=5 log_every=50 evaluation_sentences=50 {_SIZES}"
_PAIRS = "epochs=6 batch_size=16 rate=0.01 warmup=5 dropout=0 embedding_dropout=0"
QUICK = {
    "pretrain": _AUTOENCODER,
    "pretrain --model infilling": "epochs=1 batch_size=32 embedding_size=16 hidden_size=16",
    "pretrain --model delete-and-replace": "",
    "prior fit": "iterations=5 width=16 blocks=1",
    "prior fit --kind gaussian": "",
    "nli": _PAIRS,
    "sweep pretrain": f"{_AUTOENCODER} selection_samples=100",
    "sweep transfer": f"{_AUTOENCODER} classifier_sizes=[16]",
    "sweep nli": "epochs=12 batch_size=16 warmup=5 embedding_size=16 code_size=16 hidden_size=16",
    "nli pretrain": "epochs=1 batch_size=32 embedding_size=16 code_size=16",
}
"""Settings that make a training take seconds, added with ``--set`` to each command of a name."""
OPTIONS = {
    "reproduce table3": "--system delete-and-replace --limit 20",
    "evaluate transfer": "--limit 20 --no-reverse",
    "evaluate latent": "--limit 20 --walks 3",
    "latent arithmetic": "--decodings 5",
    "latent neighbours": "--limit 50",
    "sweep pretrain": "--trials 2",
    "sweep nli": "--trials 2",
    "sweep transfer": "--trials 2",
    "latent map": "--count 20 --generated 5",
}
"""Other options that make a command quick."""


@dataclass(frozen=True)
class CodeBlock:
    """A block of code in a page.

    Attributes:
        page: The file.
        line: Its first line, counted from 1.
        language: ``console``, ``python`` and others.
        text: What stands in it.
        notes: From a comment ``<!-- test: NAME="VALUE" ... -->`` above it: ``skip`` says why it is
            not run, ``before`` is a command to be run first, ``replace`` is ``OLD => NEW``.
    """

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is code of ours that is run."""
        return self.language in ("console", "python") and "skip" not in self.notes

    @property
    def lines(self) -> list[str]:
        """Command lines, continued ones joined."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


def blocks_of(page: Path) -> Iterator[CodeBlock]:
    """Yield the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        notes = dict(part.split("=", 1) for part in shlex.split(match["notes"] or ""))
        line = text.count("\n", 0, match.start("text")) + 1
        yield CodeBlock(page, line, match["language"], match["text"], notes)


def commands_in(line: str) -> list[list[str]]:
    """Return the words of each command of a line: those of a pipeline, without redirections."""
    return [words for words, _, _ in _pipeline(line)]


class PageRunner:
    """Runs the blocks of one page in order, in the working folder."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "__main__"}

    def prepare(self, corpus: str, *, size: int) -> None:
        """Put a small corpus of a name where commands look for it."""
        self._run_line(f"{PROGRAM} prepare {corpus} --size {size}", "the test's preparation")

    def run(self, block: CodeBlock) -> None:
        """Run a block; fail the test where a command fails."""
        old, _, new = block.notes.get("replace", "").partition(" => ")
        assert old in block.text, f"{block.place}: no {old!r} to replace"
        block = replace(block, text=block.text.replace(old, new) if old else block.text)
        for line in block.notes.get("before", "").splitlines():
            self._run_line(line, block.place)
        if block.language == "python":
            lines_before = "\n" * (block.line - 1)
            exec(compile(lines_before + block.text, str(block.page), "exec"), self.names)
            return
        for line in block.lines:
            self._run_line(line, block.place)

    def _run_line(self, line: str, place: str) -> None:
        data = b""
        for words, source, target in _pipeline(line):
            if source:
                data = Path(source).read_bytes()
            if words[0] == PROGRAM:
                done = CliRunner().invoke(main, quick(words[1:]), input=data, prog_name=PROGRAM)
                if done.exit_code:
                    pytest.fail(f"{place}: {line}: {done.exit_code}\n{done.stderr[-2000:]}")
                data = done.stdout_bytes
            else:
                words[0] = sys.executable if words[0] == "python" else words[0]
                data = subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True).stdout
            if target:
                Path(target).write_bytes(data)


def command_of(arguments: list[str]) -> str:
    """Return the full name of the command that arguments are for, such as ``nli predict``."""
    names = (" ".join(arguments[:words]) for words in (3, 2))
    return next((name for name in names if name in COMMAND_NAMES), arguments[0])


def quick(arguments: list[str]) -> list[str]:
    """Return a command's arguments with settings that make it quick."""
    settings = name = command_of(arguments)
    for option in ("--model", "--kind"):
        if option in arguments:
            settings = f"{name} {option} {arguments[arguments.index(option) + 1]}"
    more = OPTIONS.get(name, "").split()
    for change in QUICK.get(settings, QUICK.get(name, "")).split():
        key, _, value = change.partition("=")
        if (plain := f"--{key.replace('_', '-')}") in arguments:  # both would be a usage error
            arguments = [*arguments]
            arguments[arguments.index(plain) + 1] = value
        else:
            more += ["--set", change]
    return [*arguments, *more]


def _pipeline(line: str) -> list[tuple[list[str], str, str]]:
    """Return the commands of a line, each with the file that it reads and the one it writes."""
    words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|<>")
    words.whitespace_split = True
    stages: list[tuple[list[str], str, str]] = []
    command, source, target = list[str](), "", ""
    for word in words:
        if word == "<":
            source = next(words)
        elif word == ">":
            target = next(words)
        elif word == "|":
            stages.append((command, source, target))
            command, source, target = [], "", ""
        else:
            command.append(word)
    return [*stages, (command, source, target)]
