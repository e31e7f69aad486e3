"""The training loop, which may be stopped or killed at any moment and resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.errors import CheckpointMismatch, ToolkitError, TrainingDiverged
from arae_toolkit.models.model_folder import (
    WEIGHTS,
    check_parts,
    fingerprints,
    holds_weights,
    save_weights,
)
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.storage.safetensors_file import read_metadata
from arae_toolkit.training.checkpoint import (
    STATE,
    read_progress,
    restore_training_state,
    save_training_state,
)
from arae_toolkit.training.metrics_log import RunLog
from arae_toolkit.training.run_identity import LENGTH, Identity, differences, is_extension

DIVERGED_TIMES_UNIFORM = 3.0


class Intervals(Protocol):
    """How often something happens, in iterations."""

    @property
    def log_every(self) -> int:
        """Between log lines."""

    @property
    def save_every(self) -> int:
        """Between checkpoints."""

    @property
    def evaluate_every(self) -> int:
        """Between evaluations; 0 evaluates after each epoch."""


class Trainable(Protocol):
    """What can be trained by :func:`fit`: an algorithm with its networks, optimizers and data."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""

    @property
    def iterations(self) -> int:
        """Iterations in the whole run."""

    @property
    def batches_per_epoch(self) -> int:
        """Iterations in one epoch."""

    @property
    def intervals(self) -> Intervals:
        """How often to log, save and evaluate."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Every network with weights of its own, by name."""

    @property
    def updates(self) -> Mapping[str, Update]:
        """Every optimizer by name."""

    @property
    def kept(self) -> dict[str, Tensor]:
        """What a resumed run needs beside weights and moments, by name; often nothing."""

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration, counted from 0: a function of the state and its number alone."""

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that the model folder is to hold."""

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return why finite means of a window show that training has diverged, or ``None``."""


def far_above_guessing(means: Mapping[str, float], name: str, uniform_nats: float) -> str | None:
    """Return that a mean in nats is far above that of a uniform guess, if it is.

    Example:
        >>> far_above_guessing({"nats_per_word": 9.0}, "nats_per_word", 2.0)
        'nats_per_word is 9, where guessing costs 2,'
    """
    if means[name] <= DIVERGED_TIMES_UNIFORM * uniform_nats:
        return None
    return f"{name} is {means[name]:.3g}, where guessing costs {uniform_nats:.3g},"


Trained = TypeVar("Trained", bound=Trainable)
Evaluate = Callable[[Trained, bool], Mapping[str, Any]]


class Interrupted(ToolkitError):
    """Training was asked to stop; the checkpoint is written."""

    def __init__(self, signal_number: int, iteration: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(
            f"stopped after iteration {iteration}; the same command goes on from there"
        )


class Window:
    """Sums of named scalars between two log lines, kept on the device until they are read."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._names: list[str] = []
        self._dtype = torch.float32 if device.type == "mps" else torch.float64  # all that it has
        self._totals = torch.zeros(0, dtype=self._dtype, device=device)
        self.count = 0

    @property
    def sums(self) -> dict[str, Tensor]:
        """The sums by name, scalar tensors."""
        return dict(zip(self._names, self._totals.unbind(), strict=True))

    def add(self, scalars: Scalars) -> None:
        """Add one iteration's scalars, the same in each, without waiting for them."""
        if not self.count:
            self._names = list(scalars)
            self._totals = torch.zeros(len(scalars), dtype=self._dtype, device=self._device)
        self._totals += torch.stack([scalars[name].detach() for name in self._names])
        self.count += 1

    def restore(self, sums: Mapping[str, Tensor], count: int) -> None:
        """Go on from saved sums."""
        self.clear()
        if count:
            self._names, self.count = list(sums), count
            self._totals = torch.stack([value.to(self._device) for value in sums.values()])

    def means(self) -> dict[str, float]:
        """Return the means (this waits for the device)."""
        values = (self._totals / max(self.count, 1)).tolist()
        return dict(zip(self._names, values, strict=True))

    def clear(self) -> None:
        """Start again."""
        self._names, self.count = [], 0
        self._totals = self._totals.new_zeros(0)


