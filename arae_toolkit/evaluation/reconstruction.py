"""Reconstruction of held-out sentences and images from their codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from arae_toolkit.data.corpus import Corpus, pack, texts_of
from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.noise import swap_words, swappable
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store, TokenBatch, TokenStore
from arae_toolkit.data.vocabulary import EOS, PAD
from arae_toolkit.evaluation.text_overlap import corpus_bleu
from arae_toolkit.generation.decoding import Decoding, decode
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.interfaces import Autoencoder
from arae_toolkit.nn.priors import NoCodePrior

BATCH_ROWS, IMAGE_ROWS = 256, 1024

Written = list[tuple[list[int], list[int]]]
"""Sentences written out of codes, each beside the one that was encoded; ids without ``<eos>``."""


@dataclass(frozen=True)
class Reconstruction:
    """Reconstruction of a set of sentences.

    Attributes:
        nats_per_sentence: Mean negative log-likelihood of a sentence, ``<eos>`` included.
        nats_per_token: The same over tokens, ``<eos>`` included.
        token_accuracy: Percent of tokens that are the likeliest given the true words before them.
        exact: Percent of sentences that greedy decoding gives back word for word.
        sentences: How many were measured.
    """

    nats_per_sentence: float
    nats_per_token: float
    token_accuracy: float
    exact: float
    sentences: int


@torch.no_grad()
def measure_reconstruction(
    model: ARAE,
    store: TokenStore,
    *,
    rows: Indices | None = None,
    written: Written | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Reconstruction:
    """Measure the reconstruction of rows, each read and written once.

    Args:
        model: The model.
        store: The sentences.
        rows: Row numbers; all unless given.
        written: Takes up what is written, as far as the model goes, in the order of the batches;
            otherwise sentences are written no further than the longest beside them.
        advance: Told of rows that are measured.
    """
    model.eval()
    nats, correct, exact, tokens = 0.0, 0, 0, 0
    chosen = np.arange(len(store)) if rows is None else rows
    whole = 0 if written is None else max(model.max_length, int(store.host_lengths.max(initial=0)))
    for batch in _batches(store, chosen):
        code = model.encoder(batch)
        token_nats, token_correct = model.decoder.statistics(code, batch)
        nats += float(token_nats.double().sum())
        correct += int(token_correct.sum())
        tokens += int(batch.symbols)
        longest = max(whole, batch.tokens.shape[1])
        words = decode(model.decoder, code, decoding=Decoding(), max_length=longest)
        exact += int(_same_sentences(words, batch.tokens).sum())
        if written is not None:
            written += zip(_ids(words), _ids(batch.tokens), strict=True)
        advance(len(batch.lengths))
    return Reconstruction(
        nats_per_sentence=nats / len(chosen),
        nats_per_token=nats / tokens,
        token_accuracy=100 * correct / tokens,
        exact=100 * exact / len(chosen),
        sentences=len(chosen),
    )


@dataclass(frozen=True)
class RestoredWords:
    """Sentences that greedy decoding writes out of codes, beside those that were encoded.

    Attributes:
        bleu: BLEU of what is written to the originals, from 0 to 100.
        bleu_signature: Every setting that moves it, in sacrebleu's form.
        word_errors: Words left out, put in or replaced, in percent of the originals' words.
    """

    bleu: float
    bleu_signature: str
    word_errors: float


def restored_words(written: Written) -> RestoredWords:
    """Return how near what was written is to what was encoded."""
    errors = sum(Levenshtein.distance(*texts) for texts in written)
    outputs = [" ".join(map(str, words)) for words, _ in written]
    references = [[" ".join(map(str, original))] for _, original in written]
    bleu = corpus_bleu(outputs, references)
    words = sum(len(original) for _, original in written)
    return RestoredWords(bleu.score, bleu.signature, 100 * errors / max(1, words))


def store_of_split(
    model: ARAE, corpus: Corpus, split: str, *, rows: Indices | None = None
) -> TokenStore:
    """Return rows of a corpus in the words of a model, whatever it was packed with."""
    sentences = corpus.split(split)
    if rows is not None:
        sentences = sentences.at(rows)
    if model.vocabulary.sha256 != corpus.vocabulary.sha256:
        ids = model.vocabulary.encode_batch(texts_of(sentences, corpus.vocabulary))
        sentences = pack(ids, vocab_size=len(model.vocabulary))
    return TokenStore(sentences, device=model.device)


def measure_split(
    model: ARAE,
    corpus: Corpus,
    split: str,
    *,
    rows: Indices | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Return everything about the reconstruction of rows of a corpus, by name.

    Args:
        model: The model.
        corpus: Whose rows.
        split: Of the corpus.
        rows: Which of them; all unless named.
        advance: Told of rows that are measured.

    Returns:
        The attributes of :class:`Reconstruction` and :class:`RestoredWords`, and ``perplexity``,
        per token. What is written out of a code is ``None`` of a language model, which has none.
    """
    store = store_of_split(model, corpus, split, rows=rows)
    has_codes = not isinstance(model.prior, NoCodePrior)
    written: Written | None = [] if has_codes else None
    measured = measure_reconstruction(model, store, written=written, advance=advance)
    found: dict[str, Any] = asdict(measured) | {"perplexity": math.exp(measured.nats_per_token)}
    if not written:
        return found | {"exact": None, "bleu": None, "word_errors": None}
    return found | asdict(restored_words(written))


