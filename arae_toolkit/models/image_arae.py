"""The ARAE of images: perceptrons over binarised pixels (section 5, Figure 2).

Its codes, priors and critic are those of the text model, and so is the training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.image_batches import PixelBatch, PixelStore
from arae_toolkit.devices import tensor_on
from arae_toolkit.errors import CheckpointMismatch
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
from arae_toolkit.nn.code_head import CodeForm, CodeHead, CodeNorm, code_form_of, widened
from arae_toolkit.nn.mlp import Normalization, mlp
from arae_toolkit.nn.priors import DRAWN_TOGETHER, OutputBound, Prior, PriorKind, new_prior
from arae_toolkit.ops.sampled_softmax import SoftmaxSample

Pixels = npt.NDArray[Any] | Tensor


class ImageEncoder(nn.Module):
    """MLP from binary pixels to a code, with batch normalization.

    Args:
        pixel_count: P.
        hidden_sizes: Units of each hidden layer, the widest first.
        code_size: Z.
        code_form: See :class:`~arae_toolkit.nn.code_head.CodeHead`.
    """

    def __init__(
        self,
        pixel_count: int,
        *,
        hidden_sizes: Sequence[int],
        code_size: int,
        code_form: CodeForm = "sphere",
    ) -> None:
        super().__init__()
        self.layers = mlp(
            pixel_count, hidden_sizes, code_size, activation=nn.ReLU(), normalization="batch"
        )
        self.head = CodeHead(code_size, form=code_form)

    def forward(self, batch: PixelBatch) -> Tensor:
        """Return the code of each image. Shape (B, Z), float32, by default of unit norm."""
        return self.head(self.layers(batch.pixels))  # type: ignore[no-any-return]

    def posterior(self, batch: PixelBatch) -> Tensor:
        """Return the distribution of each image's code. Shape (B, 2Z); see the head."""
        return self.head.posterior(self.layers(batch.pixels))


class ImageDecoder(nn.Module):
    """MLP from a code to the log-odds of ink in each pixel: a logistic regression for each.

    Args:
        pixel_count: P.
        hidden_sizes: Units of each hidden layer, the widest last.
        code_size: Z.
    """

    def __init__(self, pixel_count: int, *, hidden_sizes: Sequence[int], code_size: int) -> None:
        super().__init__()
        self.layers = mlp(
            code_size, hidden_sizes, pixel_count, activation=nn.ReLU(), normalization="batch"
        )

    def forward(self, code: Tensor) -> Tensor:
        """Return logits, positive where ink is likelier. Shape (B, Z) to (B, P), float32."""
        return widened(self.layers(code))

    def nats(
        self,
        code: Tensor,
        batch: PixelBatch,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
        read: PixelBatch | None = None,
    ) -> Tensor:
        """Return the summed negative log-likelihood of the images, in nats. Scalar.

        Args:
            code: Shape (B, Z).
            batch: The images to be predicted.
            dtype: Precision of the matrix products; the sum is always float32.
            sample: Of no effect: a pixel has two values, and no vocabulary to draw from.
            read: Of no effect: all pixels are predicted at once, from the code alone.
        """
        del sample, read
        with torch.autocast(
            code.device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16
        ):
            logits = self(code)
        return functional.binary_cross_entropy_with_logits(logits, batch.pixels, reduction="sum")

    @torch.no_grad()
    def statistics(self, code: Tensor, batch: PixelBatch) -> tuple[Tensor, Tensor]:
        """Return nats and correctness of each pixel. Both of shape (B, P)."""
        logits = self(code)
        nats = functional.binary_cross_entropy_with_logits(logits, batch.pixels, reduction="none")
        return nats, (logits >= 0) == (batch.pixels > 0)


