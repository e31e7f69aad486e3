"""Blind readings: the sheets, and what is counted of filled ones."""

import csv
import json
import re
import shutil
import subprocess
from collections import Counter

import pytest
import small
from command_line import call, json_lines

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.evaluation.human.reading_files import (
    KEY,
    read_reading_key,
    read_readings,
    write_reading_files,
)
from arae_toolkit.evaluation.human.readings import (
    REAL,
    Reading,
    agreement,
    count_readings,
    mixed_items,
)
from arae_toolkit.models.arae import ARAE
from arae_toolkit.reports.results import read_results

TEXTS = {REAL: ["a man runs .", "a dog <sleeps> ."], "ARAE": ["a man a man .", "= dogs ."]}
WALKS = {"ARAE": ["here .\nthere .", "there .\nhere ."]}
MADE = {"corpus": {"name": "tiny", "rows": 9, "sha256": "ab"}, "seed": 1, "device": "cpu"}


@pytest.fixture
def items():
    return mixed_items("sample", TEXTS, seed=1) + mixed_items("walk", WALKS, seed=1)


@pytest.fixture
def folder(tmp_path, items):
    write_reading_files(tmp_path / "sheets", items, made=MADE)
    return tmp_path / "sheets"


def fill(table, answer, path):
    """Fill a table: ``answer`` returns what is said of a row, by its source and text."""
    key = {item.key: item for item in read_reading_key(table.parent / KEY).items}
    with table.open(encoding="utf-8-sig", newline="") as source:
        header, *rows = csv.reader(source)
    for row in rows:
        row[2:] = answer(key[row[0]])
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, delimiter=";").writerows([header, *rows])
    return path


# --- the sheets ------------------------------------------------------------------------------


def test_the_order_is_fixed_by_the_seed_and_tells_nothing():
    texts = {source: [f"{source} {row} ." for row in range(20)] for source in ("x", "y")}
    items = mixed_items("sample", texts, seed=1)
    assert items == mixed_items("sample", texts, seed=1)
    assert items != mixed_items("sample", texts, seed=2)
    assert Counter(item.source for item in items) == {"x": 20, "y": 20}
    assert 5 < sum(item.source == "x" for item in items[:20]) < 15
    assert len({item.key for item in items}) == 40


def test_tables_and_pages_show_every_row_and_no_source(folder, items):
    for name, kind in (("sentences", "sample"), ("walks", "walk")):
        page = (folder / f"{name}.html").read_text(encoding="utf-8")
        table = (folder / f"{name}.csv").read_text(encoding="utf-8")
        assert "ARAE" not in page + table
        assert "real" not in (page + table).lower()
        assert page.count("<fieldset") == sum(item.kind == kind for item in items)
        assert not re.search(r"https?://", page)
    page = (folder / "sentences.html").read_text(encoding="utf-8")
    assert "a dog &lt;sleeps&gt; ." in page
    table = (folder / "sentences.csv").read_text(encoding="utf-8")
    assert ", = dogs .," in table  # no formula to a spreadsheet program
    with pytest.raises(ToolkitError, match="there is a sheet already"):
        write_reading_files(folder, items, made=MADE)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_page_saves_the_table_that_is_read(folder, tmp_path):
    """Its script, run with just as much of a browser as it asks for."""
    page = (folder / "walks.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    rows = re.findall(r'data-id="(\w+)".*?data-column="text">(.*?)</p>', page, flags=re.DOTALL)
    browser = """
    const saved = {}, listeners = {};
    const item = ([id, text]) => ({dataset: {id},
      querySelector: asked => asked.includes('data-column="text"') ? {textContent: text}
        : asked.includes("data-column") ? null
        : asked.includes("-sentences") ? {value: "1"} : {value: "0"},
      querySelectorAll: asked => asked === "input"
        ? [{name: "a"}, {name: "a"}, {name: "b"}, {name: "b"}] : [1, 2]});
    const element = name => ({addEventListener: (_, run) => { listeners[name] = run; },
      set textContent(text) { saved.count = text; }});
    const document = {querySelectorAll: () => ROWS.map(item), getElementById: element,
      createElement: () => ({click() { saved.file = this.download; }})};
    const Blob = function ([text]) { saved.text = text; };
    const URL = {createObjectURL: blob => ""};
    """.replace("ROWS", json.dumps(rows))
    program = f"{browser}{script}\nlisteners.save();console.log(JSON.stringify(saved));"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    saved = json.loads(done.stdout)
    assert saved["count"] == "2 of 2 answered"
    assert saved["file"] == "walks.csv"
    path = tmp_path / saved["file"]
    path.write_text(saved["text"], encoding="utf-8", newline="")
    kind, sheet = read_readings(path, read_reading_key(folder / KEY))
    assert kind == "walk"
    assert list(sheet.values()) == [{"sentences": True, "smooth": False}] * 2


# --- counts ----------------------------------------------------------------------------------


def test_counts_and_kappa_by_hand(items):
    rows = [item for item in items if item.kind == "sample"]
    first = {item.key: {"reads": item.source == REAL} for item in rows}
    second = {item.key: {"reads": item.text.startswith("a man")} for item in rows}
    assert count_readings(rows, [first, second], "reads") == {
        item.source: Reading(2, (2, 1), 1) if item.source == REAL else Reading(2, (0, 1), 0)
        for item in rows
    }
    assert agreement(rows, [first, first], "reads") == 1
    assert agreement(rows, [first, second], "reads") == 0  # 2 of 4 alike, as by chance
    assert agreement(rows, [first], "reads") is None
    everything = {key: {"reads": True} for key in first}
    assert agreement(rows, [everything, everything], "reads") is None


def test_rows_that_one_reader_has_left_open_are_left_out(items):
    rows = [item for item in items if item.kind == "sample"]
    first = {item.key: {"reads": True} for item in rows}
    second = {item.key: {"reads": True} for item in rows if item.source == REAL}
    found = count_readings(rows, [first, second], "reads")
    assert found[REAL] == Reading(2, (2, 2), 2)
    assert found["ARAE"] == Reading(0, (0, 0), 0)
    assert agreement(rows, [first, {}], "reads") is None


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["2", ""], "sentences is '2', neither 1 nor 0"),
        (["1", "maybe"], "smooth is 'maybe', neither 1 nor 0"),
    ],
)
def test_an_answer_that_is_none_is_named(folder, tmp_path, cells, problem):
    key = read_reading_key(folder / KEY)
    path = fill(folder / "walks.csv", lambda item: cells, tmp_path / "filled.csv")
    with pytest.raises(DataError, match=re.escape(problem)):
        read_readings(path, key)


