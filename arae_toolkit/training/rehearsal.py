"""Rehearsal of a run: a few iterations of it, timed, of which nothing is kept."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from arae_toolkit.training.loop import Trainable

PLACES = (0.0, 0.25, 0.5, 0.75)
"""Shares of a run at which its iterations are tried: what they do may change on the way."""
FEWEST = 2
"""Least iterations timed at each place."""


@dataclass
class Rehearsal:
    """What a few iterations of a run say of the whole; filled by :meth:`perform`.

    Attributes:
        seconds: Iterations are tried for about so long.
        done: Iterations that lie behind the run already.
        parameters: Of each network, by its name.
        iterations: In the whole run.
        batches_per_epoch: Iterations in one epoch.
        steps: Steps of each optimizer in an iteration, by its name; a mean over the places.
        timed: How many iterations were timed.
        seconds_per_iteration: A mean over the places.
        peak_bytes: Most memory held up to here: by this process, or on a CUDA device by torch.
    """

    seconds: float = 4.0
    done: int = 0
    parameters: Mapping[str, int] = field(default_factory=dict)
    iterations: int = 0
    batches_per_epoch: int = 0
    steps: Mapping[str, float] = field(default_factory=dict)
    timed: int = 0
    seconds_per_iteration: float = 0.0
    peak_bytes: int = 0

    @property
    def seconds_left(self) -> float:
        """How long the rest of the run takes, evaluations on dev not counted."""
        return (self.iterations - self.done) * self.seconds_per_iteration

    def perform(self, training: Trainable) -> None:
        """Try iterations at several places of a run; weights move, and nothing is written.

        Args:
            training: Fresh, with its starting weights.
        """
        self.iterations = training.iterations
        self.batches_per_epoch = training.batches_per_epoch
        self.parameters = {
            name: sum(parameter.numel() for parameter in module.parameters())
            for name, module in training.modules.items()
        }
        steps: Counter[str] = Counter()
        hooks = [
            update.optimizer.register_step_post_hook(lambda *_, name=name: steps.update([name]))
            for name, update in training.updates.items()
        ]
        found = []
        counted: Counter[str] = Counter()
        for share in PLACES:
            first = int(share * self.iterations)
            steps.clear()
            _run(training, first)  # untimed: it makes ready what those behind it find there
            counted.update(steps)
            found.append(self._seconds_each(training, first + 1))
        for hook in hooks:
            hook.remove()
        self.steps = {name: counted[name] / len(PLACES) for name in training.updates}
        self.seconds_per_iteration = sum(found) / len(found)
        self.peak_bytes = _peak_bytes(training.device)

    def _seconds_each(self, training: Trainable, first: int) -> float:
        """Return the mean seconds of some iterations that follow one another."""
        began, number = time.perf_counter(), 0
        while number < FEWEST or time.perf_counter() - began < self.seconds / len(PLACES):
            _run(training, (first + number) % self.iterations)
            number += 1
        self.timed += number
        return (time.perf_counter() - began) / number


def _run(training: Trainable, iteration: int) -> None:
    """Run an iteration and wait for its end, on whatever device."""
    float(next(iter(training.iteration(iteration).values())))


def _peak_bytes(device: torch.device) -> int:
    """Return the most memory that was held so far, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
