"""What ``evaluate latent`` shows: tables, plots, a page with both, and a file of results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.reports.tables.latent import PAPER_SWAPS
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.html_page import page, picture, preformatted

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus

Model = Mapping[str, Any]
CODE_SPACE = {
    "code_norm": "norm of codes",
    "generated_norm": "norm of generated codes",
    "code_variance": "summed variance of codes",
    "generated_variance": "summed variance of generated codes",
    "neighbour_cosine": "cosine of edit neighbours",
    "random_cosine": "cosine of random pairs",
    "mean_distance": "distance of the two means",
    "unique_samples": "distinct among 512 samples, percent",
}
WALKS = {
    "changed": ("word edits a step", "words"),
    "largest": ("largest jump, word edits", "words"),
    "jump_percent": ("largest jump, percent of all edits", "percent"),
    "detour": ("edits for each edit between the ends", "words"),
}

ABOUT = "How regular and how smooth codes are: Figures 3 and 4 of section 7, and walks."


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables for a reader."""
    models: Mapping[str, Model] = report["models"]
    head = f"{report['sentences']:,} sentences of {report['corpus']}, {report['split']}"
    if report["judge_perplexity"] is not None:
        head += f"; the language model's perplexity on dev is {report['judge_perplexity']:.2f}"
    space = [["code space (Figure 3)", *models]]
    for key, title in CODE_SPACE.items():
        space.append([title, *(_cell(m["code_space"].get(key)) for m in models.values())])
    for part in ("codes", "prior"):
        for key, which in (("active", "active"), ("effective", "effective"), ("size", "all")):
            cells = (_cell(model["dimensions"][part][key]) for model in models.values())
            space.append([f"{part}: {which} dimensions", *cells])
    blocks = [head, aligned(space), _swaps_table(models), _walks_table(models, report["steps"])]
    for name, model in models.items():
        lines = [f"{name}: words swapped, and what is written"]
        lines += [
            f"{row['swaps']}  {row['original']}\n   {row['input']}\n   {row['output']}"
            for row in model["examples"]
        ]
        blocks.append("\n".join(lines))
        for through, walks in model["walks"].items():
            blocks.append("\n".join([f"{name}: a walk through {through}", *walks["example"]]))
    return "\n\n".join(blocks)


def write_plots(report: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Write three plots and a page that holds them and the tables; return the paths."""
    from arae_toolkit.reports.latent_plots import draw_figure3, draw_figure4, draw_walks

    paths = []
    for part, draw in (("space", draw_figure3), ("swaps", draw_figure4), ("walks", draw_walks)):
        path = folder / f"{name}-{part}.png"
        draw(report["models"], path)
        paths.append(path)
    sections = {
        "Plots": [picture(path.read_bytes(), path.stem, is_small=False) for path in paths],
        "Numbers": [preformatted(as_text(report))],
    }
    whole = folder / f"{name}.html"
    write_text(whole, page(f"Code space of {', '.join(report['models'])}", ABOUT, sections))
    return [*paths, whole]


def write_report(
    report: Mapping[str, Any],
    folder: Path,
    name: str,
    *,
    corpus: Corpus,
    command: str,
    seed: int,
    device: str,
    seconds: float,
) -> Path:
    """Write a file of results and return its path. What it shows of sentences stays outside.

    Those whose words are swapped are rows of the corpus, and walks lead from row to row.
    """
    from arae_toolkit.devices import choose_device, name_of
    from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result

    metrics: dict[str, Metric] = {}

    def add(key: str, value: float | None, unit: str) -> None:
        if value is not None and value == value:
            metrics[key] = summarise([float(value)], unit)

    for model, content in report["models"].items():
        for key, value in content["code_space"].items():
            add(f"{model}_{key}", value, "percent" if key == "unique_samples" else "")
        for part, found in content["dimensions"].items():
            add(f"{model}_{part}_active", found["active"], "dimensions")
            add(f"{model}_{part}_effective", found["effective"], "dimensions")
        for row in content["swaps"]:
            count = row["swaps"]
            add(f"{model}_swaps_{count}_nats", row["nats_per_sentence"], "nats per sentence")
            add(f"{model}_swaps_{count}_restored", row["restored"], "percent")
            add(f"{model}_swaps_{count}_perplexity", row.get("perplexity"), "per token")
        for through, walks in content["walks"].items():
            for key, (_, unit) in WALKS.items():
                add(f"{model}_walks_{through}_{key}", walks[key], unit)
    return write_result(
        folder,
        name,
        command=command,
        corpus=corpus_identity(corpus),
        seeds=[seed],
        device=name_of(choose_device(device)),
        seconds=seconds,
        metrics=metrics,
        threads=threads_of(),
        details={
            **report,
            "models": {name: _numbers(content) for name, content in report["models"].items()},
        },
    )


def _numbers(content: Model) -> dict[str, Any]:
    """Return what was measured of a model, without the sentences that illustrate it."""
    walks = {
        through: {key: value for key, value in found.items() if key != "example"}
        for through, found in content["walks"].items()
    }
    return {key: value for key, value in content.items() if key != "examples"} | {"walks": walks}


def _swaps_table(models: Mapping[str, Model]) -> str:
    """Return Figure 4, the paper's numbers beside."""
    measures = {"nats_per_sentence": "nats", "perplexity": "perplexity", "restored": "restored %"}
    shown = {
        key: title
        for key, title in measures.items()
        if all(key in row for model in models.values() for row in model["swaps"])
    }
    head = [f"{name}, {title}" for name in models for title in shown.values()]
    heads = ["swaps (Figure 4)", *head, *(f"paper's {kind}, nats" for kind in PAPER_SWAPS)]
    rows = [heads]
    for index, row in enumerate(next(iter(models.values()))["swaps"]):
        cells = [_cell(model["swaps"][index][key]) for model in models.values() for key in shown]
        paper = [
            _cell(values[index] if index < len(values) else None) for values in PAPER_SWAPS.values()
        ]
        rows.append([str(row["swaps"]), *cells, *paper])
    return aligned(rows)


def _walks_table(models: Mapping[str, Model], steps: int) -> str:
    """Return the smoothness of walks."""
    ways = [(name, through) for name, model in models.items() for through in model["walks"]]
    rows = [[f"walks of {steps} steps", *(f"{name}, {through}" for name, through in ways)]]

    found = [models[name]["walks"][through] for name, through in ways]
    for key, (title, _) in WALKS.items():
        rows.append([title, *(_cell(walks[key]) for walks in found)])
    if all("perplexity" in walks for walks in found):
        read = [walks["perplexity"] for walks in found]
        ends = [(way[0] + way[-1]) / 2 for way in read]
        rows.append(["perplexity at the ends", *map(_cell, ends)])
        rows.append(["perplexity halfway", *(_cell(way[steps // 2]) for way in read)])
        rows.append(["highest perplexity of a step", *(_cell(max(way)) for way in read)])
    return aligned(rows)


def _cell(value: float | None) -> str:
    if value is None or value != value:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:,.2f}"
