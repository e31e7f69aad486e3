"""The ``arae-toolkit`` program. Importing it imports no command, and nothing heavier than click."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import (
    COMPLETE_VARIABLE,
    ExamplesCommand,
    ToolkitGroup,
)
from arae_toolkit.version import __version__

PROGRAM = "arae-toolkit"

COMMANDS = {
    "demo": (
        "arae_toolkit.recipes.demo:demo",
        "Run the main job on embedded corpora, in minutes.",
    ),
    "prepare": (
        "arae_toolkit.recipes.prepare:prepare",
        "Turn a corpus into packed tokens, a vocabulary and a manifest.",
    ),
    "pretrain": (
        "arae_toolkit.recipes.pretrain.pretrain:pretrain",
        "Train an autoencoder on a corpus.",
    ),
    "sweep": (
        "arae_toolkit.recipes.sweep.group:sweep",
        "Search settings by trials, each an ordinary run.",
    ),
    "settings": (
        "arae_toolkit.recipes.settings:settings",
        "Show every setting with its meaning, range, default and value.",
    ),
    "prior": (
        "arae_toolkit.recipes.prior.group:prior",
        "Fit priors to the codes of a trained model.",
    ),
    "sample": (
        "arae_toolkit.recipes.generate.sentences:sample",
        "Write new sentences.",
    ),
    "reconstruct": (
        "arae_toolkit.recipes.generate.sentences:reconstruct",
        "Encode sentences and decode them again.",
    ),
    "interpolate": (
        "arae_toolkit.recipes.latent.walk:interpolate",
        "Walk from one sentence to another in code space.",
    ),
    "encode": (
        "arae_toolkit.recipes.generate.sentences:encode",
        "Write the codes of sentences.",
    ),
    "latent": (
        "arae_toolkit.recipes.latent.group:latent",
        "Walk, add offset vectors, find neighbours, draw maps.",
    ),
    "nli": (
        "arae_toolkit.recipes.nli.train:nli",
        "Classify sentence pairs from few labels.",
    ),
    "transfer": (
        "arae_toolkit.recipes.transfer.transfer:transfer",
        "Rewrite sentences so that an attribute changes.",
    ),
    "serve": (
        "arae_toolkit.recipes.serve:serve",
        "Play with trained runs on a page in the browser.",
    ),
    "evaluate": (
        "arae_toolkit.recipes.evaluate.group:evaluate",
        "Measure what systems have written.",
    ),
    "report": (
        "arae_toolkit.recipes.report.report:report",
        "Write one page about a run.",
    ),
    "reproduce": (
        "arae_toolkit.recipes.reproduce.group:reproduce",
        "Measure the paper's tables anew.",
    ),
    "runs": (
        "arae_toolkit.recipes.runs.listing:runs",
        "List trained runs; set them side by side.",
    ),
    "benchmark": (
        "arae_toolkit.recipes.benchmark:benchmark",
        "Measure how fast this machine trains, encodes and samples.",
    ),
    "doctor": (
        "arae_toolkit.recipes.doctor:doctor",
        "Show versions, devices, and which corpora and runs are found.",
    ),
}


@click.group(
    PROGRAM,
    cls=ToolkitGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Data goes to stdout, everything else to stderr. 'arae-toolkit COMMAND --help' starts "
    "with examples.",
)
@click.option("--debug", is_flag=True, envvar="ARAE_DEBUG", help="Show the traceback of a failure.")
@click.version_option(__version__, prog_name=PROGRAM)
def main(debug: bool) -> None:
    """Adversarially regularized autoencoders for text.

    Prepare a corpus, pretrain a model on it, then sample, reconstruct and interpolate sentences.
    """


@main.command(
    cls=ExamplesCommand,
    short_help="Print the script that completes commands in a shell.",
    examples=[
        'eval "$(arae-toolkit completion bash)"  # in ~/.bashrc',
        'eval "$(arae-toolkit completion zsh)"  # in ~/.zshrc, below compinit',
        "arae-toolkit completion fish > ~/.config/fish/completions/arae-toolkit.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, runs, corpora and labels in a shell.

    Files are completed where a command takes them.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click completes in each of the three shells"
    script = kind(ctx.find_root().command, {}, PROGRAM, COMPLETE_VARIABLE).source()
    click.echo(script.strip())
