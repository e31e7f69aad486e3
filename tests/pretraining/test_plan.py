import numpy as np
import pytest
import small

from arae_toolkit.config.schema import Config
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.pretraining.plan import (
    RECONSTRUCTION,
    IterationPlanner,
    critic_blocks,
    encoder_turns,
)

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
