"""Arrows point down only, and what no module may hold."""

from __future__ import annotations

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

# From the bottom up. A module imports its own layer and those above it in this list.
LAYERS = {
    "no torch": (
        *(
            "errors",
            "files",
            "locations",
            "lines",
            "configs",
            "overrides",
            "presets",
            "vocabulary",
            "corpus",
            "run_identity",
        ),
        *(
            "results",
            "markdown",
            "inference_report",
            "performance_report",
            "transfer_report",
            "benchmark_report",
        ),
        *("report", "plots"),
    ),
    "data preparation": ("data_prep",),
    "tensors": (
        *("devices", "captures"),
        "batching",
        "attribute_batching",
        "noise",
        "objectives",
        "packing",
        *("projection", "chunked_projection", "fused_projection", "softmax_gradient"),
        *("triton_kernels", "triton_norms", "triton_support"),
        "sampled_softmax",
        "schedules",
        "model_folder",
        "pixels",
    ),
    "models": ("models",),
    "steps": (
        "updates",
        "critic_layers",
        "critic_kernels",
        "critic_gradients",
        "steps",
        "extensions",
        "optimizers",
    ),
    "use": (
        *(
            *("plan", "critics"),
            "cuda_graphs",
            "sampling",
            "adversary",
            "algorithm",
            "training",
            "pretraining",
            "checkpoint",
            "run_log",
        ),
        *("dev_evaluation", "evaluation", "pictures"),
        *("nli", "transfer", "estimators"),
    ),
    "commands": ("recipes", "benchmarks"),
}
TORCH_FREE = ("no torch", "data preparation")
PURE_DATA = {"arae_toolkit.data_prep.synthetic.lexicon"}  # word lists only: may be long
LONGEST = 500


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


def imported_names(module):
    """Return the full names of what a module imports, anywhere in it."""
    for node in ast.walk(tree_of(module)):
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


def layer_of(module):
    for layer, parts in LAYERS.items():
        if part_of(module) in parts:
            return layer
    raise AssertionError(f"{module} stands in no layer: enter it in LAYERS of {__file__}")


def imports_library(module, library):
    return any(name.split(".")[0] == library for name in imported_names(module))


@every_module
def test_arrows_point_down_only(module):
    if module == "arae_toolkit":  # offers names of higher layers, loaded on first use
        return
    order = list(LAYERS)
    for imported in own_imports(module) - {"arae_toolkit"}:
        assert order.index(layer_of(imported)) <= order.index(layer_of(module)), (
            f"{module} imports {imported}, which stands above it"
        )


@every_module
def test_a_module_imports_only_what_its_place_allows(module):
    own = {part_of(name) for name in own_imports(module)}
    part = part_of(module)
    if part == "objectives":
        assert not own
    if part == "models":
        assert "configs" not in own
    if part == "evaluation":
        assert "training" not in own
    if part == "recipes":
        assert not own_imports(module) & COMMAND_MODULES, "a recipe imports another recipe"
        assert "benchmarks" not in own or module == "arae_toolkit.recipes.benchmark"
    elif part == "benchmarks":
        pass  # programs: they may use click
    else:
        assert not imports_library(module, "click"), "the library knows no command line"
    if module != "arae_toolkit" and layer_of(module) in TORCH_FREE:
        assert not imports_library(module, "torch")
    if part != "interop":
        assert not imports_library(module, "torchtext")


@every_module
def test_a_module_is_short(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or module in PURE_DATA


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
