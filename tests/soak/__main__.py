"""Bulk work with a worker killed every few minutes, and now and then the whole command.

The answers are to be those of work that nobody disturbs: every file of the folder alike, every row
once. Rounds follow each other until the time is up; the last one is finished.
"""

import hashlib
import itertools
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import click
import small
from command_line import start
from small_bulk import content_of, workers_of, write_rows

from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.reports.results import summarise, write_result

COMMAND_DIES = 3  # every so many kills


def work(words: list[object], log: Path) -> "subprocess.Popen[str]":
    """Start the command; what it tells goes to a file."""
    with log.open("a") as told:
        return start(*words, stdout=told, stderr=told)


def finished(process: "subprocess.Popen[str]", log: Path) -> None:
    """Refuse a command that has failed."""
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {log.read_text()[-2_000:]}")


def digest_of(folder: Path) -> str:
    """Return one hash of all files of a folder and their names."""
    digest = hashlib.sha256()
    for name, content in sorted(content_of(folder).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def ids_in(folder: Path) -> list[str]:
    """Return every row that was answered, as often as it was."""
    paths = folder.glob("answers/**/part-*")
    return sorted(f"{p.parent.name} {line[:12]}" for p in paths for line in p.open())


@click.command()
@click.argument("run", required=False)
@click.option("--minutes", default=30.0)
@click.option("--kill-every", default=120.0, help="Seconds between two kills, more or less.")
@click.option("--rows", default=40_000, help="Rows of a round, in four files.")
@click.option("--workers", default=2)
@click.option("--engine", default="local")
@click.option("--seed", default=0)
@click.option("--results", type=click.Path(path_type=Path), help="Folder for a file of results.")
def main(
    run: str | None,
    minutes: float,
    kill_every: float,
    rows: int,
    workers: int,
    engine: str,
    seed: int,
    results: Path | None,
) -> None:
    """Reconstruct rows by RUN, or by a small untrained model, for so many MINUTES."""
    chance, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = run or small.save_model(folder / "model")
        for at in range(4):
            write_rows(folder / "rows" / f"{at}.jsonl", rows // 4)
        words: list[object] = ["reconstruct", model, "--input", folder / "rows", "--device", "cpu"]
        words += ["--workers", workers, "--engine", engine, "--part-rows", max(1, rows // 80)]
        undisturbed = work([*words, "--output", folder / "undisturbed"], folder / "log")
        undisturbed.wait()
        finished(undisturbed, folder / "log")
        expected, ids = digest_of(folder / "undisturbed"), ids_in(folder / "undisturbed")
        assert len(ids) == len(set(ids)) == rows // 4 * 4
        round_seconds = time.monotonic() - began
        click.echo(f"undisturbed: {len(ids):,} rows in {round_seconds:.0f} s, {expected[:16]}")
        killed = restarted = 0
        next_kill = time.monotonic() + chance.uniform(0.3, 1) * kill_every  # in whatever round
        for number in itertools.count(1):
            out = folder / f"round-{number}"
            process = work([*words, "--output", out], folder / "log")
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() < next_kill:
                    continue
                next_kill = time.monotonic() + chance.uniform(0.7, 1.3) * kill_every
                team = workers_of(process.pid)
                if killed % COMMAND_DIES == COMMAND_DIES - 1:
                    process.kill()
                    process.wait()
                    restarted += 1
                    while any(Path(f"/proc/{pid}").exists() for pid in team):
                        time.sleep(0.2)  # what has a part finishes it
                    process = work([*words, "--output", out], folder / "log")
                elif team:
                    os.kill(chance.choice(team), signal.SIGKILL)
                killed += 1
            finished(process, folder / "log")
            found = digest_of(out)
            if found != expected or ids_in(out) != ids:
                raise SystemExit(f"round {number}: {found[:16]}, {len(ids_in(out)):,} rows")
            minutes_gone = (time.monotonic() - began) / 60
            click.echo(
                f"round {number}: the same {len(ids):,} rows and files; so far {killed} kills, "
                f"{restarted} of the whole command, {minutes_gone:.1f} minutes",
            )
            if minutes_gone < minutes:
                continue
            if results is not None:
                counts = {
                    "rounds": number,
                    "rows answered": number * len(ids),
                    "rows lost or doubled": 0,  # or a round would have ended this
                    "workers killed": killed - restarted,
                    "commands killed": restarted,
                }
                write_result(
                    *(results, f"soak-{engine}"),
                    command=command_line(),
                    corpus=None,
                    seeds=[seed],
                    device="cpu",
                    seconds=60 * minutes_gone,
                    metrics={name: summarise([count], "") for name, count in counts.items()},
                )
            return


if __name__ == "__main__":
    main()