def _ids(tokens: Tensor) -> list[list[int]]:
    """Return the words of each row as ids. Shape (B, T)."""
    return [[word for word in row if word not in (EOS, PAD)] for row in tokens.tolist()]


@dataclass(frozen=True)
class ImageReconstruction:
    """Reconstruction of a set of images.

    Attributes:
        nats_per_image: Mean negative log-likelihood of a binarised image.
        nats_per_pixel: The same over pixels.
        pixel_accuracy: Percent of pixels that are the likelier of ink and paper.
        images: How many were measured.
    """

    nats_per_image: float
    nats_per_pixel: float
    pixel_accuracy: float
    images: int


@torch.no_grad()
def measure_images(
    model: ImageARAE, store: PixelStore, *, rows: Indices | None = None
) -> ImageReconstruction:
    """Measure the reconstruction of the rows of a split (all, unless some are named)."""
    model.eval()
    nats, correct, pixels = 0.0, 0, 0
    chosen = np.arange(len(store)) if rows is None else rows
    for start in range(0, len(chosen), IMAGE_ROWS):
        batch = store.batch(chosen[start : start + IMAGE_ROWS])
        pixel_nats, pixel_correct = model.decoder.statistics(model.encoder(batch), batch)
        nats += float(pixel_nats.double().sum())
        correct += int(pixel_correct.sum())
        pixels += batch.symbols
    return ImageReconstruction(
        nats_per_image=nats / len(chosen),
        nats_per_pixel=nats / pixels,
        pixel_accuracy=100 * correct / pixels,
        images=len(chosen),
    )


@dataclass(frozen=True)
class SwappedReconstruction:
    """Reconstruction of sentences from codes of the same with words swapped.

    Attributes:
        nats_per_sentence: Mean negative log-likelihood of an original, ``<eos>`` included.
        sentences: How many were measured.
        too_short: How many were left out, with too few words for so many swaps.
    """

    nats_per_sentence: float
    sentences: int
    too_short: int


@torch.no_grad()
def measure_swapped_reconstruction(
    model: ARAE,
    store: TokenStore,
    *,
    swaps: int,
    seed: int,
    most_swaps: int = 0,
    rows: Indices | None = None,
) -> SwappedReconstruction:
    """Measure the originals' likelihood given codes of word-swapped inputs (Figure 4).

    Args:
        model: The model.
        store: The sentences.
        swaps: Exchanges of neighbouring words at distinct places of each input, k.
        seed: Fixes the exchanges.
        most_swaps: Sentences too short for so many are left out, as those too short for ``swaps``
            are: all points of a curve are to be over the same sentences.
        rows: Row numbers; all unless given.

    Raises:
        ValueError: If no sentence is long enough.
    """
    model.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    asked = np.arange(len(store)) if rows is None else rows
    lengths = torch.from_numpy(store.host_lengths[asked].astype(np.int64))
    chosen = asked[swappable(lengths, swaps=max(swaps, most_swaps)).numpy()]
    if not len(chosen):
        raise ValueError(f"no sentence has words enough for {max(swaps, most_swaps)} swaps")
    nats = 0.0
    for batch in _batches(store, chosen):
        noisy = swap_words(batch.tokens, batch.lengths, swaps=swaps, generator=generator)
        code = model.encoder(batch.with_tokens(noisy))
        nats += float(model.decoder.statistics(code, batch)[0].double().sum())
    return SwappedReconstruction(nats / len(chosen), len(chosen), len(asked) - len(chosen))


@torch.no_grad()
def codes_of(model: Autoencoder, store: Store, rows: Indices) -> Tensor:
    """Return the codes of rows, in their order. Shape (len(rows), Z)."""
    model.eval()
    if len(rows) == 0:
        return torch.zeros(0, model.arguments["code_size"], device=model.device)
    batches, order = store.grouped(rows, groups=max(1, -(-len(rows) // BATCH_ROWS)))
    return torch.cat([model.encoder(batch) for batch in batches])[order]


def _batches(store: TokenStore, rows: Indices) -> list[TokenBatch]:
    return store.grouped(rows, groups=max(1, -(-len(rows) // BATCH_ROWS)))[0]


def _same_sentences(words: Tensor, tokens: Tensor) -> Tensor:
    """Return which decoded rows equal the original rows. Shapes (B, T') and (B, T) to (B,)."""
    width = max(words.shape[1], tokens.shape[1])
    padded = [torch.nn.functional.pad(t, (0, width - t.shape[1])) for t in (words, tokens)]
    return (padded[0] == padded[1]).all(dim=1)
