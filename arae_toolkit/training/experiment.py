"""The driver of every run, from settings to a model folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, count
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from arae_toolkit.config.overrides import Sections
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data.word_vectors import WordVectors
from arae_toolkit.devices import Precision, name_of
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.errors import ToolkitError
from arae_toolkit.models.model_folder import (
    CONFIG,
    FORMER_SHA256,
    TOKENIZER,
    WEIGHTS,
    check_vacant,
    read_config,
    replace_config,
    save_model_folder,
)
from arae_toolkit.nn.embedding import put_word_vectors
from arae_toolkit.storage.atomic_files import remove_leftovers
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.checkpoint import STATE, iterations_done
from arae_toolkit.training.loop import Evaluate, Run, Trainable, fit
from arae_toolkit.training.metrics_log import METRICS, Listener, RunLog
from arae_toolkit.training.rehearsal import Rehearsal
from arae_toolkit.training.run_identity import (
    FORMERLY,
    LENGTH,
    Identity,
    check_folder,
    is_extension,
    settings_identity,
)
from arae_toolkit.version import __version__, own_version


class RunOptions(TypedDict, total=False):
    """How a run computes and whom it tells: the keyword arguments of every driver.

    Attributes:
        device: Where to compute; the CPU unless given.
        precision: ``bf16`` runs the large matrix products in bfloat16; ``fp32`` unless given.
        listeners: Told of rows and notes.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.
        extend: Whether a finished run in the folder may be of fewer epochs or iterations: it is
            then trained on.
        rehearsal: Tries a few iterations in place of the run, of which nothing is written.
        word_vectors: Where tables of word vectors start from; ``None`` starts them at random.
        ranks: Processes that train together, each of which makes the same call; this one alone
            unless given.
    """

    device: torch.device
    precision: Precision
    listeners: Sequence[Listener]
    stop_signal: Callable[[], int]
    extend: bool
    rehearsal: Rehearsal | None
    word_vectors: WordVectors | None
    ranks: Ranks


@dataclass(frozen=True)
class Experiment:
    """A run on disk, from its settings to its model folder.

    Attributes:
        folder: Of the model; other files in it are left alone.
        config: All settings.
        facts: What identifies the run beside its settings, by name.
        device, precision, listeners, stop_signal, extend, rehearsal, word_vectors, ranks: See
            :class:`RunOptions`.
        option: What names the folder on a command line.
        log: The run's ``metrics.jsonl`` and its listeners.

    Raises:
        CheckpointMismatch: If the folder holds another run.
    """

    folder: Path
    config: Sections
    facts: Identity
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = "fp32"
    listeners: Sequence[Listener] = ()
    stop_signal: Callable[[], int] = lambda: 0
    extend: bool = False
    rehearsal: Rehearsal | None = None
    word_vectors: WordVectors | None = None
    ranks: Ranks = ALONE
    option: str = "--out"
    log: RunLog = field(init=False)

    def __post_init__(self) -> None:
        """Refuse a folder of another run, before anything is computed."""
        check_folder(
            self.folder / CONFIG,
            self.identity,
            defaults=self.defaults,
            besides=LENGTH if self.extend else (),
            option=self.option,
        )
        object.__setattr__(self, "log", RunLog(self.folder, self.listeners))

    @property
    def identity(self) -> dict[str, str]:
        """What a run must share to go on from this one, by name."""
        vectors = "none" if self.word_vectors is None else self.word_vectors.sha256
        own = {"precision": self.precision, "word_vectors": vectors}
        return {**self.facts, **own, **settings_identity(self.config)}

    @property
    def defaults(self) -> Identity:
        """What settings were before they existed, and other facts before they were told."""
        return {**FORMERLY, **settings_identity(type(self.config)())}

    def train(
        self,
        network: nn.Module,
        make: Callable[[], tuple[Trainable, Evaluate[Any]]],
        *,
        record: Mapping[str, Any],
        vocabulary: Vocabulary | None,
        weights: Mapping[str, Tensor] | None = None,
        resume_from: Path | None = None,
        patience: float = 0.0,
    ) -> None:
        """Train a network to the end of its run, resuming what the folder holds.

        Args:
            network: With its starting weights, which are in the folder from the first moment on.
            make: Returns the training and its evaluation; called with the network on the device.
            record: What ``config.json`` says of the model beside the run: its kind, its arguments.
            vocabulary: The tokenizer, ``None`` for images.
            weights: Those that the folder is to hold; all of the network's by default.
            resume_from: A training state to go on from; the folder's own by default.
            patience: Seconds to wait for another process that is at work in the folder.

        Raises:
            ValueError: If the network has no tables that the word vectors fit into.
            CheckpointMismatch: If the state belongs to another run, or the folder's parts do not
                belong together.
            ToolkitError: If another process trains there, or the folder holds a trained model that
                would be lost.
            TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
        """
        if self.rehearsal is not None:
            self.rehearsal.done = iterations_done(resume_from or self.folder / STATE)
            network.to(self.device)
            self.rehearsal.perform(make()[0])
            return
        lead = self.ranks.leads
        with locked(self.folder, "a training", patience=patience) if lead else nullcontext():
            if lead:
                remove_leftovers(self.folder)
            own = self.folder / STATE
            state = own if resume_from is None or _same(resume_from, own) else resume_from
            resumed = self.ranks.of_first(state if state.exists() else None)
            if self.word_vectors is not None:
                size = 0 if vocabulary is None else len(vocabulary)
                put_word_vectors(network, self.word_vectors, vocab_size=size)
            starting = network.state_dict() if weights is None else weights
            if lead and (resumed != own or not (self.folder / CONFIG).exists()):
                check_vacant(self.folder, starting)
                _check_of_no_other(self.folder, vocabulary)
            if lead and (resumed is None or not (self.folder / CONFIG).exists()):
                save_model_folder(
                    self.folder,
                    config={
                        **record,
                        "run": self.identity,
                        "toolkit": __version__,
                        "made": {"device": name_of(self.device), "commit": own_version()},
                    },
                    vocabulary=vocabulary,
                    tensors=starting,
                )
            self.ranks.wait()  # for the folder
            network.to(self.device)
            training, evaluate = make()
            if self.extend and lead:
                self._extend_config(training, record)
            run = Run(
                self.folder,
                self.identity,
                self.log,
                evaluate,
                self.stop_signal,
                self.defaults,
                extended=self.extend or FORMER_SHA256 in read_config(self.folder),
                ranks=self.ranks,
            )
            fit(training, run, resume_from=resumed)

    def _extend_config(self, training: Trainable, record: Mapping[str, Any]) -> None:
        """Write the longer schedule into the folder's configuration, if it is of a shorter one.

        Raises:
            CheckpointMismatch: If that run is not finished, or not shorter.
        """
        there = {**self.defaults, **read_config(self.folder)["run"]}
        if is_extension(
            there,
            self.identity,
            batches_per_epoch=training.batches_per_epoch,
            done=iterations_done(self.folder / STATE),
            where=self.folder,
        ):
            replace_config(self.folder, {**record, "run": self.identity})


def set_aside(folder: Path, *, note: Callable[[str], None], members: str = "") -> None:
    """Give a folder that holds a model another name, so that a new one can take its place.

    Args:
        folder: Of a run; where there is no model in it, nothing is done.
        note: Told the new name, which is the old one with the day.
        members: Pattern of the folders in it that hold models as well, such as ``seed-*``.

    Raises:
        ToolkitError: If a process trains there, or the folder cannot be renamed.
    """
    places = [folder, *(folder.glob(members) if members else ())]
    if not any((place / name).exists() for place in places for name in (CONFIG, WEIGHTS, STATE)):
        return
    kept = folder.absolute()
    if not folder.is_absolute() and Path.cwd().is_relative_to(folder.resolve()):
        # Its path would go on to mean the renamed folder, and the new run would replace the old.
        raise ToolkitError(
            f"{folder}: the working folder lies in it, and it cannot be renamed; start the command "
            "from another folder, or name another one with --out"
        )
    stem = f"{kept.name}.before-{date.today().isoformat()}"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    with locked(folder, "a renaming"):
        pass  # nobody trains there; the lock lies in the folder, and would be renamed with it
    target = next(kept.with_name(name) for name in names if not kept.with_name(name).exists())
    try:
        kept.rename(target)
    except OSError as error:
        raise ToolkitError(
            f"{folder}: cannot be renamed ({error.strerror}); name another folder with --out"
        ) from error
    note(f"{folder}: the model that lay there is kept in {folder.with_name(target.name)}")


def _check_of_no_other(folder: Path, vocabulary: Vocabulary | None) -> None:
    """Refuse a folder where files that are of no run would be replaced.

    Raises:
        ToolkitError: Naming the file.
    """
    if (folder / CONFIG).exists():
        return
    own = b"" if vocabulary is None else vocabulary.to_json().encode()  # left by a kill
    for name in (METRICS, TOKENIZER):
        if (folder / name).is_file() and (folder / name).read_bytes() not in (b"", own):
            raise ToolkitError(
                f"{folder}: its {name} is of no run and would be lost; name another folder with "
                "--out"
            )


def _same(first: Path, second: Path) -> bool:
    """Return whether two paths are those of one file."""
    return first.absolute() == second.absolute() or (
        first.exists() and second.exists() and first.samefile(second)
    )
