"""Fuzzed corpora: a file of anything is prepared or refused, and nothing is left of a refusal."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from pathlib import Path

from hypothesis import strategies as st

from arae_toolkit.data.corpus import Corpus, texts_of
from drills.forked import check_end, command, library, run
from drills.frame import Broken, Drill, Trial
from drills.fuzz import TEXTS, streams, tried
from drills.materials import SOURCE


def _zipped(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("train.txt", content)
    return target.getvalue()


_PLAIN = st.sampled_from([".txt", ".jsonl", ".csv"])
_GOOD = {
    ".txt": SOURCE,
    ".jsonl": b"".join(b'{"text": "%s", "label": "a"}\n' % line for line in SOURCE.splitlines()),
    ".csv": b"text,label\n" + b"".join(b"%s,a\n" % line for line in SOURCE.splitlines()),
}
_CELLS = st.lists(st.lists(TEXTS, max_size=4), max_size=6).map(
    lambda rows: "\n".join(",".join(cells) for cells in rows).encode(errors="surrogatepass")
)
FILES = st.tuples(
    _PLAIN,
    st.sampled_from(["", "", "", ".gz", ".zip", "cut.gz", "cut.zip"]),
    streams(["text", "label"]) | _CELLS,
    streams(["text", "label"]) | _CELLS,
    st.booleans(),  # whether good rows stand between the odd ones
    st.booleans(),  # whether rows have labels
    st.sampled_from(["fail", "skip"]),
)


def attempt(trial: Trial) -> None:
    """Prepare odd files."""
    trial.what = "prepare"

    def check(value: tuple[str, str, bytes, bytes, bool, bool, str]) -> None:
        kind, packing, before, behind, good, labels, on_error = value
        content = before + b"\n" + _GOOD[kind] + behind if good else before + behind
        name = f"odd{kind}"
        if packing.endswith(".gz"):
            name, content = name + ".gz", gzip.compress(content, 1)
        elif packing.endswith(".zip"):
            name, content = "odd.zip", _zipped(content)
        if packing.startswith("cut"):
            content = content[: len(content) * 2 // 3]
        path = trial.folder / name
        path.write_bytes(content)
        place = trial.folder / "prepared"
        out = place / "corpus"
        words = ["prepare", path, "--out", out, "--on-error", on_error]
        if labels and kind != ".txt" and name != "odd.zip":
            words += ["--label-field", "label"]
        done = run(command(*words), trial.folder / "work")
        check_end(done, [0, 3])
        left = sorted(p.name for p in place.iterdir()) if place.exists() else []
        if done.code == 0:
            check_end(run(library(lambda: _read(out)), trial.folder / "read"), [0])
            shutil.rmtree(place)
        elif left:
            raise Broken(f"exit {done.code}, and {left} are left")

    tried(trial, FILES, check)


def _read(out: Path) -> int:
    """Return how many sentences of a corpus can be read, each of them."""
    corpus = Corpus(out)
    return sum(
        len(texts_of(corpus.split(name), corpus.vocabulary)) for name in corpus.manifest["splits"]
    )


DRILL = Drill(
    "corpora",
    "A file of anything is prepared, and its corpus can then be read from end to end, or it is "
    "refused in one line with exit code 3, and nothing is left of the attempt.",
    "Hypothesis writes text, JSONL and CSV files with odd lines, alone or around good ones, "
    "plain, compressed or cut, and runs prepare on them.",
    attempt,
    whole=100,  # of 100 files each
    fewest=1,
)
