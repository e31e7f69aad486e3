"""One system's samples, or real text, measured: every number of the table, cell by cell.

The paper's Table 1 has forward and reverse perplexity (section 6.1); beside them stands what these
do not show: variety, copying from train, and distances to real text in a space of features.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.corpus import Corpus, PackedSentences, texts_of
from arae_toolkit.evaluation.generation import sample_statistics as statistics
from arae_toolkit.evaluation.generation.bootstrap import perplexity_interval
from arae_toolkit.evaluation.generation.cells import Cells, fingerprint
from arae_toolkit.evaluation.generation.feature_distances import Encoder, frechet_distance, mauve
from arae_toolkit.evaluation.kept_judges import Progress
from arae_toolkit.evaluation.language_model import (
    FEWEST_OUTPUTS,
    LanguageModel,
    LanguageModelSettings,
    language_model_of_outputs,
)

WHOLE_TRAIN = "train, copied whole"
"""Name of what a system would write that copies every training sentence once."""


@dataclass(frozen=True)
class GenerationSettings:
    """How many sentences the slower measures take, and the judges' settings."""

    judge: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    """Both language models, of forward and of reverse perplexity, are made by these."""
    forward_sentences: int = 20_000
    """At most so many samples are read by the judge of real text."""
    self_bleu_sentences: int = 500
    """So many samples are compared with each other."""
    nearest_sentences: int = 1_000
    """For so many samples the nearest training sentence is looked up."""
    feature_sentences: int = 5_000
    """At most so many samples, and as many real sentences, are compared in the encoder's space."""
    seed: int = 0
    """It fixes which are drawn, and the bootstrap."""


@dataclass(frozen=True)
class Subject:
    """Text to be measured.

    Attributes:
        sentences: Of the corpus's vocabulary.
        parameters: Of the model that wrote it, ``None`` for real text and files.
        real: Whether these are the held-out sentences that others are compared with.
    """

    sentences: PackedSentences
    parameters: int | None = None
    real: bool = False


