"""What a trained text model can do: reconstruction, the code space, swapped words and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus, PackedSentences, pack
from arae_toolkit.data.noise import swappable
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.code_dimensions import measure_dimensions
from arae_toolkit.evaluation.code_space import edit_neighbours, measure_code_space
from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts, KnownSentences
from arae_toolkit.evaluation.kept_judges import Progress
from arae_toolkit.evaluation.reconstruction import (
    codes_of,
    measure_split,
    measure_swapped_reconstruction,
    store_of_split,
)
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.priors import NoCodePrior, Prior

MONITORED_SENTENCES = 2000
MOST_SWAPS = 4
DRAWS_EACH = 20
"""For each new sentence that is wanted so many are drawn at most."""


@dataclass(frozen=True)
class TextModelFigures:
    """Everything that is measured of a text model; what its kind does not have is empty.

    Attributes:
        reconstruction: By split; see
            :func:`~arae_toolkit.evaluation.reconstruction.measure_split`.
        swapped_nats: Nats per sentence of dev after 0, 1, ... swaps in what the encoder read.
        swapped: Sentences of dev behind them.
        too_short: Sentences of dev without words enough for the most swaps.
        code_space: See :class:`~arae_toolkit.evaluation.code_space.CodeSpaceStatistics`.
        dimensions: In use, of the codes; see
            :class:`~arae_toolkit.evaluation.code_dimensions.CodeDimensions`.
        drawn: Sentences drawn.
        distinct: Percent of them that are different ones.
        copied: Percent of them that are, word for word, training sentences.
    """

    reconstruction: dict[str, dict[str, Any]]
    swapped_nats: list[float]
    swapped: int
    too_short: int
    code_space: dict[str, float]
    dimensions: dict[str, Any]
    drawn: list[str]
    distinct: float
    copied: float


def measure_text_model(
    model: ARAE,
    corpus: Corpus,
    *,
    samples: int,
    seed: int = 0,
    note: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda *_: nullcontext(lambda _: None),
) -> TextModelFigures:
    """Measure a text model on the dev and test splits of a corpus, as far as it has them.

    Args:
        model: The model.
        corpus: The one that it was trained on.
        samples: Sentences drawn from the model's own prior, at least 1.
        seed: Fixes swaps and draws.
        note: Told in a line what is measured.
        progress: Shows what takes long, a step a sentence.
    """
    there = [name for name in ("dev", "test") if corpus.manifest["splits"].get(name)]
    there = [name for name in there if corpus.rows(name)]
    reconstruction = {}
    for name in there:
        count = corpus.rows(name)
        with progress(f"reconstruction of {count:,} sentences of {name}", count) as advance:
            reconstruction[name] = measure_split(model, corpus, name, advance=advance)
    swapped: list[float] = []
    counts = (0, 0)
    code_space: dict[str, float] = {}
    dimensions: dict[str, Any] = {}
    if "dev" in there and not isinstance(model.prior, NoCodePrior):
        note("code space and swapped words")
        store, sentences = store_of_split(model, corpus, "dev"), corpus.split("dev")
        lengths = torch.from_numpy(store.host_lengths.astype(np.int64))
        if swappable(lengths, swaps=MOST_SWAPS).any():
            curve = [
                measure_swapped_reconstruction(
                    model, store, swaps=swaps, most_swaps=MOST_SWAPS, seed=seed
                )
                for swaps in range(MOST_SWAPS + 1)
            ]
            swapped = [point.nats_per_sentence for point in curve]
            counts = (curve[0].sentences, curve[0].too_short)
        rows = np.random.default_rng(seed).permutation(len(sentences))[:MONITORED_SENTENCES]
        neighbours = edit_neighbours(sentences, seed=seed)
        code_space = measure_code_space(
            model, store, rows=rows, neighbours=neighbours, seed=seed
        ).values()
        if len(rows) > 1:
            dimensions = asdict(measure_dimensions(codes_of(model, store, rows)))
    note(f"{samples:,} samples")
    drawn = model.sample(samples, seed=seed, decoding=decoding_of(model))
    return TextModelFigures(
        reconstruction,
        swapped,
        *counts,
        code_space=code_space,
        dimensions=dimensions,
        drawn=drawn,
        distinct=100 * len(set(drawn)) / len(drawn),
        copied=copied_share(drawn, corpus.split("train"), corpus.vocabulary),
    )


def copied_share(samples: Sequence[str], train: PackedSentences, vocabulary: Vocabulary) -> float:
    """Return the percent of samples that are, word for word, training sentences."""
    packed = pack(vocabulary.encode_batch(samples), vocab_size=len(vocabulary))
    return 100 * sum(KnownSentences([train]).hold(packed)) / len(samples)


def new_sentences(
    model: ARAE,
    count: int,
    known: CorpusTexts | None,
    *,
    seed: int = 0,
    prior: Prior | None = None,
) -> tuple[list[str], int]:
    """Return the first samples that stand nowhere in a corpus, and how many before them do.

    Args:
        model: Where they come from; the words of a language model are drawn, else the likeliest.
        count: So many are wanted; fewer are returned where 20 times as many do not hold them.
        known: The corpus; nothing is left out where it is not at hand.
        seed: Draws them.
        prior: Where codes come from; the model's own unless given.
    """
    chosen: list[str] = []
    left_out = 0
    drawn = model.sample_blocks(
        [count] * (1 if known is None else DRAWS_EACH),
        seed=seed,
        decoding=decoding_of(model),
        prior=prior,
    )
    for block in drawn:
        held = [False] * len(block) if known is None else known.hold(block)
        for text, stands in zip(block, held, strict=True):
            if len(chosen) == count:
                return chosen, left_out
            if stands:
                left_out += 1
            else:
                chosen.append(text)
    return chosen, left_out


def decoding_of(model: ARAE) -> Decoding:
    """Return how samples are decoded: greedily, unless without a code they would all be one."""
    return Decoding("sample") if isinstance(model.prior, NoCodePrior) else Decoding()
