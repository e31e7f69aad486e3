"""The lock file: what a wheel needs, at the versions of the constraints, each file by its hash."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def name_of(requirement):
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def pins(text):
    """Return the version of each pinned package."""
    found = re.findall(r"^([\w.-]+)==([^ \\\n]+)", text, re.MULTILINE)
    return {name_of(name): version for name, version in found}


def lock():
    return (ROOT / "requirements.lock").read_text()


def test_the_lock_holds_everything_that_a_wheel_needs_in_the_versions_of_the_constraints():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    constraints, locked = pins((ROOT / "constraints.txt").read_text()), pins(lock())
    assert {name_of(requirement) for requirement in project["dependencies"]} <= set(locked)
    shared = set(locked) & set(constraints)
    assert {name: locked[name] for name in shared} == {name: constraints[name] for name in shared}


def test_every_package_of_the_lock_is_known_by_the_hash_of_its_files():
    packages = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", lock(), flags=re.MULTILINE))
    assert len(packages) > 40
    for package in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package.splitlines()[0]


def test_the_source_archive_carries_the_lock():
    assert "requirements.lock" in (ROOT / "MANIFEST.in").read_text()
