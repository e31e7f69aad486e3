"""Arrows between packages point down only, and what no module may hold."""

import ast
from pathlib import Path

import pytest
from command_tree import command_modules

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "arae_toolkit": ROOT / "arae_toolkit",
    "arae_toolkit.recipes": ROOT / "recipes",
    "arae_toolkit.data_prep": ROOT / "data_prep",
    "arae_toolkit.benchmarks": ROOT / "benchmarks",
}

# From the bottom up. A package imports those below it, never those beside it or above.
ORDER = (
    ("errors", "version"),
    ("storage", "config"),
    ("devices",),
    ("distributed",),
    ("optim",),
    ("data",),
    ("data_prep",),
    ("ops",),
    ("nn",),
    ("generation",),
    ("models",),
    ("training",),
    ("evaluation", "latent"),
    ("pretraining", "nli", "priors"),
    ("transfer",),
    ("estimators",),
    ("interop", "serving", "bulk", "search"),
    ("reports",),
    ("recipes", "benchmarks"),
    ("__main__",),
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
# Start without torch, whatever they import: the command line, what prepares and what reports.
TORCH_FREE = (
    *("errors", "version", "config", "reports", "data_prep", "bulk"),
    *("storage.atomic_files", "storage.paths", "storage.text_lines"),
    *("data.vocabulary", "data.corpus", "training.run_identity"),
    "training.run_records",
    *("recipes.cli", "recipes.shared.commands"),
)
# Beside each other, and still imported: a command runs benchmarks, which look for runs as it does.
BESIDE = {("recipes", "benchmarks"), ("benchmarks", "recipes")}
PURE_DATA = {"arae_toolkit.data_prep.synthetic.lexicon"}  # word lists only: may be long
LONGEST = 500
MOST_FILES, MOST_MODULES_AT_THE_TOP = 15, 6


def modules():
    """Return the path of every module by its full name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


MODULES = modules()
COMMAND_MODULES = set(command_modules())
every_module = pytest.mark.parametrize("module", sorted(MODULES))


def tree_of(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported_names(module, *, at_start_only=False):
    """Yield the full names of what a module imports: anywhere in it, or when it is loaded."""
    tree = tree_of(module)
    for node in tree.body if at_start_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def own_imports(module):
    return {name for name in imported_names(module) if name.split(".")[0] == "arae_toolkit"}


def part_of(module):
    """Return the first name below the package: ``models`` of ``arae_toolkit.models.arae``."""
    return (module + ".").split(".")[1]


def imports_library(module, library):
    return any(name.split(".")[0] == library for name in imported_names(module))


def loaded_with(module):
    """Return every module that is loaded when one is imported, and the libraries."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in MODULES:
            waiting.extend(imported_names(name, at_start_only=True))
            waiting.append(name.rpartition(".")[0] or name)
    return found


@every_module
def test_arrows_point_down_only(module):
    part = part_of(module)
    if module == "arae_toolkit":  # offers names of higher packages, loaded on first use
        return
    for imported in own_imports(module) - {"arae_toolkit"}:
        other = part_of(imported)
        if other == part or (part, other) in BESIDE:
            continue
        assert RANK[other] < RANK[part], f"{module} imports {imported}, which stands above it"


def test_arrows_between_modules_make_no_circle():
    """No module of the library needs, when it is loaded, one that needs it."""
    arrows = {
        name: set(imported_names(name, at_start_only=True)) & set(MODULES) for name in MODULES
    }
    done = set()

    def visit(name, path):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in arrows[name]:
                visit(other, [*path, name])
            done.add(name)

    for name in MODULES:
        visit(name, [])


@every_module
def test_a_module_imports_only_what_its_place_allows(module):
    own = {part_of(name) for name in own_imports(module)}
    part = part_of(module)
    if module == "arae_toolkit.pretraining.objectives":
        assert not own
    if part in ("nn", "models", "ops"):
        assert "config" not in own, "components take arguments, no configuration objects"
    if part == "recipes":
        assert not own_imports(module) & COMMAND_MODULES, "a recipe imports another recipe"
        assert "benchmarks" not in own or module == "arae_toolkit.recipes.benchmark"
    elif part != "benchmarks":  # programs: they may use click
        assert not imports_library(module, "click"), "the library knows no command line"
    if part != "interop":
        assert not imports_library(module, "torchtext")


@pytest.mark.parametrize("part", TORCH_FREE)
def test_some_parts_start_without_torch(part):
    place = f"arae_toolkit.{part}"
    inside = [name for name in MODULES if name == place or name.startswith(place + ".")]
    assert inside
    for module in inside:
        assert "torch" not in {name.split(".")[0] for name in loaded_with(module)}, module


@every_module
def test_a_module_is_one_concept_of_readable_length(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or module in PURE_DATA


def test_a_folder_can_be_taken_in_at_a_glance():
    files = {}
    for path in MODULES.values():
        files.setdefault(path.parent, []).append(path.name)
    for folder, names in files.items():
        if folder.name != "benchmarks":  # one program a claim
            assert len(names) <= MOST_FILES, f"{folder}: {len(names)} files"
    assert len(files[ROOT / "arae_toolkit"]) <= MOST_MODULES_AT_THE_TOP


@every_module
def test_nothing_is_unpickled_and_no_failure_is_swallowed(module):
    assert not imports_library(module, "pickle")
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{module}:{node.lineno}: bare except"
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(getattr(kind, "id", "") in ("Exception", "BaseException") for kind in kinds)
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not broad or raises, f"{module}:{node.lineno}: swallows every exception"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("torch", "load"), f"{module}:{node.lineno}"


@every_module
def test_data_listed_as_pure_holds_no_logic(module):
    if module in PURE_DATA:
        allowed = (ast.Expr, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
        assert all(isinstance(node, allowed) for node in tree_of(module).body)
