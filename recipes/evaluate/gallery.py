"""``arae-toolkit evaluate gallery``: what runs write, none picked, none out of their corpus."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.evaluate.novel import (
    NamedRun,
    NovelTexts,
    named_runs,
    novel_options,
    variations,
    walks,
)
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.generation_systems import System, best_of_key
from arae_toolkit.recipes.shared.options import device_option, results_option
from arae_toolkit.recipes.shared.progress import progress, say

if TYPE_CHECKING:
    from arae_toolkit.reports.results import Metric

TEMPERATURES = (0.25, 0.5, 0.75, 1.0)
"""Of variations, the nearest first."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate gallery snli",
        "arae-toolkit evaluate gallery ARAE=runs/snli AE=runs/snli-ae@flow --name snli",
        "arae-toolkit evaluate gallery snli-ae --prior flow --temperature 0.8 --count 50",
    ],
)
@novel_options()
@click.option("--count", type=click.IntRange(1), default=100, help="Samples of each run.")
@click.option(
    "--steps", type=click.IntRange(2), default=7, help="Sentences on a way, both ends included."
)
@click.option(
    "--name", help="Of the file of results, behind 'gallery-'.  [default: the first run's]"
)
@results_option
@device_option
def gallery(
    runs: tuple[str, ...],
    corpus_name: str | None,
    prior: str,
    temperature: float | None,
    seed: int,
    count: int,
    steps: int,
    name: str | None,
    results: Path,
    device: str,
) -> None:
    """Write samples, walks and variations of each RUN into results/gallery-NAME.json.

    None is picked: the first samples of the prior, walks between ten pairs of sentences that stand
    fixed, through codes and through the generator's noise where there is one,
    and for each sentence of a pair one drawn from its code at each of four temperatures. What
    stands in a split of the corpus is left out and counted. Markdown goes to stdout.

    RUN is a corpus name (snli means runs/snli) or a model folder; NAME= names it in the results,
    @flow takes another prior than its own, @t0.8 draws words at a temperature, @best4 keeps the
    best of 4 draws as 'sample --best-of' does.
    """
    began = time.monotonic()
    sources = named_runs(runs, prior=prior, temperature=temperature)
    from arae_toolkit.devices import choose_device, name_of
    from arae_toolkit.reports.gallery import gallery as markdown
    from arae_toolkit.reports.results import corpus_identity, read_result, write_result

    corpus = corpus_of_run(None if corpus_name else sources[0].run, corpus_name)
    novel = NovelTexts(corpus)
    found: dict[str, dict[str, Any]] = {}
    with progress("writing sentences", len(sources)) as advance:
        for source in sources:
            system = source.system(corpus, device)
            found[source.name] = _shown(source, system, novel, count, steps=steps, seed=seed)
            advance(1)
    title = "gallery-" + (name or Path(sources[0].run).name)
    path = write_result(
        results,
        title,
        command=command_line(without=("results",)),
        corpus=corpus_identity(corpus),
        seeds=[seed],
        device=name_of(choose_device(device)),
        seconds=time.monotonic() - began,
        metrics=_metrics(found),
        threads=threads_of(),
        details={"runs": found, "temperatures": list(TEMPERATURES), "steps": steps},
    )
    say(str(path))
    click.echo(markdown(read_result(results, title)))


def _shown(
    source: NamedRun, system: System, novel: NovelTexts, count: int, *, steps: int, seed: int
) -> dict[str, Any]:
    """Return what is shown of a run; ``None`` stands for a sentence of the corpus."""
    from arae_toolkit.latent.pairs import MORE_PAIRS, PAIRS
    from arae_toolkit.latent.spaces import has_noise

    samples = novel.samples(source, system, count, seed=seed)
    shown: dict[str, Any] = {
        "kind": system.kind,
        "prior": system.priors[0].name,
        "temperature": source.temperature,
        **best_of_key(source.best_of),
        "weights_sha256": system.sha256,
        "samples": samples.texts,
        "samples_left_out": samples.left_out,
        "walks": {},
        "variations": [],
    }
    model = system.model
    if model is None:
        return shown
    pairs = (*PAIRS, *MORE_PAIRS)
    forms: dict[str, dict[str, Any]] = {
        "codes": {"through": "codes"},
        "codes, in small steps": {"through": "codes", "smooth": True},
    }
    if has_noise(model):
        forms["noise"] = {"through": "noise"}
    for name, form in forms.items():
        ways = walks(model, pairs, **form, steps=steps, seed=seed)
        shown["walks"][name] = [
            {"from": first, "to": second, "steps": novel.without(way)}
            for (first, second), way in zip(pairs, ways, strict=True)
        ]
    texts = [text for pair in pairs for text in pair]
    drawn = variations(model, texts, TEMPERATURES, seed=seed)
    shown["variations"] = [
        {"text": text, "drawn": novel.without(several)}
        for text, several in zip(texts, drawn, strict=True)
    ]
    return shown


def _metrics(found: dict[str, dict[str, Any]]) -> dict[str, Metric]:
    """Return how much of each part of what a run wrote stands in the corpus, in percent."""
    from arae_toolkit.reports.results import summarise

    metrics: dict[str, Metric] = {}
    for name, shown in found.items():
        drawn = len(shown["samples"]) + shown["samples_left_out"]
        shares = {"samples": 100 * shown["samples_left_out"] / drawn}
        for through, ways in shown["walks"].items():
            shares[f"steps through {through}"] = _missing([way["steps"] for way in ways])
        if shown["variations"]:
            shares["variations"] = _missing([several["drawn"] for several in shown["variations"]])
        for part, share in shares.items():
            metrics[f"{name}, {part} in the corpus"] = summarise([share], "percent")
    return metrics


def _missing(rows: Sequence[Sequence[str | None]]) -> float:
    """Return the percent of ``None`` among all."""
    every = [text for row in rows for text in row]
    return 100 * every.count(None) / len(every)
