"""Transfer: batches as ``arae-toolkit transfer`` makes them, against one sentence at a time.

Both rewrite the same sentences, those of the corpus's test split, the batches in bfloat16 as well
(``--precision bf16``). Beside it, two things of the command itself: its memory over a long stream
of rows, which must not grow, and the time from its start to the first row it writes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click
import jsonlines
import numpy as np

from arae_toolkit.benchmarks.batching import compare_batches, numbered_rows
from arae_toolkit.benchmarks.common import Measured, Setting, median, note, number, program
from arae_toolkit.benchmarks.programs import PROGRAM, measure_stream
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.transfer.options import load_transfer_model
from arae_toolkit.recipes.transfer.transfer import BATCH_SIZE
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.transfer.detokenization.natural_text import transfer_natural
from arae_toolkit.transfer.model import TransferModel


@program(
    "transfer_throughput",
    "runs/yelp --corpus runs/corpus-yelp",
    "yelp --lines 20000 --threads 1",
    takes=("corpus", "device", "threads"),
)
@click.argument("run")
@number("--count", 2_560, "Sentences a run.")
@number("--one-by-one", 100, "Sentences a run of the version that rewrites each by itself.")
@number("--rounds", 7, "Runs of each version.", least=2)
@number("--candidates", 1, "As of the command.")
@number(
    "--lines", 100_000, "Rows of the stream whose memory is measured; 0 leaves it out.", least=0
)
@number(
    "--starts",
    7,
    "Starts of the command whose first row is waited for; 0 leaves them out.",
    least=0,
)
def main(
    here: Setting,
    corpus: Corpus,
    *,
    run: str,
    count: int,
    one_by_one: int,
    rounds: int,
    candidates: int,
    lines: int,
    starts: int,
) -> Measured:
    """Measure how many sentences a second the model of RUN rewrites, in how much memory."""
    device_name = here.device.type
    model = load_transfer_model(run, device_name)
    lower = load_transfer_model(run, device_name, "bf16")
    texts, targets = test_sentences(corpus, model, count)

    def rewrite(model: TransferModel, count: int, batch_size: int) -> list[str]:
        answers: list[str] = []
        for start in range(0, min(count, len(texts)), batch_size):
            rows = slice(start, min(start + batch_size, count))
            found = transfer_natural(model, texts[rows], targets[rows], candidates=candidates)
            answers += [answer.text for answer in found]
        return answers

    metrics, details = compare_batches(
        here,
        lambda: rewrite(model, count, BATCH_SIZE),
        lambda: rewrite(lower, count, BATCH_SIZE),
        lambda: rewrite(model, one_by_one, 1),
        count=count,
        rounds=rounds,
        rows="sentences",
        answers="texts",
    )
    details |= {"batch_size": BATCH_SIZE, "candidates": candidates}
    details |= {"rewriter": type(model.rewriter).__name__, "vocab_size": len(model.vocabulary)}
    command = ["transfer", run, "--to", model.attributes[-1], "--device", device_name]
    command += ["--candidates", str(candidates)]
    if starts:
        metrics |= measure_first_row(here, command, texts[0], starts=starts)
    if lines:
        rows = numbered_rows([{"text": text} for text in texts])
        metrics |= measure_stream(here, command, rows, lines=lines)
    return metrics, details


def measure_first_row(
    here: Setting, command: Sequence[str], text: str, *, starts: int
) -> dict[str, Metric]:
    """Return the seconds from the start of a command to the first row it writes.

    Args:
        here: The clock.
        command: Its arguments.
        text: Of the one row that it is given.
        starts: How often it is started, once more unmeasured before.
    """
    wait_for_first_row(command, text)
    seconds = [here.seconds(lambda: wait_for_first_row(command, text)) for _ in range(starts)]
    note(f"first row: {', '.join(f'{value:.2f}' for value in seconds)} s")
    return {
        "first row": median(seconds, "seconds"),
        "first row, slowest": summarise([max(seconds)], "seconds"),
    }


def wait_for_first_row(command: Sequence[str], text: str) -> None:
    """Start a command, give it one row, and return when its answer is there; then stop it.

    Raises:
        ToolkitError: If it ends without an answer; what it said has gone to stderr.
    """
    program = [sys.executable, "-c", PROGRAM, *command]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        jsonlines.Writer(process.stdin).write({"text": text})
        process.stdin.close()
        answer = process.stdout.readline()
        process.kill()  # its way out is not waited for
    if not answer:
        raise ToolkitError(f"{' '.join(command)} failed, it has written nothing")


def test_sentences(corpus: Corpus, model: TransferModel, count: int) -> tuple[list[str], list[str]]:
    """Return sentences of test, or dev where there is no test, again from the first if too few.

    The second list holds, for each, the attribute value behind its own.

    Raises:
        DataError: If their labels are not those of the model.
    """
    split = "test" if "test" in corpus.manifest["splits"] else "dev"
    sentences, words = corpus.split(split), corpus.vocabulary
    if tuple(corpus.labels) != model.attributes or sentences.labels is None:
        raise DataError(
            f"labelled {', '.join(corpus.labels) or 'not at all'}, where the model knows "
            f"{', '.join(model.attributes)}",
            path=corpus.folder,
        )
    rows = np.resize(np.arange(len(sentences)), count).tolist()
    following = [*model.attributes[1:], model.attributes[0]]
    return (
        [words.decode(sentences[row].tolist()) for row in rows],
        [following[int(sentences.labels[row])] for row in rows],
    )


if __name__ == "__main__":
    main()
