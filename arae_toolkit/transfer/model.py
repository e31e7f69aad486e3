"""A trained transfer model of any kind: loading, and rewriting of texts with their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import torch

from arae_toolkit.data.vocabulary import WordCounts, check_texts, truncated
from arae_toolkit.devices import Precision
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.evaluation.text_overlap import content_bleu
from arae_toolkit.models.hub import folder_of
from arae_toolkit.models.model_folder import load_model_folder, parts_of
from arae_toolkit.transfer.rewriter import Rewriter, Sentence
from arae_toolkit.transfer.scorer.fluency import kept_floor
from arae_toolkit.transfer.scorer.scorer import FLOOR_FILE, SCORER_FOLDER, Scorer
from arae_toolkit.transfer.systems import BY_FOLDER_KIND

FLUENCY_WEIGHT = 0.3
"""A nat per token counts so much where proposals are ranked. The logarithms of the target's
probability and of the content BLEU count whole."""


@dataclass(frozen=True)
class Transferred:
    """One rewritten text.

    Attributes:
        text: The model's words, separated by spaces.
        attribute_probability: Of the target, by the model's own classifier, from 0 to 1.
        content_bleu: Of the rewritten text to its source, from 0 to 100; see :func:`content_bleu`.
        nats_per_token: Of the rewritten text under the language model of the target.
        fluency: Nats per token by which the rewritten text is likelier than its source, this under
            the language model of the label that it seems to have. Below 0 it is less likely.
        unchanged: Whether it is the source: because nothing better was found, because all else was
            refused, or because no word of it is known.
        refused: How many candidates fell below the floor of fluency.
        unknown_words: How many words of the source the model does not know.
    """

    text: str
    attribute_probability: float
    content_bleu: float
    nats_per_token: float
    fluency: float
    unchanged: bool
    refused: int
    unknown_words: int


class TransferModel:
    """A rewriter, and the scorer that tells how well it has done.

    Args:
        rewriter: Of any kind.
        scorer: With the same vocabulary and attribute.
        min_fluency: The floor of fluency that was found on dev; ``None`` if it was not looked for.
    """

    def __init__(
        self, rewriter: Rewriter, scorer: Scorer, *, min_fluency: float | None = None
    ) -> None:
        self.rewriter, self.scorer, self.min_fluency = rewriter, scorer, min_fluency
        self.vocabulary, self.attributes = rewriter.vocabulary, rewriter.attributes
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
            NotFound: If there is no such folder.
            CheckpointMismatch: If the folder holds no transfer model, or its parts do not fit.
        """
        folder = folder_of(folder)
        content = load_model_folder(folder, device=device)
        if content.vocabulary is None or content.config.get("kind") not in BY_FOLDER_KIND:
            raise CheckpointMismatch(
                f"{folder}: no transfer model; name a folder that 'arae-toolkit pretrain' has "
                "written for a labelled corpus such as yelp"
            )
        with parts_of(folder):
            rewriter = BY_FOLDER_KIND[content.config["kind"]].load(content, precision)
        scorer, vocabulary = Scorer.from_pretrained(folder / SCORER_FOLDER)
        alike = vocabulary.sha256 == content.vocabulary.sha256
        if not alike or scorer.attributes != rewriter.attributes:
            raise CheckpointMismatch(
                f"{folder / SCORER_FOLDER}: of another corpus than the model beside it; restore "
                "the files of one run"
            )
        if precision == "bf16":
            scorer.dtype = torch.bfloat16
        try:
            floor = kept_floor(folder / SCORER_FOLDER)
        except (OSError, ValueError, KeyError) as error:
            path = folder / SCORER_FOLDER / FLOOR_FILE
            raise CheckpointMismatch(f"{path}: damaged ({error})") from error
        model = cls(rewriter, scorer.to(device), min_fluency=floor)
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
        min_fluency: float = -math.inf,
    ) -> list[Transferred]:
        """Return each text rewritten to have its target.

        A text of which no word is known is given back.

        Args:
            texts: N texts. Words beyond the sixtieth are not read.
            targets: An attribute value for each.
            candidates: Proposals made for each; the best is returned.
            strength: See :class:`~arae_toolkit.transfer.rewriter.Rewriter`.
            seed: Fixes all proposals but the first.
            min_fluency: Candidates of less :attr:`~Transferred.fluency` are refused; where none is
                left, the text itself is returned.

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
        counts = [self.vocabulary.word_counts(sentence) for sentence in sentences]
        rows = [row for row, count in enumerate(counts) if count.is_read]
        proposals = self.rewriter.propose(
            [sentences[row] for row in rows],
            [values[row] for row in rows],
            count=candidates,
            strength=strength,
            seed=seed,
        )
        sources = self._sources(sentences)
        flat = [sentence for own in proposals for sentence in own]
        every = [row for row in rows for _ in range(candidates)]
        found = self._scored(every, flat, sentences, values, sources, counts)
        answers: dict[int, Transferred] = {}
        for at, row in enumerate(rows):
            own = found[at * candidates : (at + 1) * candidates]
            allowed = [one for one in own if one.unchanged or one.fluency >= min_fluency]
            if allowed:
                best = max(allowed, key=_worth)
                answers[row] = replace(best, refused=len(own) - len(allowed))
        kept = [row for row in range(len(texts)) if row not in answers]
        given_back = [sentences[row] for row in kept]
        for row, one in zip(
            kept,
            self._scored(kept, given_back, sentences, values, sources, counts),
            strict=True,
        ):
            refused = candidates if counts[row].is_read else 0
            answers[row] = replace(one, refused=refused)
        return [answers[row] for row in range(len(texts))]

    def _sources(self, sentences: Sequence[Sentence]) -> dict[tuple[int, ...], float]:
        """Return the nats per token of each sentence, as a text of its own likeliest value."""
        distinct = list(dict.fromkeys(map(tuple, sentences)))
        read = [list(sentence) for sentence in distinct]
        values = self.scorer.probabilities(read).argmax(axis=1).tolist()
        nats = self.scorer.nats_per_token(read, values).tolist()
        return dict(zip(distinct, nats, strict=True))

    def _scored(
        self,
        rows: Sequence[int],
        found: Sequence[Sentence],
        sentences: Sequence[Sentence],
        values: Sequence[int],
        sources: Mapping[tuple[int, ...], float],
        counts: Sequence[WordCounts],
    ) -> list[Transferred]:
        """Return proposals with their scores.

        Args:
            rows: The number of each one's source. M numbers.
            found: M proposals.
            sentences: The sources.
            values: The target of each source.
            sources: What :meth:`_sources` returns.
            counts: What is known of the words of each source.
        """
        wanted = [values[row] for row in rows]
        probability = self.scorer.probabilities(found)
        nats = self.scorer.nats_per_token(found, wanted)
        return [
            Transferred(
                text=self.vocabulary.decode(words),
                attribute_probability=float(probability[at, wanted[at]]),
                content_bleu=content_bleu(sentences[row], words),
                nats_per_token=float(nats[at]),
                fluency=sources[tuple(sentences[row])] - float(nats[at]),
                unchanged=list(words) == list(sentences[row]),
                refused=0,
                unknown_words=counts[row].unknown,
            )
            for at, (row, words) in enumerate(zip(rows, found, strict=True))
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


def _worth(one: Transferred) -> float:
    """Return how good a proposal is, in nats."""
    return (
        math.log(max(one.attribute_probability, 1e-6))
        + math.log((one.content_bleu + 1) / 101)
        - FLUENCY_WEIGHT * one.nats_per_token
    )
