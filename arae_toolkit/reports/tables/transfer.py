"""Tables of transfer: the paper's Table 3 beside ours, and the directions of Table 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.markdown import (
    Result,
    Results,
    measured,
    metric_cell,
    rows_sources,
    table,
    text_table,
)

TABLE3 = {
    "cross-aligned": (77.1, 17.75, 65.9, 124.2),
    "ae": (59.3, 37.28, 31.9, 68.9),
    "arae-1": (73.4, 31.15, 29.7, 70.1),
    "arae-10": (81.8, 20.18, 27.7, 77.0),
}
"""The paper's figures by system: transfer (percent), BLEU, forward and reverse perplexity."""

PEOPLE = {
    "cross-aligned": {"transfer": 57.0, "similarity": 3.8, "naturalness": 2.7},
    "arae-10": {"transfer": 74.0, "similarity": 3.7, "naturalness": 3.8},
}
"""What people say in the paper, by system: percent, and points from 1 to 5."""
PEOPLES = "transfer-ratings"
"""Name of the file of results that people fill."""
NEEDS_PEOPLE = "needs people"
"""What stands in a row until they have."""

PAPERS_WAY = "arae-1"
"""The system that ideas are compared with: greedy, by the other decoder."""

TITLES = {
    "copy": "the input, copied",
    "cross-aligned": "cross-aligned AE",
    "ae": "AE, two decoders",
    "arae-1": "ARAE, λ(1) = 1",
    "arae-10": "ARAE, λ(1) = 10",
    "paper-2018": "ARAE, the published code's settings",
    "delete-and-replace": "delete and replace (no learning)",
    "stronger": "ARAE, λ(1) = 1, λ(2) = 6",
    "denoising": "ARAE, λ(1) = 1, denoising",
    "larger-code": "ARAE, λ(1) = 1, code of 512",
    "cycle": "ARAE, λ(1) = 1, written back",
    "cycle-stronger": "ARAE, λ(1) = 1, λ(2) = 6, written back",
    "cyclic": "ARAE, λ(1) = 1, cyclic λ",
    "hiding": "ARAE, λ(1) = 1, marking words hidden",
    "hiding-larger": "ARAE, λ(1) = 1, marking words hidden, code of 512",
    "infilling": "infilling",
    "all-topics": "infilling, learned from all topics, questions and replies",
}
"""What a system is called in a table, by its name."""

MEASURES = {
    "accuracy ngrams": "transfer, n-grams",
    "accuracy bilstm": "transfer, BiLSTM",
    "accuracy fasttext": "transfer, fastText's model",
    "source_bleu": "BLEU",
    "similarity": "similarity",
    "combined": "√(transfer·BLEU)",
    "forward_perplexity": "forward",
    "reverse_perplexity": "reverse",
    "copied": "copied",
    "distinct_2": "distinct-2",
    "probe": "label read from code",
}
"""Heads of the columns by measure."""

JUDGES = {
    "accuracy ngrams": "n-grams",
    "accuracy bilstm": "BiLSTM",
    "accuracy fasttext": "fastText's model",
}
"""The same of the judges alone, where many stand in one column."""


def metric_name(system: str, direction: str, measure: str) -> str:
    """Return the name of a metric.

    Example:
        >>> metric_name("arae-1", "overall", "source_bleu")
        'arae-1, overall, source_bleu'
    """
    return f"{system}, {direction}, {measure}"


def title_of(system: str) -> str:
    """Return what a system is called, with its candidates and strength.

    Example:
        >>> title_of("arae-1@c8")
        'ARAE, λ(1) = 1, best of 8'
        >>> title_of("arae-1@s2")
        'ARAE, λ(1) = 1, strength 2'
    """
    name, *settings = system.split("@")
    words = [TITLES.get(name, name)]
    for setting in settings:
        words.append(f"{'best of' if setting[0] == 'c' else 'strength'} {setting[1:]}")
    return ", ".join(words)


def transfer_table(result: Result) -> str:
    """Return every system's measures in all directions together, in Markdown.

    The paper's stand behind, but not behind a part of Table 4, for which it has none.

    What was measured of no system, as by a judge that came later, has no column.
    """
    systems = result["details"]["systems"]
    measures = _measured(result, systems, "overall", tuple(MEASURES))
    papers = "part" not in result["details"] and any(name in TABLE3 for name in systems)
    heads = ["", *(MEASURES[measure] for measure in measures)]
    if papers:
        heads.append("paper: transfer / BLEU / forward / reverse")
    rows = []
    for system in systems:
        cells = _cells(result, system, "overall", measures)
        if not any(cells):
            continue
        row = [title_of(system), *cells]
        if papers:
            row.append(" / ".join(str(value) for value in TABLE3.get(system, ())))
        rows.append(row)
    return table(heads, rows)


