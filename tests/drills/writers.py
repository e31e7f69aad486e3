"""Commands that write: what they start from, and what is there when they have ended well."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arae_toolkit.data.corpus import Corpus
from drills.damage import weights_of
from drills.forked import Done, Work, check_end, command, run
from drills.frame import Broken
from drills.materials import (
    Materials,
    fit_prior,
    judge,
    prepare,
    pretrain,
    train_pairs,
    train_transfer,
)

_LEFT = ("*.part", ".*.part", ".lock", ".*.lock", ".locked-by.json", ".*.locked-by.json")
_OLD_SECONDS = 300


@dataclass(frozen=True)
class Writer:
    """A command that writes into a folder.

    Attributes:
        name: Of the command.
        work: Returns it, for a folder.
        answer: Returns what is the same whenever it has ended well, of the folder and the end.
        read: Returns the work of reading the folder, whatever state it is in.
        begin: Returns the folder among the materials that it starts from, or ``None``.
    """

    name: str
    work: Callable[[Materials, Path], Work]
    answer: Callable[[Path, Done], bytes]
    read: Callable[[Materials, Path], Work]
    begin: Callable[[Materials], Path | None] = lambda _: None

    def start(self, materials: Materials, folder: Path) -> Path:
        """Put what the command starts from into a folder that is not there yet."""
        begin = self.begin(materials)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if begin is not None:
            shutil.copytree(begin, folder)
        return folder


def _corpus_sha256(folder: Path, _: Done) -> bytes:
    corpus = Corpus(folder)
    corpus.check()
    return corpus.sha256.encode()


def _prior(folder: Path, _: Done) -> bytes:
    path = folder / "priors" / "flow" / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).digest()


def _codes(folder: Path, _: Done) -> bytes:
    return (folder / "codes.npy").read_bytes()


def _classifier(folder: Path, _: Done) -> bytes:
    path = folder / "seed-0" / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).digest()


def _rewriter(folder: Path, done: Done) -> bytes:
    return weights_of(folder / "run", done)


def _rewritten(m: Materials, folder: Path) -> Work:
    return command("transfer", folder / "run", m.texts, "--to", "good", "--device", "cpu")


def _encode(materials: Materials, folder: Path) -> Work:
    out = ("--out", folder / "codes.npy")
    return command("encode", materials.model, materials.source, "--device", "cpu", *out)


def _corpus_opened(_: Materials, folder: Path) -> Work:
    out = folder.parent / "read"
    return pretrain(folder, out, "--model", "ae", "--set", "iterations=1")


def _sampled(*more: object) -> Callable[[Materials, Path], Work]:
    return lambda _, folder: command("sample", folder, "--device", "cpu", *more)


WRITERS = {
    writer.name: writer
    for writer in (
        Writer(
            "prepare",
            lambda _, folder: prepare(folder),
            _corpus_sha256,
            _corpus_opened,
        ),
        Writer(
            "prepare over another",
            lambda _, folder: prepare(folder),
            _corpus_sha256,
            _corpus_opened,
            lambda m: m.other("corpus"),
        ),
        Writer("pretrain", lambda m, folder: pretrain(m.corpus, folder), weights_of, _sampled()),
        Writer(
            "pretrain, resumed",
            lambda m, folder: pretrain(m.corpus, folder),
            weights_of,
            _sampled(),
            lambda m: m.killed,
        ),
        Writer(
            "prior fit",
            lambda m, folder: fit_prior(folder, m.corpus),
            _prior,
            _sampled("--prior", "flow"),
            lambda m: m.other("plain"),
        ),
        Writer(
            "a judge",
            lambda m, folder: judge(m.corpus, folder),
            lambda _, done: done.stdout,
            lambda m, folder: judge(m.corpus, folder),
        ),
        Writer(
            "nli",
            lambda m, folder: train_pairs(m.corpus, folder),
            _classifier,
            lambda m, folder: command("nli", "predict", folder, m.two_each, "--device", "cpu"),
        ),
        Writer(
            "pretrain, infilling",
            lambda m, folder: train_transfer(m.labelled, folder),
            _rewriter,
            _rewritten,
        ),
        Writer("encode --out", _encode, _codes, lambda m, _: command("sample", m.model, "-n", "0")),
    )
}


@dataclass(frozen=True)
class Undisturbed:
    """A command that nothing has disturbed.

    Attributes:
        answer: Of its folder.
        seconds: What it took.
        largest: Bytes of the largest file that it has left.
        total: Bytes of all files that it has left.
    """

    answer: bytes
    seconds: float
    largest: int
    total: int


@functools.cache
def undisturbed(writer: Writer, materials: Materials) -> Undisturbed:
    """Run a command without any disturbance, once in a process."""
    place = materials.scratch / f"undisturbed-{os.getpid()}" / writer.name.replace(" ", "-")
    folder = writer.start(materials, place / "out")
    done = run(writer.work(materials, folder), place / "work")
    check_end(done, [0])
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Undisturbed(writer.answer(folder, done), done.seconds, max(sizes), sum(sizes))


def check_again(writer: Writer, materials: Materials, folder: Path, work: Path) -> None:
    """Give a command again after a disturbance: it ends well, as if there had been none.

    Raises:
        Broken: If it does not, or if anything is left of what was disturbed.
    """
    if folder.exists():
        check_end(run(writer.read(materials, folder), work / "read"), [0, 1, 2, 3, 4])
    _age(folder.parent)
    done = run(writer.work(materials, folder), work)
    check_end(done, [0])
    if writer.answer(folder, done) != undisturbed(writer, materials).answer:
        raise Broken("the same command, given again, ends in something else")
    left = [str(p.relative_to(folder)) for name in _LEFT for p in folder.rglob(name)]
    beside = [p.name for p in folder.parent.iterdir() if p.name not in (folder.name, "read")]
    if left or beside:
        raise Broken(f"left for ever: {[*left, *beside]}")


def _age(folder: Path) -> None:
    """Make what is left there look old: what is new may belong to another that writes now."""
    then = time.time() - _OLD_SECONDS
    for path in folder.rglob("*"):
        if path.suffix == ".part":
            os.utime(path, (then, then))
