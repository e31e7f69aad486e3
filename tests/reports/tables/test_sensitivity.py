import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.plots import draw_trials
from arae_toolkit.reports.tables.sensitivity import sensitivity_block


def trial(number, values, weight, state="done"):
    return {
        "number": number,
        "state": state,
        "values": values,
        "parameters": {"adversarial_weight": weight},
        **{"folder": f"trial-{number}", "seconds": 1.0, "problem": "", "curve": [], "best": False},
    }


def result(*trials, direction="minimize", importance=0.8):
    return {
        "command": "arae-toolkit sweep pretrain snli",
        "commit": "0" * 40,
        "device": "cpu",
        "machine": {"cpu": "a CPU", "threads": 1},
        "versions": {"torch": "2.13.0"},
        "corpus": {"name": "snli"},
        "details": {
            "objectives": [{"name": "reverse-perplexity", "direction": direction}],
            "over": {"adversarial_weight": "log:0.1:10"},
            "sampler": "random",
            "settings": {"model": {}, "training": {"epochs": 4, "adversarial_weight": 0.5}},
            "trials": list(trials),
            "sensitivity": [
                {
                    "objective": "reverse-perplexity",
                    "key": "adversarial_weight",
                    "importance": importance,
                    "medians": {"low, 0.1 to 1": 40.0},
                }
            ],
        },
    }


def test_trials_stand_by_their_value_and_those_not_done_are_left_out():
    trials = (
        trial(0, [41.234], 0.5),
        trial(1, [40.0], 12.3456),
        trial(2, [], 3.0, "failed"),
    )
    block = sensitivity_block({"sensitivity": result(*trials)})
    rows = [line for line in block.splitlines() if line.startswith(("| 0", "| 1", "| 2"))]
    assert rows == ["| 1 | 40.00 | 12.3 |", "| 0 | 41.23 | 0.5 |"]
    assert (
        "| reverse-perplexity | `adversarial_weight` | 80 % | low, 0.1 to 1: 40.00 |"
        in block.splitlines()
    )
    assert "2 trials of 4 epochs, `adversarial_weight=log:0.1:10`" in block
    largest = sensitivity_block({"sensitivity": result(*trials, direction="maximize")})
    assert largest.index("| 0 | 41.23") < largest.index("| 1 | 40.00")


def test_an_importance_that_is_not_known_is_left_empty():
    block = sensitivity_block({"sensitivity": result(trial(0, [1.0], 1.0), importance=None)})
    assert "| `adversarial_weight` |  | low" in block


def test_without_results_the_command_is_named():
    with pytest.raises(ToolkitError, match="sweep pretrain"):
        sensitivity_block({})


@pytest.mark.parametrize("weights", [(0.5, 2.0), (1.0, 2.0)], ids=["default tried", "not tried"])
def test_the_plot_is_made_from_the_file_alone_and_repeats_itself(tmp_path, weights):
    done = [trial(number, [40.0 - number], weight) for number, weight in enumerate(weights)]
    found = {"sensitivity": result(*done, trial(2, [], 3.0, "failed"))}
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    draw_trials(found, first)
    draw_trials(found, second)
    assert first.read_bytes()[:4] == b"\x89PNG"
    assert first.read_bytes() == second.read_bytes()
