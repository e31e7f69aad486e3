"""The tables of docs/performance.md: limits, an iteration by parts, settings, seeds."""

from __future__ import annotations

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.markdown import Result, Results, metric_cell, seeds_of, sources, table

SETTINGS, SAME_ITERATIONS = "quality_by_setting", "quality_by_setting-iterations"
SEEDS = "seeds"
LIBRARIES, PROCESSES = "library_settings", "processes"
TRAINING_RATE, LIMIT_KINDS = "training_rate", ("arithmetic", "bandwidth", "chain")


def limits_block(results: Results) -> str:
    """Return which limit binds at which batch size, and the share of it that is reached.

    Raises:
        ToolkitError: If no training rate has been measured.
    """
    usual = _measured(results, TRAINING_RATE)
    others = [result for name, result in results.items() if name.startswith(f"{TRAINING_RATE}-")]
    measured = [usual, *others]
    rows = []
    for result in sorted(measured, key=_batch_size):
        for version, binding in result["details"]["binding_limit"].items():
            cells = [f"{_batch_size(result):,}", metric_cell(result, f"{version}, rate")]
            cells += [metric_cell(result, f"{version}, {kind} limit") for kind in LIMIT_KINDS]
            share = metric_cell(result, f"{version}, share of the {binding} limit")
            ratio = metric_cell(result, f"{version}, over textbook")
            rows.append([version, *cells, binding, share, ratio])
    heads = ["", "batch", "trained", "arithmetic allows", "memory allows", "the chain allows"]
    heads += ["what binds", "of that", "over textbook"]
    return table(heads, rows) + "\n\n" + sources(measured)


def gpu_block(results: Results) -> str:
    """Return what a GPU reaches at each batch size, and which limit binds there.

    Raises:
        ToolkitError: If nothing has been measured on one.
    """
    measured = [result for name, result in results.items() if name.startswith("overview-cuda-")]
    if not measured:
        raise ToolkitError("nothing measured; see python -m arae_toolkit.benchmarks.overview")
    rows, found = [], []
    for result in sorted(measured, key=_batch_size):
        size = _batch_size(result)
        found.append(result)
        for version, binding in result["details"]["training"]["binding_limit"].items():
            name = f"training, {version}"
            metrics = ["rate", "over textbook", "share of the arithmetic limit"]
            cells = [metric_cell(result, f"{name}, {metric}") for metric in metrics]
            cells.append(metric_cell(result, f"{name}, share of the chain limit"))
            projection = results.get(f"projection_rate-cuda-{size}")
            share = f"{version.rpartition(' ')[2]}, share of the matrix rate"
            rows.append(
                [
                    *(version, f"{size:,}", *cells, binding),
                    "" if projection is None else metric_cell(projection, share),
                ]
            )
            if projection is not None and projection not in found:
                found.append(projection)
    heads = ["", "batch", "trained", "over textbook", "of the arithmetic limit"]
    heads += ["of the chain limit", "what binds", "projection, of the matrix rate"]
    return table(heads, rows) + "\n\n" + sources(found)


def iteration_block(results: Results) -> str:
    """Return where an iteration's time goes, in percent of the textbook version's.

    Raises:
        ToolkitError: If no iteration has been profiled.
    """
    result = _measured(results, "iteration_profile")
    versions: dict[str, list[str]] = {}
    for name in result["metrics"]:
        # A part may have a comma in its name, a version has none.
        version, _, part = name.partition(", ")
        versions.setdefault(version, []).append(part)
    parts = next(iter(versions.values()))
    rows = [
        [part, *(metric_cell(result, f"{version}, {part}") for version in versions)]
        for part in (*parts[1:], parts[0])
    ]
    return table(["", *versions], rows) + "\n\n" + sources([result])


def settings_block(results: Results, *, name: str = SETTINGS) -> str:
    """Return what each setting has learned in the same time or iterations, the best first.

    Args:
        results: All results.
        name: Of the comparison.

    Raises:
        ToolkitError: If these settings have not been compared.
    """
    result = _measured(results, name)
    details, metrics = result["details"], result["metrics"]
    columns = {
        "nats a sentence": "nats per sentence",
        "given back": "given back",
        "sentences a second, over the first": "sentences a second over the first",
        "iterations": "iterations",
        "epochs": "epochs",
    }
    names = sorted(
        details["settings"], key=lambda name: metrics[f"{name}, nats per sentence"]["value"]
    )
    rows = [
        [f"`{name}`", *(metric_cell(result, f"{name}, {column}") for column in columns.values())]
        for name in names
    ]
    seconds = details["seconds"]
    length = "As many iterations" if seconds is None else f"{seconds:.0f} seconds of processor time"
    said = (
        f"{length} each, {details['precision']}, "
        f"{seeds_of(result)}, {details['dev_sentences']:,} dev sentences; the first of "
        f"the rates' column is `{details['settings'][0]}`."
    )
    return "\n\n".join([table(["", *columns], rows), said, sources([result])])