def _cells(result: Result, system: str, direction: str, measures: Sequence[str]) -> list[str]:
    names = [metric_name(system, direction, measure) for measure in measures]
    return [metric_cell(result, name) for name in names]


def _measured(
    result: Result, systems: Sequence[str], direction: str, measures: Sequence[str]
) -> list[str]:
    """Return the measures that some system has."""
    columns = zip(*(_cells(result, name, direction, measures) for name in systems), strict=True)
    return [measure for measure, cells in zip(measures, columns, strict=True) if any(cells)]


def directions_table(result: Result) -> str:
    """Return every system's transfer and BLEU in each direction, in Markdown."""
    directions, systems = result["details"]["directions"], result["details"]["systems"]
    titles = {**JUDGES, "source_bleu": MEASURES["source_bleu"]}
    measures = _measured(result, systems, directions[0], tuple(titles))
    told = " / ".join(titles[measure] for measure in measures)
    heads = ["", *(f"{direction}: {told}" for direction in directions)]
    rows = [
        [
            title_of(system),
            *(
                " / ".join(_cells(result, system, direction, measures)).replace(" %", "")
                for direction in directions
            ),
        ]
        for system in systems
    ]
    return table(heads, rows)


def measured_on(result: Result) -> str:
    """Return what a table was measured on and with, in Markdown."""
    details, corpus, seeds = result["details"], result["corpus"], result["seeds"]
    judges, here = details["judges_dev_accuracy"], judges_accuracy(result)
    if details["split"] == "dev" or not here:
        split, shown = "dev", {name: f"{accuracy:.1f}" for name, accuracy in judges.items()}
    else:
        split = f"{details['split']} / dev"
        shown = {name: f"{here[name]:.1f} / {accuracy:.1f}" for name, accuracy in judges.items()}
    told = ", ".join(f"{name} {accuracy} %" for name, accuracy in shown.items())
    first, *others = [str(seed) for seed in seeds]
    trained = f"Seed {first}."
    if others:
        trained = f"Seeds {', '.join([first, *others])} where a spread is shown, else seed {first}."
    return "\n\n".join(
        [
            f"{corpus['name']}, {details['split']}: {details['rows']:,} sentences, of "
            f"{corpus['rows']:,} to train on. Judges, right on {split}: {told}. "
            f"{trained} BLEU: `{details['bleu_signature']}`.{_similarity_told(details)}",
            rows_sources(result),
            *_judged_elsewhere(result),
        ]
    )


def _judged_elsewhere(result: Result) -> list[str]:
    """Return in a sentence which rows were judged by judges that were trained on another machine.

    The same training ends a little otherwise there.
    """
    here = result["details"]["judges_dev_accuracy"]
    by_row = {
        row: made["judges_dev_accuracy"]
        for row, made in result["details"].get("made_by", {}).items()
        if made.get("judges_dev_accuracy") not in (None, here)
    }
    if not by_row:
        return []
    other = {
        f"{name} {accuracies[name]:.1f} and {accuracy:.1f} %": None
        for accuracies in by_row.values()
        for name, accuracy in here.items()
        if name in accuracies and accuracies[name] != accuracy
    }
    return [
        f"Judges were trained twice, on two machines, to nearly the same end (right on dev: "
        f"{', '.join(other)}). The first judged {', '.join(by_row)}; the second all other rows."
    ]


def judges_accuracy(result: Result) -> dict[str, float]:
    """Return the percent of the rewritten sentences that each judge finds to be as labelled.

    Every sentence is asked for with each other label in turn, and a judge that is wrong finds the
    copied input to be of one of these: so the copied input's row tells it, in files of any age.

    Returns:
        By the judge's name; nothing where the copied input was not measured.
    """
    details, metrics = result["details"], result["metrics"]
    labels = {label for name in details["directions"] for label in name.split(" -> ")}
    found = {}
    for name in details["judges_dev_accuracy"]:
        copied = metrics.get(metric_name("copy", "overall", f"accuracy {name}"))
        if copied is not None:
            found[name] = 100 - (len(labels) - 1) * copied["value"]
    return found


def _similarity_told(details: Mapping[str, Any]) -> str:
    """Return in a sentence what similarity is, where it was measured."""
    encoder = details["signature"].get("encoder") if "signature" in details else None
    if encoder is None:
        return ""
    return (
        f" Similarity: mean cosine to the input in the sentence vectors of `{encoder['name']}`; "
        f"that of a sentence and the next one is {encoder['another_source']:.3f}, that of the "
        "copied input 1 by construction, as its BLEU is 100."
    )