class ImageARAE(nn.Module):
    """An autoencoder of binary images whose codes follow a prior that can be sampled (Figure 2).

    Images go in as grey values (uint8, from 128 on ink) or as binary ones (bool); they come out as
    probabilities of ink, float32: ``>= 0.5`` makes of them the likeliest binary images. Its layers
    normalize over the batch while they train, and row by row, with fixed statistics, in the
    evaluation mode that :meth:`from_pretrained` returns it in.

    Args:
        image_shape: Height and width, in pixels.
        code_size: Z.
        noise_size: S.
        encoder_sizes: Hidden layers of the encoder.
        decoder_sizes: Hidden layers of the decoder.
        generator_sizes: Hidden layers of the generator.
        generator_normalization: See :class:`~arae_toolkit.nn.priors.Generator`.
        generator_output: See :class:`~arae_toolkit.nn.priors.Generator`.
        generator_noise: The ``noise`` of :class:`~arae_toolkit.nn.priors.Generator`.
        prior: ``generator``, ``sphere``, ``gaussian`` or ``fitted``.
        code_norm: ``sphere`` for codes of norm 1, ``none`` for codes without a bound.
        variational: Whether the encoder gives a Gaussian for each image, whose mean is the code.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        code_size: int = 100,
        noise_size: int = 32,
        encoder_sizes: Sequence[int] = (800, 400),
        decoder_sizes: Sequence[int] = (400, 800, 1000),
        generator_sizes: Sequence[int] = (64, 100, 150),
        generator_normalization: Normalization = "layer",
        generator_output: OutputBound = "sphere",
        generator_noise: float = 0.0,
        prior: PriorKind = "generator",
        code_norm: CodeNorm = "sphere",
        variational: bool = False,
    ) -> None:
        """Make the networks; :meth:`initialize` or a model folder gives them their weights."""
        arguments = constructor_arguments(locals())
        super().__init__()
        self.folder: Path | None = None  # that it was loaded from
        self.code_norm, self.variational = code_norm, variational
        height, width = image_shape
        self.image_shape = (int(height), int(width))
        self.pixel_count, self.code_size = math.prod(self.image_shape), code_size
        self.arguments = {**arguments, "image_shape": list(self.image_shape)}
        self.encoder = ImageEncoder(
            self.pixel_count,
            hidden_sizes=encoder_sizes,
            code_size=code_size,
            code_form=code_form_of(code_norm, variational=variational),
        )
        self.decoder = ImageDecoder(
            self.pixel_count, hidden_sizes=decoder_sizes, code_size=code_size
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
        return next(self.encoder.parameters()).device

    @property
    def uniform_nats_per_token(self) -> float:
        """What a pixel costs when ink and paper are equally likely."""
        return math.log(2)

    def initialize(self, *, generator: torch.Generator, perceptron_deviation: float = 0.0) -> None:
        """Draw starting weights; see :mod:`arae_toolkit.nn.initialization`.

        Args:
            generator: Source of randomness, on the CPU.
            perceptron_deviation: For the generator's weights; 0 sizes each layer by its inputs,
                as it is always done in encoder and decoder.
        """
        for network in (self.encoder, self.decoder):
            initialization.perceptron(network, deviation=0.0, generator=generator)
        initialization.perceptron(self.prior, deviation=perceptron_deviation, generator=generator)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, device: str | torch.device = "cpu"
    ) -> ImageARAE:
        """Load a model folder, or a model of the hub by ``owner/name``.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If the folder holds no image model, or its parts do not fit
                together.
        """
        folder = folder_of(folder)
        content = load_model_folder(folder, device=device)
        if content.config.get("kind") != "image":
            raise CheckpointMismatch(f"{folder}: a text model, where an image model is needed")
        with parts_of(folder):
            model = network_of(cls, arguments=content.config["model"], tensors=content.tensors)
        model.folder = folder
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a self-contained model folder; see :mod:`arae_toolkit.models.model_folder`."""
        save_model_folder(
            Path(folder),
            config={"kind": "image", "model": self.arguments},
            vocabulary=None,
            tensors=self.state_dict(),
        )

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the model as ``owner/name`` with a card; see :mod:`arae_toolkit.models.hub`."""
        return publish(
            repository, self.save_pretrained, made_in=self.folder, private=private, token=token
        )

    @torch.no_grad()
    def encode(self, pixels: Pixels, *, batch_size: int = 1024) -> Tensor:
        """Return the code of each image. Shape (N, P) to (N, Z)."""
        codes = [self.encoder(batch) for batch in self._batches(pixels, batch_size)]
        return torch.cat([torch.zeros(0, self.code_size, device=self.device), *codes])

    @torch.no_grad()
    def decode(self, code: Pixels) -> Tensor:
        """Return the probability of ink in each pixel. Shape (B, Z) to (B, P).

        Raises:
            TypeError: If the codes are no tensor and no array.
            ValueError: If they have another shape.
        """
        code = tensor_on(self.device, code, name="codes")
        if code.ndim != 2 or code.shape[1] != self.code_size:
            raise ValueError(
                f"codes must have shape (B, {self.code_size}), got {tuple(code.shape)}"
            )
        return self.decoder(code).sigmoid()  # type: ignore[no-any-return]

    def sample(self, count: int, *, seed: int = 0, prior: Prior | None = None) -> Tensor:
        """Return new images: codes from a prior, the model's own unless given, decoded.

        An image depends on the seed and its number alone.

        Returns:
            Shape (count, P), probabilities.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        source = self.prior if prior is None else prior
        codes = [
            source.sample(DRAWN_TOGETHER, generator=generator)
            for _ in range(0, max(count, 1), DRAWN_TOGETHER)
        ]
        return self.decode(torch.cat(codes)[:count])

    def reconstruct(self, pixels: Pixels) -> Tensor:
        """Return each image after a way through its code. Shape (N, P), probabilities."""
        return self.decode(self.encode(pixels))

    def interpolate(self, first: Pixels, second: Pixels, *, steps: int = 5) -> Tensor:
        """Return the images met on the way between the codes of two, both ends included.

        The way is the straight line, scaled back to the unit sphere where codes lie there.
        Opposite codes have none on it.

        Args:
            first: Shape (P,).
            second: Shape (P,).
            steps: How many images.

        Returns:
            Shape (steps, P), probabilities.
        """
        start, end = self.encode(first[None]), self.encode(second[None])
        codes = points_between(start, end, steps=steps)[0]
        if self.code_norm == "sphere":
            codes = functional.normalize(codes, dim=1)
        return self.decode(codes)

    @torch.no_grad()
    def nats(self, pixels: Pixels, *, batch_size: int = 1024) -> list[float]:
        """Return the reconstruction's negative log-likelihood of each image, in nats per image."""
        nats: list[float] = []
        for batch in self._batches(pixels, batch_size):
            per_pixel, _ = self.decoder.statistics(self.encoder(batch), batch)
            nats += per_pixel.sum(dim=1).tolist()
        return nats

    def _batches(self, pixels: Pixels, batch_size: int) -> Iterator[PixelBatch]:
        """Yield images of the right size, a batch at a time."""
        store = PixelStore(pixels, device=self.device)
        if pixels.shape[1] != self.pixel_count:
            raise ValueError(
                f"images must have {self.pixel_count} pixels, got shape {tuple(pixels.shape)}"
            )
        for start in range(0, len(store), batch_size):
            yield store.batch(np.arange(start, min(start + batch_size, len(store))))


def walks(model: ImageARAE, pixels: Pixels, *, steps: int) -> Tensor:
    """Return the ways from the first image to the second, from the third to the fourth, ...

    Returns:
        Shape (N // 2 * steps, P), probabilities, way by way.
    """
    pairs = zip(pixels[::2], pixels[1::2], strict=False)
    return torch.cat([model.interpolate(first, second, steps=steps) for first, second in pairs])
