"""Options that the tables of transfer share."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.recipes.reproduce.quick_form import refuse_beside_quick
from arae_toolkit.recipes.reproduce.transfer.systems import (
    SYSTEMS,
    System,
    chosen_systems,
    finished_system,
)
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.corpora import open_corpus, prepared
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import Checked
from arae_toolkit.recipes.shared.options import (
    Command,
    in_order,
    preset_option,
    results_option,
    run_options,
)

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision

QUICK_SYSTEMS = ("delete-and-replace", "arae-1")
QUICK_CHANGES = (
    *("iterations=400", "evaluate_every=200", "evaluation_sentences=100", "batch_size=64"),
    *("softmax_samples=128", "autoencoder_rate=0.01", "warmup=50", "hidden_size=96"),
    *("critic_steps=2", "adversarial_warmup=100", "attribute_warmup=100"),
)
QUICK_SIZES = {"synthetic-sentiment": 6_000, "synthetic-topics": 4_000}
QUICK_LENGTH, QUICK_SENTENCES = 10, 100


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
        tune: Whether pilots choose among each system's settings.
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
    tune: bool
    device: str
    precision: Precision
    out: Path | None
    results: Path

    def seeds_for(self, system: System) -> range:
        """Return the seeds of a system."""
        named = {name.partition("@")[0] for name in self.seeds_of}
        several = system.model is None and (not named or system.run in named)
        return range(self.seeds if several else 1)

    def quick(self, names: tuple[str, ...]) -> TableChoices:
        """Return the choices of a quick table: small networks, some sentences, no pilots.

        Args:
            names: Of the systems where the user has named none.
        """
        own = self.systems
        if own[: len(SYSTEMS)] == SYSTEMS:  # none is named, and finished models stand behind
            own = (*chosen_systems(names), *own[len(SYSTEMS) :])
        return replace(
            self,
            systems=own,
            preset="demo",
            changes=(*QUICK_CHANGES, *self.changes),
            tune=False,
            most=self.most or QUICK_SENTENCES,
        )


def open_reviews(name: str, folder: Path, *, quick: bool) -> Corpus:
    """Return the corpus: that of the name, or made-up reviews, which lie beside the models."""
    if not quick:
        return open_corpus(name)
    return quick_labelled("synthetic-sentiment", folder)


def quick_labelled(name: str, folder: Path) -> Corpus:
    """Return an embedded corpus of short labelled sentences, which lies beside the models."""
    options = PrepareOptions(size=QUICK_SIZES[name], max_length=QUICK_LENGTH)
    return prepared(name, folder / "corpus", options)


def _known_system(name: str) -> System:
    """Return the system of a name, or refuse it."""
    return chosen_systems((name,))[0]


def _finished_model(assignment: str) -> System:
    """Return the row of a finished model, or refuse what names none."""
    name, equals, run = assignment.partition("=")
    if not equals:
        raise ValueError(f"{assignment!r} is not of the form NAME=RUN")
    return replace(finished_system(name, Path(run)), model=find_run(run))


OPTIONS = in_order(
    click.option(
        "--system",
        "systems",
        multiple=True,
        type=Checked(_known_system),
        metavar="NAME",
        help="A row of the table, again for several; NAME@c8 takes the best of 8 proposals, "
        "NAME@s2 strength 2. Any of "
        + ", ".join(dict.fromkeys(system.run for system in SYSTEMS))
        + ".  [default: all]",
    ),
    click.option(
        "--model",
        "models",
        multiple=True,
        type=Checked(_finished_model),
        metavar="NAME=RUN",
        help="A further row, again for several: a finished model, which may know more labels.",
    ),
    click.option(
        "--seeds", type=click.IntRange(1), default=1, help="Seeds of each system, from 0."
    ),
    click.option(
        "--seeds-of",
        multiple=True,
        metavar="NAME",
        help="Train several seeds of this system, and one of those not named.",
    ),
    click.option(
        "--split",
        type=click.Choice(["dev", "test"]),
        default="test",
        help="Sentences that are rewritten.",
    ),
    click.option(
        "--limit",
        "most",
        type=click.IntRange(0),
        default=0,
        show_default=False,
        help="Sentences of a label at most.",
    ),
    preset_option("Of autoencoders."),
    click.option(
        "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of autoencoders."
    ),
    click.option(
        "--scorer", type=click.Path(path_type=Path), help="Folder of the corpus's scorer."
    ),
    click.option(
        "--tune/--no-tune",
        default=True,
        help="Choose among four settings of each system by pilots of half the length, on dev.",
    ),
    run_options("Folder of the table's runs."),
    results_option,
)
_FIELDS = tuple(TableChoices.__dataclass_fields__)


def table_options(command: Command) -> Command:
    """Add the options to a command, which is given :class:`TableChoices` as ``choices``."""

    @functools.wraps(command)
    def with_choices(**parameters: Any) -> Any:
        if parameters.get("quick"):
            refuse_beside_quick("corpus", "preset", "tune")
        names = {field: parameters.pop(field) for field in _FIELDS}
        names["systems"] = (names["systems"] or SYSTEMS) + parameters.pop("models")
        return command(choices=TableChoices(**names), **parameters)

    return OPTIONS(with_choices)  # type: ignore[return-value]


def table_command() -> str:
    """Return what to type to measure the table again."""
    ctx = click.get_current_context()
    words = [f"--system={system.name}" for system in ctx.params["systems"]]
    words += [f"--model={system.name}={system.model}" for system in ctx.params["models"]]
    return command_line(*words, without=("results", "systems", "models"))
