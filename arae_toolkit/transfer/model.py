"""A trained transfer model of any kind: loading, and rewriting of texts with their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch

from arae_toolkit.data.vocabulary import check_texts, truncated
from arae_toolkit.devices import Precision
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.evaluation.text_overlap import content_bleu
from arae_toolkit.models.hub import folder_of
from arae_toolkit.models.model_folder import load_model_folder
from arae_toolkit.transfer.rewriter import Rewriter
from arae_toolkit.transfer.scorer.scorer import Scorer
from arae_toolkit.transfer.systems import BY_FOLDER_KIND

SCORER_FOLDER = "scorer"


@dataclass(frozen=True)
class Transferred:
    """One rewritten text.

    Attributes:
        text: The model's words, separated by spaces.
        attribute_probability: Of the target, by the model's own classifier, from 0 to 1.
        content_bleu: Of the rewritten text to its source, from 0 to 100; see :func:`content_bleu`.
        nats_per_token: Of the rewritten text under the language model of the target.
    """

    text: str
    attribute_probability: float
    content_bleu: float
    nats_per_token: float


@dataclass(frozen=True)
class Preference:
    """How proposals are ranked: by a weighted sum of logarithms.

    Attributes:
        attribute: Weight of the target's log-probability.
        content: Weight of the logarithm of the content BLEU.
        fluency: Weight of minus the nats per token.
    """

    attribute: float = 1.0
    content: float = 1.0
    fluency: float = 0.3


class TransferModel:
    """A rewriter, and the scorer that tells how well it has done.

    Args:
        rewriter: Of any kind.
        scorer: With the same vocabulary and attribute.
    """

    def __init__(self, rewriter: Rewriter, scorer: Scorer) -> None:
        self.rewriter, self.scorer = rewriter, scorer
        self.vocabulary, self.attributes = rewriter.vocabulary, rewriter.attributes
        self.preference = Preference()
        self.folder: Path | None = None  # that it was loaded from

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
    ) -> TransferModel:
        """Load a model folder and the scorer in it.

        Args:
            folder: Written by ``arae-toolkit pretrain``; or ``owner/name`` of one on the hub.
            device: Where to compute.
            precision: ``bf16`` computes in it, which is quicker; a few sentences in a hundred come
                out otherwise, and scores differ in their third digit.

        Raises:
            CheckpointMismatch: If the folder holds no transfer model, or its parts do not fit.
        """
        folder = folder_of(folder)
        content = load_model_folder(folder, device=device)
        if content.vocabulary is None or content.config.get("kind") not in BY_FOLDER_KIND:
            raise CheckpointMismatch(
                f"{folder}: no transfer model; name a folder that 'arae-toolkit pretrain' has "
                "written for a labelled corpus such as yelp"
            )
        try:
            rewriter = BY_FOLDER_KIND[content.config["kind"]].load(content, precision)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointMismatch(f"{folder}: weights and config disagree ({reason})") from error
        scorer, vocabulary = Scorer.from_pretrained(folder / SCORER_FOLDER)
        alike = vocabulary.sha256 == content.vocabulary.sha256
        if not alike or scorer.attributes != rewriter.attributes:
            raise CheckpointMismatch(
                f"{folder / SCORER_FOLDER}: of another corpus than the model beside it; restore "
                "the files of one run"
            )
        if precision == "bf16":
            scorer.dtype = torch.bfloat16
        model = cls(rewriter, scorer.to(device))
        model.folder = folder
        return model

    def transfer(
        self,
        texts: Sequence[str],
        targets: Sequence[str],
        *,
        candidates: int = 1,
        strength: float = 1.0,
        seed: int = 0,
    ) -> list[Transferred]:
        """Return each text rewritten to have its target.

        Args:
            texts: N texts. Words beyond the sixtieth are not read.
            targets: An attribute value for each.
            candidates: Proposals made for each; the best by :attr:`preference` is returned.
            strength: See :class:`~arae_toolkit.transfer.rewriter.Rewriter`.
            seed: Fixes all proposals but the first.

        Raises:
            TypeError: If texts or targets are one text.
            ValueError: For an unknown value, or fewer than one candidate.
        """
        if candidates < 1:
            raise ValueError(f"candidates must be at least 1, got {candidates}")
        check_texts(texts)
        check_texts(targets)
        values = [self.value_of(target) for target in targets]
        sentences = [truncated(ids) for ids in self.vocabulary.encode_batch(list(texts))]
        proposals = self.rewriter.propose(
            sentences, values, count=candidates, strength=strength, seed=seed
        )
        flat = [sentence for own in proposals for sentence in own]
        wanted = [value for value in values for _ in range(candidates)]
        sources = [sentence for sentence in sentences for _ in range(candidates)]
        probability = self.scorer.probabilities(flat)
        fluency = self.scorer.nats_per_token(flat, wanted)
        scored = [
            Transferred(
                text=self.vocabulary.decode(sentence),
                attribute_probability=float(probability[row, wanted[row]]),
                content_bleu=content_bleu(sources[row], sentence),
                nats_per_token=float(fluency[row]),
            )
            for row, sentence in enumerate(flat)
        ]
        return [
            max(scored[start : start + candidates], key=self._worth)
            for start in range(0, len(scored), candidates)
        ]

    def value_of(self, name: str) -> int:
        """Return the index of an attribute value.

        Raises:
            ValueError: Naming the known ones, and the nearest.
        """
        if name in self.attributes:
            return self.attributes.index(name)
        near = get_close_matches(name, self.attributes, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no label {name!r}; the model knows {', '.join(self.attributes)}{hint}")

    def _worth(self, one: Transferred) -> float:
        """Return how good a proposal is, in nats."""
        weights = self.preference
        return (
            weights.attribute * math.log(max(one.attribute_probability, 1e-6))
            + weights.content * math.log((one.content_bleu + 1) / 101)
            - weights.fluency * one.nats_per_token
        )
