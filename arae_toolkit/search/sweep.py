"""A sweep: trials of settings in Optuna's storage, worked off by any number of processes.

A trial is a run in a folder of its own, trained by whoever has its lock. One whose process is gone
is gone on with from its checkpoint, by the next process that looks for work; so nothing that a kill
leaves behind has to be cleaned up, and workers need know nothing of each other.
"""

from __future__ import annotations

import math
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from arae_toolkit.config.overrides import Sections
from arae_toolkit.errors import CheckpointMismatch, ToolkitError, TrainingDiverged
from arae_toolkit.search.objectives import Objective, kept_row
from arae_toolkit.search.space import Varied, defaults_within, with_parameters
from arae_toolkit.search.storage import open_storage, storage_failures
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.loop import Interrupted
from arae_toolkit.training.metrics_log import METRICS, Listener, Row, dev_rows, read_rows
from arae_toolkit.training.run_identity import Identity, differences, settings_identity

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from arae_toolkit.devices import Precision

SamplerName = Literal["tpe", "random"]
IDENTITY, PLACE, OUTCOME, PROBLEM, SECONDS = "identity", "place", "outcome", "problem", "seconds"
PRECISION = "precision"
"""What the storage holds of a sweep, and of its trials, beside what Optuna itself notes."""
DIVERGED, FAILED = "diverged", "failed"
PLACE_FILE = ".place"
PATIENCE_SECONDS = 120.0
"""A worker waits so long for another one to choose its trial."""
YOUNG = timedelta(minutes=2)
"""A trial that says not where it runs is its worker's for so long, which may be about to say it."""
UNPRUNED_TRIALS, UNPRUNED_EVALUATIONS = 5, 1
"""The first trials, and the first evaluations of each, are never pruned."""
SEED_STEP = 1_000_003


class Train(Protocol):
    """What trains one trial into its folder, going on with what that holds."""

    def __call__(
        self,
        config: Any,
        folder: Path,
        *,
        title: str,
        listeners: Sequence[Listener],
        stop_signal: Callable[[], int],
    ) -> None:
        """Train; raise :class:`~arae_toolkit.training.loop.Interrupted` when asked to stop."""


@dataclass(frozen=True)
class Plan:
    """What the trials of a sweep share: every worker must bring the same.

    Attributes:
        config: Settings before any is varied.
        space: The settings that are varied.
        objectives: At least one.
        facts: What identifies a trial's run beside its settings, by name: the corpus, the kind.
        precision: Of the trainings of this worker. It is noted of each trial, and another worker
            may have another: what is fast on one machine is slow on the next.
    """

    config: Sections
    space: Sequence[Varied]
    objectives: Sequence[Objective]
    facts: Identity
    precision: Precision = "fp32"

    @property
    def identity(self) -> dict[str, str]:
        """Everything that two workers must agree on, by name."""
        swept = {one.key.rpartition(".")[2] for one in self.space}
        settings = settings_identity(self.config)
        return {
            **self.facts,
            "objective": ",".join(f"{one.name} ({one.direction})" for one in self.objectives),
            **{f"over {one.key}": one.text for one in self.space},
            **{k: v for k, v in settings.items() if k.rpartition(".")[2] not in swept},
        }

    @property
    def select(self) -> str:
        """How a run chooses the weights that its folder holds."""
        return str(getattr(self.config.training, "select", "last"))


