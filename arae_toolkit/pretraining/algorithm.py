"""Algorithm 1: one iteration of training, from :mod:`~arae_toolkit.pretraining.steps`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from arae_toolkit.config.model_kinds import Regularizer
from arae_toolkit.config.schema import Config, TrainingConfig
from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.data.token_batches import Store
from arae_toolkit.devices import Precision, dtype_of, matrix_products, reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.models.interfaces import Autoencoder
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import Generator
from arae_toolkit.nn.shared_rows import shared_rows
from arae_toolkit.ops.packed_lstm import packs
from arae_toolkit.optim.update import Scalars, Update, adam, sgd
from arae_toolkit.pretraining.flow_regularizer import FlowRegularizer
from arae_toolkit.pretraining.gan_round import GANRounds, new_critic
from arae_toolkit.pretraining.graphed_iterations import GraphedIterations
from arae_toolkit.pretraining.plan import RECONSTRUCTION, HostSource, IterationPlanner, Source
from arae_toolkit.pretraining.regularizers import CodeRegularizer, Discrepancy, Divergence
from arae_toolkit.pretraining.steps import GradientTerm, reconstruction_step
from arae_toolkit.training.loop import far_above_guessing
from arae_toolkit.training.selection import select_if_best, selected_weights

ATTRIBUTE_ENCODER = "attribute_encoder"
"""Name of an extension's update of the encoder, which follows the autoencoder's rate."""


class Extension(Protocol):
    """What an iteration does beyond Algorithm 1, such as the steps that Algorithm 2 adds."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Its own networks by name, those of the model excepted."""

    @property
    def updates(self) -> Mapping[str, Update]:
        """Its optimizers by name."""

    def prepare(self, iteration: int) -> None:
        """Get ready for an iteration, counted from 0."""

    def gradient_terms(self) -> Sequence[GradientTerm]:
        """Return what joins the reconstruction's update of the encoder in this iteration."""

    def run(self, code_gradient_norm: Tensor) -> Scalars:
        """Run its steps, behind those of Algorithm 1; return the same names each time.

        Args:
            code_gradient_norm: Of this iteration's reconstruction, scalar tensor.
        """


# Where sentences are read padded, rows of like lengths are encoded together.
LENGTH_GROUPS = 5


