"""The repository's folders and modules, each with the first sentence of its docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FOLDERS = {
    "arae_toolkit": "the library: computes, never prints",
    "recipes": "the commands, installed as arae_toolkit.recipes",
    "data_prep": "raw corpus -> packed tokens; no torch; installed as arae_toolkit.data_prep",
    "benchmarks": "speed against a textbook and limits; installed as arae_toolkit.benchmarks",
    "tests": "test_<module>.py for each module, and contracts over the whole",
    "results": "the measured numbers and the samples, as files",
    "docs": "guides, how it works, results: the pages that make docs turns into a site",
}
"""The folders in the order that they are shown in, and what each is for."""
LISTED = ("arae_toolkit", "recipes", "data_prep")
"""Folders whose modules are shown one by one."""
BLOCK = re.compile(r"(<!-- (folders|tree) -->\n)(.*?)(<!-- /\2 -->)", flags=re.DOTALL)


def replace_trees(text: str, root: Path) -> str:
    """Return a text whose blocks ``<!-- folders -->`` and ``<!-- tree -->`` are written afresh.

    Args:
        text: Markdown.
        root: Folder of the repository.
    """

    def rendered(match: re.Match[str]) -> str:
        start, name, _, end = match.groups()
        lines = list(_lines(root, modules=name == "tree"))
        width = max(len(name) for name, _ in lines) + 2
        tree = "\n".join(f"{name:{width}}{purpose}" for name, purpose in lines)
        return f"{start}```text\n{tree}\n```\n{end}"

    return BLOCK.sub(rendered, text)


def _lines(root: Path, *, modules: bool) -> Iterator[tuple[str, str]]:
    """Yield name and purpose of every folder and, where asked for, of every module."""
    for folder, purpose in FOLDERS.items():
        yield f"{folder}/", purpose
        if modules and folder in LISTED:
            yield from _package(root / folder, depth=1, modules=True)
        elif folder == LISTED[0]:
            yield from _package(root / folder, depth=1, modules=False)


def _package(folder: Path, *, depth: int, modules: bool) -> Iterator[tuple[str, str]]:
    """Yield the modules of a package, then the packages in it with theirs."""
    indent = "    " * depth
    if modules:
        for path in sorted(folder.glob("*.py")):
            if path.name != "__init__.py" or depth == 1:  # a package's own stands beside its name
                yield indent + path.name, first_sentence(path)
    for inside in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield f"{indent}{inside.name}/", first_sentence(inside / "__init__.py")
        if modules:
            yield from _package(inside, depth=depth + 1, modules=True)


def first_sentence(path: Path) -> str:
    """Return the first sentence of a module's docstring, without roles and literals."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.split("\n\n")[0].replace("\n", " ")
    return re.sub(r":\w+:`[~.]?([\w.]+)`", r"\1", first).replace("``", "").rstrip(".")
