"""Wall time to a quality: what the textbook version reaches in some minutes, the library sooner.

Both are evaluated on the same dev sentences; evaluations do not count towards the time of either.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    note,
    number,
    precision_option,
    program,
)
from arae_toolkit.benchmarks.versions import (
    TextbookModel,
    in_order,
    library_training,
    textbook_training,
)
from arae_toolkit.config.presets import preset
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.reconstruction import measure_reconstruction
from arae_toolkit.models.arae import ARAE
from arae_toolkit.reports.results import summarise

SENTENCES = 2000


@dataclass(frozen=True)
class Moment:
    """A training run at one time.

    Attributes:
        seconds: Spent training.
        iterations: Done.
        nats_per_token: On the dev sentences.
    """

    seconds: float
    iterations: int
    nats_per_token: float


@program("time_to_quality", "--corpus corpora/snli --threads 2", "--precision bf16 --minutes 5")
@number("--minutes", 10.0, "Training time of the textbook version.")
@number("--every", 10.0, "Seconds of training between the library's evaluations.")
@precision_option("Of the library's training.")
def main(
    here: Setting,
    corpus: Corpus,
    seed: int,
    *,
    minutes: float,
    every: float,
    precision: Precision,
) -> Measured:
    """Train the textbook version for some minutes, then the library until it is as good."""
    config, seconds = preset("faithful", corpus=corpus.name), 60 * minutes
    dev = corpus.split("dev")
    store = TokenStore(dev, device=here.device)
    rows = np.random.default_rng(seed).permutation(len(dev))[:SENTENCES]

    def nats_per_token(model: ARAE) -> float:
        return measure_reconstruction(model, store, rows=rows).nats_per_token

    textbook, iterate = textbook_training(
        here, corpus, batch_size=config.training.batch_size, seed=seed
    )
    evaluated = TextbookModel(textbook, corpus)
    reference = train(
        here,
        iterate,
        lambda: nats_per_token(evaluated.current()),
        every=seconds / 10,
        stop=lambda moment: moment.seconds >= 0.999 * seconds,
    )
    target = reference[-1].nats_per_token
    note(f"the library is to reach {target:.4f} nats per token")

    model, algorithm = library_training(here, corpus, config, precision=precision, seed=seed)
    moments = train(
        here,
        in_order(algorithm),
        lambda: nats_per_token(model),
        every=every,
        stop=lambda moment: moment.nats_per_token <= target or moment.seconds >= seconds,
    )
    reached = moments[-1]
    if reached.nats_per_token > target:
        raise ToolkitError(
            f"the library is at {reached.nats_per_token:.4f} nats per token after "
            f"{reached.seconds:.0f} s, the textbook version was at {target:.4f}"
        )
    metrics = {
        "textbook, seconds": summarise([reference[-1].seconds], "seconds"),
        "textbook, nats per token": summarise([target], "nats"),
        "library, seconds": summarise([reached.seconds], "seconds"),
        "library, nats per token": summarise([reached.nats_per_token], "nats"),
        "library over textbook": summarise([reached.seconds / reference[-1].seconds], "ratio"),
    }
    details = {
        "precision": precision,
        "dev_sentences": len(rows),
        "textbook": [vars(moment) for moment in reference],
        "library": [vars(moment) for moment in moments],
    }
    return metrics, details


def train(
    here: Setting,
    iteration: Callable[[], object],
    evaluate: Callable[[], float],
    *,
    every: float,
    stop: Callable[[Moment], bool],
) -> list[Moment]:
    """Train in stretches, evaluate after each, and return what was seen.

    Args:
        here: The clock and the device.
        iteration: Trains by one iteration.
        evaluate: Returns nats per token; its time is not counted.
        every: Seconds of training in a stretch.
        stop: Says after which moment to stop.
    """
    moments: list[Moment] = []
    done, seconds = 0, 0.0

    def stretch() -> None:
        nonlocal done
        end = time.perf_counter() + every
        while time.perf_counter() < end:
            iteration()
            done += 1

    while not moments or not stop(moments[-1]):
        seconds += here.seconds(stretch)
        moments.append(Moment(round(seconds, 2), done, evaluate()))
        note(
            f"{seconds:.0f} s of training, {done:,} iterations: "
            f"{moments[-1].nats_per_token:.4f} nats per token"
        )
    return moments


if __name__ == "__main__":
    main()
