"""``arae-toolkit latent arithmetic``: a word brought in by an offset vector (Figure 5).

What is measured is computed in :mod:`arae_toolkit.latent.arithmetic`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.answers import answer_stream
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import (
    compute_options,
    json_option,
    line_or_json_options,
    load_model,
    optional_results_option,
    output_format_option,
    run_argument,
    source_argument,
    text_options,
)
from arae_toolkit.recipes.shared.progress import progress, say, show
from arae_toolkit.recipes.shared.row_streams import aligned, texts_in
from arae_toolkit.reports.tables.latent import PAPER_OFFSETS
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.rows import Row, RowFormat

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.latent.arithmetic import Transform
    from arae_toolkit.latent.offsets import Settings
    from arae_toolkit.latent.spaces import Space, SpaceName
    from arae_toolkit.models.arae import ARAE


@dataclass(frozen=True)
class Wanted:
    """What is to be changed.

    Attributes:
        words: A transform for each, its sides taken by the word.
        files: Or the files of the two sides, with and without.
        matches: With files: words of which one makes a decoding match; maybe none.
        through: ``codes`` or ``noise``.
        most: Sentences of a side.
        seed: Fixes what is drawn.
    """

    words: tuple[str, ...]
    files: tuple[str, str] | None
    matches: tuple[str, ...]
    through: SpaceName
    most: int
    seed: int

    def transforms(
        self, model: ARAE, space: Space, corpus: Callable[[], Corpus]
    ) -> list[Transform]:
        """Return the transforms of a model.

        Args:
            model: Encodes.
            space: Where the offset is added.
            corpus: Returns the corpus of which sides are taken by a word.

        Raises:
            DataError: If a side has no sentence.
        """
        from arae_toolkit.latent.arithmetic import Transform, offset_between
        from arae_toolkit.latent.offsets import word_transforms

        if self.files is None:
            how: dict[str, Any] = {"most": self.most, "seed": self.seed, "note": say}
            return word_transforms(model, space, corpus, self.words, through=self.through, **how)
        sides = [space.points_of(model.encode(texts_in(path))).points for path in self.files]
        name = self.matches[0] if self.matches else "files"
        say(f"{name}: {len(sides[0]):,} sentences against {len(sides[1]):,}")
        return [Transform(name, self.matches, offset_between(*sides))]


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit latent arithmetic snli --paper --against snli-ae",
        "arae-toolkit latent arithmetic snli --word walking --word dog --count 200 --json",
        'arae-toolkit latent arithmetic snli --word walking -t "a man is sleeping ."',
        "arae-toolkit latent arithmetic snli --with outdoors.txt --without indoors.txt "
        "--match outside --temperature 0.5",
        "arae-toolkit latent arithmetic snli --word two sentences.txt > changed.jsonl",
    ],
)
@run_argument
@source_argument
@text_options
@click.option("--word", "words", multiple=True, help="A word to bring in; may be given again.")
@click.option("--paper", is_flag=True, help="The six words of Figure 5.")
@click.option(
    "--with",
    "with_file",
    metavar="FILE",
    help="Sentences of the wanted kind, in place of --word: lines, or JSONL with 'text'.",
)
@click.option("--without", "without_file", metavar="FILE", help="Sentences of the other kind.")
@click.option(
    "--match",
    "matches",
    multiple=True,
    metavar="WORD",
    help="With files: a decoding that has this word matches; may be given again.",
)
@click.option(
    "--through",
    type=click.Choice(["codes", "noise"]),
    default="codes",
    help="Where the offset is added. The sides of --word are sentences of train, through noise "
    "generated ones.",
)
@click.option(
    "--scale",
    "scales",
    multiple=True,
    type=NumberRange(),
    default=[1.0],
    help="Times the offset. Of several, dev decides.",
)
@click.option(
    "--temperature",
    "temperatures",
    multiple=True,
    type=NumberRange(0, min_open=True),
    default=[0.1, 0.3, 0.5, 0.7, 1.0],
    help="Of sampling. Of several, dev decides.",
)
@click.option("--decodings", type=click.IntRange(1), default=100, help="Sampled for each sentence.")
@click.option(
    *("-n", "--count"),
    type=click.IntRange(1),
    default=1000,
    help="Generated sentences to be changed, where no FILE is given.",
)
@click.option(
    "--side-sentences", type=click.IntRange(1), default=5000, help="At most so many on a side."
)
@click.option(
    "--against", metavar="RUN", help="Another run to be measured beside, such as a plain AE."
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="Where the sides and dev come from: a name or a prepared folder.  [default: RUN's]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Fixes what is drawn.")
@json_option
@optional_results_option()
@line_or_json_options
@output_format_option
@compute_options
def arithmetic(
    run: str,
    source: str | None,
    texts: Sequence[str],
    text_field: str,
    words: tuple[str, ...],
    paper: bool,
    with_file: str | None,
    without_file: str | None,
    matches: tuple[str, ...],
    through: Any,
    scales: Sequence[float],
    temperatures: Sequence[float],
    decodings: int,
    count: int,
    side_sentences: int,
    against: str | None,
    corpus_name: str | None,
    seed: int,
    as_json: bool,
    results: Path | None,
    device: str,
    precision: Precision,
    **rows: Any,
) -> None:
    """Bring a word into sentences by adding an offset vector to their codes (Figure 5).

    The offset is the mean code of sentences with the word less that of sentences of the same
    lengths without it. By itself the command changes generated sentences that lack the word, and
    measures: match % is how many have the word in one of 100 sampled decodings, precision how many
    words of the matching decodings stand in the original, in percent. Both stand beside decoding
    with no offset and with a random offset of equal norm, at the same temperature. Temperature and
    scale are chosen on 50 sentences of dev: the highest harmonic mean of precision and of the match
    % above that without an offset.

    With FILE, - (stdin) or --text it changes these sentences. JSONL keeps the fields of a row and
    adds "output" (of the matching decodings that which keeps most of the row; null without one),
    "matches", "matches_without_offset", "matches_random_offset" (of the decodings) and "precision";
    lines hold the output. Where --match does not say what a match is, the output is the likeliest
    sentence of the moved code.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    words = tuple(dict.fromkeys((*words, *(PAPER_OFFSETS if paper else ()))))
    files = _files(words, with_file, without_file, matches)
    wanted = Wanted(words, files, matches, through, side_sentences, seed)
    opened = cache(partial(corpus_of_run, run, corpus_name))
    prepare = partial(
        _prepared,
        wanted=wanted,
        corpus=opened,
        temperatures=tuple(dict.fromkeys(temperatures)),
        scales=tuple(dict.fromkeys(scales)),
        decodings=decodings,
    )
    if texts or source is not None:
        if len(words) > 1 or against or results or as_json:
            raise click.UsageError(
                "texts are changed by one --word, and not measured: no --against, --results, --json"
            )
        given = [(text,) for text in texts]
        _change(
            run,
            source,
            device,
            precision,
            prepare,
            decodings,
            seed,
            texts=given,
            names=[text_field],
            **rows,
        )
        return
    if files and not matches:
        raise click.UsageError("what is measured? --match WORD says which decodings match")
    began = time.monotonic()
    from arae_toolkit.latent.offsets import RULE, measure_offsets

    report: dict[str, Any] = {
        "through": through,
        "sentences": count,
        "decodings": decodings,
        "rule": RULE,
        "models": {},
    }
    for name in (run, against) if against else (run,):
        model = load_model(name, device, precision)
        how: dict[str, Any] = {"count": count, "decodings": decodings, "seed": seed}
        measured = measure_offsets(model, *prepare(model), **how, progress=progress)
        for word, found in measured["transforms"].items():
            found["paper"] = PAPER_OFFSETS.get(word)
        report["models"][Path(name).name] = significant(measured)
    if results is not None:
        used = opened() if opened.cache_info().currsize else None
        _write_results(report, results, run, used, device, seed, time.monotonic() - began)
    show(report, as_json=as_json, as_text=_as_text)


