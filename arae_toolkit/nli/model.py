"""A trained pair classifier, or an ensemble of several: loading, saving and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from arae_toolkit.data.token_batches import TokenBatch, batch_of
from arae_toolkit.data.vocabulary import MOST_WORDS, Vocabulary, check_texts, truncated
from arae_toolkit.devices import Precision
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.folder_schema import network_of
from arae_toolkit.models.hub import folder_of, publish
from arae_toolkit.models.model_folder import (
    CONFIG,
    FORMAT,
    WEIGHTS,
    load_model_folder,
    parts_of,
    save_model_folder,
)
from arae_toolkit.nli.networks import (
    AttentionClassifier,
    OutsideClassifier,
    PairNetwork,
    VectorClassifier,
    new_network,
    new_outside_network,
)
from arae_toolkit.nli.outside_encoder import FOLDER, AnyWords, OutsideEncoder, load_encoder
from arae_toolkit.nn.sentence_encoding import SentenceReader
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.paths import is_plain_name
from arae_toolkit.storage.safetensors_file import read_metadata

PAIRS, ENSEMBLE = "pairs", "pair-ensemble"
READ_TOGETHER = 1024
"""Sentences read together where those that begin alike are read in part only once."""
_WEIGHTS_OF_MEMBERS = "weights_sha256"
"""The entry of an ensemble's configuration that holds its members' fingerprints, in their order."""

Pair = tuple[str, str]
"""Premise and hypothesis."""
Sides = Sequence[Sequence[Any]]
"""All premises, and all hypotheses, as an encoder reads them: ours ids, an outside one text."""


class NLIModel(nn.Module):
    """Networks with the vocabulary and the labels they were trained with.

    Probabilities are the mean of the networks'. Labels keep the order of the corpus.

    Args:
        members: One network, or those of several seeds.
        vocabulary: Words and tokenizer.
        labels: A names, by class id.
        arguments: ``kind`` and sizes of the networks, as the model folder keeps them.

    Attributes:
        precision: Of the matrix products; ``bf16`` moves probabilities by about a hundredth. On a
            CPU only attention gains by it: other kinds read sentences in float32 for all that, what
            they begin with once, which is quicker.

    Raises:
        ValueError: If there is no network.
    """

    def __init__(
        self,
        members: Sequence[PairNetwork],
        vocabulary: Vocabulary,
        labels: Sequence[str],
        *,
        arguments: dict[str, Any],
    ) -> None:
        super().__init__()
        if not members:
            raise ValueError("a model needs at least one network")
        self.folder: Path | None = None  # that it was loaded from
        self.members = nn.ModuleList(members)
        self.networks = tuple(members)  # the same, with their type
        self.vocabulary, self.labels = vocabulary, tuple(labels)
        self.arguments = arguments
        self.precision: Precision = "fp32"
        self._reader = SentenceReader()
        self.eval()

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, device: str | torch.device = "cpu") -> NLIModel:
        """Load the model folder of one network, or of several seeds, or one of the hub.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If the folder holds no such model, or its parts do not fit together.
        """
        folder = folder_of(folder)
        model = cls._load(folder, member_names(folder), device)
        model.folder = folder
        return model

    @classmethod
    def _load(cls, folder: Path, names: list[str] | None, device: str | torch.device) -> NLIModel:
        """Load a folder, or those in it that it averages."""
        if names is None:
            return cls._load_one(folder, device, {})
        frozen: dict[str, OutsideEncoder] = {}
        models = [cls._load_one(folder / name, device, frozen) for name in names]
        first = models[0]
        for name, model in zip(names, models, strict=True):
            same_words = model.vocabulary.sha256 == first.vocabulary.sha256
            if model.labels != first.labels or not same_words:
                raise CheckpointMismatch(
                    f"{folder / name}: has other labels or words than {names[0]}; restore the "
                    "folders of one command"
                )
        networks: list[Any] = [network for model in models for network in model.members]
        return cls(networks, first.vocabulary, first.labels, arguments=first.arguments)

    @classmethod
    def _load_one(
        cls, folder: Path, device: str | torch.device, frozen: dict[str, OutsideEncoder]
    ) -> NLIModel:
        """Load the folder of one network; a frozen outside encoder once for all that share it."""
        content = load_model_folder(folder, device=device)
        if content.config.get("kind") != PAIRS or content.vocabulary is None:
            raise CheckpointMismatch(
                f"{folder}: no classifier of sentence pairs; name a folder that arae-toolkit nli "
                "has written"
            )
        with parts_of(folder):
            arguments, labels = dict(content.config["model"]), list(content.config["labels"])
            filling: dict[str, Any] = {"arguments": arguments, "tensors": content.tensors}
            network: PairNetwork
            if "outside" in content.config:
                about = dict(content.config["outside"])
                encoder = frozen.get(about["sha256"])
                if encoder is None:
                    encoder = load_encoder(folder, about, content.vocabulary, device=device)
                if not encoder.tuned:
                    frozen[about["sha256"]] = encoder
                network = network_of(new_outside_network, encoder, len(labels), **filling)
            else:
                network = network_of(new_network, len(content.vocabulary), len(labels), **filling)
        return cls([network.to(device)], content.vocabulary, labels, arguments=arguments)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a self-contained model folder, with a folder for each of several networks."""
        folder = Path(folder)
        names = [f"member-{index}" for index in range(len(self.members))]
        several = len(names) > 1
        for name, network in zip(names, self.networks, strict=True):
            place = folder / name if several else folder
            config = {"kind": PAIRS, "model": self.arguments, "labels": list(self.labels)}
            if isinstance(network, OutsideClassifier):
                config["outside"] = {**network.encoder.about, "tuned": network.encoder.tuned}
                network.encoder.save(place / FOLDER)
            save_model_folder(
                place,
                config=config,
                vocabulary=self.vocabulary,
                tensors=network.state_dict(),
            )
        if several:
            save_ensemble(folder, names)

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the model as ``owner/name`` with a card; see :mod:`arae_toolkit.models.hub`."""
        return publish(
            repository, self.save_pretrained, made_in=self.folder, private=private, token=token
        )

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    def reader(self) -> Vocabulary | AnyWords:
        """What tells which words of a text can be read: an outside encoder reads any."""
        outside = isinstance(self.networks[0], OutsideClassifier)
        return AnyWords(self.vocabulary) if outside else self.vocabulary

    @torch.no_grad()
    def probabilities(
        self, pairs: Sequence[Pair], *, batch_size: int = 256
    ) -> npt.NDArray[np.float64]:
        """Return the probability of each label for each pair. Shape (N, A), in the pairs' order.

        Sentences of like lengths are read together, ``batch_size`` at a time; a pair's
        probabilities do not depend on the others beyond rounding.

        Raises:
            TypeError: If a pair is one text, as where the pair itself is given for a list of them.
        """
        for pair in (pairs, *pairs):
            check_texts(pair)
        sides = [self._as_read([pair[side] for pair in pairs]) for side in (0, 1)]
        tables: dict[int, Tensor] = {}
        lower = self.precision == "bf16" and self.device.type != "mps"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=lower):
            scores = [
                self._by_pairs(network, sides, batch_size)
                if isinstance(network, AttentionClassifier)
                else self._by_vectors(network, sides, batch_size, tables)
                for network in self.networks
            ]
        return torch.stack(scores).mean(dim=0).numpy()

    @torch.no_grad()
    def vectors(self, texts: Sequence[str], *, batch_size: int = 256) -> npt.NDArray[np.float32]:
        """Return the first network's vector of each text. Shape (N, Z), in the texts' order.

        It is what the classifier compares sentences by; an empty text is read as its end alone.

        Raises:
            ValueError: If there is no text.
        """
        sentences = self._as_read(texts)
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
        network = self.networks[0]
        found: npt.NDArray[np.float32] | None = None
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            part = self._vectors(network, [sentences[row] for row in rows]).float().cpu()
            if found is None:
                found = np.empty((len(sentences), part.shape[1]), dtype=np.float32)
            found[rows] = part.numpy()
        if found is None:
            raise ValueError("there is no text to read")
        return found

    def _as_read(self, texts: Sequence[str]) -> list[Any]:
        """Return texts as the networks read them, up to ``MOST_WORDS``: see :data:`Sides`."""
        if isinstance(self.networks[0], OutsideClassifier):
            return [" ".join(self.vocabulary.parted(text)[:MOST_WORDS]) for text in texts]
        return [tuple(truncated(ids)) for ids in self.vocabulary.encode_batch(texts)]

    def _vectors(self, network: PairNetwork, sentences: Sequence[Any]) -> Tensor:
        """Return the vectors of sentences as :meth:`_as_read` gives them. Shape (B, Z)."""
        if isinstance(network, OutsideClassifier):
            return network.encoder.embed(sentences)
        if isinstance(network, VectorClassifier) and self._shares(network):
            with torch.autocast("cpu", enabled=False):
                return self._reader.read(network.encoder, sentences, network.vectors_of)
        return network.vector(self._batch(sentences))

    def _shares(self, network: PairNetwork) -> bool:
        """Return whether what sentences begin with is read once: on a CPU, in float32."""
        weight = network.output.weight
        single = weight.dtype is torch.float32 and weight.device.type == "cpu"
        return single and isinstance(network, VectorClassifier)

    def _by_vectors(
        self,
        network: VectorClassifier | OutsideClassifier,
        sides: Sides,
        batch_size: int,
        tables: dict[int, Tensor],
    ) -> Tensor:
        """Return probabilities, each distinct sentence read once: premises come several times.

        The vectors stay in ``tables``, for further networks over the same encoder.
        """
        shares = self._shares(network)
        distinct = sorted({*sides[0], *sides[1]}, key=None if shares else _by_length)
        if id(network.encoder) not in tables:
            most = max(batch_size, READ_TOGETHER) if shares else batch_size
            vectors = [
                self._vectors(network, distinct[start : start + most])
                for start in range(0, len(distinct), most)
            ]
            tables[id(network.encoder)] = torch.cat(vectors) if vectors else torch.empty(0)
        table = tables[id(network.encoder)]
        row_of = {sentence: row for row, sentence in enumerate(distinct)}
        result = torch.empty(len(sides[0]), len(self.labels), dtype=torch.float64)
        for start in range(0, len(result), batch_size):
            rows = slice(start, start + batch_size)
            first, second = ([row_of[sentence] for sentence in side[rows]] for side in sides)
            result[rows] = network.scores(table[first], table[second]).cpu().double().softmax(dim=1)
        return result

    def _by_pairs(self, network: PairNetwork, sides: Sides, batch_size: int) -> Tensor:
        """Return probabilities, pairs of like lengths read together."""
        result = torch.empty(len(sides[0]), len(self.labels), dtype=torch.float64)
        order = sorted(range(len(result)), key=lambda i: (len(sides[0][i]), len(sides[1][i])))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batches = [self._batch([side[row] for row in rows]) for side in sides]
            result[rows] = network(*batches).cpu().double().softmax(dim=1)
        return result

    def _batch(self, sentences: Sequence[tuple[int, ...]]) -> TokenBatch:
        """Return sentences as one batch on the model's device."""
        return batch_of([list(sentence) for sentence in sentences], device=self.device)

    def predict(self, pairs: Sequence[Pair], *, batch_size: int = 256) -> list[str]:
        """Return the likeliest label of each pair."""
        likeliest = self.probabilities(pairs, batch_size=batch_size).argmax(axis=1)
        return [self.labels[index] for index in likeliest]


