"""The infilling rewriter: masks what marks an attribute and fills in what marks another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import Precision, dtype_of
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.folder_schema import network_of
from arae_toolkit.models.model_folder import ModelFolder, load_model_folder, save_model_folder
from arae_toolkit.transfer.infilling.network import (
    INFILLING,
    InfillingNetwork,
)
from arae_toolkit.transfer.infilling.search import InfillingSearch
from arae_toolkit.transfer.infilling.settings import Search
from arae_toolkit.transfer.infilling.token_scoring import TokenScorer
from arae_toolkit.transfer.infilling.word_similarity import usage, with_endings
from arae_toolkit.transfer.rewriter import Sentence
from arae_toolkit.version import __version__

_CHUNK = 128  # sentences rewritten together


class Infilling:
    """A :class:`~arae_toolkit.transfer.rewriter.Rewriter` that changes words of the sentence.

    What it proposes is found by :class:`~arae_toolkit.transfer.infilling.search.InfillingSearch`.

    Args:
        network: Trained; put into evaluation mode.
        vocabulary: Words and tokenizer.
        attributes: A names.
        arguments: Sizes of the network, as the model folder keeps them.
        search: What is tried.
        precision: Of the matrix products.
    """

    def __init__(
        self,
        network: InfillingNetwork,
        vocabulary: Vocabulary,
        attributes: Sequence[str],
        *,
        arguments: dict[str, Any],
        search: Search | None = None,
        precision: Precision = "fp32",
    ) -> None:
        self.network, self.vocabulary = network.eval(), vocabulary
        self.attributes, self.arguments = tuple(attributes), arguments
        self.search = search or Search()
        self._usage = usage(network)
        self.precision = precision

    @property
    def precision(self) -> Precision:
        """Of the matrix products.

        ``bf16`` is about twice as quick on a CPU that has it. A few sentences in a hundred then
        come out otherwise than in ``fp32``, and one in some hundreds otherwise beside others than
        alone.
        """
        return self._precision

    @precision.setter
    def precision(self, precision: Precision) -> None:
        words, search = self.vocabulary.words, self.search
        self.scorer = TokenScorer(
            self.network,
            search,
            dtype=dtype_of(precision),
            directions=with_endings(self._usage, words, weight=search.endings),
        )
        self._precision, self._searching = precision, InfillingSearch(self.scorer, search)

    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return what the search has found for each sentence, the best first.

        Where fewer than ``count`` were found, the last is repeated. The strength weighs the target
        against few edits: at 0 sentences stay as they are. Nothing is drawn.
        """
        del seed
        proposals: list[list[Sentence]] = [[] for _ in sentences]
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            found = self._searching.candidates(
                [sentences[row] for row in rows],
                [targets[row] for row in rows],
                strength=strength,
            )
            for row, candidates in zip(rows, found, strict=True):
                own = [list(candidate.words) for candidate in candidates[:count]]
                proposals[row] = own + [list(own[-1]) for _ in range(count - len(own))]
        return proposals

    @classmethod
    def from_content(cls, content: ModelFolder, *, precision: Precision = "fp32") -> Infilling:
        """Return the model of a folder of this kind.

        Raises:
            CheckpointMismatch: If it is of another kind, or its parts do not fit together.
        """
        config = content.config
        if config.get("kind") != INFILLING or content.vocabulary is None:
            raise CheckpointMismatch(f"not a model of the kind {INFILLING}")
        try:
            arguments, labels = dict(config["model"]), list(config["labels"])
            network = network_of(
                InfillingNetwork,
                *(len(content.vocabulary), len(labels)),
                arguments=arguments,
                tensors=content.tensors,
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointMismatch(f"weights and config disagree ({reason})") from error
        device = content.tensors["word_bias"].device
        model = cls(network.to(device), content.vocabulary, labels, arguments=arguments)
        model.precision = precision
        return model

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, device: str | torch.device = "cpu"
    ) -> Infilling:
        """Load a model folder.

        Raises:
            CheckpointMismatch: If the folder holds no such model, or its parts do not fit together.
        """
        return cls.from_content(load_model_folder(Path(folder), device=device))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a self-contained model folder."""
        save_model_folder(
            Path(folder),
            config={
                "kind": INFILLING,
                "model": self.arguments,
                "labels": list(self.attributes),
                "toolkit": __version__,
            },
            vocabulary=self.vocabulary,
            tensors=self.network.state_dict(),
        )