def _files(
    words: Sequence[str], with_file: str | None, without_file: str | None, matches: Sequence[str]
) -> tuple[str, str] | None:
    """Return the files of the two sides, or ``None`` where words name them.

    Raises:
        click.UsageError: If the sides are named twice, by halves, or not at all.
    """
    if (with_file is None) != (without_file is None):
        raise click.UsageError("--with and --without name the two sides; both are needed")
    if (with_file is None) == (not words):
        raise click.UsageError(
            "the two sides are named by --word, by --paper, or by --with and --without"
        )
    if matches and words:
        raise click.UsageError("--match is for --with and --without; a --word matches itself")
    return None if with_file is None or without_file is None else (with_file, without_file)


def _prepared(
    model: ARAE,
    *,
    wanted: Wanted,
    corpus: Callable[[], Corpus],
    temperatures: Sequence[float],
    scales: Sequence[float],
    decodings: int,
) -> tuple[Space, list[Transform], Settings]:
    """Return the space, the transforms and the settings of a model."""
    from arae_toolkit.latent.offsets import Settings, settings_on_dev
    from arae_toolkit.latent.spaces import space_of

    space = space_of(model, wanted.through)
    transforms = wanted.transforms(model, space, corpus)
    if not transforms[0].words:
        if len(scales) > 1:
            raise click.UsageError("without --match WORD nothing decides between several --scale")
        return space, transforms, Settings(1.0, scales[0])
    settings = settings_on_dev(
        *(model, space, transforms, corpus),
        temperatures=temperatures,
        scales=scales,
        decodings=decodings,
        seed=wanted.seed,
        progress=progress,
    )
    return space, transforms, settings


