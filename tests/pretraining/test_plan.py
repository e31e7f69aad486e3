import numpy as np
import pytest
import small
import torch

from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.pretraining.plan import (
    RECONSTRUCTION,
    HostSource,
    IterationPlan,
    IterationPlanner,
    critic_blocks,
    encoder_turns,
)
from arae_toolkit.pretraining.steps import encode_rows

LENGTHS = np.array([5, 8, 8, 5, 5, 9, 8, 10])


def _planner(config: Config, *, adversarial: bool = True) -> IterationPlanner:
    sampler = EpochSampler(
        LENGTHS, batch_size=config.training.batch_size, seed=config.training.seed
    )
    return IterationPlanner(config.training, sampler, rows=len(LENGTHS), adversarial=adversarial)


@pytest.mark.parametrize(
    ("settings", "blocks", "turns"),
    [
        (("critic_steps=3",), {0: 3}, []),
        (("critic_steps=5", "encoder_update=separate"), {0: 5}, [5]),
        (
            ("critic_steps=5", "encoder_update=separate", "encoder_steps=3"),
            {0: 1, 1: 1, 2: 3},
            [0, 1, 5],
        ),
        (("critic_steps=2", "encoder_update=separate", "encoder_steps=3"), {0: 1, 1: 1}, [0, 1, 2]),
        (("critic_steps=2", "encoder_update=separate", "encoder_steps=9"), {0: 1, 1: 1}, [0, 1, 2]),
        (("critic_steps=4", "encoder_update=separate", "encoder_steps=0"), {0: 4}, []),
        (("critic_steps=0",), {}, []),
    ],
)
def test_rows_are_encoded_anew_after_each_encoder_update(settings, blocks, turns):
    """One pass serves the critic steps up to the encoder's next update, and no step lacks codes."""
    training = small.settings(*settings).training
    assert critic_blocks(training) == blocks
    assert encoder_turns(training) == turns
    assert sum(blocks.values()) == training.critic_steps


def test_a_plan_does_not_depend_on_the_plans_before_it():
    """In order, backwards or alone: the same rows, rates and scalars."""
    config = small.settings("epochs=4", "gan_rounds_grow_at=[2]", "encoder_update=separate")
    in_order = [_planner(config).plan(0)]
    planner = _planner(config)
    in_order = [planner.plan(i) for i in range(planner.iterations)]
    for iteration in reversed(range(planner.iterations)):
        alone = _planner(config).plan(iteration)
        assert alone.rows.keys() == in_order[iteration].rows.keys()
        for name, rows in alone.rows.items():
            np.testing.assert_array_equal(rows, in_order[iteration].rows[name])
        assert (alone.rate, alone.scalars) == (
            in_order[iteration].rate,
            in_order[iteration].scalars,
        )
    assert [plan.rounds for plan in in_order] == [1, 1, 2, 2, 2, 2, 2, 2]


def test_without_an_adversary_there_are_rows_to_reconstruct_alone():
    """A plain autoencoder draws nothing for a critic."""
    plan = _planner(small.SMALL, adversarial=False).plan(0)
    assert list(plan.rows) == [RECONSTRUCTION]
    assert plan.rounds == 0


@pytest.mark.parametrize("groups", [1, 3])
def test_each_critic_step_sees_rows_as_they_were_drawn(groups):
    """And not first those of one attribute value, then those of another."""
    words = small.vocabulary()
    packed = small.sentences(words)
    labels = np.array([0, 1] * (len(packed) // 2), dtype=np.int16)
    labelled = PackedSentences(packed.tokens, packed.offsets, labels)
    store = AttributeStore(labelled, device=torch.device("cpu"))
    encoder = small.model(words).encoder
    rows = np.random.default_rng(0).integers(len(store), size=96)
    plan = IterationPlan(0, 1, 1.0, {"critic/0/0": rows}, {})
    batches, order = HostSource(plan, store, groups=groups).batches("critic/0/0")
    alone = torch.cat([encode_rows(encoder, [store.batch(rows[i : i + 1])]) for i in range(96)])
    torch.testing.assert_close(encode_rows(encoder, batches, order), alone)
