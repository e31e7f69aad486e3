"""``arae-toolkit evaluate generation``: new sentences measured, as in Table 1 and beyond.

The numbers are computed in :mod:`arae_toolkit.evaluation.generation`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.priors.settings import OF_CORPUS, OWN
from arae_toolkit.recipes.evaluate.generation_report import as_text, write_plots, write_report
from arae_toolkit.recipes.evaluate.outputs import named_source, sentences_options
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.generation_systems import (
    best_of_key,
    check_writers,
    decodings_of,
    encoder_option,
    examples_of,
    language_model_system,
    load_system,
    measurement_of,
    read_texts,
    samples_of,
)
from arae_toolkit.recipes.shared.option_types import Checked, NumberRange
from arae_toolkit.recipes.shared.options import (
    best_of_option,
    device_option,
    json_option,
    optional_results_option,
    precision_option,
)
from arae_toolkit.recipes.shared.progress import say, show
from arae_toolkit.storage.figure_files import check_suffix
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import PackedSentences
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.generation.measurement import GenerationMeasurement


def _temperatures(text: str) -> tuple[float, ...]:
    """Return the temperatures of a list with commas.

    Example:
        >>> _temperatures("1, 0.5,1")
        (0.5, 1.0)
    """
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise ValueError(f"{text!r} is no list of numbers such as 0.6,0.8,1") from None
    if not all(0 <= temperature < math.inf for temperature in found):
        raise ValueError(f"{text!r} holds a temperature below 0, or none that is finite")
    return tuple(found)


def _plot_path(text: str) -> Path:
    return check_suffix(Path(text))


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate generation snli --count 5000",
        "arae-toolkit evaluate generation snli runs/snli-ae --encoder runs/nli-snli-full",
        "arae-toolkit evaluate generation snli --language-model --temperature 0,0.5,0.8,1 "
        "--plot curve.png --plot curve.html",
        "arae-toolkit evaluate generation snli --prior own --prior flow --prior codes",
        "arae-toolkit evaluate generation --corpus snli --outputs theirs=samples.txt --json",
    ],
)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@sentences_options
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="What judges learn from: a name or a prepared folder.  [default: the first RUN's]",
)
@click.option(
    "--count",
    type=click.IntRange(2),
    default=100_000,
    help="Sentences of each system; the paper's number is the default.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Draws samples and subsets."
)
@click.option(
    "--split",
    type=click.Choice(["dev", "test"]),
    default="test",
    help="The held-out sentences that reverse perplexity reads.",
)
@click.option(
    "--temperature",
    "temperatures",
    type=Checked(_temperatures),
    metavar="T,...",
    help="Draw words at these, 0 takes the likeliest; several make a curve.  [default: 0; 1 for "
    "a language model]",
)
@click.option("--top-k", type=click.IntRange(1), help="Draw from the K likeliest words only.")
@click.option(
    "--top-p",
    type=NumberRange(0, 1, min_open=True),
    help="Draw from the fewest words of this joint probability only.",
)
@click.option("--beam-size", type=click.IntRange(1), help="At temperature 0, search by beams.")
@click.option(
    "--prior",
    "priors",
    multiple=True,
    metavar="NAME",
    help="Where codes come from: own, a fitted one such as flow, or codes, those of train with "
    "noise; may be given again.  [default: own]",
)
@click.option(
    "--start-scale",
    type=NumberRange(0),
    help="For a flow: deviation of its starting noise.  [default: 1]",
)
@best_of_option
@click.option(
    "--language-model",
    "with_language_model",
    is_flag=True,
    help="Also train a language model on train, once, and measure what it writes.",
)
@encoder_option("Frechet distance and MAUVE are")
@json_option
@optional_results_option()
@click.option(
    "--plot",
    "plots",
    type=Checked(_plot_path),
    multiple=True,
    metavar="FILE.png|.html",
    help="Draw reverse against forward perplexity; may be given again.",
)
@device_option
@precision_option
def generation(
    runs: Sequence[str],
    outputs: Sequence[str],
    text_field: str,
    corpus_name: str | None,
    count: int,
    seed: int,
    split: str,
    temperatures: Sequence[float] | None,
    top_k: int | None,
    top_p: float | None,
    beam_size: int | None,
    priors: Sequence[str],
    start_scale: float | None,
    best_of: int,
    with_language_model: bool,
    encoder: str | None,
    as_json: bool,
    results: Path | None,
    plots: Sequence[Path],
    device: str,
    precision: Precision,
) -> None:
    """Measure new sentences: fluency, variety, copying, and distance to real text.

    Reverse perplexity is that of held-out text by a language model of the samples, forward
    perplexity that of the samples by a language model of the judges' part of train, which no
    system learns from (section 6.1, Table 1). Held-out text, as much of train, and all of train
    copied are measured alike and always stand beside the systems.

    Samples and finished measures are kept in runs/evaluations: the same command, started again
    after an interruption, goes on where it was. With 100,000 samples a system takes about 20
    minutes on one core, most of them for reverse perplexity, and 1 GB of memory.

    RUN is a corpus name (snli means runs/snli) or a model folder: an autoencoder or a language
    model of text.
    """
    began = time.monotonic()
    temperatures = temperatures or ()
    drawn = any(temperatures)
    for name, value in (("--top-k", top_k), ("--top-p", top_p)):
        if value is not None and not (drawn or with_language_model):
            raise click.UsageError(f"{name} needs --temperature above 0")
    if beam_size is not None and temperatures and 0 not in temperatures:
        raise click.UsageError("--beam-size needs --temperature 0")
    if start_scale is not None and not set(priors) - {OWN, *OF_CORPUS}:
        raise click.UsageError("--start-scale needs a flow, named by --prior")
    if not runs and corpus_name is None:
        raise click.UsageError("RUN or --corpus is missing: one says what judges learn from")
    sources = dict(map(named_source, outputs))
    folders = [find_run(run) for run in runs]
    names = [folder.resolve().name for folder in folders] + list(sources)
    if len(sources) < len(outputs) or len(set(names)) < len(names):
        raise click.UsageError(
            "two systems have the same name; call files NAME=FILE, runs by different folders"
        )
    check_writers(folders)
    from arae_toolkit.evaluation.generation.measurement import GenerationSettings

    corpus = corpus_of_run(None if corpus_name else runs[0], corpus_name)
    search = {"top_k": top_k, "top_p": top_p, "beam_size": beam_size}
    measurement = measurement_of(
        corpus, split, encoder, device, precision, settings=GenerationSettings(seed=seed)
    )
    report = _measured(
        measurement,
        runs=runs,
        files={name: read_texts(path, text_field, count, corpus) for name, path in sources.items()},
        count=count,
        temperatures=temperatures,
        priors=tuple(dict.fromkeys(priors)) or (OWN,),
        start_scale=start_scale,
        best_of=best_of,
        with_language_model=with_language_model,
        encoder=encoder,
        **search,
    )
    if results is not None:
        from arae_toolkit.devices import choose_device, name_of

        path = write_report(
            report,
            results,
            corpus=corpus,
            seed=seed,
            command=command_line(),
            device=name_of(choose_device(device)),
            seconds=time.monotonic() - began,
        )
        say(str(path))
    write_plots(report, plots)
    show(report, as_json=as_json, as_text=as_text)


def _measured(
    measurement: GenerationMeasurement,
    *,
    runs: Sequence[str],
    files: dict[str, PackedSentences],
    count: int,
    temperatures: Sequence[float],
    priors: Sequence[str],
    start_scale: float | None,
    best_of: int,
    with_language_model: bool,
    encoder: str | None,
    **search: Any,
) -> dict[str, Any]:
    """Return the report: every system, and real text, measured; as JSON holds it."""
    from arae_toolkit.evaluation.generation.measurement import (
        WHOLE_TRAIN,
        Subject,
        real_subjects,
    )
    from arae_toolkit.reports.results import corpus_identity

    corpus, judge, settings = measurement.corpus, measurement.judge, measurement.settings
    device = measurement.device
    assert device is not None, "the caller has chosen one"
    systems: dict[str, dict[str, Any]] = {}
    curves: dict[str, list[str]] = {}
    real = real_subjects(corpus, measurement.split, count, seed=settings.seed)
    whole = real.pop(WHOLE_TRAIN)
    for name, subject in real.items():
        systems[name] = {"kind": "real", **measurement.of(name, subject)}
    systems[WHOLE_TRAIN] = {}  # its place in tables: it takes the longest, so it comes last
    load_run = partial(load_system, priors=priors, start_scale=start_scale)
    loads = [partial(load_run, run, corpus, device) for run in runs]
    if with_language_model:
        loads.append(
            partial(language_model_system, corpus, settings.judge, device, measurement.dtype)
        )
    for load in loads:
        system = load()
        asked = decodings_of(system, temperatures, most_words=corpus.max_length, **search)
        for chosen, (temperature, decoding) in product(system.priors, asked.items()):
            title = system.name if chosen.name == OWN else f"{system.name} {chosen.name}"
            name = title
            if len(asked) > 1:
                name += f" T={temperature:g}" if temperature else " greedy"
                curves.setdefault(title, []).append(name)
            sentences = samples_of(
                *(system, chosen, decoding, count),
                start_scale=start_scale,
                seed=settings.seed,
                corpus=corpus,
                cells=measurement.cells,
                best_of=best_of,
            )
            systems[name] = {
                "kind": system.kind,
                "prior": chosen.name,
                "start_scale": start_scale,
                **best_of_key(best_of),
                "temperature": temperature,
                "decoding": {k: v for k, v in asdict(decoding).items() if k != "dtype"},
                "weights_sha256": system.sha256,
                **measurement.of(name, Subject(sentences, system.parameters + chosen.parameters)),
                **examples_of(measurement, sentences),
            }
    for name, sentences in files.items():
        found = measurement.of(name, Subject(sentences))
        systems[name] = {"kind": "file", **found, **examples_of(measurement, sentences)}
    systems[WHOLE_TRAIN] = {"kind": "real", **measurement.of(WHOLE_TRAIN, whole)}
    return {
        "corpus": dict(corpus_identity(corpus)),
        "split": measurement.split,
        "split_rows": len(measurement.real),
        "vocabulary": len(corpus.vocabulary),
        "count": count,
        "judge": {
            "split": corpus.judges_split,
            "rows": corpus.rows(corpus.judges_split),
            "held_out_perplexity": significant(judge.held_out_perplexity),
            "settings": asdict(judge.settings),
        },
        "settings": asdict(settings),
        "encoder": None
        if measurement.encoder is None
        else {"name": encoder, "sha256": measurement.encoder.sha256},
        "systems": significant(systems),
        "curves": curves,
    }
