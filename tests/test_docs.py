"""What is written about the program is true: help, README, docs, examples, changelog."""

import ast
import doctest
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from command_tree import command_named
from documentation import COMMAND_NAMES, PAGES, ROOT, blocks_of, command_of, commands_in

import arae_toolkit
from arae_toolkit import errors
from arae_toolkit.benchmarks.tables import main as write_pages
from arae_toolkit.recipes.cli import COMMANDS, PROGRAM
from arae_toolkit.recipes.shared.option_types import FOLDER_TO_WRITE, NumberRange

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 200
OPTIONS = ROOT / "tests" / "data" / "options.json"
EQUATIONS = ROOT / "docs" / "algorithms.md"
PACKAGES = {
    "arae_toolkit": ROOT / "arae_toolkit",
    "arae_toolkit.recipes": ROOT / "recipes",
    "arae_toolkit.data_prep": ROOT / "data_prep",
}
MODULES = {
    ".".join((package, *path.relative_to(folder).with_suffix("").parts)): path
    for package, folder in PACKAGES.items()
    for path in sorted(folder.rglob("*.py"))
}

every_command = pytest.mark.parametrize("name", COMMAND_NAMES)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def options_of(command):
    """Return every spelling of every option a user sees."""
    return sorted(
        spelling
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    )


def check_command_line(line):
    """Assert that the commands of ours in a line exist and have the options that it gives them."""
    for program, *arguments in commands_in(line):
        if program != PROGRAM or not arguments or arguments[0].startswith("-"):
            continue
        name = command_of(arguments)
        known = {*options_of(command_named(name)), "--help", "--debug"}
        for word in arguments[1:]:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"{line!r}: {name} has no option {word}"


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
    """A command of a group in the row of its group."""
    group, _, own = name.partition(" ")
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{PROGRAM} {group}` |")]
    assert not own or f"`{own}`" in row


def test_the_help_of_every_command_comes_without_torch():
    program = (
        "import sys\nfrom click.testing import CliRunner\n"
        "from arae_toolkit.recipes.cli import main\n"
        f"for name in {COMMAND_NAMES!r}:\n"
        "    done = CliRunner().invoke(main, [*name.split(), '--help'])\n"
        "    assert done.exit_code == 0, done.output\n"
        "    assert 'torch' not in sys.modules, name"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@every_command
def test_numbers_are_finite_and_folders_of_results_are_looked_at_first(name):
    """NaN passes click's own bounds, and a folder that cannot be written would cost the work."""
    for parameter in command_named(name).params:
        if isinstance(parameter.type, click.types.FloatParamType):
            assert isinstance(parameter.type, NumberRange), parameter.name
        if parameter.name in ("results", "plots") and isinstance(parameter.type, click.Path):
            assert parameter.type is FOLDER_TO_WRITE, parameter.name


@every_command
def test_options_change_on_purpose_only(name):
    frozen = json.loads(OPTIONS.read_text(encoding="utf-8"))
    current = options_of(command_named(name))
    assert frozen.get(name) == current, (
        "An option is a promise. If the change is meant, note it in CHANGELOG.md and put into "
        f"{OPTIONS}:\n  {json.dumps(name)}: {json.dumps(current)},"
    )


def test_what_is_generated_is_up_to_date(monkeypatch):
    """Tables, samples, and the trees of folders and modules."""
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(write_pages, ["--check"])
    assert done.exit_code == 0, done.stderr


def test_the_readme_is_short_and_opens_with_what_this_is_and_the_two_commands():
    assert len(README.splitlines()) <= MOST_LINES
    start = README[: README.index("\n## ", README.index("```"))]
    assert start.startswith("# arae-toolkit\n")
    assert re.search(r"^make demo\b", start, flags=re.MULTILINE)
    assert re.search(r"^make test\b", start, flags=re.MULTILINE)


@every_page
def test_the_code_of_a_page_could_run(page):
    for block in blocks_of(page):
        assert block.language, f"{block.place}: a block of code names its language"
        if block.language == "console":
            for line in block.lines:
                check_command_line(line)
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                assert not (isinstance(node, ast.Constant) and node.value is ...), block.place
                if isinstance(node, ast.ImportFrom):
                    module = importlib.import_module(node.module or "")
                    assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_commands_of_a_users_work_are_shown_in_code():
    blocks = [block for page in PAGES for block in blocks_of(page) if block.language == "console"]
    commands = [words for block in blocks for line in block.lines for words in commands_in(line)]
    used = {words[1] for words in commands if words[0] == PROGRAM}
    assert used >= set(COMMANDS) - {"demo"}


def test_every_exit_code_is_listed():
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ToolkitError)
    }
    for page in (ROOT / "README.md", ROOT / "docs" / "files.md"):
        rows = re.findall(r"^\| ([\d, ]+) \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        listed = {int(code) for row in rows for code in row.split(",")}
        assert listed == codes | {0, 2, 130, 143}, page.name


@every_page
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_of_docs_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs") and page.name != "index.md":
            name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
            assert re.search(rf"^{name}$", index, flags=re.MULTILINE), f"no {name} in docs/index.md"


@every_page
def test_the_modules_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<!-- results:.*?<!-- /results -->", "", text, flags=re.DOTALL)
    for module in re.findall(r"python -m (arae_toolkit[\w.]+\w)", text):
        assert importlib.util.find_spec(module), f"{page.name} names {module}"
    files = [*MODULES.values(), *(ROOT / "tests").glob("**/*.py")]
    for name in re.findall(r"`([\w/]+\.py)\b", text):
        named = Path(name).parts
        assert any(path.parts[-len(named) :] == named for path in files), f"{page.name}: {name}"


def test_the_functions_named_beside_the_equations_exist_once():
    defined = [
        node.name
        for name, path in MODULES.items()
        if not name.startswith("arae_toolkit.recipes")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    named = re.findall(r"\{py:\w+\}`\.(\w+)`", EQUATIONS.read_text(encoding="utf-8"))
    assert len(named) > 15
    for name in named:
        assert defined.count(name) == 1, f"{name} is defined {defined.count(name)} times"


def test_the_changelog_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)[0]
    assert latest in ("Unreleased", arae_toolkit.__version__)
    assert "### Numbers" in text


def test_nothing_names_a_machine():
    others = [ROOT / name for name in ("CHANGELOG.md", "Makefile", "pyproject.toml")]
    for path in (*PAGES, *others):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(root|home|Users)/", text), f"{path.name} names a home folder"


@pytest.mark.parametrize(
    "module",
    [
        name.removesuffix(".__init__")
        for name, path in MODULES.items()
        if ">>> " in path.read_text(encoding="utf-8")
    ],
)
def test_examples_in_docstrings_run(module):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=flags)
    assert tried
    assert not failed, "the captured output shows the difference"
