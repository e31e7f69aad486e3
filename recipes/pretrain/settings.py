"""The settings of a pretraining run, from its preset, file and command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.config.model_kinds import check_settings
from arae_toolkit.config.overrides import with_overrides, with_toml
from arae_toolkit.config.presets import preset as named_preset
from arae_toolkit.config.schema import check_separate
from arae_toolkit.recipes.shared.options import refused_settings

if TYPE_CHECKING:
    from arae_toolkit.config.schema import Config
    from arae_toolkit.data.corpus import Corpus


def run_settings(
    name: str,
    corpus: Corpus,
    file: Path | None,
    changes: Sequence[str],
    *,
    kind: str,
    transfer: bool,
) -> Config:
    """Return a preset's settings with those of a file and of the command line, in this order.

    Args:
        name: Of the preset.
        corpus: That is trained on.
        file: TOML file of settings.
        changes: ``key=value`` strings.
        kind: Of the model.
        transfer: Whether it is a model that transfers.

    Raises:
        click.BadParameter: If there is no such setting, or the model cannot have such tables.
    """
    config = named_preset(name, corpus=corpus.name, kind=kind, transfer=transfer)
    if file is not None:
        config = with_toml(config, file)
    with refused_settings():
        config = with_overrides(config, changes)
    with refused_settings("; --no-attribute trains the plain model" if transfer else ""):
        if transfer:
            check_separate(config)
        else:
            check_settings(kind, config, images=corpus.kind == "image")
    return config
