"""The same checks in fresh environments: ``nox`` runs check and test, ``nox -s NAME`` any other."""

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["check", "test"]
nox.needs_version = ">=2024.4.15"

PYTHONS = ["3.11", "3.12", "3.13"]
TORCH = next(
    line for line in Path("constraints.txt").read_text().splitlines() if line.startswith("torch==")
)


def install(session: nox.Session) -> None:
    session.install("-c", "constraints.txt", TORCH)
    session.install("-c", "constraints.txt", "-e", ".[dev,docs,tensorboard]")


def make(session: nox.Session, target: str) -> None:
    """Run a target of the Makefile in the session's environment."""
    environment = Path(session.virtualenv.location)
    (environment / ".ready").touch()
    session.run("make", target, f"VENV={environment}", external=True)


@nox.session
def check(session: nox.Session) -> None:
    install(session)
    make(session, "check")


@nox.session(python=PYTHONS)
def test(session: nox.Session) -> None:
    install(session)
    session.run("pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    install(session)
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, warnings being errors."""
    install(session)
    make(session, "docs")


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and source archive, install the wheel, and use it from another folder."""
    shutil.rmtree("build/lib", ignore_errors=True)  # setuptools would ship what was deleted since
    session.install("build")
    out = Path(session.create_tmp()).resolve() / "dist"
    session.run("python", "-m", "build", "--outdir", str(out))
    session.install("-c", "constraints.txt", TORCH)
    session.install("-c", "constraints.txt", *map(str, out.glob("*.whl")))
    session.chdir(out)
    session.run("arae-toolkit", "doctor")
    session.run("arae-toolkit", "benchmark", "--quick")


@nox.session(python="3.11")
def torchtext(session: nox.Session) -> None:
    """Run the whole suite beside torchtext's last release, which needs torch 2.3 and numpy 1."""
    session.install("-e", ".[torchtext,dev,tensorboard]")
    session.run("pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)