def test_sheets_of_another_key_and_keys_that_are_none_are_refused(folder, tmp_path, items):
    key = read_reading_key(folder / KEY)
    write_reading_files(tmp_path / "other", mixed_items("sample", TEXTS, seed=9), made=MADE)
    with pytest.raises(DataError, match="is not in the key"):
        read_readings(tmp_path / "other" / "sentences.csv", key)
    with pytest.raises(DataError, match="not JSON"):
        read_reading_key(folder / "walks.csv")
    (folder / KEY).write_text("{}")
    with pytest.raises(DataError, match="not the key of sheets of readings"):
        read_reading_key(folder / KEY)


# --- the commands ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(synthetic):
    return Corpus(synthetic)


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("runs") / "dull"
    small.model(corpus.vocabulary).save_pretrained(folder)
    return folder


def test_from_runs_to_counts(run, corpus, tmp_path):
    folder, results = tmp_path / "sheets", tmp_path / "results"
    words = ("--corpus", corpus.folder, "--out", folder, "--device", "cpu", "--seed", 2)
    sizes = ("--real", 6, "--count", 5, "--walks", 2, "--steps", 3)
    made = call("evaluate", "readings", "make", f"ARAE={run}@best3", *words, *sizes)
    assert made.stdout.splitlines()[-1] == str(folder / KEY)
    key = read_reading_key(folder / KEY)
    kinds = Counter((item.kind, item.source) for item in key.items)
    best = ARAE.from_pretrained(run).sample(100, seed=2, best_of=3)
    samples = len(set(best))
    read = {item.text for item in key.items if (item.kind, item.source) == ("sample", "ARAE")}
    assert read == set(list(dict.fromkeys(best))[:5])
    assert key.made["systems"]["ARAE"]["best_of"] == 3
    assert kinds == {("sample", REAL): 6, ("sample", "ARAE"): min(5, samples), ("walk", "ARAE"): 2}
    real = {item.text for item in key.items if item.source == REAL}
    assert real <= set(texts_of(corpus.split("test"), corpus.vocabulary))
    assert {item.text.count("\n") for item in key.items if item.kind == "walk"} == {2}

    def kind(item):
        return ["1" if item.source == REAL else "0"]

    one = fill(folder / "sentences.csv", kind, tmp_path / "anna.csv")
    other = fill(folder / "sentences.csv", lambda _: ["1"], tmp_path / "ben.csv")
    walks = [
        fill(folder / "walks.csv", lambda _: ["1.0", "0"], tmp_path / f"{name}-walks.csv")
        for name in ("anna", "ben")
    ]
    sheets = (folder / KEY, one, other, *walks)
    text = call("evaluate", "readings", "count", *sheets, "--results", results).stdout
    assert re.search(r"^real +6 +6 +6 +6$", text, flags=re.MULTILINE)
    assert re.search(r"^ARAE +\d +0 +\d +0$", text, flags=re.MULTILINE)
    assert "Cohen's kappa: 0.00" in text
    written = read_results(results)["readings"]
    assert written["corpus"]["sha256"] == corpus.sha256
    values = {name: metric["value"] for name, metric in written["metrics"].items()}
    assert values["real, sample, both"] == values["ARAE, sample, reader 2"] == 100
    assert values["ARAE, sample, both"] == values["ARAE, walk smooth, both"] == 0
    assert values["ARAE, walk sentences, both"] == 100
    assert not any(item.text in json.dumps(written) for item in key.items)  # counts alone
    report = json.loads(call("evaluate", "readings", "count", *sheets, "--json").stdout)
    assert report["walk smooth"]["kappa"] is None
    assert report["sample"]["sources"]["real"] == {"rows": 6, "yes": [6, 6], "all": 6}


