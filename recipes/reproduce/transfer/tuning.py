"""How systems of transfer are tuned: what is tried for each kind, and what pilots are scored by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import CheckpointMismatch, DataError, TrainingDiverged
from arae_toolkit.recipes.reproduce.side_by_side import all_free, until_done
from arae_toolkit.recipes.reproduce.transfer.options import TableChoices
from arae_toolkit.recipes.reproduce.transfer.runs import (
    Sources,
    outputs_of,
    sha256_of,
    system_settings,
    train_system,
    weights_of,
)
from arae_toolkit.recipes.reproduce.transfer.systems import System
from arae_toolkit.recipes.reproduce.tuning import Changes, Tuning, check_run, tune
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.locks import locked
from arae_toolkit.transfer.systems import AUTOENCODERS

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.ngram_classifier import NgramClassifier

FEW = 50_000
"""Sentences of train below which a table trains for more epochs."""
_EPOCHS, _MORE_EPOCHS = {"autoencoder": (5, 10), "cross-aligned": (1, 2)}, (10, 20)
_HIDDEN = {"autoencoder": (0, 0.2), "cross-aligned": (0, 0.1)}
_OF_INFILLING = tuple(
    (f"share={share}", f"most_salience={bound}") for share in (0.1, 0.2) for bound in (2, 3)
)
PILOT_SEED = 100
"""Of pilots, which no run of a table has."""
PILOT_SENTENCES = 500
"""Of a label, of dev."""
FILE, PILOTS = "pilot.json", "pilots"
"""Of a score, and the folder of all pilots."""


def tried_for(kind: str, rows: int) -> tuple[Changes, ...]:
    """Return what is tried for a kind of system: how long, and how much of a sentence is hidden.

    Args:
        kind: Of the system; one that learns nothing has nothing to choose.
        rows: Sentences of train.
    """
    if kind == "infilling":
        return _OF_INFILLING
    family = "autoencoder" if kind in AUTOENCODERS else kind
    if family not in _EPOCHS:
        return ((),)
    lengths = _MORE_EPOCHS if rows < FEW else _EPOCHS[family]
    return tuple(
        (f"epochs={epochs}", f"word_drop={share}")
        for epochs in lengths
        for share in _HIDDEN[family]
    )


def tuned(
    choices: TableChoices, corpus: Corpus, folder: Path, *, device: torch.device
) -> tuple[TableChoices, dict[str, Tuning]]:
    """Return a table's choices with each system's best settings, and what was tried, by run.

    A pilot has half of the iterations and a seed of its own. It rewrites sentences of dev, and is
    scored by the geometric mean of the share that a judge gives the wanted label and of BLEU to
    the input. The judge scores no table: a logistic regression over words alone, that has learned
    what systems learn from. Settings that the user has given are not varied.

    Args:
        choices: Without them.
        corpus: With labels.
        folder: Of the table's runs; pilots lie in ``pilots``.
        device: Where to compute.
    """
    if not choices.tune:
        return choices, {}
    pilots = _Pilots(choices, corpus, folder, device)
    tunings: dict[str, Tuning] = {}

    def tune_system(system: System) -> None:
        if system.model is None and system.run not in tunings:
            tried = _tried(system, choices.changes, corpus)
            tunings[system.run] = tune(system.run, tried, partial(pilots.score, system))

    until_done(partial(all_free, [partial(tune_system, system) for system in choices.systems]))
    systems = tuple(
        replace(system, changes=(*system.changes, *tunings[system.run].chosen))
        if system.run in tunings
        else system
        for system in choices.systems
    )
    choices = replace(choices, systems=systems)
    check_rows(replace(choices, tune=False), corpus, folder)  # by what pilots have chosen
    return choices, tunings


def check_rows(choices: TableChoices, corpus: Corpus, folder: Path) -> None:
    """Refuse what a row or a pilot of a table would be refused for, before any is trained.

    Args:
        choices: Before tuning.
        corpus: With labels.
        folder: Of the table's runs.

    Raises:
        CheckpointMismatch: If a folder holds a run with other settings, or a finished model is none
            of transfer.
        DataError: If a finished model does not know a label, or the corpus lacks the split.
        click.BadParameter: If a setting cannot be had.
    """
    from arae_toolkit.transfer.labelled_corpus import labelled_part

    corpus.split(choices.split)
    facts = {"corpus": labelled_part(corpus).sha256, "precision": choices.precision}
    for system in choices.systems:
        if system.model is not None:
            _check_finished(system.model, corpus)
            continue
        tried = _tried(system, choices.changes, corpus) if choices.tune else ((),)
        rows = [replace(system, changes=(*system.changes, *changes)) for changes in tried]

        def settings(seed: int, half: bool, rows: Sequence[System] = rows) -> list[Any]:
            how: dict[str, Any] = {"corpus": corpus, "choices": choices, "half": half}
            return [system_settings(row, seed, **how) for row in rows]

        if None in settings(0, half=False):
            continue  # learns nothing: its folder is made in moments
        pilots = _pilot_folders(folder, system, tried)
        for place, pilot in zip(pilots, settings(PILOT_SEED, half=True), strict=False):
            check_run(place, [pilot], facts)
        for seed in choices.seeds_for(system):
            place = folder / system.run / f"seed-{seed}"
            check_run(place, settings(seed, half=False), facts, pilots=pilots)


def _check_finished(folder: Path, corpus: Corpus) -> None:
    """Refuse a model that does not rewrite for all labels of a corpus."""
    from arae_toolkit.transfer.model import TransferModel

    model = TransferModel.from_pretrained(folder)
    for label in corpus.labels:
        try:
            model.value_of(label)
        except ValueError as error:
            raise DataError(str(error), path=folder) from error


def _pilot_folders(folder: Path, system: System, tried: Sequence[Changes]) -> list[Path]:
    """Return the folders of a system's pilots; there is none where there is no choice."""
    numbers = range(len(tried)) if len(tried) > 1 else ()
    return [folder / PILOTS / f"{system.run}-{number}" for number in numbers]