def seeds_block(results: Results) -> str:
    """Return what training several seeds at once takes, against one after another.

    Raises:
        ToolkitError: If it has not been measured.
    """
    found = [_measured(results, SEEDS)]
    if f"{SEEDS}-cuda" in results:
        found.append(results[f"{SEEDS}-cuda"])
    rows = [
        [
            f"{seeds_of(result)}, {result['device']}",
            f"{result['details']['at once']}",
            metric_cell(result, "one after another, rate"),
            metric_cell(result, "at once, rate"),
            metric_cell(result, "one after another, over at once"),
        ]
        for result in found
    ]
    heads = ["", "at once", "one after another", "at once", "times as quick"]
    return table(heads, rows) + "\n\n" + sources(found)


def libraries_block(results: Results) -> str:
    """Return what variables of torch's libraries would be worth.

    Raises:
        ToolkitError: If it has not been measured.
    """
    found = _all_of(results, LIBRARIES)
    rows = []
    for result in found:
        details, precision = result["details"], result["name"].rpartition("-")[2]
        variables = ", ".join(f"`{name}={value}`" for name, value in details["variables"].items())
        training = f"{details['preset']} {precision}, {details['computing_threads']} threads"
        busy = details["busy_processes"]
        places = {"alone": "nobody", "beside others": f"{busy} process{'es' * (busy != 1)}"}
        for place, beside in places.items():
            if f"set, {place}, rate" in result["metrics"]:
                cells = [
                    metric_cell(result, f"{way}, {place}, {measure}")
                    for measure in ("rate", "peak memory")
                    for way in ("as they come", "set")
                ]
                ratio = metric_cell(result, f"set, {place}, over as they come")
                rows.append([training, variables, beside, *cells[:2], ratio, *cells[2:]])
    heads = ["", "set", "computing beside it", "as they come", "set", "times as quick"]
    return table([*heads, "memory", "set"], rows) + "\n\n" + sources(found)


def processes_block(results: Results) -> str:
    """Return what processes that train together gain, and what a model says of more of them.

    Raises:
        ToolkitError: If it has not been measured.
    """
    found = _all_of(results, PROCESSES)
    rows, more = [], []
    for result in found:
        details = result["details"]
        precision = result["name"].split("-")[-2]
        name = f"{details['preset']} {precision}, batch {details['batch_size']}"
        ways = ("one process", "one process, two threads", "two processes")
        rows.append(
            [
                name,
                *(metric_cell(result, f"{way}, rate") for way in ways),
                metric_cell(result, "two processes, over one process"),
                metric_cell(result, "model of two, over measured"),
            ]
        )
        for processes, told in details["messages"].items():
            if processes != "1":
                gain = metric_cell(result, f"a share of {processes}, most gain")
                share = metric_cell(result, f"a share of {processes}")
                told = f"{told['messages']}", f"{told['bytes'] / 1e6:.1f} MB"
                more.append([name, processes, share, gain, *told])
    heads = ["", "one process", "two threads", "two processes", "over one", "model over measured"]
    next_heads = ["", "processes", "computing", "at most", "messages", "of together"]
    return "\n\n".join([table(heads, rows), table(next_heads, more), sources(found)])


def _all_of(results: Results, program: str) -> list[Result]:
    """Return all results of a program whose results have its name and more.

    Raises:
        ToolkitError: If there is none.
    """
    found = [result for name, result in results.items() if name.startswith(f"{program}-")]
    return found or [_measured(results, program)]


def _batch_size(result: Result) -> int:
    """Return the sentences of an iteration, of the training where several things are measured."""
    details = result["details"]
    return int(details.get("training", details)["batch_size"])


def _measured(results: Results, name: str) -> Result:
    """Return a result.

    Raises:
        ToolkitError: If there is none, naming the program that measures it.
    """
    if name not in results:
        program = name.partition("-")[0]
        raise ToolkitError(f"nothing measured; see python -m arae_toolkit.benchmarks.{program}")
    return results[name]
