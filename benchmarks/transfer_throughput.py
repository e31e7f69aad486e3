"""Transfer: batches as ``arae-toolkit transfer`` makes them, against one sentence at a time.

Both rewrite the same sentences, those of the corpus's test split, the batches in bfloat16 as well
(``--precision bf16``). Beside it, two things of the command itself: its memory over a long stream
of rows, which must not grow, and the time from its start to the first row it writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import count as counted
from itertools import cycle
from pathlib import Path
from typing import Any

import click
import jsonlines
import numpy as np

from arae_toolkit.benchmarks.common import (
    Benchmark,
    Setting,
    alternate,
    corpus_option,
    device_option,
    note,
    open_corpus,
    out_option,
    ratios,
    setting,
    threads_option,
)
from arae_toolkit.benchmarks.programs import PROGRAM, measure_stream
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.transfer.options import load_transfer_model
from arae_toolkit.recipes.transfer.transfer import BATCH_SIZE
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.transfer.detokenization.natural_text import transfer_natural
from arae_toolkit.transfer.model import TransferModel

NAME = "transfer_throughput"


@click.command(
    cls=Benchmark,
    examples=[
        "python -m arae_toolkit.benchmarks.transfer_throughput runs/yelp --corpus runs/corpus-yelp",
        "python -m arae_toolkit.benchmarks.transfer_throughput yelp --lines 20000 --threads 1",
    ],
)
@click.argument("run")
@corpus_option
@click.option(
    "--count", type=click.IntRange(1), default=2_560, show_default=True, help="Sentences a run."
)
@click.option(
    "--one-by-one",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Sentences a run of the version that rewrites each by itself.",
)
@click.option(
    "--rounds", type=click.IntRange(2), default=7, show_default=True, help="Runs of each version."
)
@click.option(
    "--candidates", type=click.IntRange(1), default=1, show_default=True, help="As of the command."
)
@click.option(
    "--lines",
    type=click.IntRange(0),
    default=100_000,
    show_default=True,
    help="Rows of the stream whose memory is measured; 0 leaves it out.",
)
@click.option(
    "--starts",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Starts of the command whose first row is waited for; 0 leaves them out.",
)
@device_option
@threads_option
@out_option
def main(
    run: str,
    corpus_path: Path | None,
    count: int,
    one_by_one: int,
    rounds: int,
    candidates: int,
    lines: int,
    starts: int,
    device_name: str,
    threads: int | None,
    out: Path,
) -> None:
    """Measure how many sentences a second the model of RUN rewrites, in how much memory."""
    here = setting(NAME, out, device_name=device_name, threads=threads)
    corpus = open_corpus(corpus_path)
    model = load_transfer_model(run, device_name)
    lower = load_transfer_model(run, device_name, "bf16")
    texts, targets = test_sentences(corpus, model, count)
    metrics, details = measure_rates(
        here,
        model,
        lower,
        texts,
        targets,
        one_by_one=one_by_one,
        rounds=rounds,
        candidates=candidates,
    )
    command = ["transfer", run, "--to", model.attributes[-1], "--device", device_name]
    command += ["--candidates", str(candidates)]
    if starts:
        metrics |= measure_first_row(here, command, texts[0], starts=starts)
    if lines:
        metrics |= measure_stream(here, command, numbered_rows(texts), lines=lines)
    here.write(metrics, corpus=corpus, details=details)


def measure_rates(
    here: Setting,
    model: TransferModel,
    lower: TransferModel,
    texts: Sequence[str],
    targets: Sequence[str],
    *,
    one_by_one: int,
    rounds: int,
    candidates: int,
) -> tuple[dict[str, Metric], dict[str, Any]]:
    """Return the metrics and details of rewriting sentences in both ways.

    Args:
        here: The clock.
        model: On its device.
        lower: The same in bfloat16.
        texts: Rewritten in a run.
        targets: The attribute value that each is to have.
        one_by_one: Sentences in a run of the version that rewrites each by itself, the first ones.
        rounds: Runs of each version.
        candidates: Proposals made for each sentence.
    """
    few = min(one_by_one, len(texts))

    def batches() -> list[str]:
        return rewritten(model, texts, targets, candidates=candidates, batch_size=BATCH_SIZE)

    def rounded() -> list[str]:
        return rewritten(lower, texts, targets, candidates=candidates, batch_size=BATCH_SIZE)

    def single() -> list[str]:
        return rewritten(model, texts[:few], targets[:few], candidates=candidates, batch_size=1)

    together, alone = batches()[:few], single()  # and all have run once
    in_lower = rounded()[:few]
    numbers = alternate(
        {
            "batches": lambda: len(texts) / here.seconds(batches),
            "batches bf16": lambda: len(texts) / here.seconds(rounded),
            "one by one": lambda: few / here.seconds(single),
        },
        rounds=rounds,
    )
    metrics: dict[str, Metric] = {
        f"{name}, rate": summarise(values, "sentences/s", centre="median")
        for name, values in numbers.items()
    }
    for name in ("batches", "batches bf16"):
        metrics[f"{name} over one by one"] = ratios(numbers[name], numbers["one by one"])
    for name, found in (("same texts", together), ("same texts bf16", in_lower)):
        same = [first == second for first, second in zip(found, alone, strict=True)]
        metrics[name] = summarise([100 * sum(same) / few], "percent")
    details = {
        "batch_size": BATCH_SIZE,
        "count": len(texts),
        "one_by_one": few,
        "candidates": candidates,
        "rewriter": type(model.rewriter).__name__,
        "vocab_size": len(model.vocabulary),
        "sentences_per_second": numbers,
    }
    return metrics, details


def rewritten(
    model: TransferModel,
    texts: Sequence[str],
    targets: Sequence[str],
    *,
    candidates: int,
    batch_size: int,
) -> list[str]:
    """Return the rewritten texts, computed so many at a time."""
    answers: list[str] = []
    for start in range(0, len(texts), batch_size):
        rows = slice(start, start + batch_size)
        answers += [
            answer.text
            for answer in transfer_natural(model, texts[rows], targets[rows], candidates=candidates)
        ]
    return answers


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
        "first row": summarise(seconds, "seconds", centre="median"),
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


def numbered_rows(texts: Sequence[str]) -> Iterator[str]:
    """Yield rows of JSONL without end, numbered from 0."""
    for number, text in zip(counted(), cycle(texts), strict=False):
        yield json.dumps({"id": number, "text": text})


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
