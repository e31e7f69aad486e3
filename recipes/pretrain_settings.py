"""The settings of a pretraining run: a preset, a file's changes, the command line's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.overrides import with_overrides, with_toml
from arae_toolkit.presets import preset

if TYPE_CHECKING:
    from arae_toolkit.configs import Config


def settings_from(
    preset_name: str,
    corpus: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    seed: int | None,
) -> Config:
    """Return the preset with the file's and the command line's changes, in this order."""
    config = preset(preset_name, corpus=corpus)
    if config_file is not None:
        config = with_toml(config, config_file)
    if seed is not None:
        assignments = (*assignments, f"seed={seed}")
    try:
        return with_overrides(config, assignments)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error


def check_sizes(config: Config) -> None:
    """Refuse sizes that cannot share a table of word vectors.

    Raises:
        click.BadParameter: Saying which.
    """
    from arae_toolkit.models.tying import check_tying

    try:
        check_tying(config.model)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error


def check_tables(config: Config, assignments: Sequence[str]) -> None:
    """Refuse a request for tables that the decoders of a transfer model do not have.

    Presets for plain models share a table; where nothing was asked, that is left out in silence.

    Raises:
        click.BadParameter: Saying which setting was asked for.
    """
    names = [words.partition("=")[0].strip().rpartition(".")[2] for words in assignments]
    model = config.model
    shared = {"tied_embeddings": model.tied_embeddings != "none", "output_map": model.output_map}
    for name, wanted in shared.items():
        if wanted and name in names:
            raise click.BadParameter(
                f"{name}: the decoders of a transfer model have a table of word vectors each; "
                "--no-attribute trains the plain model",
                param_hint="'--set'",
            )
