"""Algorithm 1 as most people would write it: the yardstick of the speed measurements.

Padded batches through ``nn.LSTM``, scores for every position, one encoder pass with a graph for
each of the seven updates of an iteration. Sizes and settings are those of the published code: the
same algorithm as the preset ``paper-2018``, except that the gradient penalty is per sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.vocabulary import BOS, PAD

Batch = tuple[Tensor, Tensor]
"""Tokens padded to the corpus's longest sentence (B, T), and lengths (B,)."""


@dataclass(frozen=True)
class Sizes:
    """Sizes and settings of the published code for SNLI."""

    embedding: int = 300
    code: int = 300
    hidden: int = 300
    noise: int = 100
    perceptron: int = 300
    code_gain: float = 1.0
    output_map: bool = False
    critic_steps: int = 5
    encoder: int = 0
    """Of the encoder's states, which a linear map makes codes; 0 for the codes' own size."""


class Encoder(nn.Module):
    """LSTM whose last state, on the unit sphere, is the code."""

    def __init__(self, vocab_size: int, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, sizes.embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(sizes.embedding, sizes.encoder or sizes.code, batch_first=True)
        self.map = nn.Linear(sizes.encoder, sizes.code) if sizes.encoder else nn.Identity()

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return codes. Shape (B, Z)."""
        states, _ = self.lstm(self.embedding(tokens))
        last = states[torch.arange(len(tokens), device=tokens.device), lengths - 1]
        return functional.normalize(self.map(last), dim=1)


class Decoder(nn.Module):
    """LSTM fed the code beside the previous word."""

    def __init__(self, vocab_size: int, sizes: Sizes) -> None:
        super().__init__()
        self.code_gain = sizes.code_gain
        self.embedding = nn.Embedding(vocab_size, sizes.embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(sizes.embedding + sizes.code, sizes.hidden, batch_first=True)
        self.output_map: nn.Module = nn.Identity()
        if sizes.output_map:
            self.output_map = nn.Linear(sizes.hidden, sizes.embedding, bias=False)
        self.projection = nn.Linear(
            sizes.embedding if sizes.output_map else sizes.hidden, vocab_size
        )

    def forward(self, code: Tensor, tokens: Tensor) -> Tensor:
        """Return the scores of every word at every position. Shape (B, T, V)."""
        previous = functional.pad(tokens[:, :-1], (1, 0), value=BOS)
        every_step = (code * self.code_gain)[:, None, :].expand(-1, tokens.shape[1], -1)
        states, _ = self.lstm(torch.cat([self.embedding(previous), every_step], dim=2))
        return self.projection(self.output_map(states))  # type: ignore[no-any-return]

    @torch.no_grad()
    def decode(self, code: Tensor, *, steps: int) -> Tensor:
        """Return the likeliest word at each of so many steps. Shape (B, steps)."""
        gained = code * self.code_gain
        previous = torch.full((len(code),), BOS, device=code.device)
        state: tuple[Tensor, Tensor] | None = None
        words = []
        for _ in range(steps):
            inputs = torch.cat([self.embedding(previous), gained], dim=1)[:, None, :]
            states, state = self.lstm(inputs, state)
            previous = self.projection(self.output_map(states[:, 0])).argmax(dim=1)
            words.append(previous)
        return torch.stack(words, dim=1)


def generator_network(sizes: Sizes) -> nn.Sequential:
    """Return the generator: noise to code."""
    width = sizes.perceptron
    return nn.Sequential(
        nn.Linear(sizes.noise, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, sizes.code),
    )


def critic_network(sizes: Sizes) -> nn.Sequential:
    """Return the critic: code to score."""
    width = sizes.perceptron
    return nn.Sequential(
        nn.Linear(sizes.code, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.BatchNorm1d(width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 1),
    )


class PaddedSentences:
    """A split as one padded table on the device, and batches of its rows.

    Args:
        sentences: The packed split.
        max_length: Most words in a sentence.
        batch_size: Rows a batch.
        device: Where the table lies.
        seed: Of the order of the rows.
    """

    def __init__(
        self,
        sentences: PackedSentences,
        *,
        max_length: int,
        batch_size: int,
        device: torch.device,
        seed: int = 0,
    ) -> None:
        self.lengths = torch.from_numpy(sentences.lengths.copy())
        inside = torch.arange(max_length + 1) < self.lengths[:, None]
        self.tokens = torch.full(inside.shape, PAD)
        self.tokens[inside] = torch.from_numpy(sentences.tokens.astype("int64"))
        self.tokens, self.lengths = self.tokens.to(device), self.lengths.to(device)
        self.batch_size, self.device = min(batch_size, len(sentences)), device
        self.random = torch.Generator().manual_seed(seed)

    def epoch(self) -> Iterator[Batch]:
        """Yield every row once, in random order."""
        order = torch.randperm(len(self.lengths), generator=self.random).to(self.device)
        for rows in order.split(self.batch_size):
            if len(rows) == self.batch_size:
                yield self.tokens[rows], self.lengths[rows]

    def epochs(self) -> Iterator[Batch]:
        """Yield the batches of one epoch after the other, without end."""
        while True:
            yield from self.epoch()

    def draw(self) -> Batch:
        """Return a batch of rows drawn at random."""
        rows = torch.randint(len(self.lengths), (self.batch_size,), generator=self.random)
        rows = rows.to(self.device)
        return self.tokens[rows], self.lengths[rows]


class Textbook:
    """The four networks and Algorithm 1.

    Args:
        vocab_size: V.
        sizes: Sizes and settings.
        device: Where to compute.
        seed: Of weights and noise.
    """

    rate, clip_norm, adversarial_rate = 1.0, 1.0, 1e-4
    adversarial_weight, penalty_weight = 0.1, 1.0

    def __init__(
        self, vocab_size: int, *, device: torch.device, sizes: Sizes | None = None, seed: int = 0
    ) -> None:
        self.sizes = sizes = sizes or Sizes()
        self.device = device
        start = torch.Generator().manual_seed(seed)
        self.encoder, self.decoder = Encoder(vocab_size, sizes), Decoder(vocab_size, sizes)
        self.generator, self.critic = generator_network(sizes), critic_network(sizes)
        for network in (self.encoder, self.decoder):
            for parameter in network.parameters():
                nn.init.uniform_(parameter, -0.1, 0.1, generator=start)
        nn.init.zeros_(self.decoder.projection.bias)
        for perceptron in (self.generator, self.critic):
            for layer in perceptron:
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, 0, 0.02, generator=start)
                    nn.init.zeros_(layer.bias)
        for module in (self.encoder, self.decoder, self.generator, self.critic):
            module.to(device)
        self.autoencoder_parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.autoencoder_optimizer = torch.optim.SGD(self.autoencoder_parameters, lr=self.rate)
        betas = (0.5, 0.999)
        self.critic_optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=self.adversarial_rate, betas=betas
        )
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=self.adversarial_rate, betas=betas
        )
        self.random = torch.Generator(device).manual_seed(seed)
        self.iterations = 0

    def iteration(self, batch: Batch, data: PaddedSentences) -> dict[str, Tensor]:
        """Run one iteration: reconstruction on ``batch``, the rest on rows drawn from ``data``."""
        losses = self.reconstruction_step(batch)
        for _ in range(self.sizes.critic_steps):
            losses |= self.critic_step(data.draw())
        losses |= self.adversarial_step(data.draw())
        self.iterations += 1
        return losses

    def reconstruction_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train encoder and decoder to reconstruct; return nats per token."""
        tokens, lengths = batch
        code = self.encoder(tokens, lengths)
        deviation = 0.05 * 0.9995 ** (self.iterations // 100)
        logits = self.decoder(code + deviation * self._normal(*code.shape), tokens)
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=PAD)
        self.autoencoder_optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.autoencoder_parameters, self.clip_norm)
        self.autoencoder_optimizer.step()
        return {"nats_per_token": loss.detach()}

    def critic_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train the critic; return its Wasserstein estimate and gradient penalty."""
        real = self.encoder(*batch)
        generated = self.generator(self._normal(len(real), self.sizes.noise))
        real, generated = real.detach(), generated.detach()
        wasserstein = self.critic(real).mean() - self.critic(generated).mean()
        penalty = self._gradient_penalty(real, generated)
        self.critic_optimizer.zero_grad()
        (self.penalty_weight * penalty - wasserstein).backward()
        self.critic_optimizer.step()
        return {"wasserstein": wasserstein.detach(), "gradient_penalty": penalty.detach()}

    def adversarial_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train encoder and generator against the critic; return the distance they descend."""
        real = self.critic(self.encoder(*batch)).mean()
        generated = self.critic(
            self.generator(self._normal(len(batch[0]), self.sizes.noise))
        ).mean()
        self.autoencoder_optimizer.zero_grad()
        self.generator_optimizer.zero_grad()
        (self.adversarial_weight * real - generated).backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), self.clip_norm)
        self.autoencoder_optimizer.step()
        self.generator_optimizer.step()
        return {"adversarial_distance": (real - generated).detach()}

    def _gradient_penalty(self, real: Tensor, generated: Tensor) -> Tensor:
        mix = torch.rand(len(real), 1, generator=self.random, device=self.device)
        between = (mix * real + (1 - mix) * generated).requires_grad_()
        scores = self.critic(between)
        (slope,) = torch.autograd.grad(
            scores, between, grad_outputs=torch.ones_like(scores), create_graph=True
        )
        penalty: Tensor = (slope.norm(dim=1) - 1).square().mean()
        return penalty

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random, device=self.device)