@dataclass
class Sweep:
    """A sweep that this process works for.

    Attributes:
        folder: Of the sweep; its trials' folders, and the locks on them, lie in it.
        plan: What all trials share.
        trials: So many in all, whoever trains them.
        storage: A file or the address of a database; a file in the folder by default.
        sampler: ``tpe`` learns from the trials that are done; ``random`` does not.
        prune: Whether a trial is stopped whose dev curve is worse than the median of others. Of
            several objectives none is: no curve alone says which trial is worse.
        seed: What is tried follows from it, where one process works alone.
        note: Told of what becomes of trials.

    Raises:
        CheckpointMismatch: If the storage, or the folder, holds another sweep.
        ToolkitError: If the storage cannot be used.
    """

    folder: Path
    plan: Plan
    trials: int
    storage: str | None = None
    sampler: SamplerName = "tpe"
    prune: bool = True
    seed: int = 0
    note: Callable[[str], None] = lambda _: None
    study: Study = field(init=False)

    def __post_init__(self) -> None:
        """Open the storage, or make it."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._choosing(), storage_failures(self.storage or str(self.folder)):
            self.study = optuna.create_study(
                storage=open_storage(self.folder, self.storage),
                study_name=self.folder.resolve().name,
                directions=[one.direction for one in self.plan.objectives],
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(
                    n_startup_trials=UNPRUNED_TRIALS,
                    n_warmup_steps=UNPRUNED_EVALUATIONS + 1,
                ),
            )
            there = self.study.user_attrs.get(IDENTITY)
            if there is None:
                self._begin()
                return
        if different := _all_differences(there, self.plan.identity):
            raise CheckpointMismatch(
                f"{self.folder}: a sweep of other trials ({'; '.join(different[:3])}); give its "
                "options again, or name another folder with --out"
            )

    def work(self, train: Train, *, stop_signal: Callable[[], int]) -> None:
        """Train trials until there are enough of them, done or in the hands of other workers.

        Args:
            train: Trains one.
            stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.

        Raises:
            Interrupted: If asked to stop; the trial's checkpoint is written, and the next worker
                goes on with it.
            ToolkitError: If a trial cannot be trained for a reason that others would meet as well.
        """
        while not stop_signal():
            with storage_failures(self.storage or str(self.folder)), ExitStack() as stack:
                trial = self._next(stack)
                if trial is None:
                    return
                self._perform(trial, train, stop_signal)

    def precision_of(self, trial: FrozenTrial) -> str:
        """Return the precision that a trial is, or was, trained in."""
        # Sweeps of before had one for all their trials, and noted it of the sweep.
        common = self.study.user_attrs[IDENTITY].get(PRECISION, "")
        return str(trial.user_attrs.get(PRECISION) or common)

    def trial_folder(self, number: int) -> Path:
        """Return the folder of a trial's run."""
        return self.folder / f"trial-{number:04d}"

    def _begin(self) -> None:
        """Note what this sweep is; its first trial is that of the settings as they are."""
        if next(self.folder.glob("trial-*"), None) is not None:
            raise CheckpointMismatch(
                f"{self.folder}: holds trials of which the storage knows nothing; give the "
                "--storage that they were made with, or name another folder with --out"
            )
        if own := defaults_within(self.plan.config, self.plan.space):
            self.study.enqueue_trial(own, skip_if_exists=True)
        self.study.set_user_attr(IDENTITY, self.plan.identity)

    @contextmanager
    def _choosing(self) -> Iterator[None]:
        """Let one worker at a time look for work in this folder."""
        with locked(self.folder, "a choice of trials", name="choice", patience=PATIENCE_SECONDS):
            yield

    @property
    def place(self) -> str:
        """What names this folder, on whatever machines it is seen: locks in it hold there."""
        path = self.folder / PLACE_FILE
        if not path.exists():
            write_text(path, uuid.uuid4().hex)
        return path.read_text(encoding="utf-8").strip()

    def _next(self, stack: ExitStack) -> Trial | None:
        """Return a trial whose worker is gone, or a new one; ``None`` where there is nothing to do.

        Args:
            stack: Holds the lock of the trial.
        """
        import optuna
        from optuna.trial import TrialState

        with self._choosing():
            for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if self._takes(frozen, stack):
                    self.note(f"trial {frozen.number} is gone on with")
                    return optuna.trial.Trial(self.study, frozen._trial_id)
            begun = [t for t in self.study.get_trials(deepcopy=False) if t.state.name != "WAITING"]
            if len(begun) >= self.trials:
                return None
            self.study.sampler = self._sampler(len(begun))
            trial = self.study.ask()
            trial.set_user_attr(PLACE, self.place)
            trial.set_user_attr(PRECISION, self.plan.precision)
            self._lock(trial.number, stack)
            return trial

    def _takes(self, frozen: FrozenTrial, stack: ExitStack) -> bool:
        """Lock a trial that somebody has begun; return whether nobody is at work on it here."""
        place = frozen.user_attrs.get(PLACE)
        if place is None:
            begun = frozen.datetime_start or datetime.min
            if datetime.now() - begun > YOUNG:
                self._end(frozen.number, FAILED, "its worker was gone before it had begun")
            return False
        if place != self.place:
            return False  # elsewhere: a worker there sees whether it still runs
        if self.precision_of(frozen) != self.plan.precision:
            return False  # its run goes on in the precision in which it was begun
        with ExitStack() as own:
            try:
                self._lock(frozen.number, own)
            except ToolkitError:
                return False
            # Its worker may have ended it since it was looked at.
            if self.study.get_trials(deepcopy=False)[frozen.number].state.is_finished():
                return False
            stack.push(own.pop_all())
        return True

    def _lock(self, number: int, stack: ExitStack) -> None:
        stack.enter_context(locked(self.folder, "a trial", name=f"trial-{number:04d}"))

    def _sampler(self, begun: int) -> Any:
        """Return what chooses the settings of the next trial.

        It is seeded anew for each, so that a sweep that was stopped and one that was not try the
        same, and two workers do not.
        """
        import optuna

        seed = self.seed + SEED_STEP * begun
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        # Trials that other workers are at count as poor ones: what is tried is not tried twice.
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)

    def _perform(self, trial: Trial, train: Train, stop_signal: Callable[[], int]) -> None:
        """Train a trial, and tell the storage what came of it."""
        number, folder = trial.number, self.trial_folder(trial.number)
        parameters = {one.key: one.suggest(trial) for one in self.plan.space}
        shown = ", ".join(f"{key}={_short(value)}" for key, value in parameters.items())
        curve = DevCurve(trial, self.plan, folder, prune=self.prune)
        try:
            train(
                with_parameters(self.plan.config, self.plan.space, parameters),
                folder,
                title=f"trial {number} of {self.trials}: {shown}",
                listeners=[curve],
                stop_signal=lambda: stop_signal() or curve.stop_signal(),
            )
            values = self._values(folder)
        except Interrupted:
            if stop_signal():
                raise
            self._end(number, "", "", pruned=True, folder=folder)
            self.note(f"trial {number}: pruned after {len(curve.rows())} evaluations")
        except TrainingDiverged as error:
            # Pruned without a value, which to the sampler is worse than any value.
            self._end(number, DIVERGED, str(error), pruned=True, folder=folder)
            self.note(f"trial {number}: diverged: {error}")
        except ValueError as error:
            self._end(number, FAILED, str(error), folder=folder)
            self.note(f"trial {number}: failed: {error}")
        except Exception as error:  # not one of its settings: the next trial would meet it as well
            self._end(number, FAILED, str(error), folder=folder)
            raise
        else:
            self._note_seconds(number, folder)
            self.study.tell(number, values)
            found = zip(self.plan.objectives, values, strict=True)
            figures = ", ".join(f"{one.name} {value:.5g}" for one, value in found)
            self.note(f"trial {number}: {figures}")

    def _values(self, folder: Path) -> list[float]:
        """Return the objectives of a finished run.

        Raises:
            ValueError: If one is no finite number.
        """
        row = kept_row(dev_rows(folder), self.plan.select)
        values = [
            one.value(row) if one.at_end is None else one.at_end(folder)
            for one in self.plan.objectives
        ]
        for one, value in zip(self.plan.objectives, values, strict=True):
            if not math.isfinite(value):
                raise ValueError(f"{one.name} is no number at its end")
        return values

    def _end(
        self,
        number: int,
        outcome: str,
        problem: str,
        *,
        pruned: bool = False,
        folder: Path | None = None,
    ) -> None:
        """Tell the storage of a trial that has no values."""
        from optuna.trial import TrialState

        if outcome:
            storage, trial_id = self.study._storage, self._trial_id(number)
            storage.set_trial_user_attr(trial_id, OUTCOME, outcome)
            storage.set_trial_user_attr(trial_id, PROBLEM, problem)
        if folder is not None:
            self._note_seconds(number, folder)
        self.study.tell(number, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def _note_seconds(self, number: int, folder: Path) -> None:
        """Note how long a trial was trained, time between a kill and its resumption left out."""
        rows = read_rows(folder / METRICS)
        seconds = float(rows[-1].get("seconds") or 0.0) if rows else 0.0
        self.study._storage.set_trial_user_attr(self._trial_id(number), SECONDS, seconds)

    def _trial_id(self, number: int) -> int:
        storage = self.study._storage
        return storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)


