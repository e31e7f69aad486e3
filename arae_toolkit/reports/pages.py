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
    frontier_block,
    readings_block,
    table1_block,
    topic_readings_block,
)
from arae_toolkit.reports.tables.images import figure2_block
from arae_toolkit.reports.tables.latent import (
    PAPER_SWAPS,
    figure3_block,
    figure4_block,
    figure5_block,
)
from arae_toolkit.reports.tables.nli import TABLE5, inference_block, table5_block
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
    people_block,
    table3_block,
    table4_block,
    topics_block,
)

TRAINING_CURVE, CODE_SPACE = "../figures/training-curve.png", "../figures/code-space.png"
"""Where the pages of ``docs/results`` find the figures."""
TOPICS = ("science", "music", "politics")
EXAMPLES = 5
BLOCK = re.compile(r"(<!-- results:([\w-]+) -->\n)(.*?)(<!-- /results -->)", flags=re.DOTALL)
MODELS = {"arae": "ARAE", "ae": "AE", "aae": "AAE"}
PAPER_NATS = {kind: PAPER_SWAPS[MODELS[kind]] for kind in ("arae", "ae")}
"""Figure 4: nats per sentence of the original, after 0 to 4 swaps in what the encoder read."""

PRETRAINING_ROWS = {
    "dev_nats_per_sentence": "reconstruction, dev, nats per sentence",
    "test_nats_per_sentence": "reconstruction, test, nats per sentence",
    "dev_nats_per_token": "reconstruction, dev, nats per token",
    "test_nats_per_token": "reconstruction, test, nats per token",
    "dev_token_accuracy": "tokens right, dev",
    "test_token_accuracy": "tokens right, test",
    "dev_exact": "sentences given back word for word, dev",
    "test_exact": "sentences given back word for word, test",
    "dev_nats_per_sentence_1_swaps": "1 swap in the input, nats of the original",
    "dev_nats_per_sentence_2_swaps": "2 swaps",
    "dev_nats_per_sentence_3_swaps": "3 swaps",
    "dev_nats_per_sentence_4_swaps": "4 swaps",
    "code_norm": "norm of codes",
    "generated_norm": "norm of generated codes",
    "code_variance": "summed variance of codes",
    "generated_variance": "summed variance of generated codes",
    "neighbour_cosine": "cosine of codes of edit neighbours",
    "random_cosine": "cosine of codes of random pairs",
    "unique_samples": "distinct among the samples",
    "copied_samples": "samples that are training sentences",
    "training_epochs": "epochs of training",
}


def trained_models(results: Results) -> list[Result]:
    """Return the results of trained models, ARAEs first.

    Raises:
        ToolkitError: If there are none.
    """
    models = [result for name, result in results.items() if name.startswith("pretraining-")]
    if not models:
        raise ToolkitError(
            "no trained model has been measured; see 'arae-toolkit report RUN --results results'"
        )
    return sorted(models, key=lambda model: (list(MODELS).index(kind_of(model)), model["name"]))


def kind_of(model: Result) -> str:
    """Return ``arae``, ``ae`` or ``aae``."""
    return str(model["details"]["model"])


def title_of(model: Result, models: Sequence[Result]) -> str:
    """Return the kind of a model, with its run's name where several are of the same kind."""
    kind = kind_of(model)
    if sum(kind_of(other) == kind for other in models) == 1:
        return MODELS[kind]
    return f"{MODELS[kind]} ({model['name'].removeprefix('pretraining-')})"


