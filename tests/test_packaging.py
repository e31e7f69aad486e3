"""What is shipped is what is there: wheel and source archive, built from a copy of the sources."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import arae_toolkit

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "arae_toolkit": "",
    "recipes": "arae_toolkit/",
    "data_prep": "arae_toolkit/",
    "benchmarks": "arae_toolkit/",
}

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder that holds a fresh wheel and a fresh source archive."""
    copy = tmp_path_factory.mktemp("build") / "sources"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")

    def ignored(folder: str, names: list[str]) -> set[str]:
        # Trained models lie in runs/, and a package of the recipes is called so too.
        return {*left_out(folder, names), *(["runs"] if Path(folder) == ROOT else [])}

    shutil.copytree(ROOT, copy, ignore=ignored)
    builder = "from setuptools import build_meta as b; b.build_sdist('out'); b.build_wheel('out')"
    subprocess.run([sys.executable, "-c", builder], cwd=copy, check=True, capture_output=True)
    return copy / "out"


@pytest.fixture(scope="module")
def wheel_files(built):
    (wheel,) = built.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_exactly_the_modules_on_disk(wheel_files, built):
    sources = built.parent
    on_disk = {
        prefix + path.relative_to(sources).as_posix()
        for folder, prefix in PACKAGES.items()
        for path in (sources / folder).rglob("*.py")
    }
    assert {name for name in wheel_files if name.endswith(".py")} == on_disk


def test_the_wheel_holds_the_files_of_the_page(wheel_files, built):
    page = built.parent / "arae_toolkit" / "serving" / "page"
    on_disk = {path.relative_to(built.parent).as_posix() for path in page.iterdir()}
    assert len(on_disk) > 5
    shipped = {name for name in wheel_files if name.startswith("arae_toolkit/serving/page/")}
    assert shipped == on_disk


def test_the_wheel_adds_one_name(wheel_files):
    names = {name.split("/")[0] for name in wheel_files}
    assert names == {"arae_toolkit", f"arae_toolkit-{arae_toolkit.__version__}.dist-info"}


def test_programs_of_the_wheel_run_by_their_full_name(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    for name in ("benchmarks.startup", "benchmarks.gpu.gpu_session"):
        command = [sys.executable, "-m", f"arae_toolkit.{name}", "--help"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "Usage:" in done.stdout
    program = "import arae_toolkit.benchmarks as package; print(package.__file__)"
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)


def test_the_wheel_carries_types_licence_and_program(wheel_files, built):
    assert "arae_toolkit/py.typed" in wheel_files
    (wheel,) = built.glob("*.whl")
    information = f"arae_toolkit-{arae_toolkit.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert "MIT License" in archive.read(f"{information}/licenses/LICENSE").decode()
        programs = archive.read(f"{information}/entry_points.txt").decode()
        metadata = archive.read(f"{information}/METADATA").decode()
    assert "arae-toolkit = arae_toolkit.recipes.cli:main" in programs
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_source_archive_carries_tests_and_changelog(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as members:
        names = {name.partition("/")[2] for name in members.getnames()}
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("*.py")}
    assert tests <= names
    wanted = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "constraints.txt"}
    assert wanted <= names
