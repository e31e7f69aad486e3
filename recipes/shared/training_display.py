"""Shows a training run on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.progress import console, say

if TYPE_CHECKING:
    from arae_toolkit.config.overrides import Sections
    from arae_toolkit.data.corpus import Corpus

TRAIN_COLUMNS = {
    "nats_per_sentence": "nats/sentence {:.2f}",
    "nats_per_image": "nats/image {:.2f}",
    "nats_per_pair": "nats/pair {:.3f}",
    "nats_per_hidden_word": "nats/hidden word {:.3f}",
    "nats_per_generated_token": "nats/generated token {:.3f}",
    "matching_nats": "matching {:.3f}",
    "recognizer_nats": "recognizer {:.3f}",
    "classifier_share_right": "classifier {:.2f}",
    "cycle_nats_per_token": "cycle {:.2f}",
    "velocity_error": "velocity error {:.4f}",
    "wasserstein": "W {:.3f}",
    "gradient_penalty": "penalty {:.3f}",
    "gradient_norm": "gradient {:.2f}",
}
DEV_COLUMNS = {
    "nats_per_sentence": "{:.2f} nats/sentence",
    "nats_per_image": "{:.2f} nats/image",
    "accuracy": "{:.2f} % right",
    "nats_per_pair": "{:.3f} nats/pair",
    "nats_per_hidden_word": "{:.3f} nats/hidden word",
    "matching_nats": "matching {:.3f}",
    "classifier_accuracy": "classifier {:.1f} %",
    "transferred": "transferred {:.1f} %",
    "content_bleu": "BLEU {:.1f}",
    "nats_per_token": "{:.3f} nats/token",
    "token_accuracy": "tokens {:.1f} %",
    "pixel_accuracy": "pixels {:.2f} %",
    "exact": "exact {:.1f} %",
    "code_variance": "variance {:.2f}",
    "generated_variance": "of prior {:.2f}",
    "neighbour_cosine": "neighbours {:.2f}",
    "unique_samples": "unique {:.0f} %",
    "velocity_error": "velocity error {:.4f}",
    "nats_gained": "{:.2f} nats/code over the Gaussian",
}


class TrainingDisplay:
    """Listener that writes rows, notes and progress to stderr.

    Args:
        iterations: Length of the whole run.
        batch_size: Rows an iteration, for the rate.
        rows: What a row is: ``sentences``, ``images`` or ``pairs``.
    """

    def __init__(self, *, iterations: int, batch_size: int, rows: str = "sentences") -> None:
        self.iterations, self.batch_size, self.rows = iterations, batch_size, rows
        self._first: tuple[int, float] | None = None
        self._update: Callable[..., None] | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show a bar while the block runs, where stderr is a terminal."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        count, facts = TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}")
        columns = (count, BarColumn(), TimeRemainingColumn(), facts)
        with Progress(*columns, console=console()) as bar:
            self._update = partial(bar.update, bar.add_task("starting", total=self.iterations))
            yield
        self._update = None

    def tick(self, iteration: int) -> None:
        """Move the bar."""
        if self._first is None:
            self._first = (iteration, time.monotonic())
        if self._update is not None:
            self._update(completed=iteration)

    def row(self, row: Mapping[str, Any]) -> None:
        """Show a row of measurements."""
        if row["kind"] != "train":
            say(f"dev after epoch {row['epoch']:.2f}: {facts_of(row, DEV_COLUMNS)}")
            for sentence in row.get("samples", ())[:3]:
                say(f"    {sentence}")
            return
        facts = f"{self._rate(row)}  {facts_of(row, TRAIN_COLUMNS)}"
        if self._update is not None:
            self._update(description=facts)
        else:
            say(f"{row['iteration']}/{self.iterations} epoch {row['epoch']:.2f}  {facts}")

    def note(self, text: str) -> None:
        """Show a line."""
        say(text)

    def _rate(self, row: Mapping[str, Any]) -> str:
        """Return rows a second since this process began, and the time left."""
        if self._first is None:
            return ""
        first, began = self._first
        done, seconds = row["iteration"] - first, time.monotonic() - began
        if done <= 0 or seconds <= 0:
            return ""
        minutes, left = divmod(round((self.iterations - row["iteration"]) * seconds / done), 60)
        rate = done * self.batch_size / seconds
        return f"{rate:,.0f} {self.rows}/s, {minutes} min {left:02d} s left"


def facts_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """Return those measurements of a row that there are, each in its form."""
    present = (name for name in columns if row.get(name) is not None)
    return "  ".join(columns[name].format(row[name]) for name in present)


@contextmanager
def training_display(
    corpus: Corpus,
    config: Sections,
    *,
    title: str,
    place: str = "",
    per_epoch: int | None = None,
    pairs: int | None = None,
) -> Iterator[TrainingDisplay]:
    """Yield a display that is live while the block runs, after a line on what is trained.

    Args:
        corpus: What is trained on.
        config: Settings, of whose training epochs and batch size are told.
        title: What is trained.
        place: Where, said at the end of the line.
        per_epoch: Iterations of an epoch, where that does not take every row once.
        pairs: How many pairs are learned from, where it is not the corpus's sentences or images.
    """
    training = config.training
    rows = "pairs" if pairs else "images" if corpus.kind == "image" else "sentences"
    count = pairs or corpus.rows("train")
    batch_size = max(1, min(training.batch_size, count))
    per_epoch = per_epoch or count // batch_size
    wanted = getattr(training, "iterations", 0)  # which pairs and scorers are not trained for
    iterations = wanted or training.epochs * per_epoch
    some = "epoch" if training.epochs == 1 else "epochs"
    length = f"{training.epochs} {some} of {per_epoch:,} iterations"
    if wanted:
        length = f"{iterations:,} iterations, {per_epoch:,} an epoch"
    display = TrainingDisplay(iterations=iterations, batch_size=batch_size, rows=rows)
    display.note(f"{title} on {corpus.name}: {count:,} {rows}, {length}{place}")
    with display.live():
        yield display
