"""``arae-toolkit settings``: every setting with its meaning, range, default and value."""

from __future__ import annotations

import json
from pathlib import Path

import click

from arae_toolkit.config.descriptions import described, written
from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.config.presets import PRESETS
from arae_toolkit.config.presets import preset as named_preset
from arae_toolkit.data_prep.options import CORPORA
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import json_option
from arae_toolkit.recipes.shared.progress import print_table, say
from arae_toolkit.transfer.systems import SYSTEMS


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit settings",
        "arae-toolkit settings paper-2018 --corpus yelp --transfer",
        "arae-toolkit settings fast --kind vae",
        "arae-toolkit settings --kind infilling",
        "arae-toolkit settings demo --json | jq '.settings[] | select(.value != .default)'",
    ],
)
@click.argument("preset", type=click.Choice(list(PRESETS)), default="default")
@click.option(
    "--kind",
    type=click.Choice(tuple(dict.fromkeys((*KINDS, *SYSTEMS)))),
    default="arae",
    help="Of the model, as for pretrain --model.",
)
@click.option("--corpus", default="snli", help="Presets have other sizes for some corpora.")
@click.option("--transfer", is_flag=True, help="Of a model that transfers between labels.")
@json_option
def settings(preset: str, kind: str, corpus: str, transfer: bool, as_json: bool) -> None:
    """Print every setting of 'pretrain --set' with its meaning, range, default and value.

    The value is that of PRESET, the default that of pretrain without a preset, both for this kind
    of model on this corpus. A model with an attribute (pretrain on labelled sentences) has the
    settings that --transfer shows.
    """
    from arae_toolkit.data_prep.preparation import prepared_folder

    if corpus not in CORPORA and not Path(corpus).exists() and prepared_folder(corpus) is None:
        problem = f"no corpus {corpus!r}; there are {', '.join(CORPORA)}, and files of your own"
        raise click.BadParameter(problem, param_hint="'--corpus'")
    transfer = transfer or kind not in KINDS
    if transfer and kind not in SYSTEMS:
        raise click.UsageError(f"--kind {kind} has no attribute; use it without --transfer")
    if kind in KINDS:
        defaults, chosen = (
            named_preset(name, corpus=corpus, kind=kind, transfer=transfer)
            for name in ("default", preset)
        )
        found = described(chosen, defaults)
    elif preset != "default":
        raise click.UsageError(f"--kind {kind} has no presets; leave PRESET out")
    else:
        own = SYSTEMS[kind].default_settings()
        found = [] if own is None else described(own, own)
    if as_json:
        facts = {"preset": preset, "kind": kind, "corpus": corpus, "transfer": transfer}
        settings = [vars(one) for one in found]
        click.echo(json.dumps({**facts, "settings": settings}, indent=2, ensure_ascii=False))
        return
    if not found:
        say(f"{kind} learns nothing and has no settings")
        return
    print_table(
        ["setting", "value", "default", "may be", "meaning"],
        [
            [
                *(one.name, written(one.value), written(one.default)),
                ": ".join(part for part in (one.type, one.range) if part),
                one.meaning.replace("``", "`"),  # docstrings are marked otherwise than Markdown
            ]
            for one in found
        ],
        wide="meaning",
    )
