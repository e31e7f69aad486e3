"""The code blocks of README and docs run, page by page, as a reader would type them.

Each page runs in a folder of its own with ``reader_files`` in it, and with the paper's corpora,
made up and small, where ``ARAE_SOURCES`` points. Trainings get the settings of
``documentation.QUICK``.
"""

import csv
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from documentation import PAGES, ROOT, CodeBlock, PageRunner, blocks_of, commands_in, quick

from arae_toolkit.data_prep.synthetic.corpora import (
    caption_sentences,
    entailment_pairs,
    sentiment_sentences,
    topic_sentences,
)
from arae_toolkit.nli.label_splits import SPLITS

RUNNABLE = [page for page in PAGES if any(block.runs for block in blocks_of(page))]
IN_DEFAULT_RUN = {"README.md"}


FILL_SHEETS = """
import csv
for sheet, end in (("ratings", ""), ("similarity", "-similarity")):
    with open(f"ratings/{sheet}.csv", encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    for rater, points in (("anna", "4"), ("ben", "5")):
        filled = [[*row[:-1], points] for row in rows]
        for row in filled if sheet == "ratings" else ():
            row[2] = "positive"
        with open(f"{rater}{end}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *filled])
"""


FILL_READINGS = """
import csv
for sheet in ("sentences", "walks"):
    with open(f"runs/readings/{sheet}.csv", encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    for reader in ("anna", "ben"):
        for number, row in enumerate(rows):
            row[2:] = [str(number % 2)] * (len(head) - 2)
        with open(f"{reader}-{sheet}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *rows])
"""


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    _lines(path, map(json.dumps, rows))


def write_sources(folder: Path) -> None:
    """Write small corpora in the form of SNLI, Yelp and Yahoo."""
    for split, count, seed in (("train", 900, 1), ("dev", 90, 2), ("test", 90, 3)):
        pairs = list(entailment_pairs(count, seed=seed))
        rows = [
            {"gold_label": pair.label, "sentence1": pair.premise, "sentence2": pair.hypothesis}
            for pair in pairs
        ]
        _rows(folder / "snli" / f"snli_1.0_{split}.jsonl", rows)
        sentences = list(sentiment_sentences(count // 3, seed=seed))
        for number, label in enumerate(("negative", "positive")):
            texts = [sentence.text for sentence in sentences if sentence.label == label]
            _lines(folder / "yelp" / f"sentiment.{split}.{number}", texts)
        if split == "dev":
            continue
        (folder / "yahoo").mkdir(exist_ok=True)
        numbers = {"science": 2, "music": 8, "politics": 10}
        topics = list(topic_sentences(count // 3, seed=seed))
        with (folder / "yahoo" / f"{split}.csv").open("w", newline="") as file:
            table = csv.writer(file, quoting=csv.QUOTE_ALL)
            table.writerows([numbers[row.label], row.text, "", row.text] for row in topics)


def reader_files(folder: Path, sources: Path) -> None:
    """Write the files that a reader of the pages is said to have."""
    captions = [sentence.text for sentence in caption_sentences(300, seed=4)]
    pairs = list(entailment_pairs(30, seed=5))
    reviews = list(sentiment_sentences(200, seed=6))
    fields = [{"premise": pair.premise, "hypothesis": pair.hypothesis} for pair in pairs]
    _lines(folder / "captions.txt", captions)
    _lines(folder / "sentences.txt", captions[:20])
    _rows(folder / "pairs.jsonl", fields)
    answers = [{"answer": pair.label} for pair in pairs]
    both = [row | answer for row, answer in zip(fields, answers, strict=True)]
    _rows(folder / "labelled-pairs.jsonl", both)
    table = [f'"{pair.premise}","{pair.hypothesis}",{at % 2}' for at, pair in enumerate(pairs)]
    _lines(folder / "pairs.csv", ["question,reply,fits", *table])
    _lines(folder / "premises.txt", [pair.premise for pair in pairs])
    _lines(folder / "hypotheses.txt", [pair.hypothesis for pair in pairs])
    _rows(folder / "reviews.jsonl", [{"text": review.text} for review in reviews[:20]])
    for at in (0, 1):
        _rows(
            folder / "reviews" / f"{at}.jsonl", [{"text": each.text} for each in reviews[at:40:2]]
        )
        _lines(folder / "pairs" / f"{at}.csv", ["premise,hypothesis,fits", *table[at::2]])
    starred = [{"review": review.text, "stars": review.label} for review in reviews]
    _rows(folder / "reviews-with-stars.jsonl", starred)
    questions = [{"text": sentence.text} for sentence in topic_sentences(10, seed=7)]
    _rows(folder / "questions.jsonl", questions)
    tabbed = [f"{review.text}\t{review.text}" for review in reviews[:20]]
    _lines(folder / "theirs.tsv", tabbed)
    _lines(folder / "human.tsv", tabbed)
    (folder / "fill-sheets.py").write_text(FILL_SHEETS)
    (folder / "fill-readings.py").write_text(FILL_READINGS)
    snli = sorted((sources / "snli").glob("*.jsonl"))
    with zipfile.ZipFile(folder / "snli_1.0.zip", "w") as archive:
        for path in snli:
            archive.write(path, path.name)
    _lines(folder / "snli_1.0_test.jsonl", snli[1].read_text().splitlines())


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=[] if page.name in IN_DEFAULT_RUN else [pytest.mark.slow],
        )
        for page in RUNNABLE
    ],
)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    sources = tmp_path / "sources"
    write_sources(sources)
    reader_files(tmp_path, sources)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARAE_SOURCES", str(sources))
    monkeypatch.setitem(SPLITS, "tiny", 600)
    runner = PageRunner()
    if page.name == "README.md":
        runner.prepare("synthetic", size=4100)
        runner.prepare("synthetic-sentiment", size=400)
    for block in blocks_of(page):
        if block.runs:
            runner.run(block)


def test_a_block_is_found_with_its_notes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text('x\n<!-- test: skip="no network" -->\n```console\nmake a \\\n  b\n```\n')
    (block,) = blocks_of(page)
    assert block == CodeBlock(page, 4, "console", "make a \\\n  b\n", {"skip": "no network"})
    assert block.lines == ["make a    b"]
    assert not block.runs


def test_a_line_is_a_pipeline_with_files():
    line = "paste a 'b c' | arae-toolkit nli predict x < in > out  # a comment"
    assert commands_in(line) == [["paste", "a", "b c"], ["arae-toolkit", "nli", "predict", "x"]]
    assert quick(["nli", "predict", "x"]) == ["nli", "predict", "x"]
    assert "epochs=1" in quick(["pretrain", "x", "--model", "infilling"])
    shorter = quick(["pretrain", "x", "--epochs", "5"])
    assert shorter[:4] == ["pretrain", "x", "--epochs", "1"] and "epochs=1" not in shorter
