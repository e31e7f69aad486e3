"""``arae-toolkit evaluate latent``: how regular and how smooth a model's code space is (section 7).

Figures 3 and 4 of the paper, dimensions in use, and the smoothness of walks, beside other models.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.find_run import find_run, name_and_run
from arae_toolkit.recipes.shared.option_types import FOLDER_TO_WRITE
from arae_toolkit.recipes.shared.options import (
    device_option,
    json_option,
    load_model,
    optional_results_option,
)
from arae_toolkit.recipes.shared.progress import progress, say, show
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from torch import Tensor

    from arae_toolkit.data.corpus import Corpus, PackedSentences
    from arae_toolkit.data.packed_sequence import Indices
    from arae_toolkit.evaluation.language_model import LanguageModel
    from arae_toolkit.models.arae import ARAE

FEWEST = 20
EXAMPLES = 3


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate latent snli",
        "arae-toolkit evaluate latent snli --against snli-ae --plots plots --results results",
        "arae-toolkit evaluate latent ARAE=runs/a/seed-0 --against AE=runs/b/seed-0 --smooth",
        "arae-toolkit evaluate latent snli --no-perplexity --limit 500 --json > latent.json",
    ],
)
@click.argument("run", metavar="[NAME=]RUN")
@click.option(
    "--against",
    multiple=True,
    metavar="[NAME=]RUN",
    help="A run to be measured beside, such as a plain AE; may be given again.",
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="Whose sentences: a name or a prepared folder.  [default: RUN's]",
)
@click.option(
    "--split", type=click.Choice(["dev", "test"]), default="test", help="Which of its sentences."
)
@click.option(
    "--limit", type=click.IntRange(FEWEST), default=2000, help="At most so many sentences."
)
@click.option(
    "--swaps", type=click.IntRange(0), default=4, help="Most swaps of a sentence, k of Figure 4."
)
@click.option("--walks", "walk_count", type=click.IntRange(1), default=250, help="Ways walked.")
@click.option("--steps", type=click.IntRange(3), default=11, help="Sentences on a way.")
@click.option(
    "--smooth",
    is_flag=True,
    help="Walk in small steps, too, as 'latent walk --smooth' does: a second or two a walk.",
)
@click.option(
    "--perplexity/--no-perplexity",
    default=True,
    help="Measure forward perplexity, for which a language model of the corpus is trained once.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Fixes what is drawn.")
@json_option
@optional_results_option()
@click.option(
    "--plots",
    type=FOLDER_TO_WRITE,
    help="Folder for plots (PNG) and a page (HTML).  [default: none are drawn]",
)
@device_option
def latent(
    run: str,
    against: Sequence[str],
    corpus_name: str | None,
    split: str,
    limit: int,
    swaps: int,
    walk_count: int,
    steps: int,
    smooth: bool,
    perplexity: bool,
    seed: int,
    as_json: bool,
    results: Path | None,
    plots: Path | None,
    device: str,
) -> None:
    """Measure the code space of the model of RUN, as section 7 of the paper does.

    Norms, variances and the cosine of edit neighbours (Figure 3; over the training as well, where
    the run has kept its log); what sentences with k words swapped cost and become (Figure 4), and
    the forward perplexity of what is written; dimensions in use; and the smoothness of walks: word
    edits a step, the largest jump, and the perplexity along the way, through the codes of pairs of
    sentences and through noise.

    RUN is a corpus name (snli means runs/snli) or a model folder; NAME= names it in the tables and
    the file of results.
    """
    began = time.monotonic()
    runs = list(dict.fromkeys((run, *against)))
    names = dict(_named(each) for each in runs)
    if len(names) < len(runs):
        raise click.UsageError(
            f"two runs are called alike: {', '.join(runs)}; give them names, NAME=RUN"
        )
    corpus = corpus_of_run(next(iter(names.values())), corpus_name)
    models = {name: load_model(each, device) for name, each in names.items()}
    import numpy as np

    from arae_toolkit.evaluation.code_space import training_curve

    sentences = corpus.split(split)
    if len(sentences) < FEWEST:
        raise DataError(
            f"{len(sentences)} sentences in the {split} split, {FEWEST} are needed",
            path=corpus.folder,
            hint="name another --split",
        )
    rows = np.sort(np.random.default_rng(seed).permutation(len(sentences))[:limit])
    judge = _judge(corpus, device) if perplexity else None
    report: dict[str, Any] = {
        "corpus": corpus.name,
        "split": split,
        "sentences": len(rows),
        "walks": walk_count,
        "steps": steps,
        "judge_perplexity": None if judge is None else judge.held_out_perplexity,
        "models": {},
    }
    for name, model in models.items():
        with progress(f"measuring {name}", swaps + 2) as advance:
            measured = _measured(
                model,
                *(corpus, sentences, judge),
                rows=rows,
                swaps=swaps,
                walk_count=walk_count,
                steps=steps,
                smooth=smooth,
                seed=seed,
                advance=advance,
            )
        measured["curve"] = training_curve(find_run(names[name]))
        report["models"][name] = significant(measured)
    from arae_toolkit.recipes.evaluate.latent_report import as_text, write_plots, write_report

    if results is not None:
        say(
            str(
                write_report(
                    report,
                    results,
                    f"latent-{next(iter(names))}",
                    corpus=corpus,
                    command=command_line(without=("results", "plots")),
                    seed=seed,
                    device=device,
                    seconds=time.monotonic() - began,
                )
            )
        )
    if plots is not None:
        for path in write_plots(report, plots, f"latent-{next(iter(names))}"):
            say(str(path))
    show(report, as_json=as_json, as_text=as_text)


def _named(word: str) -> tuple[str, str]:
    """Return the name and the run of ``[NAME=]RUN``.

    Raises:
        ToolkitError: If there is no such run.
    """
    name, run = name_and_run(word)
    folder = find_run(run)
    return name or folder.name, run


def _judge(corpus: Corpus, device: str) -> LanguageModel:
    """Return the language model of a corpus."""
    from arae_toolkit.devices import choose_device
    from arae_toolkit.evaluation.kept_judges import kept_language_model

    return kept_language_model(corpus, device=choose_device(device), note=say, progress=progress)


def _measured(
    model: ARAE,
    corpus: Corpus,
    split: PackedSentences,
    judge: LanguageModel | None,
    *,
    rows: Indices,
    swaps: int,
    walk_count: int,
    steps: int,
    smooth: bool,
    seed: int,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Return everything about one model but its training.

    Raises:
        ToolkitError: If no sentence has words enough for so many swaps.
    """
    import torch

    from arae_toolkit.data.corpus import pack, texts_of
    from arae_toolkit.data.token_batches import TokenStore
    from arae_toolkit.evaluation.code_dimensions import measure_dimensions
    from arae_toolkit.evaluation.code_space import edit_neighbours, measure_code_space
    from arae_toolkit.evaluation.corrupted_reconstruction import swap_curve
    from arae_toolkit.evaluation.reconstruction import codes_of
    from arae_toolkit.nn.priors import without_noise

    # In the words of the model, whatever vocabulary the corpus was packed with.
    ids = model.vocabulary.encode_batch(texts_of(split, corpus.vocabulary))
    store = TokenStore(pack(ids, vocab_size=len(model.vocabulary)), device=model.device)
    neighbours = edit_neighbours(split, seed=seed)
    space = measure_code_space(model, store, rows=rows, neighbours=neighbours, seed=seed)
    codes = codes_of(model, store, rows)
    generator = torch.Generator(model.device).manual_seed(seed)
    generated = without_noise(model.prior, len(codes), generator=generator)
    dimensions = {"codes": codes, "prior": generated}
    advance(1)
    curve = swap_curve(
        *(model, store, judge),
        most_swaps=swaps,
        seed=seed,
        rows=rows,
        examples=EXAMPLES,
        advance=advance,
    )
    return {
        "code_space": space.values(),
        "dimensions": {name: asdict(measure_dimensions(part)) for name, part in dimensions.items()},
        "swaps": curve.points,
        "too_short_for_swaps": curve.too_short,
        "examples": curve.examples,
        "walks": _walks(
            model, codes, judge, count=walk_count, steps=steps, smooth=smooth, seed=seed
        ),
    }


