"""Pretrained encoders that a pair classifier starts from, read from model folders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.hub import folder_of
from arae_toolkit.models.model_folder import load_model_folder, weights_sha256
from arae_toolkit.nli.model import PAIRS, member_names
from arae_toolkit.nli.networks import PairNetwork
from arae_toolkit.nli.settings import PairModelConfig
from arae_toolkit.nn.code_head import CodeForm, code_form_of

PREFIX = "encoder."
EMBEDDING, HEAD = "embedding.weight", "head.map."
PAIR_ENCODER = "pair-encoder"
"""Kind of the model folder that pretraining on pairs leaves."""


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder's weights, its words and its sizes.

    Attributes:
        folder: It was read from.
        vocabulary: The words of its embeddings.
        tensors: By name, without the prefix ``encoder.``.
        code_form: Of its head, which makes codes of its states.
        sha256: Fingerprint of the weights' file.
    """

    folder: Path
    vocabulary: Vocabulary
    tensors: dict[str, Tensor]
    code_form: CodeForm
    sha256: str

    @classmethod
    def load(cls, folder: str | Path) -> PretrainedEncoder:
        """Read the encoder of an autoencoder, of a classifier, or of a training on pairs.

        It lies in a folder, or on the hub as ``owner/name``.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If there is none in the folder, it is damaged, or it was trained for
                something else, as a transfer model's is to keep a label out of its codes.
        """
        folder = folder_of(folder)
        if members := member_names(folder):
            raise CheckpointMismatch(
                f"{folder}: averages several seeds; name one of them, such as {folder / members[0]}"
            )
        content = load_model_folder(folder)
        kind = content.config.get("kind", "text")
        if kind not in ("text", PAIRS, PAIR_ENCODER):
            raise CheckpointMismatch(
                f"{folder}: a model of kind {kind}, where an autoencoder of text, a classifier of "
                "pairs or its pretrained encoder is needed; 'arae-toolkit runs' lists the kinds of "
                "runs"
            )
        tensors = {
            name.removeprefix(PREFIX): value
            for name, value in content.tensors.items()
            if name.startswith(PREFIX)
        }
        if content.vocabulary is None or EMBEDDING not in tensors:
            raise CheckpointMismatch(f"{folder}: no encoder of sentences in this model")
        own = content.config.get("model", {})
        form = code_form_of(
            own.get("code_norm", "sphere"), variational=own.get("variational", False)
        )
        return cls(folder, content.vocabulary, tensors, form, weights_sha256(folder))

    @property
    def whole_for_paper(self) -> bool:
        """Whether it is the paper's one LSTM, and not one of two directions."""
        return "lstm.weight_ih_l0" in self.tensors

    @property
    def code_size(self) -> int:
        """Z, which is the state's size unless the head maps it."""
        if HEAD + "weight" not in self.tensors:
            return self.state_size
        rows = len(self.tensors[HEAD + "weight"])
        return rows // 2 if self.code_form == "gaussian" else rows

    @property
    def state_size(self) -> int:
        """H, of both directions together where there are two."""
        if self.whole_for_paper:
            return self.tensors["lstm.weight_hh_l0"].shape[1]
        return 2 * self.tensors["forward_lstm.weight_hh_l0"].shape[1]

    def fitted(self, config: PairModelConfig) -> PairModelConfig:
        """Return the sizes of a network that this encoder, or its embeddings, fit into."""
        embedding_size = self.tensors[EMBEDDING].shape[1]
        config = replace(config, embedding_size=embedding_size)
        if self.whole_for_paper and config.kind == "paper":
            return replace(config, code_size=self.state_size)
        if not self.whole_for_paper and config.kind != "paper":
            return replace(config, code_size=self.state_size)
        return config

    @torch.no_grad()
    def put_into(self, network: PairNetwork) -> bool:
        """Copy the weights into a network; return whether all of them, or the embeddings alone.

        One direction and two share nothing but embeddings. A head that maps states to codes stays
        behind: a classifier reads the states, which know more than the codes made of them.

        Raises:
            CheckpointMismatch: If sizes differ.
        """
        own: dict[str, Any] = dict(network.encoder.state_dict())
        states = [name for name in self.tensors if not name.startswith(HEAD)]
        names = states if own.keys() == set(states) else [EMBEDDING]
        for name in names:
            if own[name].shape != self.tensors[name].shape:
                raise CheckpointMismatch(
                    f"{self.folder}: its {name} has shape {tuple(self.tensors[name].shape)}, where "
                    f"the classifier's has {tuple(own[name].shape)}; set embedding_size and "
                    "code_size to those of the encoder"
                )
            own[name].copy_(self.tensors[name])
        return len(names) > 1
