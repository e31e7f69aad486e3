"""The site's settings for Sphinx, and the pages that are made from the package's files."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import click
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.writers.html5 import HTML5Translator

import arae_toolkit
from arae_toolkit.recipes.cli import main
from arae_toolkit.version import __version__

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
MARKUP = re.compile(r"\s*(\.\. |:default:|:options:|\*\*Required)")  # sphinx-click's own
DOCSTRING_MARKUP = {
    re.compile(r"\|(\w[^|`]*)\|"): r"\|\1\|",  # |u - v| is no substitution
    re.compile(r"^(\s+)([A-Z])\.$"): r"\1\2\.",  # a letter alone is no numbered list
    re.compile(r"^:ivar (\w+)_:"): r":ivar \1\_:",  # classes_ is no reference
}

project = "arae-toolkit"
author = copyright = "The arae-toolkit authors"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
]
exclude_patterns = ["figures"]
html_theme = "furo"
smartquotes = False  # they make one dash of the two before an option
html_title = "arae-toolkit"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "ignore-module-all": True,  # a class is described where it is, not where it is exported
    "exclude-members": "set_fit_request,set_score_request,set_transform_request",  # scikit-learn's
}
autodoc_mock_imports = [] if find_spec("triton") else ["triton"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# torch.device is taken for any of our attributes of that name.
suppress_warnings = ["ref.python"]
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_include_init_with_doc = False
napoleon_use_ivar = True


def write_reference(app: Sphinx) -> None:
    """Write a page for each package, with all of its modules, into ``docs/reference``."""
    del app
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / ".gitignore").write_text("*\n")
    root = Path(arae_toolkit.__path__[0])
    packages = sorted(path.parent for path in root.rglob("__init__.py"))
    pages = {_dotted(folder, root): _package_page(folder, root) for folder in packages}
    for stale in REFERENCE.glob("*.md"):
        if stale.stem not in pages:
            stale.unlink()
    for name, text in pages.items():
        path = REFERENCE / f"{name}.md"
        if not path.exists() or path.read_text() != text:  # Sphinx reads again what is newer
            path.write_text(text)


def _dotted(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root.parent).with_suffix("").parts)


def _package_page(folder: Path, root: Path) -> str:
    names = [_dotted(folder, root)]
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    names += [_dotted(path, root) for path in modules]
    sections = [
        f"{'#' if name == names[0] else '##'} {name}\n\n"
        f"```{{eval-rst}}\n.. automodule:: {name}\n```\n"
        for name in names
    ]
    return "\n".join(sections)


def show_examples(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Put a command's examples under its usage."""
    del app
    if examples := getattr(context.command, "examples", ()):
        lines += [".. code-block:: console", "", *(f"   {example}" for example in examples), ""]


def quote_markup(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Let a help text stand as it was written: it is no reStructuredText."""
    del app, context
    lines[:] = [line if MARKUP.match(line) else re.sub(r"[*|]", r"\\\g<0>", line) for line in lines]


def quote_docstring(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Let what looks like markup in a docstring stand for itself, behind napoleon."""
    del app, what, name, obj, options
    for pattern, plain in DOCSTRING_MARKUP.items():
        lines[:] = [pattern.sub(plain, line) for line in lines]


def load_commands(group: click.Group) -> None:
    """Import the commands of a group, which sphinx-click looks for among those that are loaded."""
    context = click.Context(group)
    for name in dict.fromkeys(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        group.commands[name] = command
        if isinstance(command, click.Group):
            load_commands(command)


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in MathML, which browsers show without a script or a network."""
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own in MathML, with its number where it has one."""
    formula = convert(_one_table(node.astext()), display="block")
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    identity = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    self.body.append(f'<div class="math"{identity}>{formula}{number}</div>\n')
    raise nodes.SkipNode


def _one_table(latex: str) -> str:
    """Return several lines of a formula as one ``aligned`` table."""
    if "\\\\" in latex and "\\begin" not in latex:
        return f"\\begin{{aligned}}{latex}\\end{{aligned}}"
    return latex


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    # A field's docstring is a sentence, whose colon sets off no type.
    GoogleDocstring._parse_attribute_docstring = GoogleDocstring._consume_to_end
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    load_commands(main)
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", quote_docstring)
    app.connect("sphinx-click-process-usage", show_examples)
    app.connect("sphinx-click-process-description", quote_markup)
    app.connect("sphinx-click-process-options", quote_markup)