class Algorithm:
    """The networks, their optimizers and the data of one run.

    A plain autoencoder (``prior="fitted"``) has no critic and runs step 1 alone; the AAE, whose
    prior is fixed, has no generator to train; VAE and WAE have a term of the loss in the critic's
    place. Everything random in iteration i is a function
    of (seed, i), so an iteration can be repeated from the weights before it.

    Args:
        model: Moved in place. With a running mean of the generator, ``model.prior`` is the mean.
        config: The schedule.
        store: Training sentences or images on the model's device.
        precision: ``bf16`` runs encoder and decoder in bfloat16; the critic stays in float32.
            ``tf32`` lets a CUDA device round the factors of float32 products.
        cuda_graphs: Whether a CUDA device runs iterations as captured graphs.
        note: Told in one line which way a CUDA device runs iterations.
        extended: Whether :meth:`extend` will be called.
        regularizer: What draws codes towards the prior; by default the critic, if the prior is not
            fitted afterwards.
        ranks: Processes that share out the rows of every batch.
    """

    def __init__(
        self,
        model: Autoencoder,
        config: Config,
        store: Store,
        *,
        precision: Precision = "fp32",
        cuda_graphs: bool = True,
        note: Callable[[str], None] = lambda line: None,
        extended: bool = False,
        regularizer: Regularizer | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Make critic and optimizers; the model's weights are left as they are."""
        self.model, self.config, self.store, self.ranks = model, config, store, ranks
        self.encoder, self.decoder = shared_rows(model.encoder, model.decoder, ranks)
        self.precision = precision
        self.extensions: list[Extension] = []
        self.dtype = dtype_of(precision)
        self.device = model.device
        training = config.training
        self.sampler = EpochSampler(
            store.host_lengths, batch_size=training.batch_size, seed=training.seed
        )
        if regularizer is None:
            regularizer = "none" if model.arguments["prior"] == "fitted" else "critic"
        self.regularizer, adversarial = regularizer, regularizer == "critic"
        self.planner = IterationPlanner(
            training, self.sampler, rows=len(store), adversarial=adversarial
        )
        self.random = torch.Generator(self.device)
        self.critic: Critic | None = None
        self.generator: Generator | None = None
        self.rounds: GANRounds | None = None
        # Mean norm of the reconstruction's gradient at the code, as of the last step 1; iterations
        # that have been run.
        self.kept = {
            "code_gradient_norm": torch.zeros((), device=self.device),
            "iterations": torch.zeros((), dtype=torch.int64),
        }
        self.updates: dict[str, Update] = {
            "autoencoder": autoencoder_update(model, training, ranks)
        }
        if adversarial:
            self._add_gan_rounds()
        self.flow: FlowRegularizer | None = None
        if training.flow_weight:
            self.flow = FlowRegularizer(config, self.device)
            self.updates["flow"] = self.flow.update
        with reduced(self.device, self.dtype):
            self._groups = 1 if packs(self.device) else LENGTH_GROUPS
        self.static: GraphedIterations | None = None
        # What an extension does depends on the rows drawn, which a captured graph has no place for.
        if self.device.type == "cuda" and not extended:
            self.static = GraphedIterations(
                self.run,
                store,
                generator=self.random,
                seed=self._seed,
                clear=self._clear_gradients,
                capture=cuda_graphs,
                note=note,
            )

    def extend(self, extension: Extension) -> None:
        """Add to what each iteration does beyond Algorithm 1."""
        self.extensions.append(extension)
        self.updates |= extension.updates

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Every network with weights of its own, by name."""
        # Every autoencoder is a module as well, which a protocol has no way to say.
        modules = {"model": cast(nn.Module, self.model)}
        if self.critic is not None:
            modules["critic"] = self.critic
        if self.generator is not None and self.generator is not self.model.prior:
            modules["generator"] = self.generator
        if self.flow is not None:
            modules["flow"] = self.flow.flow
        for extension in self.extensions:
            modules |= extension.modules
        return modules

    @property
    def iterations(self) -> int:
        """Iterations in the whole run."""
        return self.planner.iterations

    @property
    def batches_per_epoch(self) -> int:
        """Iterations in one epoch."""
        return self.sampler.batches_per_epoch

    @property
    def intervals(self) -> TrainingConfig:
        """How often to log, save and evaluate."""
        return self.config.training

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that the model folder is to hold: the selected ones, or the last."""
        return selected_weights(self.kept, self.model.state_dict())

    def select(self, score: float) -> None:
        """Keep the present weights for the folder if no others had a lower score."""
        select_if_best(self.kept, self.model.state_dict(), score)

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that the reconstruction is far worse than guessing, if it is."""
        name = next(name for name in ("nats_per_token", "nats_per_pixel") if name in means)
        return far_above_guessing(means, name, self.model.uniform_nats_per_token)

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration of Algorithm 1, counted from 0, and return its named scalars.

        What they hold may be overwritten by the next iteration.
        """
        plan = self.planner.plan(iteration)
        for module in self.modules.values():
            module.train()
        for name in ("autoencoder", "encoder", ATTRIBUTE_ENCODER):
            if name in self.updates:
                self.updates[name].set_rate(plan.rate)
        with matrix_products(self.device, self.precision):
            if self.static is not None:
                scalars = self.static(plan)
            else:
                self._seed(iteration)
                source = HostSource(plan, self.store, groups=self._groups)
                for extension in self.extensions:
                    extension.prepare(iteration)
                scalars = self.run(source, plan.rounds)
                for extension in self.extensions:
                    scalars |= extension.run(scalars["code_gradient_norm"])
        self.kept["code_gradient_norm"] = scalars["code_gradient_norm"]
        self.kept["iterations"] = torch.tensor(iteration + 1)
        return scalars

    def run(self, source: Source, rounds: int) -> Scalars:
        """Run the updates of one iteration on what ``source`` gives, with so many GAN rounds."""
        scalars = self._reconstruct(source)
        if self.rounds is not None:
            for turn in range(rounds):
                scalars |= self.rounds.run(
                    source, turn, reference_norm=scalars["code_gradient_norm"]
                )
        return scalars

    def _reconstruct(self, source: Source) -> Scalars:
        """Run step 1, with the encoder's part of step 3 where the update is a joint one."""
        training = self.config.training
        terms = [term for extension in self.extensions for term in extension.gradient_terms()]
        if self.rounds is not None and training.encoder_update == "joint":
            terms.insert(0, self.rounds.critic_term(source.scalar("adversarial_weight")))
        (batch,), _ = source.batches(RECONSTRUCTION)
        return reconstruction_step(
            self.encoder,
            self.decoder,
            batch,
            self.updates["autoencoder"],
            code_noise=source.scalar("code_noise"),
            generator=self.random,
            word_drop=training.word_drop,
            per_token=training.loss_unit == "token",
            dtype=self.dtype,
            gradient_terms=terms,
            regularizer=self._code_regularizer(source),
            softmax_samples=training.softmax_samples,
            decoder_word_drop=training.decoder_word_drop,
            variational=self.model.variational,
        )

    def _code_regularizer(self, source: Source) -> CodeRegularizer | None:
        """Return the term of the loss that stands in the critic's place, if one does."""
        training, size = self.config.training, self.config.model.code_size
        if self.flow is not None:
            self.flow.weight = source.scalar("flow_weight")
            return self.flow
        if self.regularizer == "kl":
            return Divergence(source.scalar("kl_weight"), training.free_bits)
        if self.regularizer == "mmd":
            # Two draws differ by 2 in the mean of their squared distance, in each coordinate of
            # the Gaussian, and on the sphere in all together.
            width = 2.0 * (size if self.model.arguments["prior"] == "gaussian" else 1)
            return Discrepancy(self.model.prior, training.mmd_weight, width)
        return None

    def _seed(self, iteration: int) -> None:
        """Make everything random in an iteration a function of the seed and its number."""
        reseed(self.random, seed=self.config.training.seed, iteration=iteration)

    def _clear_gradients(self) -> None:
        for update in self.updates.values():
            update.optimizer.zero_grad(set_to_none=True)

    def _add_gan_rounds(self) -> None:
        """Make critic, generator and their optimizers."""
        training = self.config.training
        self.critic = new_critic(self.config, self.device)
        self.updates["critic"] = critic_update(self.critic, training)
        if training.encoder_update == "separate":
            self.updates["encoder"] = encoder_update(self.model.encoder, training, self.ranks)
        prior = self.model.prior
        if isinstance(prior, Generator):
            self.generator = copy.deepcopy(prior) if training.generator_average else prior
            self.updates["generator"] = generator_update(self.generator, training)
        self.rounds = GANRounds(
            self.encoder,
            self.model.prior,
            self.critic,
            self.generator,
            self.updates,
            training,
            rows=self.sampler.batch_size,
            random=self.random,
            dtype=self.dtype,
        )


def autoencoder_update(
    model: Autoencoder, training: TrainingConfig, ranks: Ranks = ALONE
) -> Update:
    """Return the update of encoder and decoder (step 1)."""
    # Each once: encoder and decoder may share a table of word vectors.
    parameters = dict.fromkeys([*model.encoder.parameters(), *model.decoder.parameters()])
    return _autoencoding(list(parameters), training, ranks)


def encoder_update(encoder: nn.Module, training: TrainingConfig, ranks: Ranks = ALONE) -> Update:
    """Return the encoder's update of its own against an adversary (steps 3 and 3b).

    By the autoencoder's optimizer, with moments of its own: a step of plain descent at a rate that
    suits Adam is some thousand times shorter than Adam's, which is to have no adversary at all.
    """
    return _autoencoding(list(encoder.parameters()), training, ranks)


def separate_encoder_facts(training: TrainingConfig) -> dict[str, str]:
    """Return what identifies a run whose encoder has updates of its own by Adam, else nothing.

    Until they followed the autoencoder's optimizer they were plain descent, and a run that began so
    cannot go on from there: see :data:`~arae_toolkit.training.run_identity.FORMERLY`.
    """
    if training.encoder_update == "joint" or training.autoencoder_optimizer == "sgd":
        return {}
    return {"encoder_optimizer": training.autoencoder_optimizer}


def _autoencoding(
    parameters: Sequence[nn.Parameter], training: TrainingConfig, ranks: Ranks
) -> Update:
    make = adam if training.autoencoder_optimizer == "adam" else sgd
    optimizer = make(parameters, rate=training.autoencoder_rate)
    return Update(parameters, optimizer, clip_norm=training.clip_norm, ranks=ranks)


def critic_update(critic: nn.Module, training: TrainingConfig) -> Update:
    """Return the critic's update (step 2)."""
    return _adversarial(critic, training, rate=training.adversarial_rate_critic)


def generator_update(generator: nn.Module, training: TrainingConfig) -> Update:
    """Return the generator's update (step 3)."""
    rate, clip_norm = training.adversarial_rate_generator, training.clip_norm
    return _adversarial(generator, training, rate=rate, clip_norm=clip_norm)


def classifier_update(classifier: nn.Module, training: TrainingConfig) -> Update:
    """Return the latent attribute classifier's update (step 2b)."""
    return _adversarial(classifier, training, rate=training.classifier_rate)


def _adversarial(
    network: nn.Module, training: TrainingConfig, *, rate: float, clip_norm: float = 0.0
) -> Update:
    parameters = list(network.parameters())
    betas = (training.adversarial_beta1, training.adversarial_beta2)
    return Update(parameters, adam(parameters, rate=rate, betas=betas), clip_norm=clip_norm)
