"""``arae-toolkit latent walk``, and ``interpolate``: from one sentence to another, step by step.

For an image model both draw a picture; see :mod:`arae_toolkit.recipes.generate.images`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.generate import images
from arae_toolkit.recipes.shared.answers import answer_stream
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import (
    check_search,
    compute_options,
    decoding_of,
    in_order,
    line_or_json_options,
    load_model,
    output_format_option,
    search_options,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import write_lines, write_rows
from arae_toolkit.recipes.shared.walks import WalkOptions
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.rows import Row, RowFormat, output_of

if TYPE_CHECKING:
    from torch import Tensor

    from arae_toolkit.devices import Precision
    from arae_toolkit.models.arae import ARAE

Fields = Mapping[str, Any]
WALKS_AT_ONCE = 64
WAY = ("through", "interpolation", "random", "seed", "starts", "prior_weight")
"""What :class:`WalkOptions` takes besides the steps, for images too."""

shared_options = in_order(
    click.argument("inputs", nargs=-1, metavar="[FIRST SECOND | FILE|-]"),
    click.option(
        "--steps",
        type=click.IntRange(2),
        default=5,
        help="Sentences on the way, both ends included.",
    ),
    click.option(
        "--smooth",
        is_flag=True,
        help="Go around: of many codes about the way, those whose sentences change least from one "
        "to the next. A second a walk, or two.",
    ),
)
row_options = in_order(line_or_json_options, output_format_option, search_options, compute_options)


@click.command(
    cls=ExamplesCommand,
    examples=[
        'arae-toolkit latent walk snli "a man is sleeping ." "two dogs run ." --steps 7 --smooth',
        "arae-toolkit latent walk snli pairs.jsonl --through noise --interpolation slerp",
        "arae-toolkit latent walk snli --random 3",
        "paste first.txt second.txt | arae-toolkit latent walk snli --through codes",
        "arae-toolkit latent walk mnist --random 8 --out walks.png",
    ],
)
@images.run_or_image_run(images.draw_walks, uses=["inputs", "steps", *WAY])
@shared_options
@click.option(
    "--through",
    type=click.Choice(["noise", "codes"]),
    help="What the way leads through: the generator's noise, as in the paper, or the codes.  "
    "[default: noise if the model has a generator, else codes]",
)
@click.option(
    "--interpolation",
    type=click.Choice(["linear", "slerp"]),
    default="linear",
    help="A straight way (codes are scaled back to the unit sphere), or one by equal angles.",
)
@click.option(
    "--random",
    type=click.IntRange(1),
    metavar="N",
    help="Walk N times between random points of the prior, in place of sentences.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    help="Fixes random points, and where the search for a sentence's noise starts.",
)
@click.option(
    "--starts",
    type=click.IntRange(1),
    default=4,
    help="Through noise: starts of the search for a sentence's noise.",
)
@click.option(
    "--prior-weight",
    type=NumberRange(0),
    default=0.0,
    help="Through noise: weight of the Gaussian prior in that search; above 0 keeps the noise "
    "usual, and meets the code less exactly.",
)
@row_options
def walk(
    run: str,
    inputs: tuple[str, ...],
    steps: int,
    smooth: bool,
    method: str,
    beam_size: int | None,
    device: str,
    precision: Precision,
    **options: Any,
) -> None:
    """Walk from one sentence to another through the noise or the codes of the model of RUN.

    The two sentences are given as FIRST and SECOND, or in rows: lines with a tab between them, or
    JSONL with the fields "first" and "second". Each step is a line; JSONL keeps the fields of a row
    and adds "steps" and, through noise, "found": for both sentences the distance from their code to
    that of the noise found for it, and the sentence that this noise makes, where the way starts or
    ends. Without arguments, rows are read from stdin.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    way = WalkOptions(steps=steps, smooth=smooth, **{name: options.pop(name) for name in WAY})
    search: dict[str, Any] = {"method": method, "beam_size": beam_size}
    if way.random is None:
        _answer(run, inputs, way, search, device, precision, **options)
    elif inputs:
        raise click.UsageError("--random walks between random points; no sentences are expected")
    else:
        check_search(method, beam_size=beam_size)
        form: RowFormat = options["output_format"] or output_of(options["row_format"])
        _write_random(load_model(run, device, precision), way, search, form)


