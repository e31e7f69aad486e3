"""What a shell is offered: files, runs, corpora and labels."""

import json

import pytest
from click.shell_completion import ShellComplete
from command_line import call
from command_tree import command_named, command_names

from arae_toolkit.recipes.cli import PROGRAM, main
from arae_toolkit.recipes.shared.commands import CORPUS, FILE, LABEL, RUN
from arae_toolkit.storage.paths import runs_folder


def offered(*words):
    """Return what is offered for the last word: names, and whether files are."""
    complete = ShellComplete(main, {}, PROGRAM, "_ARAE_TOOLKIT_COMPLETE")
    items = complete.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items if item.type == "plain"], items[:1] != [] and (
        items[0].type == "file"
    )


@pytest.fixture(autouse=True)
def some_runs():
    labels = {"corpus": {"labels": ["negative", "positive"]}}
    infilling = {"labels": ["music", "politics"]}
    for name, config in {"sent": labels, "topics": infilling, "sentences": {}}.items():
        (runs_folder() / name).mkdir(parents=True)
        (runs_folder() / name / "config.json").write_text(json.dumps(config))
    (runs_folder() / "sent-young").mkdir()


@pytest.mark.parametrize(
    ("words", "names", "files"),
    [
        (["sample", "sen"], ["sent", "sentences"], True),
        (["runs", "compare", "topics", "to"], ["topics"], True),
        (["nli", "--encoder", "to"], ["topics"], True),
        (["pretrain", "synthetic-"], ["synthetic-sentiment", "synthetic-topics"], True),
        (["prepare", "m"], ["mnist"], True),
        (["nli", "--corpus", "sn"], ["snli"], True),
        (["transfer", "sent", "--to", ""], ["negative", "positive"], False),
        (["transfer", "topics", "in.txt", "--to", "mu"], ["music"], False),
        (["transfer", "nowhere", "--to", ""], [], False),
        (["transfer", "--to", ""], [], False),
        (["encode", "sent", "tex"], [], True),
        (["encode", "./se"], [], True),
        (["evaluate", "transfer", "sent", "--outputs", "x"], [], True),
    ],
)
def test_what_is_offered(words, names, files):
    assert offered(*words) == (names, files)


def as_bash(out):
    return [tuple(line.split(",", 1)) for line in out.splitlines()]


def as_zsh(out):
    """Three lines each, of which the script loses those that are empty."""
    lines = [line for line in out.splitlines() if line]
    return [(lines[at], lines[at + 1]) for at in range(0, len(lines), 3)]


def as_fish(out):
    return [tuple(line.split(",")[:2]) for line in out.split("\n")[:-1]]


SHELLS = {"bash": as_bash, "zsh": as_zsh, "fish": as_fish}
"""How the script of each reads what the program answers: kinds and values."""


def answered(shell, *words):
    """Return what a shell makes of the answer to its request for the last word."""
    whole = " ".join(words)
    environment = {
        "_ARAE_TOOLKIT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": f"{PROGRAM} {whole}",
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    return SHELLS[shell](call(env=environment).stdout)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "names", "files"),
    [
        (("sample", "sen"), ["sent", "sentences"], True),
        (("sample", ""), ["sent", "sentences", "topics"], True),
        (("nli", "--corpus", "sn"), ["snli"], True),
        (("transfer", "sent", "--to", ""), ["negative", "positive"], False),
        (("transfer", "topics", "in.txt", "--to", "mu"), ["music"], False),
        (("encode", "sent", ""), [], True),
        (("encode", "sent", "tex"), [], True),
    ],
)
def test_each_shell_is_answered_alike(shell, words, names, files):
    found = answered(shell, *words)
    assert [value for kind, value in found if kind == "plain"] == names
    assert [kind for kind, _ in found[:1]] == ["file"] * files + ["plain"] * (not files)
    if files and shell == "fish":  # whose script hands it on, to complete the file
        assert found[0] == ("file", words[-1])


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_however_it_is_asked_for(shell):
    source = call(env={"_ARAE_TOOLKIT_COMPLETE": f"{shell}_source"}).stdout
    assert source.strip() == call("completion", shell).stdout.strip()
    assert f"_ARAE_TOOLKIT_COMPLETE={shell}_complete" in source
    kind, command = answered(shell, "sam")[0]
    assert (kind, command.split("\t")[0]) == ("plain", "sample")


def test_every_run_and_corpus_of_every_command_is_completed():
    """Whatever is called so: a new command has it for nothing."""
    found = {
        (name, parameter.name): parameter.type
        for name in command_names()
        for parameter in command_named(name).params
    }
    assert found["transfer", "run"] is RUN
    assert found["evaluate latent", "corpus_name"] is CORPUS
    assert found["transfer", "source"] is FILE
    assert found["transfer", "asked"] is LABEL
    for (command, name), kind in found.items():
        if name in ("run", "runs"):
            assert kind is RUN, command