def examples_table(
    asked: Sequence[tuple[str, str, str]],
    written: Mapping[str, Sequence[str | None]],
    result: Result,
) -> str:
    """Return sentences and what each system made of them, in Markdown, as Table 2 shows them.

    Args:
        asked: Label, target and text of each.
        written: By system, what it made of each; ``None`` for what is not shown.
        result: What says how it was made.
    """
    rows = []
    for index, (label, target, text) in enumerate(asked):
        rows.append([f"**{label}**", f"**{text}**"])
        rows += [
            [f"{title_of(system)}, {target}", outputs[index] or "(stands in the corpus)"]
            for system, outputs in written.items()
        ]
    details, corpus = result["details"], result["corpus"]
    fewest, most = details["words"]
    left_out = sum(output is None for outputs in written.values() for output in outputs)
    note = (
        f"The first {details['count']} sentences of each label in the {details['split']} split of "
        f"{corpus['name']} with {fewest} to {most} words; systems trained on {corpus['rows']:,} "
        f"sentences, seed 0; {left_out} outputs that stand in the corpus are left out. The paper "
        "draws its examples at random, and trains on another split of Yelp."
    )
    return f"{text_table(['', 'sentence'], rows)}\n\n{note}"


def people_block(results: Results) -> str:
    """Return what people say of transferred sentences, as Table 3 has it; who is awaited till then.

    Every system that was rated is a row, and those of the paper always are.
    """
    result = results.get(PEOPLES)
    own = {} if result is None else result["details"]["systems"]
    questions = ("transfer", "similarity", "naturalness")
    heads = ["", *questions, f"paper: {' / '.join(questions)}"]
    rows = []
    for system in dict.fromkeys((*PEOPLE, *own)):
        cells = [] if result is None else [metric_cell(result, f"{system}, {q}") for q in questions]
        papers = " / ".join(f"{PEOPLE[system][q]:g}" for q in questions if system in PEOPLE)
        rows.append(
            [title_of(system), *(cells if any(cells) else [NEEDS_PEOPLE] * len(questions)), papers]
        )
    told = (
        "No sheet has been filled: `arae-toolkit evaluate transfer --rating-sheet 1000` writes "
        "them, `arae-toolkit evaluate transfer-ratings --results results` fills these rows."
    )
    if result is not None:
        details = result["details"]
        drawn = ", ".join(f"{count:,} {name}" for name, count in details["sources"].items())
        told = (
            f"{result['corpus']['name']}: {drawn}; {len(details['rated'])} filled sheets. "
            "Percent and points from 1 to 5, with standard errors clustered by row."
        )
    return f"{table(heads, rows)}\n\n{told}"


def ideas_block(results: Results) -> str:
    """Return what each system gained over the paper's way, the ARAE with lambda(1) = 1.

    Raises:
        ToolkitError: If that, or Table 3, has not been measured.
    """
    there = {k: r for k, r in results.items() if PAPERS_WAY in r["details"].get("systems", ())}
    command = f"arae-toolkit reproduce table3 --system {PAPERS_WAY}"
    result = measured(there, "table3", "Table 3", command)
    combined = {
        system: result["metrics"][metric_name(system, "overall", "combined")]["value"]
        for system in result["details"]["systems"]
    }
    measures = _measured(result, list(combined), "overall", (*JUDGES, "source_bleu", "combined"))
    rows = []
    for system in sorted(combined, key=lambda name: -combined[name]):
        gain = f"{combined[system] - combined[PAPERS_WAY]:+.1f}" if system != PAPERS_WAY else ""
        rows.append([title_of(system), *_cells(result, system, "overall", measures), gain])
    heads = ["", *(MEASURES[measure] for measure in measures), "gain"]
    return table(heads, rows)


def table4_block(results: Results) -> str:
    """Return the parts of Table 4, all directions together and each by itself.

    Raises:
        ToolkitError: If none of its parts has been measured.
    """
    parts = ("table4-titles", "table4-replies")
    found = [results[name] for name in parts if name in results]
    if not found:
        raise ToolkitError("Table 4 has not been measured; see arae-toolkit reproduce table4")
    return "\n\n".join(
        part
        for result in found
        for part in (
            f"**{result['details']['part']}**",
            transfer_table(result),
            directions_table(result),
            measured_on(result),
        )
    )


def topics_block(results: Results, label: str) -> str:
    """Return our own sentences of one label, questions and replies, and what they became.

    Raises:
        ToolkitError: If they have not been rewritten.
    """
    rows, others, systems = list[list[str]](), list[str](), list[str]()
    for name in ("table4-titles", "table4-replies"):
        details = results[name]["details"] if name in results else {}
        for row in details.get("inputs", ()):
            if row["label"] == label:
                others = [key for key in row if key not in ("label", "text")]
                rows.append([row["text"], *(row[other] for other in others)])
                systems.append(f"{details['part']}: {title_of(details['systems'][-1])}")
    if not rows:
        raise ToolkitError(
            f"no sentences of {label} have been rewritten; see arae-toolkit reproduce table4 "
            "--inputs tests/data/topics.jsonl"
        )
    text = text_table([label, *(f"to {other}" for other in others)], rows)
    return f"{text}\n\nWritten by {'; '.join(dict.fromkeys(systems))}."