class GenerationMeasurement:
    """Measures any number of subjects alike.

    Args:
        corpus: Of text.
        split: The held-out sentences: ``test`` or ``dev``.
        judge: Of real text, for forward perplexity.
        cells: Where finished parts are kept.
        settings: Sizes.
        encoder: Space of Frechet distance and MAUVE; without it both are left out.
        device: Where the reverse models are trained; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it.
        progress: Shows how far a part is.
    """

    def __init__(
        self,
        corpus: Corpus,
        split: str,
        *,
        judge: LanguageModel,
        cells: Cells,
        settings: GenerationSettings | None = None,
        encoder: Encoder | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        progress: Progress = lambda *_: nullcontext(lambda _: None),
    ) -> None:
        self.corpus, self.split, self.judge, self.cells = corpus, split, judge, cells
        self.settings, self.encoder = settings or GenerationSettings(), encoder
        self.device, self.dtype, self.progress = device, dtype, progress
        self.real = corpus.split(split)
        self._overlap: statistics.TrainOverlap | None = None

    @cached_property
    def known(self) -> statistics.CorpusTexts:
        """The corpus's sentences, of which none is shown as an example."""
        return statistics.CorpusTexts(self.corpus)

    def of(self, name: str, subject: Subject) -> dict[str, Any]:
        """Return every measure of a subject, as JSON holds it; ``None`` where it means nothing.

        Percentages are from 0 to 100, perplexities per token with a bootstrap interval of 95 %.

        Args:
            name: For the progress displays.
            subject: What is measured.

        Raises:
            ValueError: If there is no sentence.
        """
        sentences = subject.sentences
        key = {"sentences": fingerprint(sentences), "corpus": self.corpus.sha256}
        drawn = {**key, "seed": self.settings.seed}
        found: dict[str, Any] = {"sentences": len(sentences), "parameters": subject.parameters}
        found |= self.cells.value("statistics", key, lambda: self._statistics(sentences))
        most = {"most": self.settings.self_bleu_sentences}
        found |= self.cells.value("self-bleu", drawn | most, lambda: self._self_bleu(sentences))
        most = {"most": self.settings.nearest_sentences}
        found |= self.cells.value("nearest", drawn | most, lambda: self._nearest(name, sentences))
        judged = {
            "judge": asdict(self.judge.settings),
            "split": self.corpus.judges_split,
            "most": self.settings.forward_sentences,
        }
        found |= self.cells.value("forward", drawn | judged, lambda: self._forward(name, sentences))
        found |= self._compared(name, subject, drawn)
        return found

    def _compared(self, name: str, subject: Subject, key: Mapping[str, Any]) -> dict[str, Any]:
        """Return what compares a subject with the held-out sentences, which are not themselves."""
        sentences, settings = subject.sentences, self.settings
        found: dict[str, Any] = dict.fromkeys(("reverse_perplexity", "frechet", "mauve"))
        if subject.real:
            return found
        key = {**key, "against": self.split}
        if len(sentences) >= FEWEST_OUTPUTS:
            judged = {**key, "judge": asdict(settings.judge)}
            found |= self.cells.value("reverse", judged, lambda: self._reverse(name, sentences))
        if self.encoder is not None:
            space = {"encoder": self.encoder.sha256, "most": settings.feature_sentences}
            found |= self.cells.value(
                "distances", {**key, **space}, lambda: self._distances(name, sentences)
            )
        return found

    def _statistics(self, sentences: PackedSentences) -> dict[str, Any]:
        orders = {f"distinct_{n}": statistics.distinct_ngrams(sentences, n) for n in (1, 2, 3, 4)}
        overlap = self._train()
        return {
            "words": statistics.mean_length(sentences),
            "unknown": statistics.unknown_words(sentences),
            "distinct_sentences": statistics.distinct_sentences(sentences),
            **orders,
            "diversity": statistics.diversity(sentences),
            "found_in_train": overlap.sentences(sentences),
            "four_grams_in_train": overlap.four_grams(sentences),
        }

    def _self_bleu(self, sentences: PackedSentences) -> dict[str, Any]:
        if len(sentences) < 2:
            return {"self_bleu": None, "self_bleu_sentences": 0, "self_bleu_signature": None}
        most, seed = self.settings.self_bleu_sentences, self.settings.seed
        found = statistics.self_bleu(
            texts_of(sentences, self.corpus.vocabulary), most=most, seed=seed
        )
        return {
            "self_bleu": found.score,
            "self_bleu_sentences": found.sentences,
            "self_bleu_signature": found.signature,
        }

    def _nearest(self, name: str, sentences: PackedSentences) -> dict[str, Any]:
        most = min(self.settings.nearest_sentences, len(sentences))
        with self.progress(f"{name}: nearest training sentences", most) as advance:
            edits = self._train().edits(
                sentences, most=most, seed=self.settings.seed, advance=advance
            )
        return {"nearest_edits": float(edits.mean()), "nearest_sentences": len(edits)}

    def _forward(self, name: str, sentences: PackedSentences) -> dict[str, Any]:
        settings = self.settings
        rows = statistics.drawn_rows(len(sentences), settings.forward_sentences, settings.seed)
        with self.progress(f"{name}: read by the judge", len(rows)) as advance:
            read = self.judge.read_packed(sentences.at(rows), advance=advance)
        found = perplexity_interval(read, seed=settings.seed)
        return {"forward_perplexity": asdict(found), "forward_sentences": len(rows)}

    def _reverse(self, name: str, sentences: PackedSentences) -> dict[str, Any]:
        settings = self.settings.judge
        learned = len(sentences) - len(sentences) // 10
        total = learned * settings.epochs(learned)
        with self.progress(f"{name}: learning its sentences", total) as advance:
            model = language_model_of_outputs(
                sentences,
                self.corpus.vocabulary,
                settings=settings,
                device=self.device,
                dtype=self.dtype,
                advance=advance,
            )
        found = perplexity_interval(model.read_packed(self.real), seed=self.settings.seed)
        return {"reverse_perplexity": asdict(found)}

    def _distances(self, name: str, sentences: PackedSentences) -> dict[str, Any]:
        count = min(self.settings.feature_sentences, len(sentences), len(self.real))
        features = []
        for title, part in ((self.split, self.real), (name, sentences)):
            with self.progress(f"{title}: features", count) as advance:
                features.append(self._features_of(part, count))
                advance(count)
        real, generated = features
        few = count < 20
        return {
            "frechet": None if few else frechet_distance(real, generated),
            "mauve": None if few else mauve(real, generated, seed=self.settings.seed),
            "feature_sentences": count,
        }

    def _features_of(self, sentences: PackedSentences, count: int) -> npt.NDArray[Any]:
        """Return features of so many sentences, evenly spread. Shape (count, D)."""
        assert self.encoder is not None, "checked by the caller"
        rows = np.linspace(0, len(sentences), count, endpoint=False).astype(np.int64)
        return self.encoder.features(texts_of(sentences.at(rows), self.corpus.vocabulary))

    def _train(self) -> statistics.TrainOverlap:
        """Return the train split prepared for look-ups, which is done when it is first needed."""
        if self._overlap is None:
            self._overlap = statistics.TrainOverlap(self.corpus.split("train"))
        return self._overlap


def real_subjects(corpus: Corpus, split: str, count: int, *, seed: int) -> dict[str, Subject]:
    """Return what always stands beside the systems: held-out text, and copies of train.

    The whole train split is left out where ``count`` sentences of it are all.

    Args:
        corpus: Of text.
        split: ``test`` or ``dev``.
        count: As many sentences of train as the systems have written.
        seed: Fixes which of train are taken.
    """
    train = corpus.split("train")
    subjects = {f"real {split}": Subject(corpus.split(split), real=True)}
    if count < len(train):
        rows = np.random.default_rng(seed).choice(len(train), count, replace=False)
        subjects["real train"] = Subject(train.at(np.sort(rows)))
    subjects[WHOLE_TRAIN] = Subject(train)
    return subjects