def pretraining_block(results: Results) -> str:
    """Return the table of trained models beside the paper's numbers, and the two figures.

    Raises:
        ToolkitError: If no trained model has been measured.
    """
    models = trained_models(results)
    with_paper = list(dict.fromkeys(kind for kind in map(kind_of, models) if kind in PAPER_NATS))
    heads = [title_of(model, models) for model in models]
    heads += [f"paper's {MODELS[kind]}" for kind in with_paper]
    rows = []
    for metric, label in PRETRAINING_ROWS.items():
        cells = [metric_cell(model, metric) for model in models]
        cells += [_paper_cell(kind, metric) for kind in with_paper]
        rows.append([label, *cells])
    trained = [
        f"- {title_of(model, models)}: `{model['command']}`, {model['details']['precision']}, "
        f"trained on {model['details']['training_device']}"
        for model in models
    ]
    counts, corpus = models[0]["details"]["sentences"], models[0]["corpus"]
    swapped = ""
    if "swapped" in counts:
        swapped = f", with swaps on the {counts['swapped']:,} of dev that have words enough for all"
    data = (
        f"{corpus['name']}: {corpus['rows']:,} training sentences, measured on all "
        f"{counts['dev']:,} of dev and {counts['test']:,} of test{swapped}; "
        f"{models[0]['details']['samples_drawn']:,} samples."
    )
    figures = [
        f"![Held-out nats per sentence during training]({TRAINING_CURVE})",
        f"![Norms, variances and neighbours in code space]({CODE_SPACE})",
    ]
    return "\n\n".join([table(["", *heads], rows), data, "\n".join(trained), *figures])


def samples_block(results: Results) -> str:
    """Return the samples and interpolations of the first ARAE among the results.

    Raises:
        ToolkitError: If no ARAE has been measured.
    """
    details = _first_arae(results)["details"]
    samples = "\n".join(details["samples"])
    ways = "\n\n".join("\n".join(way["way"]) for way in details["interpolations"])
    return (
        f"The first {len(details['samples'])} samples, greedy, none left out:\n\n"
        f"```text\n{samples}\n```\n\n"
        f"From one sentence to another, both ends as the model gives them back:\n\n"
        f"```text\n{ways}\n```"
    )


SUMMARY: Sequence[tuple[str, str, Sequence[str], str]] = (
    (
        "SNLI captions, held out: nats per sentence",
        "pretraining-snli",
        ["dev_nats_per_sentence"],
        f"{PAPER_NATS['arae'][0]}",
    ),
    ("... sentences given back word for word, test", "pretraining-snli", ["test_exact"], ""),
    ("... distinct among 10,000 samples", "pretraining-snli", ["unique_samples"], ""),
    (
        "SNLI from 28,000 labels: the paper's classifier on an ARAE, test",
        "table5",
        ["tiny, arae, test"],
        f"{TABLE5['arae']['tiny']} %",
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
        "Training on one core, times a textbook version's rate",
        "training_rate",
        ["default fp32, over textbook"],
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
    """Return the first samples of the first ARAE among the results."""
    samples = "\n".join(_first_arae(results)["details"]["samples"][:EXAMPLES])
    return f"```text\n{samples}\n```"


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


BLOCKS: dict[str, Callable[[Results], str]] = {
    "summary": summary_block,
    "examples": examples_block,
    "pretraining": pretraining_block,
    "samples": samples_block,
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
    "table3": table3_block,
    "people": people_block,
    "ideas": ideas_block,
    "table4": table4_block,
    "claims": claims_block,
    "gallery": gallery_block,
    "frontier": frontier_block,
    "table1": table1_block,
    "readings": readings_block,
    "topic-readings": topic_readings_block,
    "figure2": figure2_block,
    "figure3": figure3_block,
    "figure4": figure4_block,
    "figure5": figure5_block,
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


def _first_arae(results: Results) -> Result:
    """Return the first ARAE among the results.

    Raises:
        ToolkitError: If none has been measured.
    """
    model = trained_models(results)[0]
    if kind_of(model) != "arae":
        raise ToolkitError(
            "no ARAE has been measured; see 'arae-toolkit report RUN --results results'"
        )
    return model


def _paper_cell(kind: str, metric: str) -> str:
    """Return the paper's number for a metric, where it has one."""
    if metric == "dev_nats_per_sentence":
        return f"{PAPER_NATS[kind][0]:.2f}"
    swaps = re.fullmatch(r"dev_nats_per_sentence_(\d)_swaps", metric)
    return f"{PAPER_NATS[kind][int(swaps[1])]:.2f}" if swaps else ""
