"""What drills try: small models, corpora and runs of every kind, made anew for each run."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import small
import small_runs
import small_transfer

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from drills import forked
from drills.forked import Work, command

JUDGE = LanguageModelSettings(
    embedding_size=8, hidden_size=8, batch_size=32, most_epochs=2, softmax_samples=20
)
PRIOR = ("--set", "iterations=5", "--set", "width=16", "--set", "blocks=1")
ROWS = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in small.SENTENCES)
PAIRS = b"".join(
    json.dumps({"premise": premise, "hypothesis": hypothesis}).encode() + b"\n"
    for premise, hypothesis in small.PAIRS
)
REVIEWS = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in small_transfer.REWRITTEN)
SOURCE = "".join(
    f"a {noun} {verb} {end} .\n"
    for noun in small.NOUNS
    for verb in ("runs", "sleeps", "eats", "waits")
    for end in ("in the sun", "on a bench", "with a dog", "now")
).encode()
"""Sentences of a file of one's own."""


@dataclass(frozen=True)
class Materials:
    """Folders to try, none of which may be changed in place.

    Attributes:
        folder: Where all of them lie.
    """

    folder: Path

    @property
    def source(self) -> Path:
        """A file of sentences."""
        return self.folder / "source.txt"

    @property
    def corpus(self) -> Path:
        """A prepared corpus."""
        return self.folder / "corpus"

    @property
    def run(self) -> Path:
        """A finished training, with its state and a prior."""
        return self.folder / "run"

    @property
    def killed(self) -> Path:
        """A training that was killed in its middle."""
        return self.folder / "killed"

    @property
    def resumed(self) -> Path:
        """The same training, gone on with to its end."""
        return self.folder / "resumed"

    @property
    def model(self) -> Path:
        """A model folder."""
        return self.folder / "model"

    @property
    def pairs(self) -> Path:
        """An ensemble of pair classifiers."""
        return self.folder / "pairs"

    @property
    def transfer(self) -> Path:
        """A transfer model with its scorer."""
        return self.folder / "transfer"

    @property
    def judges(self) -> Path:
        """Judges of the corpus."""
        return self.folder / "judges"

    def other(self, name: str) -> Path:
        """Return another folder of the same form, whose files may be swapped in."""
        return self.folder / "others" / name

    @classmethod
    def make(cls, folder: Path) -> Materials:
        """Make all of them in a folder."""
        made = cls(folder)
        folder.mkdir(parents=True)
        made.source.write_bytes(SOURCE)
        made._do(made.save_models)
        made._do(
            command(
                "prepare", "synthetic", "--size", 300, "--judges-share", 0, "--out", made.corpus
            )
        )
        made._do(pretrain(made.corpus, made.run))
        shutil.copytree(made.run, made.other("plain"))
        made._do(fit_prior(made.run, made.corpus))
        made._do(judge(made.corpus, made.judges))
        made._do(pretrain(made.corpus, made.killed), after=functools.partial(kill_at_state, 3))
        shutil.copytree(made.killed, made.resumed)
        made._do(pretrain(made.corpus, made.resumed))
        made._do(
            command(
                "prepare",
                "synthetic",
                "--size",
                300,
                "--seed",
                1,
                "--judges-share",
                0,
                "--out",
                made.other("corpus"),
            )
        )
        made._do(pretrain(made.corpus, made.other("run"), "--seed", 5))
        made._do(judge(made.other("corpus"), made.other("judges")))
        made._do(fit_prior(made.other("run"), made.corpus))
        shutil.copytree(made.other("run"), made.other("killed"))
        return made

    def save_models(self) -> None:
        """Write the models that need no training, two of each."""
        small.save_model(self.model)
        small.save_pair_model(self.pairs, 1, 2)
        small_transfer.save_model(self.transfer)
        other = small.model(small.vocabulary())
        other.decoder.projection.bias.data.add_(1.0)
        other.save_pretrained(self.other("model"))
        small.save_pair_model(self.other("pairs"), 3, 4)
        small_transfer.save_model(self.other("transfer"), seed=8)

    def _do(self, work: Work, *, after: Work | None = None) -> None:
        """Do work in a process of its own, which is to succeed, or to be killed ``after``."""
        done = forked.run(work, self.folder / "work", before=[after] if after else [])
        expected = -signal.SIGKILL if after else 0
        if done.code != expected:
            raise RuntimeError(f"the materials of drills cannot be made: {done.stderr}")


def pretrain(corpus: Path, out: Path, *more: object) -> Work:
    """Return the work of training into a folder."""
    settings = ("--device", "cpu", "--set", "epochs=2", *small_runs.SMALL)
    return command("pretrain", corpus, "--out", out, *settings, *more)


def prepare(out: Path, *more: object) -> Work:
    """Return the work of preparing a corpus of our own sentences into a folder."""
    size = ("--size", 300, "--judges-share", 0)
    return command("prepare", "synthetic", "--out", out, *size, *more)


def fit_prior(run: Path, corpus: Path) -> Work:
    """Return the work of fitting a prior to a run, into its folder."""
    chosen = ("--corpus", corpus, "--kind", "flow", "--device", "cpu")
    return command("prior", "fit", run, *chosen, *PRIOR)


def judge(corpus: Path, folder: Path) -> Work:
    """Return the work of reading the judge in a folder, trained first where there is none."""

    def work() -> dict[str, object]:
        opened = Corpus(corpus)
        model = kept_language_model(opened, split="train", folder=folder, settings=JUDGE)
        return {"nats": model.read(small.SENTENCES).nats.tolist()}

    return forked.library(work)


def kill_at_state(turn: int) -> None:
    """Kill this process when its training state is replaced for that time."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event == "os.rename" and str(arguments[1]).endswith("training_state.safetensors"):
            seen += 1
            if seen == turn:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
