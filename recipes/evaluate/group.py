"""``arae-toolkit evaluate``: measurements of any system's outputs, ours or another's."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

SUBCOMMANDS = {
    "generation": (
        "arae_toolkit.recipes.evaluate.generation:generation",
        "Measure new sentences beside real ones.",
    ),
    "gallery": (
        "arae_toolkit.recipes.evaluate.gallery:gallery",
        "Show what runs write: samples, walks, variations.",
    ),
    "reconstruction": (
        "arae_toolkit.recipes.evaluate.reconstruction:reconstruction",
        "Measure how well sentences come out of their codes.",
    ),
    "transfer": (
        "arae_toolkit.recipes.evaluate.transfer:transfer",
        "Measure rewritten sentences, or have people rate them.",
    ),
    "transfer-ratings": (
        "arae_toolkit.recipes.evaluate.ratings:transfer_ratings",
        "Score filled rating sheets.",
    ),
    "readings": (
        "arae_toolkit.recipes.evaluate.readings:readings",
        "Have people read samples and walks blind, and count.",
    ),
    "latent": (
        "arae_toolkit.recipes.evaluate.latent:latent",
        "Measure how regular and smooth a model's code space is.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    examples=[
        "arae-toolkit evaluate generation snli",
        "arae-toolkit evaluate gallery snli",
        "arae-toolkit evaluate reconstruction snli snli-ae",
        "arae-toolkit evaluate transfer yelp",
        "arae-toolkit evaluate transfer --corpus yelp --outputs rewritten.jsonl",
        "arae-toolkit evaluate transfer yelp --rating-sheet 100",
        "arae-toolkit evaluate transfer-ratings ratings/key.json filled.csv",
        "arae-toolkit evaluate readings make ARAE=snli AE=snli-ae@flow",
        "arae-toolkit evaluate latent snli --against snli-ae",
    ],
)
def evaluate() -> None:
    """Measure models, and what systems have written: ours, or any system's file of outputs."""
