"""A sweep as its commands run it: a worker at work, and in the end what all trials have reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.options import refused_settings
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.sweep.options import QUICK_TRIALS, TRIALS
from arae_toolkit.recipes.sweep.report import report
from arae_toolkit.search.space import Varied, all_varied

if TYPE_CHECKING:
    from arae_toolkit.config.overrides import Sections
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.search.objectives import Objective
    from arae_toolkit.search.sweep import SamplerName, Train
    from arae_toolkit.training.run_identity import Identity


@dataclass(frozen=True)
class Asked:
    """What the options of every sweep ask for, by their names."""

    trials: int | None
    storage: str | None
    sampler: SamplerName
    prune: bool
    search_seed: int
    results: Path
    as_json: bool
    quick: bool


def space_of(
    over: Sequence[str], config: Sections, *, fixed: set[str], unused: Collection[str] = ()
) -> tuple[Varied, ...]:
    """Return the settings that are varied.

    Args:
        over: As they are asked for.
        config: The settings that they vary.
        fixed: Settings that the command line gives one value.
        unused: Settings that these trainings do not look at.

    Raises:
        click.BadParameter: If a range cannot be used, or is of a setting that has one value, or
            that changes nothing.
    """
    with refused_settings(option="'--over'"):
        space = all_varied(over, config)
        for one in space:
            name = one.key.rpartition(".")[2]
            if name in fixed:
                raise ValueError(f"{one.key} has one value already, by an option or the encoder")
            if name in unused:
                raise ValueError(f"{one.key} changes nothing here")
    return space


def search(
    folder: Path,
    asked: Asked,
    *,
    corpus: Corpus,
    config: Sections,
    space: Sequence[Varied],
    objectives: Sequence[Objective],
    facts: Identity,
    train: Train,
    device: str,
    precision: Precision,
    about: Mapping[str, Any],
) -> None:
    """Work for a sweep until its trials are done, and report on them all.

    Args:
        folder: Of the sweep.
        asked: The options that every sweep has.
        corpus: That the runs learn from.
        config: Settings before any is varied.
        space: The settings that are varied.
        objectives: At least one.
        facts: What identifies the runs beside their settings, by name.
        train: Trains one.
        device: Where it is computed.
        precision: In which it is.
        about: What a file of results says of the runs beside.

    Raises:
        ToolkitError: If not one trial has come to its end.
        Interrupted: If a signal has stopped it; the same command goes on.
    """
    from arae_toolkit.search.sweep import Plan, Sweep

    trials = asked.trials or (QUICK_TRIALS if asked.quick else TRIALS)
    sweep = Sweep(
        folder,
        Plan(config, space, objectives, facts, precision),
        trials,
        storage=asked.storage,
        sampler=asked.sampler,
        prune=asked.prune,
        seed=asked.search_seed,
        note=say,
    )
    varied = "; ".join(f"{one.key} over {one.text}" for one in space)
    say(f"sweep of {trials} trials, {varied}, to {folder}")
    with signals_noted() as stop_signal:
        sweep.work(train, stop_signal=stop_signal)
        stopped_by = stop_signal()
    finished = report(sweep, asked, corpus=corpus, device=device, about=about)
    if stopped_by:
        raise StoppedBetweenTrials(stopped_by)
    if not finished:
        raise ToolkitError(f"{folder}: no trial has come to its end; its runs are kept")


class StoppedBetweenTrials(ToolkitError):
    """A signal has stopped a sweep while no trial was in training."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__("stopped between two trials; the same command goes on")
