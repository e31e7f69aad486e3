"""``arae-toolkit latent``: walks, offset vectors, neighbours and maps in code space."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

SUBCOMMANDS = {
    "walk": (
        "arae_toolkit.recipes.latent.walk:walk",
        "Walk from one sentence to another through noise or codes.",
    ),
    "arithmetic": (
        "arae_toolkit.recipes.latent.arithmetic:arithmetic",
        "Change a word by an offset vector, as in Figure 5.",
    ),
    "neighbours": (
        "arae_toolkit.recipes.latent.neighbours:neighbours",
        "Find the sentences of a corpus with the nearest codes.",
    ),
    "map": (
        "arae_toolkit.recipes.latent.map:draw",
        "Draw codes in two dimensions.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    examples=[
        'arae-toolkit latent walk snli "a man is sleeping ." "two dogs run ."',
        "arae-toolkit latent arithmetic snli --paper",
        'echo "a man is sleeping ." | arae-toolkit latent arithmetic snli --word walking -',
        'arae-toolkit latent neighbours snli -t "a man is sleeping ."',
        "arae-toolkit latent map snli --out maps",
    ],
)
def latent() -> None:
    """Move in the space of a model's codes (section 7 of the paper)."""