@dataclass
class Run:
    """One run on disk: where it writes, and what makes it this run and no other.

    Attributes:
        folder: A model folder whose configuration and tokenizer are written already.
        identity: What a resumed run must share: fingerprints of settings, corpus and precision.
        log: Where rows and notes go.
        evaluate: Called with what is trained and whether it is the last time; returns a row.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.
        defaults: What parts of the identity were before they existed.
        extended: Whether the state may be that of a shorter run.
        ranks: Processes that train together; the first one writes, measures and tells.
        parts: Fingerprints of the configuration and the tokenizer, as they were at the start.
    """

    folder: Path
    identity: Identity
    log: RunLog
    evaluate: Evaluate[Any]
    stop_signal: Callable[[], int] = lambda: 0
    defaults: Identity = field(default_factory=dict)
    extended: bool = False
    ranks: Ranks = ALONE
    parts: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Note which configuration and tokenizer all weights of this run are saved with."""
        self.parts = fingerprints(self.folder)


def fit(algorithm: Trainable, run: Run, *, resume_from: Path | None = None) -> None:
    """Train to the end of the last epoch.

    A run that is killed at any moment and resumed goes through the same numbers as one that never
    was: on a CPU bit for bit, apart from the seconds it logs.

    Args:
        algorithm: Fresh, with its starting weights.
        run: Where to write and whom to tell.
        resume_from: A training state to go on from.

    Raises:
        TrainingDiverged: If a loss or gradient is no longer finite, or the reconstruction has
            become far worse than guessing; the last checkpoint is kept.
        Interrupted: If asked to stop; a checkpoint has been written.
        CheckpointMismatch: If the state belongs to another run.
    """
    intervals = algorithm.intervals
    window = Window(algorithm.device)
    start, seconds_before, evaluated = 0, 0.0, 0  # evaluated: as of which iteration
    if resume_from is not None:
        start, seconds_before, evaluated = _restore(algorithm, run, window, resume_from)
        run.log.note(f"going on from iteration {start} of {algorithm.iterations}")
    if run.ranks.leads:
        run.log.rewind(start)
    began = time.perf_counter()

    def seconds() -> float:
        return round(seconds_before + time.perf_counter() - began, 2)

    per_epoch = algorithm.batches_per_epoch
    evaluate_every = intervals.evaluate_every or per_epoch
    last = algorithm.iterations
    if start == last and evaluated == last:
        run.log.note("this run is complete")
        if not run.ranks.leads:
            return
        if not (run.folder / STATE).exists():  # the state came from another folder
            _save(algorithm, run, window, last, seconds_before, evaluated)
        elif not holds_weights(run.folder, algorithm.model_weights()):
            save_weights(run.folder, algorithm.model_weights(), parts=run.parts)
            run.log.note(f"its {WEIGHTS} was not that of its end, and is written again")
        return
    for done in range(start, last + 1):
        # The top of the loop is the one place where a run is saved, and resumed.
        fresh = done > start
        place = {"iteration": done, "epoch": round(done / per_epoch, 4), "seconds": seconds()}
        if fresh and (done % intervals.log_every == 0 or done == last):
            means = _sound_means(algorithm, window, done)
            if run.ranks.leads:
                run.log.row({"kind": "train", **place, **means})
            window.clear()
        signal_number = run.ranks.largest(run.stop_signal())
        due = evaluated < done and (done % evaluate_every == 0 or done == last)
        if due and not signal_number:
            if run.ranks.leads:
                run.log.row({"kind": "dev", **place, **run.evaluate(algorithm, done == last)})
            evaluated = done
        if fresh and (done % intervals.save_every == 0 or due or signal_number):
            _sound_means(algorithm, window, done)
            if run.ranks.leads:
                _save(algorithm, run, window, done, seconds(), evaluated)
        if signal_number and done < last:
            raise Interrupted(signal_number, done)
        if done < last:
            window.add(algorithm.iteration(done))
            run.log.tick(done + 1)


def _sound_means(algorithm: Trainable, window: Window, done: int) -> dict[str, float]:
    """Return the means of a window.

    Raises:
        TrainingDiverged: If one is not finite, or they show that training has diverged.
    """
    if not window.count:
        return {}
    means = window.means()
    where = f"the {window.count} iterations before {done}; the last checkpoint is kept"
    broken = [name for name, value in means.items() if not math.isfinite(value)]
    if broken:
        raise TrainingDiverged(f"{broken[0]} is not finite over {where}; try a lower rate")
    if problem := algorithm.problem(means):
        raise TrainingDiverged(f"{problem} over {where}; try a lower rate")
    return means


def _save(
    algorithm: Trainable, run: Run, window: Window, done: int, seconds: float, evaluated: int
) -> None:
    """Write the training state, then the weights for use."""
    save_training_state(
        run.folder / STATE,
        modules=algorithm.modules,
        updates=algorithm.updates,
        tensors={
            **algorithm.kept,
            **{f"window/{name}": value for name, value in window.sums.items()},
        },
        progress={
            "iteration": done,
            "evaluated": evaluated,
            "seconds": seconds,
            "window": window.count,
            "identity": dict(run.identity),
            "parts": dict(run.parts),
        },
    )
    save_weights(run.folder, algorithm.model_weights(), parts=run.parts)


def _restore(algorithm: Trainable, run: Run, window: Window, path: Path) -> tuple[int, float, int]:
    """Put everything back; return the iteration, the seconds spent and the last evaluation."""
    progress, tensors = read_progress(path)
    saved = {**run.defaults, **progress.get("identity", {})}
    besides = LENGTH if run.extended else ()
    different = differences(saved, run.identity, defaults={}, besides=besides)
    if different:
        raise CheckpointMismatch(
            f"{path}: saved by another run ({different[0]}); name another folder with --out, or "
            "use the settings of that run"
        )
    if path == run.folder / STATE:
        _check_parts(run.folder, progress)
    others = restore_training_state(
        tensors, path=path, modules=algorithm.modules, updates=algorithm.updates
    )
    sums = {name: value for name, value in others.items() if name.startswith("window/")}
    for name in others.keys() - sums.keys():
        before = algorithm.kept.get(name, others[name])
        algorithm.kept[name] = others[name].to(before.device)
    try:
        counted, iteration, evaluated = (
            int(progress[name]) for name in ("window", "iteration", "evaluated")
        )
        seconds = float(progress["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointMismatch(f"{path}: not a training state ({error})") from error
    per_epoch = algorithm.batches_per_epoch
    if is_extension(saved, run.identity, batches_per_epoch=per_epoch, done=iteration, where=path):
        run.log.note(
            f"the schedule is extended from {iteration:,} iterations to {algorithm.iterations:,}: "
            "rates that fall by its length are those of the longer one from here on"
        )
    if not 0 <= evaluated <= iteration <= algorithm.iterations:
        raise CheckpointMismatch(f"{path}: not a training state of this run (at {iteration})")
    window.restore({name.removeprefix("window/"): value for name, value in sums.items()}, counted)
    return iteration, seconds, evaluated


def _check_parts(folder: Path, progress: Mapping[str, Any]) -> None:
    """Refuse to go on beside another configuration or tokenizer than the run was saved with.

    Raises:
        CheckpointMismatch: Naming the part.
    """
    if "parts" in progress:
        check_parts(folder, progress["parts"], by=STATE)
    if not (folder / WEIGHTS).exists():
        return
    try:
        recorded = read_metadata(folder / WEIGHTS)
    except CheckpointMismatch:
        return  # damaged: they are written again from the state
    check_parts(folder, recorded, by=WEIGHTS)