def _change(
    run: str,
    source: str | None,
    device: str,
    precision: Precision,
    prepare: Callable[[ARAE], tuple[Space, list[Transform], Settings]],
    decodings: int,
    seed: int,
    **rows: Any,
) -> None:
    """Answer each text with what the offset makes of it."""
    prepared: list[tuple[Space, Transform, Settings]] = []
    matched: list[bool] = []

    def load() -> ARAE:
        model = load_model(run, device, precision)
        space, (transform,), settings = prepare(model)
        prepared.append((space, transform, settings))
        return model

    def compute(model: ARAE, batch: list[Row], form: RowFormat) -> list[Mapping[str, Any]]:
        from arae_toolkit.latent.arithmetic import (
            Originals,
            measure_transform,
            moved,
            unigram_precision,
        )

        space, transform, settings = prepared[0]
        texts = [row.texts[0] for row in batch]
        # In the model's words, which precision compares.
        texts = [model.vocabulary.decode(model.vocabulary.encode(text)) for text in texts]
        points = space.points_of(model.encode(texts)).points
        if not transform.words:
            outputs = model.decode(moved(space, points, transform.offset, scale=settings.scale))
            return [
                {"output": output, "precision": significant(unigram_precision(output, text))}
                for output, text in zip(outputs, texts, strict=True)
            ]
        answers: list[Mapping[str, Any]] = []
        for text, point in zip(texts, points, strict=True):
            # One by one: the same numbers for a row, whatever rows stand around it.
            scores = measure_transform(
                *(model, space, Originals([text], point[None]), transform),
                temperature=settings.temperature,
                scale=settings.scale,
                decodings=decodings,
                seed=seed,
            )
            own = scores["offset"]
            found = bool(own.matches[0])
            matched.append(found)
            answers.append(
                {
                    "output": own.outputs[0] or ("" if form == "lines" else None),
                    "matches": int(own.matches[0]),
                    "matches_without_offset": int(scores["none"].matches[0]),
                    "matches_random_offset": int(scores["random"].matches[0]),
                    "precision": significant(float(own.precision[0])) if found else None,
                }
            )
        return answers

    answer_stream(source, load, compute, field="output", **rows)
    if matched:
        settings = prepared[0][2]
        say(
            f"matched: {sum(matched):,} of {len(matched):,} texts, {decodings} decodings each at "
            f"temperature {settings.temperature:g}, scale {settings.scale:g}"
        )


def _as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables for a reader."""
    from arae_toolkit.latent.offsets import MEAN

    blocks = []
    for name, model in report["models"].items():
        rows = [
            ["", *("match", "prec"), *("none", "prec"), *("random", "prec"), "norm", "paper", ""]
        ]
        for word, figures in [*model["transforms"].items(), (MEAN, model[MEAN])]:
            cells = [
                _cell(figures[control][key])
                for control in ("offset", "none", "random")
                for key in ("match", "precision")
            ]
            norm = figures.get("offset_norm")
            paper = [_cell(value) for value in figures.get("paper") or (None, None)]
            rows.append([word, *cells, "" if norm is None else f"{norm:.2f}", *paper])
        title = (
            f"{name}: match % and precision with the offset, with none, with a random one\n"
            f"{report['sentences']:,} generated sentences, {report['decodings']} decodings each "
            f"through {report['through']}, temperature {model['temperature']:g}, scale "
            f"{model['scale']:g}"
        )
        examples = [
            f"{word}: {row['text']}\n  -> {row['output'] or '-'}"
            for word, figures in model["transforms"].items()
            for row in figures["examples"][:1]
        ]
        blocks += [f"{title}\n\n{aligned(rows)}", "\n".join(examples)]
    return "\n\n".join(blocks)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _write_results(
    report: Mapping[str, Any],
    folder: Path,
    run: str,
    corpus: Corpus | None,
    device: str,
    seed: int,
    seconds: float,
) -> None:
    """Write a file of results, and say where it is."""
    from arae_toolkit.devices import choose_device, name_of
    from arae_toolkit.latent.offsets import MEAN
    from arae_toolkit.reports.results import corpus_identity, summarise, write_result

    metrics = {
        f"{model}_{word}_{control}_{key}": summarise([value], "percent")
        for model, content in report["models"].items()
        for word, figures in [*content["transforms"].items(), (MEAN, content[MEAN])]
        for control in ("offset", "none", "random")
        for key, value in figures[control].items()
        if value is not None
    }
    path = write_result(
        folder,
        f"arithmetic-{Path(run).name}",
        command=command_line(),
        corpus=None if corpus is None else corpus_identity(corpus),
        seeds=[seed],
        device=name_of(choose_device(device)),
        seconds=seconds,
        metrics=metrics,
        threads=threads_of(),
        details=report,
    )
    say(str(path))