def _walks(
    model: ARAE,
    codes: Tensor,
    judge: LanguageModel | None,
    *,
    count: int,
    steps: int,
    smooth: bool,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return how smooth walks are: between sentences, and between random noises if there are."""
    import torch

    from arae_toolkit.latent.smooth_walks import SmoothWay
    from arae_toolkit.latent.spaces import has_noise, space_of
    from arae_toolkit.latent.walks import (
        StraightWay,
        measure_smoothness,
        random_walks,
        sentences_of,
        walk,
    )

    shuffled = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    ends = codes[shuffled.to(codes.device)][: 2 * min(count, len(codes) // 2)]
    way, space = StraightWay(steps), space_of(model, "codes")
    ways = {"codes": walk(space, ends[::2], ends[1::2], way).codes}
    if smooth:
        small = SmoothWay(model, steps, seed=seed)
        ways["codes in small steps"] = walk(space, ends[::2], ends[1::2], small).codes
    if has_noise(model):
        generator = torch.Generator(model.device).manual_seed(seed)
        noise = space_of(model, "noise")
        ways["noise"] = random_walks(noise, count, way, generator=generator)
    found: dict[str, dict[str, Any]] = {}
    for name, points in ways.items():
        sentences = sentences_of(model, points)
        found[name] = asdict(measure_smoothness(sentences))
        if judge is not None:
            by_step = zip(*sentences, strict=True)
            found[name]["perplexity"] = [judge.read(step).perplexity for step in by_step]
        found[name]["example"] = sentences[0]
    return found
