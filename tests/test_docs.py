"""What is written about the program is true: help, README, tree, examples, changelog."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import re
import shlex
from pathlib import Path

import click
import pytest
from command_tree import command_named, command_names

import arae_toolkit
from arae_toolkit import errors
from arae_toolkit.recipes.cli import COMMANDS, PROGRAM

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPTIONS = ROOT / "tests" / "data" / "options.json"
FOLDERS = {  # as the tree shows them; the modules of the first three are listed one by one
    "arae_toolkit": "the library: computes, never prints",
    "recipes": "the commands, installed as arae_toolkit.recipes",
    "data_prep": "raw corpus -> packed tokens; no torch; installed as arae_toolkit.data_prep",
    "tests": "test_<module>.py for each module, and contracts over the whole",
    "benchmarks": "speed against a textbook and limits; installed as arae_toolkit.benchmarks",
    "results": "the measured numbers and the samples, as files",
    "docs": "what does not fit into a docstring",
}
LISTED = ("arae_toolkit", "recipes", "data_prep")


COMMAND_NAMES = list(command_names())
every_command = pytest.mark.parametrize("name", COMMAND_NAMES)


def options_of(command):
    """Return every spelling of every option a user sees."""
    return sorted(
        spelling
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    )


def code_blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def check_command_line(line):
    """Assert that a command line names a command of ours and options that it has."""
    words = shlex.split(line, comments=True)
    arguments = words[words.index(PROGRAM) + 1 :]
    for end in ("|", ">", ">>", "<", "&&", ";"):
        if end in arguments:
            arguments = arguments[: arguments.index(end)]
    if not arguments or arguments[0].startswith("-"):
        return
    name = arguments[0]
    if " ".join(arguments[:2]) in COMMAND_NAMES:
        name = " ".join(arguments[:2])
    known = {*options_of(command_named(name)), "--help", "--debug"}
    for word in arguments[1:]:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{line!r}: {name} has no option {word}"


# --- commands --------------------------------------------------------------------------------


@every_command
def test_a_command_has_help_with_examples_that_parse(name):
    command = command_named(name)
    assert command.name == name.split()[-1]
    assert command.help
    assert command.examples, "an ExamplesCommand with examples=[...]"
    for example in command.examples:
        if PROGRAM in example.split():
            check_command_line(example)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{name} {parameter.opts[0]} has no help text"


def test_a_command_line_is_checked_against_the_command_of_a_group():
    check_command_line("arae-toolkit nli --labels tiny")
    check_command_line("arae-toolkit nli predict tiny --batch-size 1 < pairs.jsonl")
    with pytest.raises(AssertionError, match="nli predict has no option --labels"):
        check_command_line("arae-toolkit nli predict tiny --labels tiny")


@every_command
def test_a_command_stands_in_the_readme(name):
    assert f"`{PROGRAM} {name}" in README


@every_command
def test_options_change_on_purpose_only(name):
    frozen = json.loads(OPTIONS.read_text(encoding="utf-8"))
    current = options_of(command_named(name))
    assert frozen.get(name) == current, (
        "An option is a promise. If the change is meant, note it in CHANGELOG.md and put into "
        f"{OPTIONS}:\n  {json.dumps(name)}: {json.dumps(current)},"
    )


# --- README ----------------------------------------------------------------------------------


def first_sentence(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.split("\n\n")[0].replace("\n", " ")
    return re.sub(r":\w+:`~?([\w.]+)`", r"\1", first).replace("``", "").rstrip(".")


def tree_lines():
    """Yield name and purpose of every folder and module, the purpose from its first docstring."""
    for folder, purpose in FOLDERS.items():
        files = [path for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
        if not [path for path in files if "__pycache__" not in path.parts]:
            continue
        yield f"{folder}/", purpose
        if folder not in LISTED:
            continue
        inside = sorted(
            (ROOT / folder).rglob("*.py"), key=lambda path: (len(path.parts), path.as_posix())
        )
        seen_folders = set()
        for path in inside:
            relative = path.relative_to(ROOT / folder)
            if len(relative.parts) > 1 and relative.parent not in seen_folders:
                seen_folders.add(relative.parent)
                yield f"    {relative.parent.as_posix()}/", first_sentence(path)
            if relative.name != "__init__.py" or len(relative.parts) == 1:
                yield "    " * len(relative.parts) + relative.name, first_sentence(path)


def tree():
    lines = list(tree_lines())
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:{width}}{purpose}" for name, purpose in lines)


def test_the_tree_in_the_readme_is_that_of_the_files():
    assert tree() in README, f"Paste this tree into README.md:\n\n{tree()}\n"


def test_the_readme_opens_with_what_this_is_and_the_two_commands():
    start = README[: README.index("\n## ", README.index("```"))]
    assert start.startswith("# arae-toolkit\n")
    assert re.search(r"^make demo\b", start, flags=re.MULTILINE)
    assert re.search(r"^make test\b", start, flags=re.MULTILINE)


def test_command_lines_in_the_readme_parse():
    lines = [
        line
        for block in code_blocks("(?:console|sh|bash)?")
        for line in block.replace("\\\n", " ").splitlines()
        if line.removeprefix("$ ").startswith(PROGRAM)
    ]
    assert len(lines) >= len(COMMANDS) - 1
    for line in lines:
        check_command_line(line.removeprefix("$ "))


def test_python_in_the_readme_uses_what_exists():
    blocks = code_blocks("python")
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, alias.name) for alias in node.names)
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in (
                "ARAE",
                "model",
            ):
                assert hasattr(arae_toolkit.ARAE, node.attr), f"ARAE has no {node.attr}"


def test_the_readme_lists_every_exit_code():
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ToolkitError)
    }
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert listed == codes | {0, 2, 130, 143}


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_changelog_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)[0]
    assert latest in ("Unreleased", arae_toolkit.__version__)
    assert "### Numbers" in text


# --- docstrings ------------------------------------------------------------------------------


def modules_with_examples():
    for package, folder in (
        ("arae_toolkit", "arae_toolkit"),
        ("arae_toolkit.recipes", "recipes"),
        ("arae_toolkit.data_prep", "data_prep"),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                yield ".".join((package, *parts)).removesuffix(".__init__")


@pytest.mark.parametrize("module", sorted(modules_with_examples()))
def test_examples_in_docstrings_run(module):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=flags)
    assert tried
    assert not failed, "the captured output shows the difference"


def test_configuration_files_name_no_machine():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"/(root|home|Users)/", text), f"{name} names a home folder"
