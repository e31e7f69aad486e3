"""Tables of a search's trials: how far measures on dev move with the settings."""

from __future__ import annotations

from arae_toolkit.reports.markdown import Result, Results, counted, measured, place_of, table

SENSITIVITY = "sensitivity"
COMMAND = "arae-toolkit sweep pretrain --help"


def sensitivity_block(results: Results) -> str:
    """Return what each setting moves, and under it every trial.

    Raises:
        ToolkitError: If no such search has been made.
    """
    result = measured(results, SENSITIVITY, "the sensitivity to settings", COMMAND)
    return f"{settings_table(result)}\n\n{trials_table(result)}\n\n{about(result)}"


def settings_table(result: Result) -> str:
    """Return for each measure and setting how much of the variance the setting explains alone.

    Of a perplexity that is the variance of its logarithm.

    Beside it stands the measure's median for the lowest, middle and highest third of the trials by
    the setting's value, or for each choice.
    """
    rows = [
        [
            row["objective"],
            f"`{row['key']}`",
            "" if row["importance"] is None else f"{100 * row['importance']:.0f} %",
            "; ".join(f"{part}: {value:.2f}" for part, value in row["medians"].items()),
        ]
        for row in result["details"]["sensitivity"]
    ]
    return table(["measure", "setting", "of the variance", "median by value"], rows)


def trials_table(result: Result) -> str:
    """Return every trial that came to its end, the best by the first measure first.

    Their precision stands there where it is not the same for all.
    """
    details = result["details"]
    objectives = details["objectives"]
    keys = list(details["over"])
    done = [trial for trial in details["trials"] if trial["state"] == "done"]
    sign = -1 if objectives[0]["direction"] == "maximize" else 1
    done.sort(key=lambda trial: sign * trial["values"][0])
    mixed = len({trial.get("precision", "") for trial in done}) > 1
    heads = [
        "trial",
        *(one["name"] for one in objectives),
        *(f"`{key}`" for key in keys),
        *["precision"] * mixed,
    ]
    rows = [
        [
            str(trial["number"]),
            *(f"{value:.2f}" for value in trial["values"]),
            *(_setting(trial["parameters"].get(key)) for key in keys),
            *[trial.get("precision", "")] * mixed,
        ]
        for trial in done
    ]
    return table(heads, rows)


def about(result: Result) -> str:
    """Return what was searched, how and where."""
    details = result["details"]
    number = sum(trial["state"] == "done" for trial in details["trials"])
    ranges = ", ".join(f"`{key}={text}`" for key, text in details["over"].items())
    training = details["settings"]["training"]
    return (
        f"{counted(number, 'trial')} of {counted(training['epochs'], 'epoch')}, {ranges}, drawn by "
        f"the sampler `{details['sampler']}`; read on dev of {result['corpus']['name']}. "
        f"`{result['command']}`: {place_of(result)}."
    )


def _setting(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else str(value or "")
