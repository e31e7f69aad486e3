"""The program that runs drills: a sample in some minutes, or the whole, which can be resumed."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads do not outlive a fork

import click
from click.core import ParameterSource

import arae_toolkit
from arae_toolkit import data_prep, recipes
from arae_toolkit.benchmarks.common import Benchmark
from arae_toolkit.recipes.shared.progress import tell
from arae_toolkit.version import code_version
from drills import forked
from drills.catalogue import DRILLS
from drills.materials import Materials
from drills.records import Records, fingerprint
from drills.results import RUN, show, write
from drills.running import Plan, run_trials


def check_numbers(context: click.Context, only: Sequence[str]) -> None:
    """Refuse what has no sense beside trials that are named one by one.

    Raises:
        click.UsageError: If they are not of exactly one drill, or if it is asked how many are run
            or which count: they are run whatever is on record, and put on none.
    """
    if len(set(only)) != 1:
        raise click.UsageError("--number is that of a trial of one drill: name that with --only")
    for name in ("trials", "fewest", "records", "earlier", "results"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--number runs a trial again and puts it on no record: leave --{name} out"
            )


def announce(plan: Plan, kept: Records, minutes: float | None) -> None:
    """Tell how much is going to be run, and where it is kept."""
    whole = sum(len(numbers) for numbers in plan.numbers.values())
    left = sum(map(len, plan.waiting(kept).values()))
    some = f"{left:,} of {whole:,} trials, the others being on record" if left < whole else ""
    bound = f", for {minutes:g} minutes at most" if minutes else ""
    tell(f"trying {some or f'{whole:,} trials'}; {plan.jobs} at a time{bound}")
    tell(f"each is kept in {kept.path}, behind which a run that is stopped goes on")


@click.command(
    cls=Benchmark,
    examples=[
        f"{RUN} --minutes 18 --jobs 2",
        f"{RUN} --whole --minutes 180 --jobs 2 --results results",
        f"{RUN} --only streams --only kills --trials 100 --seed 7",
        f"{RUN} --only kills --number 17",
    ],
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(DRILLS)),
    help="Only this drill; may be given several times.  [default: all]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of all chance: another one tries other things.",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    type=click.IntRange(0),
    help="Only the trial of this number of the one drill given with --only, even if it is on "
    "record; may be given several times. It is put on no record.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Begin no trial after so many.  [default: none is left]",
)
@click.option("--trials", type=click.IntRange(1), help="So many of each drill.")
@click.option("--fewest", is_flag=True, help="As many of each as the ordinary tests run.")
@click.option("--whole", is_flag=True, help="Every trial, and the long ones at full length.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that run trials side by side.",
)
@click.option(
    "--records",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the trials; what stands there of this seed and this very code is not run again.  "
    "[default: sample.jsonl or whole.jsonl in runs/drills]",
)
@click.option(
    "--earlier",
    is_flag=True,
    help="What held with earlier code counts as well; the results name each commit.",
)
@click.option(
    "--materials",
    "made",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the models and corpora that are tried, made where there is none and kept.  "
    "[default: made for this run alone]",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder for drills.json; drills that --only leaves out stand in it as they are on record.",
)
@click.pass_context
def main(
    context: click.Context,
    only: Sequence[str],
    seed: int,
    numbers: Sequence[int],
    minutes: float | None,
    trials: int | None,
    fewest: bool,
    whole: bool,
    jobs: int,
    records: Path | None,
    earlier: bool,
    made: Path | None,
    results: Path | None,
) -> None:
    """Try what is promised, and tell what was not kept.

    The exit code is 0 if all that was tried is as promised, 1 if not or if nothing was tried.
    """
    if numbers:
        check_numbers(context, only)
    drills = [DRILLS[name] for name in dict.fromkeys(only or DRILLS)]
    packages = [Path(package.__path__[0]) for package in (arae_toolkit, recipes, data_prep)]
    own = Path(__file__).parent
    code = fingerprint([*packages, own, *sorted(own.parent.glob("small*.py"))])
    commit = code_version(packages[0])
    to_run: dict[str, Sequence[int]] = {
        d.name: sorted(set(numbers)) or range(trials or (d.fewest if fewest else d.whole))
        for d in drills
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Short, for the names of sockets and pipes; in memory where the system keeps such files there.
    with tempfile.TemporaryDirectory(prefix="drills-") as place:
        folder = Path(place)
        path = records or Path("runs/drills") / ("whole.jsonl" if whole else "sample.jsonl")
        kept = Records((folder / "again.jsonl") if numbers else path.absolute())
        tell(
            "loading the toolkit ..."
            if made and Materials.are_in(made)
            else "making the models and corpora that are tried, which takes a minute or so ..."
        )
        forked.warm_up()
        materials = Materials.in_folder(made or folder / "materials", folder / "scratch")
        end = time.monotonic() + 60 * minutes if minutes else float("inf")
        plan = Plan(drills, to_run, seed, code, end, not whole, commit, earlier, jobs)
        if not numbers:
            announce(plan, kept, minutes)
        run_trials(plan, kept, materials, folder)
        found = plan.on_record(kept)
        left = sum(map(len, plan.waiting(kept).values()))
    show(drills, found, brief=plan.brief, each=bool(numbers))
    if left:
        tell(f"{left:,} trials are left for the same command to go on with")
    if results is not None and found:
        click.echo(write(results, kept, plan))
    sys.exit(any(record.verdict == "broken" for record in found) or not found)


if __name__ == "__main__":
    main()
