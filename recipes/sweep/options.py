"""Options that the kinds of sweeps share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from arae_toolkit.recipes.shared.options import (
    Command,
    device_option,
    in_order,
    json_option,
    out_option,
    precision_option,
    results_option,
)

TRIALS, QUICK_TRIALS = 20, 6

quick_option = click.option(
    "--quick",
    is_flag=True,
    help=f"A small model on an embedded corpus, about a minute: {QUICK_TRIALS} trials unless "
    "--trials says otherwise, of settings that --over may name.",
)
over_option = click.option(
    "--over",
    "over",
    multiple=True,
    metavar="KEY=VALUES",
    help="A setting to vary; again for each. VALUES: LOW:HIGH, log:LOW:HIGH or a,b,c.",
)


def objective_option(default: str) -> Callable[[Command], Command]:
    """Return the option of what is searched by."""
    return click.option(
        "--objective",
        default=default,
        metavar="NAME[,NAME]",
        help="reverse-perplexity, forward-perplexity, reconstruction, or any figure of the run's "
        "evaluations on dev; with :max or :min behind one that is not known here. Several are "
        "searched for their front.",
    )


search_options = in_order(
    click.option(
        "--trials",
        type=click.IntRange(1),
        help=f"Of all workers together.  [default: {TRIALS}]",
    ),
    click.option(
        "--storage",
        metavar="FILE|URL",
        help="Journal file, or a database such as postgresql://HOST/NAME, that all workers reach."
        "  [default: journal.log in the sweep's folder]",
    ),
    click.option(
        "--sampler",
        type=click.Choice(["tpe", "random"]),
        default="tpe",
        help="tpe goes where trials were good; random covers all ranges alike.",
    ),
    click.option(
        "--prune/--no-prune",
        default=True,
        help="Stop a trial whose dev curve is worse than the median of those before it; never with "
        "several objectives.",
    ),
    click.option(
        "--search-seed",
        type=click.IntRange(0),
        default=0,
        help="Of the values that are tried; --set seed=N is that of the runs.",
    ),
)
run_options = in_order(
    quick_option,
    device_option,
    precision_option,
    out_option("Folder of the sweep and its trials.", default="runs/NAME-sweep"),
    results_option,
    json_option,
)


def named_folder(out: Path | None, name: str) -> Path:
    """Return the folder of a sweep: the one asked for, or that of a name."""
    from arae_toolkit.storage.paths import run_folder

    return out or run_folder(f"{name}-sweep")
