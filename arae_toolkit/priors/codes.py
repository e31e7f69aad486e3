"""Codes of a corpus's rows, and the prior that they are: what a fitted one would like to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.noise import add_code_noise, annealed_deviation
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nn.code_head import NoCodeEncoder
from arae_toolkit.nn.sentence_encoding import encode_sentences

Model = ARAE | ImageARAE

BATCH_ROWS = 1024


class SplitCodes:
    """The codes of a split's rows, computed when they are asked for.

    Args:
        model: Encodes.
        corpus: Text or images, as the model is.
        split: Its name.
        longest: Most words of a sentence; 0 takes all.

    Raises:
        DataError: If the model cannot read the corpus, or the split has no row.
    """

    def __init__(self, model: Model, corpus: Corpus, split: str, *, longest: int = 0) -> None:
        self.model = model
        if isinstance(model, ARAE):
            if corpus.kind != "text" or corpus.vocabulary.words != model.vocabulary.words:
                raise DataError(
                    "a corpus in other words than the model's",
                    path=corpus.folder,
                    hint="the corpus that the run was trained on is needed",
                )
            self.sentences = corpus.split(split).of_at_most(longest)
            self.rows = len(self.sentences)
        else:
            shape = tuple(corpus.manifest.get("image_shape", ()))
            if shape != model.image_shape:
                raise DataError(
                    f"images of shape {shape}, the model's are {model.image_shape}",
                    path=corpus.folder,
                    hint="the corpus that the run was trained on is needed",
                )
            self.pixels = corpus.pixels(split)
            self.rows = len(self.pixels)
        if not self.rows:
            raise DataError(f"the {split} split has no row to encode", path=corpus.folder)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows

    @torch.no_grad()
    def at(self, rows: Indices) -> Tensor:
        """Return the codes of these rows, in this order. Shape (len(rows), Z)."""
        self.model.eval()
        if isinstance(self.model, ImageARAE):
            return self.model.encode(self.pixels[rows], batch_size=BATCH_ROWS)
        sentences = [self.sentences[int(row)].tolist() for row in rows]
        encoder = self.model.encoder
        if isinstance(encoder, NoCodeEncoder):
            raise ToolkitError("a language model has no codes, to which a prior could be fitted")
        return encode_sentences(encoder, sentences, batch_size=BATCH_ROWS)

    def some(self, count: int, *, seed: int) -> Tensor:
        """Return the codes of random rows, each at most once; of all rows for 0.

        Returns:
            Shape (count, Z), or (N, Z) where there are no more.
        """
        rows = np.arange(self.rows)
        if 0 < count < self.rows:
            rows = np.sort(np.random.default_rng(seed).permutation(self.rows)[:count])
        return self.at(rows)


class CodesPrior:
    """The ideal prior: codes of random training rows with the decoder's training noise.

    It draws nothing new, and no fitted prior can be asked for more: what it lacks against real
    text is the decoder's share.

    Args:
        codes: Of the training split.
        noise: Standard deviation of the noise on each coordinate.
    """

    def __init__(self, codes: SplitCodes, *, noise: float) -> None:
        self.codes, self.noise = codes, noise

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes of rows drawn with replacement. Shape (count, Z)."""
        device = generator.device
        rows = torch.randint(len(self.codes), (count,), generator=generator, device=device)
        codes = self.codes.at(rows.numpy(force=True)).to(device)
        deviation = torch.tensor(self.noise, device=device)
        return add_code_noise(codes, deviation=deviation, generator=generator)


def decoder_noise(config: Mapping[str, Any], *, rows: int) -> float:
    """Return the deviation of the noise on the codes at the end of a run: what its decoder knows.

    Args:
        config: Of the run, ``config.json``.
        rows: Of its training split.

    Example:
        >>> noise = {"code_noise": 0.1, "code_noise_factor": 0.5, "code_noise_every": 100}
        >>> sizes = {"batch_size": 10, "epochs": 2, "iterations": 0}
        >>> decoder_noise({"settings": {"training": {**noise, **sizes}}}, rows=1000)
        0.05
    """
    training = dict(dict(config.get("settings") or {}).get("training") or {})
    noise = float(training.get("code_noise", 0.0))
    if not noise:
        return 0.0
    per_epoch = rows // max(1, min(int(training["batch_size"]), rows))
    iterations = training.get("iterations") or training["epochs"] * per_epoch
    return annealed_deviation(
        noise,
        factor=training["code_noise_factor"],
        every=training["code_noise_every"],
        iteration=max(0, int(iterations) - 1),
    )


def longest_sentence(config: Mapping[str, Any]) -> int:
    """Return how many words the sentences of a run have at most; 0 if it took all."""
    training = dict(dict(config.get("settings") or {}).get("training") or {})
    return int(training.get("longest_sentence", 0))
