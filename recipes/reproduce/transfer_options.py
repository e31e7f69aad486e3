"""Options that the tables of transfer share."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.config.presets import PRESETS
from arae_toolkit.recipes.reproduce.transfer_systems import (
    SYSTEMS,
    System,
    chosen_systems,
    finished_system,
)
from arae_toolkit.recipes.shared.child_processes import options_given
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import device_option, precision_option, results_option

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class TableChoices:
    """What is measured, and how.

    Attributes:
        systems: Rows of the table.
        seeds: How many are trained of a system.
        seeds_of: The systems for which that holds, one being trained of the others; all for none.
        split: ``dev`` or ``test``.
        most: Sentences of a label; 0 takes all.
        preset: Of autoencoders.
        changes: Further settings of autoencoders.
        scorer: Folder of the corpus's scorer.
        device: Where to compute.
        precision: Of matrix products.
        out: Folder of the table.
        results: Folder of the file of results.
    """

    systems: tuple[System, ...]
    seeds: int
    seeds_of: tuple[str, ...]
    split: str
    most: int
    preset: str
    changes: tuple[str, ...]
    scorer: Path | None
    device: str
    precision: Precision
    out: Path | None
    results: Path

    def seeds_for(self, system: System) -> range:
        """Return the seeds of a system."""
        named = {name.partition("@")[0] for name in self.seeds_of}
        several = system.model is None and (not named or system.run in named)
        return range(self.seeds if several else 1)

    def quick(self, names: tuple[str, ...], changes: tuple[str, ...]) -> TableChoices:
        """Return the choices of a quick table: a few systems, small networks."""
        return replace(
            self, systems=tuple(chosen_systems(names)), preset="demo", changes=changes, seeds=1
        )


def table_options(command: Command) -> Command:
    """Add the options to a command, which is given :class:`TableChoices` as ``choices``."""

    @click.option(
        "--system",
        "systems",
        multiple=True,
        callback=_known_systems,
        metavar="NAME",
        help="A row of the table, again for several; NAME@c8 takes the best of 8 proposals, "
        "NAME@s2 strength 2. Any of "
        + ", ".join(dict.fromkeys(system.run for system in SYSTEMS))
        + ".  [default: all]",
    )
    @click.option(
        "--model",
        "models",
        multiple=True,
        callback=_finished_models,
        metavar="NAME=RUN",
        help="A further row, again for several: a finished model, which may know more labels.",
    )
    @click.option(
        "--seeds",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Seeds of each system, from 0.",
    )
    @click.option(
        "--seeds-of",
        multiple=True,
        metavar="NAME",
        help="Train several seeds of this system, and one of those not named.",
    )
    @click.option(
        "--split",
        type=click.Choice(["dev", "test"]),
        default="test",
        show_default=True,
        help="Sentences that are rewritten.",
    )
    @click.option(
        "--limit", "most", type=click.IntRange(0), default=0, help="Sentences of a label at most."
    )
    @click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        default="default",
        show_default=True,
        help="Of autoencoders.",
    )
    @click.option(
        "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of autoencoders."
    )
    @click.option(
        "--scorer", type=click.Path(path_type=Path), help="Folder of the corpus's scorer."
    )
    @device_option
    @precision_option
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of the table's runs.")
    @results_option
    @functools.wraps(command)
    def with_choices(**parameters: Any) -> Any:
        names = {field: parameters.pop(field) for field in _FIELDS}
        names["systems"] += parameters.pop("models")
        return command(choices=TableChoices(**names), **parameters)

    return with_choices  # type: ignore[return-value]


_FIELDS = tuple(TableChoices.__dataclass_fields__)


def _known_systems(
    ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[System, ...]:
    """Refuse a system that there is not."""
    try:
        return tuple(chosen_systems(value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=parameter) from error


def _finished_models(
    ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[System, ...]:
    """Return the rows of finished models, and refuse what names none."""
    rows = []
    for assignment in value:
        name, equals, run = assignment.partition("=")
        try:
            if not equals:
                raise ValueError(f"{assignment!r} is not of the form NAME=RUN")
            rows.append(replace(finished_system(name, Path(run)), model=find_run(run)))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx=ctx, param=parameter) from error
    return tuple(rows)


def command_line() -> str:
    """Return what to type to measure the table again."""
    ctx = click.get_current_context()
    words = options_given(ctx, without=("results", "systems", "models"))
    asked = ctx.get_parameter_source("systems") is click.core.ParameterSource.COMMANDLINE
    words += [f"--system={system.name}" for system in ctx.params["systems"]] * asked
    words += [f"--model={system.name}={system.model}" for system in ctx.params["models"]]
    return shlex.join([*ctx.command_path.split(), *words])
