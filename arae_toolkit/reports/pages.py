"""Blocks of the documentation, made from the files of results and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.gallery import gallery_block
from arae_toolkit.reports.markdown import (
    Result,
    Results,
    counted,
    measured,
    metric_cell,
    place_of,
    short_commit,
    table,
)
from arae_toolkit.reports.paper.claims import claims_block
from arae_toolkit.reports.tables.benchmarks import benchmarks_block
from arae_toolkit.reports.tables.generation import (
    PAPER,
    frontier_block,
    readings_block,
    table1,
    topic_readings_block,
)
from arae_toolkit.reports.tables.generation import measured_on as generation_measured_on
from arae_toolkit.reports.tables.images import figure2
from arae_toolkit.reports.tables.latent import PAPER_SWAPS, figure3, figure4, figure5
from arae_toolkit.reports.tables.nli import TABLE5, cell_name, inference_block, table5_block
from arae_toolkit.reports.tables.performance import (
    SAME_ITERATIONS,
    gpu_block,
    iteration_block,
    libraries_block,
    limits_block,
    processes_block,
    seeds_block,
    settings_block,
)
from arae_toolkit.reports.tables.sensitivity import sensitivity_block
from arae_toolkit.reports.tables.transfer import (
    TABLE3,
    ideas_block,
    measured_on,
    people_block,
    table4_block,
    topics_block,
    transfer_table,
)

TOPICS = ("science", "music", "politics")
EXAMPLES = 5
BLOCK = re.compile(r"(<!-- results:([\w-]+) -->\n)(.*?)(<!-- /results -->)", flags=re.DOTALL)

SAMPLED = ("ARAE", "AE, fitted Gaussian")
SUMMARY: Sequence[tuple[str, str, Sequence[str], str]] = (
    *(
        (
            label,
            "table1",
            [f"{row}, {side}_perplexity" for row in SAMPLED],
            " / ".join(str(PAPER[row][place]) for row in SAMPLED),
        )
        for place, (side, label) in enumerate(
            (
                ("reverse", "SNLI, samples of an ARAE / an AE: reverse perplexity"),
                ("forward", "... forward perplexity"),
            )
        )
    ),
    (
        "... reconstruction, nats per sentence of test",
        "figure4",
        [f"{row}, 0 swaps, nats_per_sentence" for row in SAMPLED],
        " / ".join(f"{PAPER_SWAPS[row][0]}" for row in ("ARAE", "AE")),
    ),
    (
        "SNLI from 28,000 labels, test: the paper's classifier on an ARAE / an AE / nothing",
        "table5",
        [cell_name("tiny", start, "test") for start in ("arae", "ae", "supervised")],
        " / ".join(f"{TABLE5[start]['tiny']} %" for start in ("arae", "ae", "supervised")),
    ),
    (
        "... attention on an encoder of masked pairs, test",
        "nli-tiny-attention-masked-pairs",
        ["test_accuracy"],
        "",
    ),
    (
        "Yelp sentiment: the paper's ARAE, transfer / BLEU",
        "table3",
        ["arae-1, overall, accuracy ngrams", "arae-1, overall, source_bleu"],
        "{} % / {}".format(*TABLE3["arae-1"][:2]),
    ),
    (
        "... infilling, transfer / BLEU",
        "table3",
        ["infilling, overall, accuracy ngrams", "infilling, overall, source_bleu"],
        "",
    ),
    (
        "Training on one core, times a textbook loop's rate by the same algorithm",
        "training_rate",
        ["paper-2018 fp32, over textbook"],
        "",
    ),
)
"""Rows of the README's table: label, file of results, its metrics, and the paper's figures."""


def summary_block(results: Results) -> str:
    """Return the README's table: a row for each thing that the toolkit is for.

    Raises:
        ToolkitError: If a row has not been measured.
    """
    rows = []
    for label, name, metrics, paper in SUMMARY:
        if name not in results:
            raise ToolkitError(f"{name} has not been measured, which the summary needs")
        cells = [metric_cell(results[name], metric) for metric in metrics]
        rows.append([label, " / ".join(cells), paper])
    return table(["", "here", "paper"], rows)


def examples_block(results: Results) -> str:
    """Return the first samples that the gallery shows of the ARAE.

    Raises:
        ToolkitError: If there is no gallery of it.
    """
    gallery = measured(results, "gallery-snli", "The gallery", "arae-toolkit evaluate gallery")
    samples = gallery["details"]["runs"]["ARAE"]["samples"]
    return "```text\n{}\n```".format("\n".join(samples[:EXAMPLES]))


def guarantees_block(results: Results) -> str:
    """Return what is promised, how it is tried, how often it was, and what was not kept.

    Raises:
        ToolkitError: If the drills have not been run.
    """
    result = measured(results, "drills", "what is promised", "make drills-whole")
    drills = result["details"]["drills"]
    heads = ["drill", "trials", "trials of a whole run", "inputs", "not tried", "broken", "minutes"]
    rows = [
        [
            name,
            _number(result, f"{name}, trials"),
            f"{drill['whole']:,}",
            *(_number(result, f"{name}, {counts}") for counts in ("inputs", "not tried", "broken")),
            f"{drill['seconds'] / 60:,.0f}",
        ]
        for name, drill in drills.items()
    ]
    promises = [
        f"**{name}**. {drill['promise']}\n\n*How it is tried:* {drill['way']}"
        for name, drill in drills.items()
    ]
    open_ends = [
        f"- {name}, trial {failure['trial']}: {_plain(failure['what'])}: "
        f"{_plain(failure['words'])}; once more: `{failure['again']}`"
        for name, drill in drills.items()
        for failure in drill["broken"]
    ]
    open_ends += [
        f"- {name}, not tried: {_plain(reason)}"
        for name, drill in drills.items()
        for reason in drill["not_tried"]
    ]
    return "\n\n".join(
        [
            *promises,
            f"{_extent(result)} {_times(result)} {_commits(result['details']['commits'])}",
            table(heads, rows),
            "\n".join(open_ends) or "In what was tried, no promise was broken.",
        ]
    )


def _number(result: Result, metric: str) -> str:
    """Return a count; 0 for what older results do not count, since it was nothing in them."""
    counts = result["metrics"].get(metric)
    return f"{counts['value']:,.0f}" if counts else "0"


def _extent(result: Result) -> str:
    """Return how much was run, and where."""
    whole = "A whole run" if result["details"]["whole"] else "Not yet a whole run"
    trials = counted(_trials(result), "trial")
    return f"**{whole}** with seed {result['seeds'][0]}, of {trials} ({place_of(result)})."


def _times(result: Result) -> str:
    """Return what the trials took, by the clock and of the processor."""
    details, drills = result["details"], result["details"]["drills"].values()
    took, computed = (sum(drill[key] for drill in drills) for key in ("seconds", "cpu_seconds"))
    text = (
        f"Their times add up to {_minutes(took)} (several ran side by side): they computed for "
        f"{_minutes(computed)} of these, and waited for the rest."
    )
    clock = details.get("clock", {"trials": 0})  # was not always recorded
    if not clock["trials"]:
        return text
    which = "all of them" if clock["trials"] == _trials(result) else f"{clock['trials']:,} of them"
    jobs = " or ".join(map(str, clock["jobs"]))
    return f"{text} Run {jobs} at a time, {which} took {_minutes(clock['seconds'])} on the clock."


def _minutes(seconds: float) -> str:
    return counted(round(seconds / 60), "minute")


def _trials(result: Result) -> int:
    """Return how many trials there are, those included that could not be tried."""
    return sum(result["details"]["commits"].values())


def _commits(trials_at: Mapping[str, int]) -> str:
    """Return at which commits the trials were run."""
    *earlier, last = trials_at
    if not earlier:
        return f"All were run at commit {short_commit(last)}."
    before = sum(trials_at[commit] for commit in earlier)
    each = ", ".join(f"{trials_at[commit]:,} at {short_commit(commit)}" for commit in earlier)
    return (
        f"{trials_at[last]:,} of them were run at commit {short_commit(last)}, the last one; "
        f"{before:,} at earlier ones, and not again: {each}."
    )


def _plain(text: str) -> str:
    """Return a text, such as an odd input, as code that no page takes for its own marks."""
    shown = text.encode("ascii", "backslashreplace").decode().replace("`", "'")
    return f"`{' '.join(shown.split())}`"


def reproduced(name: str, *parts: Callable[[Result], str]) -> Callable[[Results], str]:
    """Return the block of a table or figure that ``reproduce`` measures, of so many parts.

    It raises :class:`ToolkitError`, naming the command, where that has not been measured.
    """

    def block(results: Results) -> str:
        result = measured(results, name, name.capitalize(), f"arae-toolkit reproduce {name}")
        return "\n\n".join(part(result) for part in parts)

    return block


BLOCKS: dict[str, Callable[[Results], str]] = {
    "summary": summary_block,
    "examples": examples_block,
    "benchmarks": benchmarks_block,
    "limits": limits_block,
    "gpu": gpu_block,
    "iteration": iteration_block,
    "settings": settings_block,
    "settings-iterations": partial(settings_block, name=SAME_ITERATIONS),
    "seeds": seeds_block,
    "libraries": libraries_block,
    "processes": processes_block,
    "sensitivity": sensitivity_block,
    "table5": table5_block,
    "inference": inference_block,
    "table3": reproduced("table3", transfer_table, measured_on),
    "people": people_block,
    "ideas": ideas_block,
    "table4": table4_block,
    "claims": claims_block,
    "gallery": gallery_block,
    "frontier": frontier_block,
    "table1": reproduced("table1", table1, generation_measured_on),
    "readings": readings_block,
    "topic-readings": topic_readings_block,
    "figure2": reproduced("figure2", figure2),
    "figure3": reproduced("figure3", figure3),
    "figure4": reproduced("figure4", figure4),
    "figure5": reproduced("figure5", figure5),
    "guarantees": guarantees_block,
    **{f"topics-{label}": partial(topics_block, label=label) for label in TOPICS},
}


def replace_blocks(text: str, results: Results) -> str:
    """Return a text with every block marked ``<!-- results:NAME -->`` written afresh.

    Raises:
        ToolkitError: If a block's name is unknown, or its results are missing.
    """

    def rendered(match: re.Match[str]) -> str:
        start, name, _, end = match.groups()
        if name not in BLOCKS:
            raise ToolkitError(f"no block {name!r} of results; there are {', '.join(BLOCKS)}")
        return f"{start}{BLOCKS[name](results)}\n{end}"

    return BLOCK.sub(rendered, text)