def _by_length(sentence: str | tuple[int, ...]) -> tuple[int, str]:
    """Return what sentences are sorted by: texts of one length have an order of their own."""
    return len(sentence), sentence if isinstance(sentence, str) else ""


def save_ensemble(folder: Path, members: Sequence[str]) -> None:
    """Make a folder a model that averages those in its folders of these names.

    Raises:
        CheckpointMismatch: If one of them holds no weights.
    """
    config = {"format": FORMAT, "kind": ENSEMBLE, "members": list(members)}
    weights = [read_metadata(folder / name / WEIGHTS)["tensors_sha256"] for name in members]
    write_json(folder / CONFIG, {**config, _WEIGHTS_OF_MEMBERS: weights})


def member_names(folder: Path) -> list[str] | None:
    """Return the names of the folders that a folder averages; ``None`` if it does not.

    Raises:
        CheckpointMismatch: If they are no distinct names of folders within it, or one holds other
            weights than were averaged.
    """
    config = _ensemble_config(folder)
    if config is None:
        return None
    names = config.get("members")
    if names == []:
        raise CheckpointMismatch(f"{folder / CONFIG}: names no members")
    if not isinstance(names, list) or not all(map(is_plain_name, names)):
        raise CheckpointMismatch(f"{folder / CONFIG}: members must be names of folders beside it")
    if len(set(names)) != len(names):
        raise CheckpointMismatch(f"{folder / CONFIG}: names a member twice")
    weights = config.get(_WEIGHTS_OF_MEMBERS)  # earlier versions wrote none
    if weights is None:
        return names
    if weights != [read_metadata(folder / name / WEIGHTS).get("tensors_sha256") for name in names]:
        raise CheckpointMismatch(
            f"{folder}: its members are not those that were averaged; restore the folders of one "
            "command, or give that command again"
        )
    return names


def is_ensemble(folder: Path) -> bool:
    """Return whether a folder says that it averages others, whatever these hold."""
    return _ensemble_config(folder) is not None


def _ensemble_config(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of an ensemble, ``None`` where there is none."""
    try:
        config = read_object(folder / CONFIG)
    except (OSError, ValueError):
        return None
    return config if config.get("kind") == ENSEMBLE else None