class DevCurve(Listener):
    """Listener that reports the evaluations of a trial on dev, and asks it to stop if it is poor.

    Args:
        trial: Of Optuna's.
        plan: Of the sweep.
        folder: Of the trial's run.
        prune: Whether it may be stopped.
    """

    def __init__(self, trial: Trial, plan: Plan, folder: Path, *, prune: bool) -> None:
        self.trial, self.plan, self.folder = trial, plan, folder
        # Optuna prunes by one objective alone, and only by one that has a curve.
        self.reports = len(plan.objectives) == 1 and plan.objectives[0].at_end is None
        self.prunes, self.pruned = prune and self.reports, False

    def row(self, row: Row) -> None:
        """Report an evaluation."""
        if row["kind"] != "dev":
            return
        for one in self.plan.objectives:
            if one.at_end is None:
                one.value(row)  # refuses an unknown figure before time is spent on it
        if not self.reports:
            return
        value, step = self.plan.objectives[0].value(row), len(self.rows())
        known = self.trial.study.get_trials(deepcopy=False)[self.trial.number].intermediate_values
        if math.isfinite(value) and step not in known:  # a resumed run repeats what it has said
            self.trial.report(value, step)
        self.pruned = self.prunes and self.trial.should_prune()

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows of all evaluations so far, those before a kill among them."""
        return dev_rows(self.folder)

    def stop_signal(self) -> int:
        """Return the number of a signal once the trial is to stop, 0 before."""
        return int(signal.SIGTERM) if self.pruned else 0


def _all_differences(there: Any, here: Identity) -> list[str]:
    """Return in words what differs between the sweep that is stored and the one asked for."""
    saved = {name: text for name, text in cast("Identity", there).items() if name != PRECISION}
    gone = [f"{name} {saved[name]} there, unset here" for name in saved if name not in here]
    return list(dict.fromkeys([*differences(saved, here, defaults={}), *gone]))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
