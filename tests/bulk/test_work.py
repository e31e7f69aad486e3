import csv
import gzip
import io
import json
import os
from dataclasses import replace

import pytest
from command_line import json_lines
from small_bulk import content_of, here, reconstructing, texts, write_rows

from arae_toolkit.bulk.work import BulkWork, Reading
from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitError


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return reconstructing(tmp_path_factory.mktemp("runs") / "model")


@pytest.fixture
def work(task, tmp_path):
    """Do the work on ``rows`` into ``out``, and return the manifest and what was told."""

    def run(source="rows", output="out", engine=here, task=task, **how):
        told = []
        reading = Reading(**{"part_rows": 8, **how})
        where = [name if "://" in name else str(tmp_path / name) for name in (source, output)]
        found = BulkWork(task, *where, reading, tell=told.append)
        manifest = found.run(engine, 1, advance=lambda rows: None)
        return manifest, told

    return run


def answers_in(folder):
    paths = sorted(folder.rglob("part-*"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def never(task, output, parts, workers):
    """An engine for which there must be no work."""
    assert not list(parts)
    return iter(())


def killed_behind(count):
    """Return an engine that ends after so many parts, as by SIGKILL."""

    def engine(task, output, parts, workers):
        for done, record in enumerate(here(task, output, parts, workers), start=1):
            yield record
            if done == count:
                raise KeyboardInterrupt

    return engine


def test_every_row_is_answered_in_order_whatever_the_parts(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 20)
    write_rows(tmp_path / "rows" / "deep" / "b.jsonl", 16)
    manifest, told = work()
    assert told == []
    found = answers_in(tmp_path / "out" / "answers" / "a.jsonl")
    assert [{"id": row["id"], "text": row["text"]} for row in found] == texts(20)
    assert [part["rows"] for part in manifest["files"][0]["parts"]] == [8, 8, 4]
    assert manifest["files"][1]["file"] == "deep/b.jsonl"
    counts = [manifest[name] for name in ("rows", "answered", "bad", "answers")]
    assert counts == [36, 36, 0, 36] and manifest["complete"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    work(output="whole", part_rows=1_000)
    whole = answers_in(tmp_path / "whole" / "answers" / "a.jsonl")
    for row, other in zip(whole, found, strict=True):
        assert row == {**other, "nats": pytest.approx(other["nats"], rel=1e-4)}


def test_a_restart_answers_only_what_is_missing(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 40)
    work(output="whole")
    with pytest.raises(KeyboardInterrupt):
        work(engine=killed_behind(2))
    assert not json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"]
    left = []

    def engine(task, output, parts, workers):
        parts = list(parts)
        left.extend(part.index for part in parts)
        yield from here(task, output, parts, workers)

    work(engine=engine)
    assert left == [2, 3, 4]
    assert content_of(tmp_path / "out") == content_of(tmp_path / "whole")
    work(engine=never)
    (tmp_path / "out" / "answers" / "a.jsonl" / "part-00001.jsonl").unlink()
    left.clear()
    work(engine=engine)
    assert left == [1]
    assert content_of(tmp_path / "out") == content_of(tmp_path / "whole")


def test_what_killed_workers_had_begun_to_write_is_gone_at_the_end(work, tmp_path):
    """Whoever dies within a write leaves a hidden file; hidden files of others stay."""
    write_rows(tmp_path / "rows" / "a.jsonl", 20)
    work(output="whole")
    begun = [
        tmp_path / "out" / folder / "a.jsonl" / f".part-00001.{kind}.0123456789ab.part"
        for folder, kind in (("answers", "jsonl"), ("records", "json"))
    ]

    def engine(task, output, parts, workers):
        for path in begun:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"half")
            path.with_name(".note").touch()
        yield from here(task, output, parts, workers)

    work(engine=engine)
    assert not any(path.exists() for path in begun)
    for path in begun:
        path.with_name(".note").unlink()
    assert content_of(tmp_path / "out") == content_of(tmp_path / "whole")


def test_a_part_whose_answers_were_altered_is_answered_anew(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 20)
    work(output="whole")
    work()
    path = tmp_path / "out" / "answers" / "a.jsonl" / "part-00001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"text", b"next"))
    _, (told,) = work()
    assert "part-00001.jsonl: is damaged; its rows are answered anew" in told
    assert content_of(tmp_path / "out") == content_of(tmp_path / "whole")


@pytest.mark.parametrize(
    "odd",
    [
        {"rows": "8"},
        {"rows": True},
        {"bad": None},
        {"bad": [1]},
        {"index": []},
        {"index": 7},
        {"file": "b.jsonl"},
        {"path": 3},
        {"readings": []},
        {"readings": {}},
        {"is_last": 1},
    ],
)
def test_a_record_that_cannot_be_one_of_its_part_counts_for_nothing(work, tmp_path, odd):
    write_rows(tmp_path / "rows" / "a.jsonl", 8)
    work(output="whole")
    work()
    path = tmp_path / "out" / "records" / "a.jsonl" / "part-00000.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    work()
    assert content_of(tmp_path / "out") == content_of(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["folder", "pipe", "deep", "list"])
def test_a_manifest_that_is_none_is_refused(work, tmp_path, kind):
    write_rows(tmp_path / "rows" / "a.jsonl", 8)
    work()
    path = tmp_path / "out" / "manifest.json"
    path.unlink()
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "deep": lambda: path.write_text('{"a":' * 100_000),
        "list": lambda: path.write_text('{"work": [1]}'),
    }[kind]()
    with pytest.raises(ToolkitError, match=r"name a new folder"):
        work()


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_among_the_rows_is_told_and_left(work, tmp_path, kind):
    path = write_rows(tmp_path / "rows" / "a.jsonl", 8).with_name("b.jsonl")
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    manifest, (told,) = work()
    assert "b.jsonl: cannot be read (not a regular file)" in told
    assert (manifest["answered"], manifest["complete"]) == (8, False)


def test_a_file_that_changes_while_it_is_read_is_told_and_answered_anew(work, tmp_path):
    path = write_rows(tmp_path / "rows" / "a.jsonl", 20)

    def engine(task, output, parts, workers):
        first, *others = parts_of(parts)
        yield from here(task, output, iter([first, *others]), workers)

    def parts_of(parts):
        for part in parts:
            if part.index == 0:
                with path.open("a") as target:
                    target.write('{"text": "one more"}\n')
            yield part

    manifest, (told,) = work(engine=engine)
    assert "a.jsonl: has changed while it was read" in told
    assert not manifest["complete"]
    work()
    work(output="new")
    assert content_of(tmp_path / "out") == content_of(tmp_path / "new")


def test_a_file_that_has_changed_is_answered_anew(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 40)
    write_rows(tmp_path / "rows" / "b.jsonl", 8)
    work()
    write_rows(tmp_path / "rows" / "a.jsonl", 9)
    manifest, (told,) = work()
    assert "a.jsonl: has changed since it was answered" in told
    work(output="new")
    assert content_of(tmp_path / "out") == content_of(tmp_path / "new")
    assert manifest["rows"] == 17


@pytest.mark.parametrize("change", ["options", "part_rows", "model"])
def test_answers_of_other_work_are_left_alone(work, task, tmp_path, change):
    write_rows(tmp_path / "rows" / "a.jsonl", 8)
    work()
    before = content_of(tmp_path / "out")
    other = {
        "options": {"task": replace(task, options={"method": "beam"})},
        "part_rows": {"part_rows": 9},
        "model": {"task": replace(task, fingerprint="another")},
    }[change]
    with pytest.raises(CheckpointMismatch, match=r"holds answers of other work .* a new folder"):
        work(**other)
    assert content_of(tmp_path / "out") == before


def test_a_folder_in_which_nothing_was_answered_is_begun_anew(work, task, tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("id,words\n" + "1,a dog .\n" * 8)
    manifest, (told,) = work()
    assert (manifest["answered"], manifest["complete"]) == (0, False)
    assert "no field 'text'" in told
    manifest, told = work(task=replace(task, names=("words",)))
    assert (manifest["answered"], manifest["complete"], told) == (8, True, [])
    assert not (tmp_path / "out" / "bad-rows.jsonl").exists()


def test_folders_that_cannot_hold_answers_are_refused(work, tmp_path):
    path = write_rows(tmp_path / "rows" / "a.jsonl", 8)
    with pytest.raises(ToolkitError, match=r"lies within .*rows, whose files are the rows"):
        work(output="rows/out")
    (tmp_path / "alien").mkdir()
    (tmp_path / "alien" / "thesis.txt").touch()
    with pytest.raises(ToolkitError, match=r"holds other files, such as thesis.txt"):
        work(output="alien")
    work("rows/**", "other")
    with pytest.raises(ToolkitError, match=r"lies within .*other, which is to hold the answers"):
        work("**/*.jsonl", "other")
    work()
    path.rename(path.with_name("b.jsonl"))
    with pytest.raises(ToolkitError, match=r"holds answers to a.jsonl, which is not among"):
        work()


def test_unusable_rows_go_to_a_side_file_with_file_and_row(work, tmp_path):
    good, bad = json_lines(texts(12)), '{"id": 5, "text": ""}\nnonsense\n'
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text(good + bad + good)
    (tmp_path / "rows" / "b.jsonl.gz").write_bytes(gzip.compress(good.encode())[:-9])
    (tmp_path / "rows" / "c.jsonl").write_text('{"words": "a dog ."}\n' * 3)
    (tmp_path / "rows" / "d.jsonl").touch()
    manifest, told = work()
    side = [
        json.loads(line) for line in (tmp_path / "out" / "bad-rows.jsonl").read_text().splitlines()
    ]
    fields = {"id": 5, "text": ""}
    assert side[:2] == [
        {"file": "a.jsonl", "row": 13, "problem": "empty text", "fields": fields},
        {"file": "a.jsonl", "row": 14, "problem": "not JSON (Expecting value at character 1)"},
    ]
    assert [(one["file"], one["row"]) for one in side[2:]] == [
        ("b.jsonl.gz", None),
        ("c.jsonl", None),
    ]
    assert "damaged or truncated archive" in side[2]["problem"]
    assert side[3]["problem"] == "row 1: no field 'text'; the fields here are 'words'"
    assert len(told) == 4 and f"{tmp_path}/rows/a.jsonl:13: empty text; row not used" in told[0]
    assert manifest["rows"] == 26 + manifest["files"][1]["rows"]
    assert manifest["answered"] + manifest["bad"] == manifest["rows"]
    assert (manifest["bad"], manifest["unreadable_files"]) == (2, 2)
    assert not manifest["complete"]
    before = content_of(tmp_path / "out")
    work()
    assert content_of(tmp_path / "out") == before
    with pytest.raises(DataError, match=r"a.jsonl:13: empty text"):
        work(output="other", on_error="fail")


def test_files_that_are_none_of_rows_are_told_in_a_line_and_counted_in_the_manifest(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 3)
    for name in ("b.pdf", "c.pdf", "d.log"):
        (tmp_path / "rows" / name).write_text("x")
    manifest, told = work()
    assert told == [
        f"note: {tmp_path}/rows: 3 files passed over, not of rows by suffix: 1 .log, 2 .pdf"
    ]
    assert manifest["passed_over"] == {".log": 1, ".pdf": 2}
    assert manifest["complete"] and len(manifest["files"]) == 1
    before = content_of(tmp_path / "out")
    assert work() == (manifest, told) and content_of(tmp_path / "out") == before


@pytest.mark.parametrize("form", ["csv", "csv.gz", "tsv", "txt", "json", "parquet"])
def test_answers_have_the_form_of_the_rows(work, tmp_path, form):
    rows = [{**row, "nats": None if row["id"] % 2 else 7} for row in texts(10)]
    write_rows(tmp_path / "expected.jsonl", 10)
    work("expected.jsonl", "expected")
    expected = answers_in(tmp_path / "expected" / "answers")
    path = tmp_path / "rows" / f"a.{form}"
    path.parent.mkdir()
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif form == "txt":
        path.write_text("".join(f"{row['text']}\n" for row in rows))
    elif form == "json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        target = io.StringIO()
        writer = csv.DictWriter(target, [*rows[0]], delimiter="\t" if form == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        content = target.getvalue().encode()
        path.write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    work()
    suffix = {"json": "jsonl"}.get(form, form)
    paths = [tmp_path / "out" / "answers" / path.name / f"part-0000{at}.{suffix}" for at in (0, 1)]
    if form == "txt":
        lines = [line for one in paths for line in one.read_text().splitlines()]
        assert lines == [row["reconstruction"] for row in expected]
        return
    if form == "parquet":
        found = parquet.read_table(path.parent.parent / "out" / "answers" / path.name).to_pylist()
    elif form == "json":
        found = answers_in(tmp_path / "out" / "answers")
    else:
        opened = gzip.open if form.endswith("gz") else open
        found = []
        for one in paths:
            with opened(one, "rt", newline="") as source:
                found += csv.DictReader(source, delimiter="\t" if form == "tsv" else ",")
    assert [row["reconstruction"] for row in found] == [row["reconstruction"] for row in expected]
    for row, other, given in zip(found, expected, rows, strict=True):
        assert int(row["id"]) == given["id"] and row["text"] == given["text"]
        assert float(row["new_nats"]) == other["nats"], "a column that a row has is its own"
        assert (row["nats"] or None) == (given["nats"] and type(row["nats"])(given["nats"]))


def test_addresses_that_fsspec_knows_are_read_and_written(work, tmp_path):
    write_rows(tmp_path / "rows" / "a.jsonl", 20)
    (tmp_path / "rows" / "b.jsonl.gz").write_bytes(gzip.compress(json_lines(texts(9)).encode()))
    work()
    manifest, _ = work(f"file://{tmp_path}/rows", f"file://{tmp_path}/remote")
    assert manifest["rows"] == 29
    assert content_of(tmp_path / "remote") == content_of(tmp_path / "out")
    work(f"file://{tmp_path}/rows", f"file://{tmp_path}/remote", engine=never)
    work(f"file://{tmp_path}/rows/*.gz", f"file://{tmp_path}/packed")
    assert sorted(content_of(tmp_path / "packed" / "answers")) == [
        "b.jsonl.gz/part-00000.jsonl.gz",
        "b.jsonl.gz/part-00001.jsonl.gz",
    ]
    with pytest.raises(ToolkitError, match=r"no such place can be reached \("):
        work("nowhere://bucket/rows")