def test_rows_of_a_file_are_read_as_the_corpus_writes_words(corpus, tmp_path):
    (known, *_) = texts_of(corpus.split("train"), corpus.vocabulary)
    rows = ["A zebra can't fly.", known, "a Zebra can't fly .", "The zebras dance."]
    (tmp_path / "out.jsonl").write_text(json_lines({"transferred": row} for row in rows))
    (tmp_path / "out.txt").write_text("Is it a zebra?\nIt is.\n")
    files = ("--outputs", tmp_path / "out.jsonl", "--outputs", f"lines={tmp_path / 'out.txt'}")
    words = ("--corpus", corpus.folder, "--out", tmp_path / "sheets", "--text-field", "transferred")
    made = call("evaluate", "readings", "make", *files, *words, "--real", 3, "--count", 2)
    assert "walks.csv" not in made.stdout
    key = read_reading_key(tmp_path / "sheets" / KEY)
    shown = {name: [] for name in (REAL, "out", "lines")}
    for item in key.items:
        shown[item.source].append(item.text)
    assert sorted(shown["out"]) == ["a zebra ca n't fly .", "the zebras dance ."]
    assert sorted(shown["lines"]) == ["is it a zebra ?", "it is ."]
    assert len(shown[REAL]) == 3 and not any("<unk>" in text for text in shown[REAL])
    assert key.made["systems"]["out"] == {"samples_left_out": 1}
    for wrong in (files, (*words, *files[:2], *files[:2]), ()):
        assert call("evaluate", "readings", "make", *wrong, code=2).stderr


def test_what_cannot_be_made_or_counted_is_said_in_one_line(run, corpus, folder, tmp_path):
    words = ("--corpus", corpus.folder, "--out", tmp_path / "new", "--device", "cpu")
    many = call("evaluate", "readings", "make", run, *words, "--real", 10**6, code=3)
    assert "are wanted" in many.stderr
    named = call("evaluate", "readings", "make", f"real={run}", *words, code=2)
    assert "name it NAME=..." in named.stderr
    assert not (tmp_path / "new").exists()
    unread = call("evaluate", "readings", "count", folder / KEY, folder / "walks.csv", code=3)
    assert "no row is read" in unread.stderr
    filled = fill(folder / "walks.csv", lambda _: ["1", "0"], tmp_path / "filled.csv")
    twice = call("evaluate", "readings", "count", folder / KEY, filled, filled, code=2)
    assert "given twice" in twice.stderr
    sheets = (folder / KEY, filled, folder / "walks.csv")
    unread = call("evaluate", "readings", "count", *sheets, code=3)
    assert f"{folder / 'walks.csv'}: no row is read" in unread.stderr


def test_walks_of_one_model_are_read_once(run, corpus, tmp_path):
    words = ("--corpus", corpus.folder, "--out", tmp_path / "sheets", "--device", "cpu")
    sizes = ("--real", 0, "--count", 2, "--walks", 2, "--steps", 3, "--smooth")
    made = call("evaluate", "readings", "make", f"A={run}", f"B={run}@t0.8", *words, *sizes)
    assert "B: its walks are those of A" in made.stderr
    key = read_reading_key(tmp_path / "sheets" / KEY)
    assert Counter(item.source for item in key.items if item.kind == "walk") == {"A": 2}
