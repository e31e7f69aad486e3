"""``arae-toolkit prepare``: official files in, packed tokens, vocabulary and manifest out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import (
    CORPORA,
    DEFAULT_HELD_OUT_SHARE,
    DEFAULT_JUDGES_SHARE,
    EMBEDDED,
    OTHER_MAX_LENGTH,
    OTHER_VOCAB_SIZE,
    TOKENIZERS,
    PrepareOptions,
)
from arae_toolkit.recipes.shared.commands import CORPUS, ExamplesCommand
from arae_toolkit.recipes.shared.corpora import is_outside, open_outside
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import labels_map_option, row_form_options
from arae_toolkit.recipes.shared.progress import console, number_table, progress, say_next, tell
from arae_toolkit.storage.paths import is_plain_name

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.readers.outside_rows import OutsideRows

APPLIES_TO = {
    "part": ("yahoo",),
    "classes": ("yahoo",),
    "size": EMBEDDED,
    "text_field": ("PATH",),
    "label_field": ("PATH",),
    "premise_field": ("PATH",),
    "hypothesis_field": ("PATH",),
    "labels_map": ("PATH",),
    "row_format": ("PATH",),
    "header": ("PATH",),
    "dev_share": ("PATH",),
    "test_share": ("PATH",),
    "encoding": ("snli", "yelp", "yahoo", "PATH"),
    "source": ("snli", "yelp", "yahoo", "mnist"),
    "max_length": ("snli", "yelp", "yahoo", *EMBEDDED, "PATH"),
    "judges_share": ("snli", "yelp", "yahoo", *EMBEDDED, "PATH"),
    "tokenizer": ("snli", "yelp", "yahoo", *EMBEDDED, "PATH"),
    "vocab_size": ("snli", "yelp", "yahoo", *EMBEDDED, "PATH"),
    "min_count": ("snli", "yelp", "yahoo", *EMBEDDED, "PATH"),
    "seed": ("yahoo", *EMBEDDED, "PATH"),
}
"""Options that do not mean anything for every corpus. PATH stands for a file of one's own."""

FLAGS = {"row_format": "--format"}
"""Names of options that are not those of what they set."""

MOST_SHOWN = 300
"""Characters of an option that is worth copying."""

_DEFAULTS = PrepareOptions()


