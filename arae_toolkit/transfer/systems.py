"""The registry of transfer systems: how each kind is set up, trained and loaded.

A new system is one entry here. Nothing of a system is imported before it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

if TYPE_CHECKING:
    from arae_toolkit.config.overrides import Sections
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.models.model_folder import ModelFolder
    from arae_toolkit.training.experiment import RunOptions
    from arae_toolkit.transfer.rewriter import Rewriter


@dataclass(frozen=True)
class TransferSystem:
    """One kind of transfer model. Code is named as ``module:name`` below ``arae_toolkit``.

    Attributes:
        folder_kind: What ``config.json`` of its model folders says.
        settings: The class of its settings; empty for a system that learns nothing.
        training: The function that trains it, called as :meth:`train` is.
        rewriter: The class whose ``from_content`` makes a rewriter of a model folder.
        arguments: Further arguments of ``training``.
        balanced: Whether its batches hold as many sentences of each label.
    """

    folder_kind: str
    settings: str
    training: str
    rewriter: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    balanced: bool = False

    def default_settings(self) -> Sections | None:
        """Return the settings to start from, ``None`` for a system that learns nothing."""
        return cast("Sections", _named(self.settings)()) if self.settings else None

    def train(
        self,
        corpus: Corpus,
        settings: Sections | None,
        folder: Path,
        *,
        scorer_folder: Path,
        **options: Unpack[RunOptions],
    ) -> None:
        """Train a model on a labelled corpus, resuming what the folders hold.

        Args:
            corpus: With labelled sentences.
            settings: Of the class that :meth:`default_settings` returns.
            folder: Of the model; a copy of the scorer goes into it.
            scorer_folder: Of the corpus's scorer, which is trained first where there is none.
            options: See :class:`~arae_toolkit.training.experiment.RunOptions`.
        """
        train = _named(self.training)
        train(corpus, settings, folder, scorer_folder=scorer_folder, **self.arguments, **options)

    def load(self, content: ModelFolder, precision: Precision) -> Rewriter:
        """Return the rewriter of a model folder of this kind.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: If the parts of the folder do not fit
                together; who knows the folder's name says so.
        """
        rewriter: Rewriter = _named(self.rewriter).from_content(content, precision=precision)
        return rewriter


def _autoencoder(kind: str) -> TransferSystem:
    return TransferSystem(
        "transfer",
        "config.schema:Config",
        "transfer.autoencoder.experiment:pretrain_transfer",
        "transfer.autoencoder.rewriter:LatentRewriter",
        {"kind": kind},
    )


SYSTEMS = {
    "arae": _autoencoder("arae"),
    "ae": _autoencoder("ae"),
    "aae": _autoencoder("aae"),
    "cross-aligned": TransferSystem(
        "cross-aligned",
        "transfer.cross_aligned.settings:CrossAlignedConfig",
        "transfer.cross_aligned.experiment:train_cross_aligned",
        "transfer.cross_aligned.rewriter:CrossAlignedRewriter",
        balanced=True,
    ),
    "infilling": TransferSystem(
        "infilling",
        "transfer.infilling.settings:InfillingConfig",
        "transfer.infilling.training:train_infilling",
        "transfer.infilling.rewriter:Infilling",
        balanced=True,
    ),
    "delete-and-replace": TransferSystem(
        "delete-and-replace",
        "",
        "transfer.delete_retrieve.rewriter:train_delete_retrieve",
        "transfer.delete_retrieve.rewriter:DeleteRetrieve",
    ),
}
"""By the name that users give."""
AUTOENCODERS = tuple(name for name, system in SYSTEMS.items() if system.arguments)
BY_FOLDER_KIND = {system.folder_kind: system for system in SYSTEMS.values()}


def _named(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(f"arae_toolkit.{module}"), name)
