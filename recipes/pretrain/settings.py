"""The settings of a pretraining run: a preset, a file's changes, the command line's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.config.overrides import with_overrides, with_toml
from arae_toolkit.config.presets import preset

if TYPE_CHECKING:
    from arae_toolkit.config.schema import Config


def settings_from(
    preset_name: str,
    corpus: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    seed: int | None,
    *,
    transfer: bool,
) -> Config:
    """Return the preset with the file's and the command line's changes, in this order."""
    config = preset(preset_name, corpus=corpus, transfer=transfer)
    if config_file is not None:
        config = with_toml(config, config_file)
    if seed is not None:
        assignments = (*assignments, f"seed={seed}")
    try:
        return with_overrides(config, assignments)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error


def check_tables(config: Config, *, transfer: bool) -> None:
    """Refuse tables of word vectors that a model cannot have.

    Args:
        config: Settings.
        transfer: Whether they are a transfer model's.

    Raises:
        click.BadParameter: Saying why.
    """
    from arae_toolkit.config.schema import check_separate, check_tying

    try:
        (check_separate if transfer else check_tying)(config.model)
    except ValueError as error:
        hint = "; --no-attribute trains the plain model" if transfer else ""
        raise click.BadParameter(f"{error}{hint}", param_hint="'--set'") from error
