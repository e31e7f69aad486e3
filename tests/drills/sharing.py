"""Threads and forks: what is shared answers as if it were not."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import small
import small_transfer
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import ToolkitError
from arae_toolkit.estimators.sentence_encoder import SentenceEncoder
from arae_toolkit.evaluation.language_model import LanguageModel
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.model_folder import load_model_folder
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.transfer.model import TransferModel
from drills.forked import check_end, library, run
from drills.frame import Drill, Trial
from drills.materials import Materials

_THREADS = 4
_CALLS = 24
Use = Callable[[str], Any]


def uses(materials: Materials) -> dict[str, Use]:
    """Return what may be asked of each public object, about one text, by name."""
    arae = ARAE.from_pretrained(materials.model)
    pairs = NLIModel.from_pretrained(materials.pairs)
    transfer = TransferModel.from_pretrained(materials.transfer)
    judges = LanguageModel.of(load_model_folder(next(materials.judges.glob("language-model*"))))
    words = Vocabulary.load(materials.model / "tokenizer.json")
    corpus = Corpus(materials.corpus)
    encoder = SentenceEncoder(str(materials.model)).fit([*small.SENTENCES])
    target = transfer.attributes[1]

    def rows(text: str) -> list[int]:
        train = corpus.split("train")
        return [int(token) for token in train[len(text) % len(train)]]

    return {
        "arae.encode": lambda text: arae.encode([text]).tolist(),
        "arae.decode": lambda text: arae.decode(arae.encode([text])),
        "arae.sample": lambda text: arae.sample(2, seed=len(text)),
        "pairs.probabilities": lambda text: pairs.probabilities([(text, "a man")]).tolist(),
        "transfer.transfer": lambda text: transfer.transfer([text], [target]),
        "judge.read": lambda text: judges.read([text]).nats.tolist(),
        "vocabulary": lambda text: words.decode(words.encode(text)),
        "corpus": rows,
        "encoder.transform": lambda text: encoder.transform([text]).tolist(),
    }


def _shared(materials: Materials, seed: int) -> None:
    """Ask in threads, and in forked processes, what was asked alone before.

    Raises:
        ToolkitError: If an answer is another.
    """
    random = Random(seed)
    torch.set_num_threads(random.choice([1, 2]))
    asked = uses(materials)
    texts = [*small.SENTENCES, *small_transfer.REWRITTEN]
    calls = [(random.choice(sorted(asked)), random.choice(texts)) for _ in range(_CALLS)]
    alone = {call: asked[call[0]](call[1]) for call in calls}

    def check(call: tuple[str, str]) -> None:
        answer = asked[call[0]](call[1])
        if not _close(answer, alone[call]):
            raise ToolkitError(f"{call}: {answer!r} where {alone[call]!r} is right"[:300])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(check, calls))
        again = [pool.submit(check, call) for call in calls]
        child = os.fork()  # while threads are at work
        if child == 0:
            _check_all(check, calls)
        for answer in again:
            answer.result()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise ToolkitError("a process that was forked beside threads answers otherwise")


def _check_all(check: Callable[[tuple[str, str]], None], calls: list[tuple[str, str]]) -> None:
    """Check all calls and end this process."""
    code = 1
    try:
        for call in calls:
            check(call)
        code = 0
    finally:
        os._exit(code)


def _close(one: Any, other: Any) -> bool:
    """Return whether two answers are equal but for the last digits of their numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-4 * max(1.0, abs(one))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return bool(one == other)


def attempt(trial: Trial) -> None:
    """Share every public object between threads, and with a process forked meanwhile."""
    trial.what = f"{_CALLS} calls in {_THREADS} threads and a fork, seed {trial.number_seed}"

    def work() -> bool:
        _shared(trial.materials, trial.number_seed)
        return True

    check_end(run(library(work), trial.folder / "work"), [0])


DRILL = Drill(
    "sharing",
    "Models, vocabularies, corpora, judges and estimators may be shared by threads, and with a "
    "process that is forked while they work: every answer is what it is alone.",
    "Random calls of nine methods, first one after the other, then in four threads, then in four "
    "threads and a process that is forked beside them.",
    attempt,
    whole=300,
    fewest=1,
)