def _tried(system: System, given: Sequence[str], corpus: Corpus) -> tuple[Changes, ...]:
    """Return what is tried for a system, less what is settled."""
    settled = {change.partition("=")[0] for change in (*system.changes, *given)}
    rest = (
        tuple(change for change in changes if change.partition("=")[0] not in settled)
        for changes in tried_for(system.kind, corpus.rows("train"))
    )
    return tuple(dict.fromkeys(rest))


class _Pilots:
    """Trains pilots and scores them, those that are finished found again."""

    def __init__(
        self, choices: TableChoices, corpus: Corpus, folder: Path, device: torch.device
    ) -> None:
        self.choices, self.corpus, self.folder, self.device = choices, corpus, folder, device
        self.sources = Sources.of(corpus, "dev", most=PILOT_SENTENCES)
        self._judge: NgramClassifier | None = None

    def score(self, system: System, number: int, changes: Changes) -> float:
        """Return the score of a system with some settings, as a percentage; 0 if it diverges.

        Raises:
            FolderInUse: If another process has the pilot in hand.
        """
        place = self.folder / PILOTS / f"{system.run}-{number}"
        with locked(place, "a pilot", name="pilot"):
            return self._score(system, place, changes)

    def _score(self, system: System, place: Path, changes: Changes) -> float:
        pilot = replace(system, name=system.run, changes=(*system.changes, *changes))
        how: dict[str, Any] = {"corpus": self.corpus, "choices": self.choices}
        try:
            train_system(pilot, PILOT_SEED, place, device=self.device, half=True, **how)
        except TrainingDiverged as error:
            say(f"arae-toolkit: warning: {place}: {error}; left out")
            return 0.0
        precision = self.choices.precision
        outputs = outputs_of(pilot, place, self.sources, self.corpus.labels, precision=precision)
        wanted = {
            "weights": weights_of(place),
            "sources": self.sources.sha256,
            "outputs": sha256_of(outputs),
        }
        with suppress(OSError, ValueError, RecursionError, CheckpointMismatch):  # none, or damaged
            found = read_object(place / FILE)
            score = found.pop("score", None)
            if found == wanted and isinstance(score, float) and math.isfinite(score):
                return score
        score = self._scored(outputs)
        write_json(place / FILE, {**wanted, "score": score})
        return score

    def _scored(self, outputs: Sequence[str]) -> float:
        from arae_toolkit.evaluation.text_overlap import corpus_bleu, words_of

        told = self.judge.probabilities(outputs).argmax(axis=1)
        moved = 100 * float((told == self.sources.targets).mean())
        texts = [[words_of(text)] for text in self.sources.texts]
        kept = corpus_bleu([words_of(output) for output in outputs], texts).score
        return math.sqrt(moved * kept)

    @property
    def judge(self) -> NgramClassifier:
        """The judge, which is trained within a minute when it is first needed."""
        if self._judge is None:
            from arae_toolkit.evaluation.transfer.evaluators import systems_judge

            say("training the judge of pilots")
            self._judge = systems_judge(self.corpus)
        return self._judge
