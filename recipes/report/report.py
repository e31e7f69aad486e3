"""``arae-toolkit report``: one page about a run: settings, curves, figures, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import FILE_TO_WRITE
from arae_toolkit.recipes.shared.options import device_option, optional_results_option, run_argument
from arae_toolkit.recipes.shared.progress import say

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.text_model import TextModelFigures

PAGE = "report.html"


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit report snli",
        "arae-toolkit report runs/reviews --out reviews.html",
        "arae-toolkit report snli --samples 10000 --results results",
    ],
)
@run_argument
@click.option(
    "--out",
    type=FILE_TO_WRITE,
    metavar="FILE.html",
    help=f"The page to write.  [default: {PAGE} in RUN's folder]",
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="The corpus that RUN was trained on: a name or a prepared folder.  [default: RUN's]",
)
@click.option("--count", type=click.IntRange(1), default=20, help="Samples shown of each prior.")
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=2000,
    help="Samples drawn for the shares of distinct and of copied ones.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Fixes what is drawn.")
@optional_results_option("Folder for a file of results, of a text model.")
@device_option
def report(
    run: str,
    out: Path | None,
    corpus_name: str | None,
    count: int,
    samples: int,
    seed: int,
    results: Path | None,
    device: str,
) -> None:
    """Write one page (HTML) about RUN, which holds all that it shows and asks no other address.

    How it was made, its settings, the curves of its training and its sizes; of a text model what is
    measured on dev and test, new sentences of each prior, walks, reconstructions and neighbours; of
    an image model pictures; of one that transfers rewritten sentences; of a classifier its
    confusions. Samples that stand in the corpus are left out and counted. Without the corpus the
    page shows less, and says so.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{out}: the page is written as .html", param_hint="'--out'")
    folder = find_run(run, prefixes=("", "nli-"))
    from arae_toolkit.recipes.report.training import (
        curves,
        lead_of,
        logs_of,
        made,
        members_of,
        settings_table,
        sha256_of,
        sizes,
        title_of,
    )
    from arae_toolkit.reports.run_page.run_folder import config_of
    from arae_toolkit.storage.atomic_files import write_text
    from arae_toolkit.storage.html_page import note, page

    config = config_of(folder)
    members = members_of(folder, config)
    first = config if "" in members else config_of(next(iter(members.values())))
    logs = logs_of(members)
    corpus = _corpus(run, corpus_name, sha256_of(first))
    if results is not None and config.get("kind") != "text":
        raise click.UsageError(
            f"--results is of text models; {folder} is of the kind {config.get('kind')}"
        )
    if results is not None and corpus is None:
        raise click.UsageError("--results needs the corpus; name it with --corpus")
    shown, figures = _shown(folder, config, members, corpus, device, count, samples, seed)
    sections = {
        "How it was made": made(folder, first, next(iter(logs.values())), corpus),
        "Settings": settings_table(first),
        "Training": curves(logs) if any(logs.values()) else [note("No log lies in the folder.")],
        **shown,
        "Sizes": sizes(members, folder),
    }
    lead = lead_of({**first, "kind": config.get("kind")}, corpus)
    path = out or folder / PAGE
    write_text(path, page(title_of(folder), lead, sections))
    if results is not None:
        from arae_toolkit.recipes.report.results_file import write_figures

        assert corpus is not None and figures is not None, "checked above"
        say(str(write_figures(results, folder, corpus=corpus, figures=figures, device=device)))
    click.echo(path)


def _corpus(run: str, name: str | None, sha256: str | None) -> Corpus | None:
    """Return the corpus of a run, ``None`` where it is not at hand and was not asked for."""
    try:
        corpus = corpus_of_run(run, name)
    except DataError as error:
        if name is not None:
            raise
        say(f"arae-toolkit: warning: {error}; the page shows less without it")
        return None
    if name is None and sha256 not in (None, corpus.sha256):
        say("the page shows less without the run's own corpus; name it with --corpus")
        return None
    return corpus


def _shown(
    folder: Path,
    config: Mapping[str, Any],
    members: Mapping[str, Path],
    corpus: Corpus | None,
    device: str,
    count: int,
    samples: int,
    seed: int,
) -> tuple[dict[str, list[str]], TextModelFigures | None]:
    """Return the sections that a kind of model has, and the figures of a text model."""
    from arae_toolkit.devices import choose_device
    from arae_toolkit.recipes.report.labelled import pair_sections, transfer_sections
    from arae_toolkit.recipes.report.plain import image_sections, text_sections
    from arae_toolkit.transfer.systems import BY_FOLDER_KIND

    kind, place = config.get("kind"), choose_device(device)
    if kind == "text":
        return text_sections(folder, corpus, place, count=count, samples=samples, seed=seed)
    if kind == "image":
        return image_sections(folder, corpus, place, seed=seed), None
    if kind in BY_FOLDER_KIND:
        return transfer_sections(folder, corpus, place), None
    if kind in ("pairs", "pair-ensemble"):
        return pair_sections(folder, members, corpus, place), None
    return {}, None