@click.command(
    cls=ExamplesCommand,
    examples=[
        'arae-toolkit interpolate snli "a man is sleeping ." "two dogs run ." --steps 7',
        "arae-toolkit interpolate snli pairs.jsonl > walks.jsonl",
        "paste first.txt second.txt | arae-toolkit interpolate snli",
    ],
)
@images.run_or_image_run(images.draw_walks, uses=["inputs", "steps"])
@shared_options
@row_options
def interpolate(
    run: str,
    inputs: tuple[str, ...],
    steps: int,
    smooth: bool,
    method: str,
    beam_size: int | None,
    device: str,
    precision: Precision,
    **rows: Any,
) -> None:
    """Walk from one sentence to another through the codes of the model of RUN.

    The same as 'latent walk --through codes'. The two sentences are given as FIRST and SECOND, or
    in rows: lines with a tab between them, or JSONL with the fields "first" and "second". Each step
    is a line; JSONL keeps the fields of a row and adds "steps". Without arguments, rows are read
    from stdin.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    search: dict[str, Any] = {"method": method, "beam_size": beam_size}
    _answer(run, inputs, WalkOptions(steps=steps, smooth=smooth), search, device, precision, **rows)


def _answer(
    run: str,
    inputs: tuple[str, ...],
    way: WalkOptions,
    search: dict[str, Any],
    device: str,
    precision: Precision,
    **rows: Any,
) -> None:
    """Answer each pair of sentences with the steps of a way.

    Raises:
        click.UsageError: If there are more than two arguments.
        DataError: Once every answer is out, if a row could not be used.
    """
    check_search(**search)
    if len(inputs) > 2:
        raise click.UsageError("two sentences, each in quotes, or one file are expected")
    pairs, source = ([inputs], None) if len(inputs) == 2 else ([], next(iter(inputs), None))
    if source is not None and " " in source and not Path(source).exists():
        raise click.UsageError(f"{source!r} is no file; a walk is from one sentence to another")
    distances: list[Tensor] = []

    def compute(model: ARAE, batch: list[Row], _: RowFormat) -> list[Fields]:
        from arae_toolkit.latent.walks import sentences_of

        decoding = decoding_of(**search)
        texts = [row.texts for row in batch]
        code = model.encode([text for pair in texts for text in pair])
        found = way.between(model, code[::2], code[1::2], decoding)
        ways = sentences_of(model, found.codes, decoding=decoding)
        answers: list[Fields] = []
        for steps, distance in zip(ways, found.distance, strict=True):
            answer: dict[str, Any] = {"steps": steps}
            if float(distance.max()) > 0:
                distances.append(distance)
                ends = zip(distance.tolist(), (steps[0], steps[-1]), strict=True)
                answer["found"] = [
                    {"distance": significant(far), "reconstruction": text} for far, text in ends
                ]
            answers.append(answer)
        return answers

    try:
        answer_stream(
            source,
            partial(load_model, run, device, precision),
            compute,
            field="steps",
            lines=way.steps,
            texts=pairs,
            names=["first", "second"],
            **rows,
        )
    finally:
        if distances:
            import torch

            way.tell(torch.stack(distances))


def _write_random(model: ARAE, way: WalkOptions, search: dict[str, Any], form: RowFormat) -> None:
    """Write ways between random points."""
    from arae_toolkit.latent.walks import sentences_of

    index, decoding = 0, decoding_of(**search)
    for codes in way.random_codes(model, decoding).split(WALKS_AT_ONCE):
        ways = sentences_of(model, codes, decoding=decoding)
        if form == "lines":
            write_lines(step for steps in ways for step in steps)
        else:
            write_rows(
                {"seed": way.seed, "index": index + at, "steps": steps}
                for at, steps in enumerate(ways)
            )
        index += len(ways)
    if form == "lines" and index > 1:
        say(f"{index:,} walks of {way.steps} sentences, one below the other")
