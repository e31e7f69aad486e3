"""The ARAE of text: an LSTM autoencoder with a prior over its codes (Figure 1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.token_batches import length_bucketed_batches
from arae_toolkit.data.vocabulary import MOST_WORDS, Vocabulary, check_texts, truncated
from arae_toolkit.devices import Precision, dtype_of, reduced, tensor_on
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.generation.best_of import best_blocks, expected_draws
from arae_toolkit.generation.decoding import Decoding, Search, block_sizes, decode
from arae_toolkit.models.folder_schema import network_of
from arae_toolkit.models.hub import folder_of, publish
from arae_toolkit.models.interpolation import points_between
from arae_toolkit.models.model_folder import (
    constructor_arguments,
    load_model_folder,
    parts_of,
    save_model_folder,
)
from arae_toolkit.nn import initialization
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.code_head import CodeNorm, NoCodeEncoder, code_form_of
from arae_toolkit.nn.embedding import Tying, tie_embeddings
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.nn.mlp import Normalization
from arae_toolkit.nn.priors import OutputBound, Prior, PriorKind, new_prior
from arae_toolkit.nn.sentence_encoding import encode_sentences
from arae_toolkit.ops.packed_lstm import packs

EncoderKind = Literal["lstm", "bilstm-max"]
ENCODERS: dict[EncoderKind, type[LSTMEncoder] | type[BiLSTMEncoder]] = {
    "lstm": LSTMEncoder,
    "bilstm-max": BiLSTMEncoder,
}
READ_TIMES_LONGEST = 4
"""Of a text as many words are read as the longest sentence of training has, so many times."""
WINDOW_ROWS = 4096  # sentences decoded in one go
MAX_FRUITLESS_BATCHES = 20
"""The search for distinct sentences ends after so many batches in a row without a new one."""


class ARAE(nn.Module):
    """A sentence autoencoder whose codes follow a prior that can be sampled (Figure 1).

    With the learned prior it is the paper's ARAE; with ``sphere`` or ``gaussian`` the AAE and WAE
    baselines, and the VAE if the encoder gives distributions; with ``fitted`` the plain AE, sampled
    through a Gaussian fitted to its codes; with ``none`` a language model, the decoder without a
    code. The critic is a part of training and not of the model.

    Args:
        vocabulary: Words and tokenizer.
        max_length: Most words in a generated sentence.
        encoder: ``lstm``, the paper's, or ``bilstm-max``.
        embedding_size: E.
        code_size: Z.
        encoder_size: The encoder's state size; 0 makes it Z, as in the paper.
        hidden_size: H, the decoder's state size.
        noise_size: S.
        generator_sizes: Hidden layers of the generator.
        generator_normalization: See :class:`~arae_toolkit.nn.priors.Generator`.
        generator_output: See :class:`~arae_toolkit.nn.priors.Generator`.
        generator_noise: The ``noise`` of :class:`~arae_toolkit.nn.priors.Generator`.
        code_gain: See :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`.
        output_map: See :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`.
        tied_embeddings: See :func:`~arae_toolkit.nn.embedding.tie_embeddings`.
        prior: ``generator``, ``sphere``, ``gaussian``, ``fitted`` or ``none``.
        code_norm: ``sphere`` for codes of norm 1, ``none`` for codes without a bound.
        variational: Whether the encoder gives a Gaussian for each sentence, whose mean is the code.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        max_length: int,
        encoder: EncoderKind = "lstm",
        embedding_size: int = 300,
        code_size: int = 300,
        encoder_size: int = 0,
        hidden_size: int = 300,
        noise_size: int = 100,
        generator_sizes: Sequence[int] = (300, 300),
        generator_normalization: Normalization = "layer",
        generator_output: OutputBound = "sphere",
        generator_noise: float = 0.0,
        code_gain: float = 1.0,
        output_map: bool = False,
        tied_embeddings: Tying = "none",
        prior: PriorKind = "generator",
        code_norm: CodeNorm = "sphere",
        variational: bool = False,
    ) -> None:
        """Make the networks; :meth:`initialize` or a model folder gives them their weights."""
        arguments = constructor_arguments(locals(), "vocabulary")
        super().__init__()
        self.folder: Path | None = None  # that it was loaded from
        self.precision: Precision = "fp32"
        self.code_norm, self.variational = code_norm, variational
        self.vocabulary, self.max_length, self.arguments = vocabulary, max_length, arguments
        vocab_size = len(vocabulary)
        self.encoder: LSTMEncoder | BiLSTMEncoder | NoCodeEncoder
        if prior == "none":
            self.encoder, code_size = NoCodeEncoder(), NoCodeEncoder.code_size
        else:
            self.encoder = ENCODERS[encoder](
                vocab_size,
                embedding_size=embedding_size,
                code_size=code_size,
                state_size=encoder_size,
                code_form=code_form_of(code_norm, variational=variational),
            )
        self.code_size = code_size
        self.decoder = LSTMDecoder(
            vocab_size,
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            code_size=code_size,
            code_gain=code_gain,
            output_map=output_map,
        )
        tie_embeddings(
            None if isinstance(self.encoder, NoCodeEncoder) else self.encoder.embedding,
            self.decoder.embedding,
            self.decoder.projection,
            tying=tied_embeddings,
        )
        self.prior = new_prior(
            prior,
            noise_size=noise_size,
            code_size=code_size,
            code_norm=code_norm,
            generator_sizes=generator_sizes,
            generator_normalization=generator_normalization,
            generator_output=generator_output,
            generator_noise=generator_noise,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.decoder.projection.weight.device

    @property
    def uniform_nats_per_token(self) -> float:
        """What a token costs when every word is as likely as any other."""
        return math.log(len(self.vocabulary))

    def initialize(
        self,
        *,
        generator: torch.Generator,
        bound: float = 0.1,
        forget_bias: float = 0.0,
        perceptron_deviation: float = 0.0,
    ) -> None:
        """Draw starting weights; see :mod:`arae_toolkit.nn.initialization`.

        Args:
            generator: Source of randomness, on the CPU.
            bound: Encoder and decoder start from U(-bound, bound).
            forget_bias: Added to the biases of their forget gates.
            perceptron_deviation: For the generator's weights; 0 sizes each layer by its inputs.
        """
        for network in (self.encoder, self.decoder):
            initialization.uniform(
                network, bound=bound, generator=generator, forget_bias=forget_bias
            )
        if not isinstance(self.encoder, NoCodeEncoder):
            self.encoder.head.initialize(generator=generator)
        initialization.perceptron(self.prior, deviation=perceptron_deviation, generator=generator)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
    ) -> ARAE:
        """Load a model folder, or a model of the hub by ``owner/name``.

        Args:
            folder: Its path or name.
            device: Where to compute.
            precision: Of the matrix products when codes are decoded and texts are measured, on a
                GPU when they are encoded too; weights and codes are float32.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If the folder holds no text model, or its parts do not fit together.
        """
        folder = folder_of(folder)
        content = load_model_folder(folder, device=device)
        if content.vocabulary is None:
            raise CheckpointMismatch(f"{folder}: an image model, where a text model is needed")
        kind = content.config.get("kind", "text")
        if kind != "text":
            raise CheckpointMismatch(
                f"{folder}: a model of kind {kind}, where an autoencoder of text is needed; "
                "'arae-toolkit runs' lists the kinds of runs"
            )
        with parts_of(folder):
            model = network_of(
                cls, content.vocabulary, arguments=content.config["model"], tensors=content.tensors
            )
        model.folder, model.precision = folder, precision
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a self-contained model folder; see :mod:`arae_toolkit.models.model_folder`."""
        save_model_folder(
            Path(folder),
            config={"kind": "text", "model": self.arguments},
            vocabulary=self.vocabulary,
            tensors=self.state_dict(),
        )

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the model as ``owner/name`` with a card; see :mod:`arae_toolkit.models.hub`."""
        return publish(
            repository, self.save_pretrained, made_in=self.folder, private=private, token=token
        )

    def encode(self, texts: Sequence[str], *, batch_size: int = 1024) -> Tensor:
        """Return the code of each text, so many read at once. Shape (B, Z).

        Of a text several times as long as any sentence of training, the beginning is read. The code
        of a text means nothing if no word of it is known, which
        :meth:`~arae_toolkit.data.vocabulary.Vocabulary.word_counts` tells.

        Raises:
            TypeError: If it is one text, and no list.
            ToolkitError: If this is a language model.
        """
        if isinstance(self.encoder, NoCodeEncoder):
            raise ToolkitError("a language model has no codes: it can only be sampled from")
        most = max(MOST_WORDS, READ_TIMES_LONGEST * self.max_length)
        sentences = [truncated(ids, most) for ids in self.vocabulary.encode_batch(texts)]
        # On a CPU each beginning is read once, in float32: faster than bfloat16 for each sentence.
        with nullcontext() if packs(self.device) else self._reduced():
            return encode_sentences(self.encoder, sentences, batch_size=batch_size)

    @torch.no_grad()
    def decode(
        self,
        code: Tensor | npt.NDArray[Any],
        *,
        decoding: Decoding | None = None,
        generator: torch.Generator | None = None,
    ) -> list[str]:
        """Return one sentence per code, of a tensor or an array. Shape of ``code``: (B, Z).

        Raises:
            TypeError: If they are neither.
            ValueError: If they have another shape.
        """
        code = tensor_on(self.device, code, name="codes")
        if code.ndim != 2 or code.shape[1] != self.code_size:
            raise ValueError(
                f"codes must have shape (B, {self.code_size}), got {tuple(code.shape)}"
            )
        words = decode(
            self.decoder,
            code,
            decoding=self.in_precision(decoding),
            max_length=self.max_length,
            generator=generator,
        )
        return [self.vocabulary.decode(row) for row in words.tolist()]

    def in_precision(self, decoding: Decoding | None) -> Decoding:
        """Return how sentences are chosen, in the model's precision unless another is asked for."""
        decoding = decoding or Decoding()
        return replace(decoding, dtype=decoding.dtype or dtype_of(self.precision))

    def _reduced(self) -> torch.autocast:
        """Return a context in which matrix products are done in the model's precision."""
        return reduced(self.device, dtype_of(self.precision))

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        decoding: Decoding | None = None,
        batch_size: int = 512,
        prior: Prior | None = None,
        best_of: int = 1,
    ) -> list[str]:
        """Return new sentences: codes from a prior, decoded. One depends on seed and number alone.

        The prior is the model's own unless given; see
        :func:`~arae_toolkit.priors.folder.prior_named`. With ``best_of`` each sentence is of so
        many draws the one with the fewest nats for its length; see
        :func:`~arae_toolkit.generation.best_of.best_blocks`.

        Raises:
            ValueError: If ``count`` is below 0.
        """
        if count < 0:
            raise ValueError(f"count must be at least 0, got {count}")
        blocks = self.sample_blocks(
            block_sizes(count, batch_size),
            seed=seed,
            decoding=decoding,
            expected=count,
            at_once=count,
            prior=prior,
            best_of=best_of,
        )
        return [sentence for block in blocks for sentence in block]

    @torch.no_grad()
    def sample_blocks(
        self,
        sizes: Iterable[int],
        *,
        seed: int = 0,
        decoding: Decoding | None = None,
        expected: int | None = None,
        at_once: int = 1,
        growth: int = 2,
        prior: Prior | None = None,
        best_of: int = 1,
    ) -> Iterator[list[str]]:
        """Yield new sentences in blocks, only some thousands of them being in memory at a time.

        Args:
            sizes: Sentences in each block.
            seed: Same seed, same sentences, whatever the sizes.
            decoding: How words are chosen.
            expected: How many sentences there will be in all, if that is known.
            at_once: See :func:`~arae_toolkit.generation.decoding.decoded_blocks`, as for growth.
            growth: Factor on the sentences decoded at once, from one time to the next.
            prior: Where codes come from, on the model's device; the model's own unless given.
            best_of: Draws for each sentence, of which one is kept.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        search = Search(
            self.decoder,
            decoding=self.in_precision(decoding),
            max_length=self.max_length,
            device=self.device,
            expected=expected_draws(expected, best_of),
        )
        for words in best_blocks(
            search,
            self.prior if prior is None else prior,
            sizes,
            best_of=best_of,
            generator=generator,
            at_once=at_once,
            growth=growth,
        ):
            yield [self.vocabulary.decode(row) for row in words.tolist()]

    def reconstruct(
        self, texts: Sequence[str], *, decoding: Decoding | None = None, batch_size: int = 256
    ) -> list[str]:
        """Return each text after a way through its code, ``batch_size`` encoded at a time.

        Raises:
            TypeError: If it is one text, and no list.
        """
        check_texts(texts)
        generator = torch.Generator(self.device).manual_seed(0)
        sentences: list[str] = []
        for start in range(0, len(texts), WINDOW_ROWS):
            code = self.encode(texts[start : start + WINDOW_ROWS], batch_size=batch_size)
            sentences += self.decode(code, decoding=decoding, generator=generator)
        return sentences

    def interpolate(
        self, first: str, second: str, *, steps: int = 5, decoding: Decoding | None = None
    ) -> list[str]:
        """Return the sentences met on the way between two codes, both ends included.

        The way is the straight line, scaled back to the unit sphere where codes lie there.
        Opposite codes have none on it.
        """
        start, end = self.encode([first, second]).split(1)
        codes = points_between(start, end, steps=steps)[0]
        if self.code_norm == "sphere":
            codes = functional.normalize(codes, dim=1)
        generator = torch.Generator(self.device).manual_seed(0)
        return self.decode(codes, decoding=decoding, generator=generator)

    @torch.no_grad()
    def nats(self, texts: Sequence[str], *, batch_size: int = 256) -> tuple[list[float], list[int]]:
        """Return the reconstruction's negative log-likelihood of each text.

        Returns:
            Nats per sentence, and tokens per sentence (``<eos>`` included).

        Raises:
            TypeError: If it is one text, and no list.
        """
        nats, tokens = [0.0] * len(texts), [0] * len(texts)
        sentences = self.vocabulary.encode_batch(texts)
        for rows, batch in length_bucketed_batches(sentences, batch_size, device=self.device):
            with self._reduced():
                sums = self.decoder.sentence_nats(self.encoder(batch), batch)
            for row, value, length in zip(rows, sums.tolist(), batch.lengths.tolist(), strict=True):
                nats[row], tokens[row] = value, length
        return nats, tokens


def draw_sentences(
    model: ARAE,
    count: int,
    *,
    seed: int = 0,
    unique: bool = False,
    decoding: Decoding | None = None,
    batch_size: int = 512,
    prior: Prior | None = None,
    best_of: int = 1,
) -> Iterator[list[str]]:
    """Yield the sentences of :meth:`ARAE.sample` in batches, or distinct ones only.

    Args:
        model: Where the sentences come from.
        count: How many to yield in all.
        seed: Same seed, same sentences.
        unique: Draw on until ``count`` distinct sentences are found.
        decoding: How words are chosen.
        batch_size: Sentences drawn at a time.
        prior: Where codes come from; the model's own unless given.
        best_of: Draws for each sentence, of which one is kept.

    Raises:
        ToolkitError: If no more distinct sentences turn up, after all that did.
    """
    if not unique:
        yield from model.sample_blocks(
            block_sizes(count, batch_size),
            seed=seed,
            decoding=decoding,
            expected=count,
            prior=prior,
            best_of=best_of,
        )
        return
    size = min(batch_size, count)
    # How many draws it takes nobody knows, so none is made ahead of need.
    batches = model.sample_blocks(
        repeat(size),
        seed=seed,
        decoding=decoding,
        expected=size,
        growth=1,
        prior=prior,
        best_of=best_of,
    )
    seen: set[str] = set()
    fruitless = 0
    while len(seen) < count:
        batch = [text for text in dict.fromkeys(next(batches)) if text not in seen]
        batch = batch[: count - len(seen)]
        seen.update(batch)
        fruitless = 0 if batch else fruitless + 1
        if fruitless == MAX_FRUITLESS_BATCHES:
            raise ToolkitError(
                f"only {len(seen):,} distinct sentences found: the last {fruitless * size:,} draws "
                "brought no new one; draw words with --method sample, or ask for fewer"
            )
        yield batch