_held_out = NumberRange(0, 1, max_open=True)
_held_out_for_dev = NumberRange(0, 1, min_open=True, max_open=True)


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit prepare synthetic --size 100000",
        "arae-toolkit prepare snli --source snli_1.0.zip",
        "ARAE_SOURCES=~/corpora arae-toolkit prepare yelp",
        "arae-toolkit prepare yahoo --classes science,music,sports --part titles",
        "arae-toolkit prepare reviews.jsonl --text-field review --label-field stars",
        "arae-toolkit prepare ratings.csv --no-header --text-field 2 --label-field 1",
        "arae-toolkit prepare pairs.csv --premise-field question --hypothesis-field answer "
        "--label-field fits --labels-map 0=no,1=yes",
        "arae-toolkit prepare rte --source torchtext:RTE:~/.cache/torch/text",
        "arae-toolkit prepare polarity --source hf:fancyzhx/yelp_polarity --max-length 60",
    ],
)
@click.argument("name", type=CORPUS)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Folder or .zip archive with the official files. By default they are looked for in "
    "$ARAE_SOURCES/NAME and in the cache; snli and mnist are then downloaded. Or a data set that "
    "another library reads, to be called NAME: torchtext:DATASET:ROOT, hf:DATASET[:CONFIG], or "
    "hf:FOLDER.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write. By default in the cache."
)
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    help="Most words in a sentence; longer ones are dropped. By default that of the paper: snli "
    f"15, yelp and yahoo 25; synthetic 20, PATH {OTHER_MAX_LENGTH}.",
)
@click.option(
    "--vocab-size",
    type=click.IntRange(min=1),
    help="Words in the vocabulary. By default 11,000 for snli and synthetic, "
    f"{OTHER_VOCAB_SIZE:,} for others.",
)
@click.option(
    "--tokenizer",
    type=click.Choice(TOKENIZERS),
    default=_DEFAULTS.tokenizer,
    help="How text is parted into words: as in the Penn Treebank, in lower case, or as torchtext's "
    "tokenizer of this name does. Models keep it.",
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=_DEFAULTS.min_count,
    help="Words that stand in train fewer times become <unk>. By default 1; but in PATH, unless "
    "--vocab-size cuts its words, some of those seen once do, one word of train in a hundred, so "
    "that models learn what an unknown word is. 1 keeps all.",
)
@click.option(
    "--judges-share",
    type=NumberRange(0, 1, max_open=True),
    help="Share of train that is kept for the models that score others, and that no system learns "
    f"from. By default {DEFAULT_JUDGES_SHARE}, and 0 for PATH without labels.",
)
@click.option("--text-field", default=_DEFAULTS.text_field, help="PATH: field of the text.")
@click.option(
    "--premise-field", help="PATH: field of a pair's first text. By default premise, or sentence1."
)
@click.option(
    "--hypothesis-field",
    help="PATH: field of a pair's second text. By default hypothesis, or sentence2.",
)
@click.option(
    "--label-field",
    help="PATH: field of the label. By default there are no labels; for pairs gold_label, or "
    "label. An empty one, '-', -1, NaN and null are none.",
)
@labels_map_option(
    "PATH: names of the labels that rows write otherwise, as in 0=no,1=yes; 3= makes 3 none."
)
@row_form_options
@click.option(
    "--dev-share",
    type=_held_out_for_dev,
    default=DEFAULT_HELD_OUT_SHARE,
    help="PATH: share of train that becomes dev, where there is none.",
)
@click.option(
    "--test-share",
    type=_held_out,
    default=DEFAULT_HELD_OUT_SHARE,
    help="PATH: share of train that becomes test, where there is none; 0 for no test.",
)
@click.option(
    "--part",
    type=click.Choice(["titles", "replies", "both"]),
    default=_DEFAULTS.part,
    help="yahoo: which texts.",
)
@click.option(
    "--classes",
    default=",".join(_DEFAULTS.classes),
    help="yahoo: topics by short name, full name or number, separated by commas.",
)
@click.option(
    "--size",
    type=click.IntRange(min=100),
    default=_DEFAULTS.size,
    help="synthetic: training sentences drawn.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=_DEFAULTS.seed,
    help="Seed of synthetic, and of what is taken from train (yahoo, PATH).",
)
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    help="At a bad row: stop and write nothing, or drop and count it.",
)
@click.pass_context
def prepare(
    ctx: click.Context, /, name: str, source: Path | None, out: Path | None, **chosen: Any
) -> None:
    """Turn a corpus into packed tokens, a vocabulary and a manifest.

    NAME is snli, yelp, yahoo, mnist, digits, synthetic, synthetic-sentiment, synthetic-topics, or
    the PATH of a file, or of a folder with train, dev and test files. A file holds a text a line,
    JSONL, a JSON array, CSV, TSV or Parquet; its first bytes tell which. Its rows are texts, or
    pairs if they have the fields of pairs and none of a text, or --premise-field is given. The
    folder's path is printed when it is ready.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import prepare_corpus

    outside = source is not None and is_outside(str(source))
    _check_options(ctx, name, outside=outside)
    on_error, classes = chosen.pop("on_error"), chosen.pop("classes")
    try:
        options = PrepareOptions(
            **chosen,
            classes=tuple(part.strip() for part in classes.split(",") if part.strip()),
            skip_bad_rows=on_error == "skip",
        )
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from error
    folder = prepare_corpus(
        name,
        source=source,
        out=out,
        options=options,
        outside=_outside(ctx, str(source)) if outside else None,
        report=tell,
        progress=progress,
    )
    corpus = Corpus(folder)
    print_summary(corpus)
    click.echo(folder)
    _say_next(name if out is None else out, corpus)


def _say_next(name: str | Path, corpus: Corpus) -> None:
    """Show the commands that train on a corpus, which is found by a name or in its folder."""
    pairs = corpus.kind == "text" and bool(corpus.manifest["pairs"].get("train", {}).get("pairs"))
    say_next(["pretrain", name], *[["nli", "pretrain", "--corpus", name]] * pairs)


def _outside(ctx: click.Context, source: str) -> OutsideRows:
    """Return the rows of a source that another library reads, by the fields that were given."""
    fields = ("text_field", "label_field")
    given = click.core.ParameterSource.COMMANDLINE
    named = {name: ctx.params[name] for name in fields if ctx.get_parameter_source(name) is given}
    return open_outside(source, **named)


def _check_options(ctx: click.Context, name: str, *, outside: bool) -> None:
    """Refuse an option that was given and means nothing for this corpus."""
    if outside and (name in CORPORA or not is_plain_name(name)):
        problem = f"{name} cannot be the name of a corpus of such rows; give one of your own"
        raise click.UsageError(problem, ctx)
    kind = name if name in CORPORA else "PATH"
    for option, corpora in APPLIES_TO.items():
        given = ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE
        if given and kind not in corpora and not (outside and option == "source"):
            flag = FLAGS.get(option, "--" + option.replace("_", "-"))
            raise click.UsageError(f"{flag} applies to {', '.join(corpora)}, not to {name}", ctx)


def print_summary(corpus: Corpus) -> None:
    """Print a table of what a prepared corpus holds and what was left out, on stderr."""
    from arae_toolkit.data_prep.text_corpus import left_out

    manifest = corpus.manifest
    rows = manifest["splits"]
    table = number_table(_headline(manifest), rows, title_style="bold")
    for key in ("images", "sentences", "tokens"):
        if any(key in counts for counts in rows.values()):
            table.add_row(key, *(f"{counts[key]:,}" for counts in rows.values()))
    if corpus.kind == "text":
        shares = [100 * counts["unknown_tokens"] / counts["tokens"] for counts in rows.values()]
        table.add_row("unknown tokens", *(f"{share:.2f} %" for share in shares))
        if "seen_once" in manifest:
            table.add_row("words seen once, now <unk>", f"{manifest['seen_once']:,}")
        _add_counts(table, "label", {split: rows[split].get("labels", {}) for split in rows})
        unlabelled = {split: {"unlabelled": rows[split].get("unlabelled", 0)} for split in rows}
        if any("unlabelled" in counts for counts in rows.values()):
            _add_counts(table, "unlabelled", unlabelled)
        pairs = manifest["pairs"]
        shown = {
            split: {key: value for key, value in pairs.get(split, {}).items() if key != "labels"}
            for split in rows
        }
        _add_counts(table, "pairs", shown)
        _add_counts(
            table,
            "pairs of label",
            {split: pairs.get(split, {}).get("labels", {}) for split in rows},
        )
        dropped = {
            split: {left_out(reason): count for reason, count in counts.items()}
            for split, counts in manifest["dropped"].items()
        }
        _add_counts(table, "left out", {split: dropped.get(split, {}) for split in rows})
    console().print(table)
    tell_of_cases(corpus.labels)
    if manifest.get("pairs") and any(map(any, map(dict.values, manifest["dropped"].values()))):
        some = _are_pairs_lost(manifest)
        tell(
            f"Every {'other ' * some}pair is kept. What {'else ' * some}is left out concerns the "
            "sentences, for pretraining without pairs, of which each counts once."
        )


def tell_of_cases(labels: Sequence[str]) -> None:
    """Tell of labels that are the same word but for their case, and how they become one."""
    words: dict[str, list[str]] = {}
    for label in sorted(labels):
        words.setdefault(label.casefold(), []).append(label)
    alike = [" and ".join(map(repr, same)) for same in words.values() if len(same) > 1]
    if not alike:
        return
    # The map names every label but those that are names: what it does not know is refused.
    named = [
        f"{label}={same[-1]}"
        for same in words.values()
        for label in (same[:-1] if len(same) > 1 else same)
    ]
    shown = f"--labels-map {','.join(named)}"
    tell(
        f"labels that differ by case alone: {', '.join(alike)}; "
        f"{shown if len(shown) <= MOST_SHOWN else '--labels-map'} makes one of them"
    )


def _are_pairs_lost(manifest: Mapping[str, Any]) -> bool:
    """Return whether pairs were left out: rows that are none, and those with an empty side."""
    from arae_toolkit.data_prep.readers.source_rows import MALFORMED, UNDECODABLE

    rows = manifest["dropped"].values()
    return any(counts.get("dropped_empty") for counts in manifest["pairs"].values()) or any(
        counts.get(MALFORMED) or counts.get(UNDECODABLE) for counts in rows
    )


def _headline(manifest: Mapping[str, Any]) -> str:
    """Return one line on the whole corpus."""
    if manifest["kind"] == "image":
        height, width = manifest["image_shape"]
        return f"{manifest['name']}: images of {height} x {width} pixels"
    return (
        f"{manifest['name']}: at most {manifest['max_length']} words, "
        f"vocabulary {manifest['vocab_size']:,}"
    )


def _add_counts(table: Any, title: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Add a row for each key that is above zero in some split."""
    keys = dict.fromkeys(key for split in counts.values() for key in split)
    for key in keys:
        values = [split.get(key) for split in counts.values()]
        if any(values):
            name = key if key == title else f"{title}: {key.replace('_', ' ')}"
            table.add_row(name, *("" if value is None else f"{value:,}" for value in values))
