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
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.transfer.scorer import training
from arae_toolkit.transfer.scorer.training import ScorerConfig, ScorerSchedule, ScorerSizes
from drills import forked
from drills.forked import Work, command

JUDGE = LanguageModelSettings(
    embedding_size=8, hidden_size=8, batch_size=32, most_epochs=2, softmax_samples=20
)
SCORER = ScorerConfig(
    ScorerSizes(embedding_size=8, hidden_size=8, filters=4),
    ScorerSchedule(batch_size=32, epochs=1, warmup=3, softmax_samples=10, save_every=5),
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
        scratch: Where a process keeps what it works out of them once; gone with the run.
    """

    folder: Path
    scratch: Path

    @property
    def source(self) -> Path:
        """A file of sentences."""
        return self.folder / "source.txt"

    @property
    def texts(self) -> Path:
        """A file of rows of a sentence each."""
        return self.folder / "texts.jsonl"

    @property
    def two_each(self) -> Path:
        """A file of pairs."""
        return self.folder / "pairs.jsonl"

    @property
    def corpus(self) -> Path:
        """A prepared corpus."""
        return self.folder / "corpus"

    @property
    def labelled(self) -> Path:
        """A prepared corpus of labelled sentences."""
        return self.folder / "labelled" / "corpus"

    @property
    def run(self) -> Path:
        """A finished training, with its state and a prior."""
        return self.folder / "run"

    @property
    def killed(self) -> Path:
        """A training that was killed in its middle."""
        return self.folder / "killed"

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

    @staticmethod
    def are_in(folder: Path) -> bool:
        """Return whether a folder holds complete ones."""
        return (folder / "complete").exists()

    @classmethod
    def in_folder(cls, folder: Path, scratch: Path) -> Materials:
        """Return those in a folder, made first where they are not there or not complete."""
        made = cls(folder.absolute(), scratch)
        if not cls.are_in(folder):
            if folder.exists():
                raise ToolkitError(f"{folder}: no complete materials of drills; remove it")
            made._make()
            (folder / "complete").touch()
        return made

    def _make(self) -> None:
        """Make all of them."""
        self.folder.mkdir(parents=True)
        self.source.write_bytes(SOURCE)
        self.texts.write_bytes(ROWS)
        self.two_each.write_bytes(PAIRS)
        self._do(self.save_models)
        self._do(prepare(self.corpus))
        self._do(lambda: small_transfer.small_labelled_corpus(self.labelled.parent))
        self._do(pretrain(self.corpus, self.run))
        shutil.copytree(self.run, self.other("plain"))
        self._do(fit_prior(self.run, self.corpus))
        self._do(judge(self.corpus, self.judges))
        self._do(pretrain(self.corpus, self.killed), after=functools.partial(kill_at_state, 3))
        self._do(prepare(self.other("corpus"), "--seed", 1))
        self._do(judge(self.other("corpus"), self.other("judges")))
        self._do(pretrain(self.corpus, self.other("run"), "--seed", 5))
        self._do(fit_prior(self.other("run"), self.corpus))
        shutil.copytree(self.other("run"), self.other("killed"))

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


def train_pairs(corpus: Path, out: Path) -> Work:
    """Return the work of training a classifier of pairs into a folder, with its results inside."""
    sizes = ("embedding_size=12", "code_size=16", "hidden_size=12", "batch_size=16", "epochs=25")
    learns = ("rate=0.01", "warmup=2", "dropout=0", "embedding_dropout=0")  # chance is an error
    small = [part for setting in (*sizes, *learns) for part in ("--set", setting)]
    small += ["--model", "bilstm-max", "--labels", "75", "--seeds", "1"]
    how = ("--objective", "supervised", "--device", "cpu", "--results", out / "results")
    return command("nli", "--corpus", corpus, "--out", out, *small, *how)


def train_transfer(corpus: Path, out: Path) -> Work:
    """Return the work of training an infilling model, and its scorer, into folders in a folder."""
    sizes = ("embedding_size=16", "hidden_size=16", "batch_size=16", "iterations=8", "save_every=3")
    small = [part for size in sizes for part in ("--set", size)]
    scorer = ("--scorer", out / "judge", "--device", "cpu")
    work = command(
        "pretrain", corpus, "--model", "infilling", "--out", out / "run", *scorer, *small
    )

    def with_small_scorer() -> None:
        # In a process of its own; at its usual size it takes longer than all the rest.
        training.scorer_settings = lambda _: SCORER
        work()

    return with_small_scorer


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
