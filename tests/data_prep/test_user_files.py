import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import good_rows, splits_of

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers import user_files
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError, ToolkitError

LABELLED = PrepareOptions(text_field="review", label_field="stars")

sentences = st.lists(
    st.tuples(
        st.text(st.characters(exclude_characters="\n\r\0\ufeff", codec="utf-8")),
        st.text("abc", min_size=1, max_size=2),
    ),
    min_size=1,
)


def read(path, options=LABELLED, *, known=(), training=True, log=None):
    file, log = SourceFile(path), log or RowLog(encoding=options.encoding)
    fields = user_files.fields_of(file, options)
    fields.known.update(known)
    reader = user_files.read_pairs if len(fields.texts) > 1 else user_files.read_sentences
    return list(reader(file, options, fields, log, training=training))


def write(path, rows):
    """Write texts and labels in the form that the suffix tells."""
    with path.open("w", encoding="utf-8", newline="") as target:
        if path.suffix == ".jsonl":
            for text, label in rows:
                target.write(json.dumps({"review": text, "stars": label}) + "\n")
        elif path.suffix == ".csv":
            csv.writer(target).writerows([("id", "stars", "review")])
            csv.writer(target).writerows((5, label, text) for text, label in rows)
        else:
            target.writelines(text + "\n" for text, _ in rows)
    return path


@settings(max_examples=25)
@given(rows=sentences)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_texts_and_labels_come_back(tmp_path_factory, suffix, rows):
    path = write(tmp_path_factory.getbasetemp() / f"rows{suffix}", rows)
    assert read(path) == [Sentence(text, label) for text, label in rows]


@settings(max_examples=25)
@given(rows=sentences)
def test_lines_of_text_come_back_without_labels(tmp_path_factory, rows):
    path = write(tmp_path_factory.getbasetemp() / "rows.txt", rows)
    assert read(path, PrepareOptions()) == [Sentence(text) for text, _ in rows]


@pytest.mark.parametrize(
    ("value", "label"),
    [("good", "good"), (5, "5"), (2.5, "2.5"), (True, "true"), (None, None), ("", None)],
)
def test_labels_may_be_text_numbers_or_nothing(tmp_path, value, label):
    path = write(tmp_path / "rows.jsonl", [("a", value)])
    assert read(path) == [Sentence("a", label)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"review": "a"}', "no field 'stars'"),
        ('{"stars": "a"}', "no field 'review'; the fields here are 'stars'"),
        ('{"review": "a", "stars": [5]}', "field 'stars' is a list"),
        ('{"review": "a", "stars": "x\\u0000"}', "NUL character"),
    ],
)
def test_a_bad_row_is_named(tmp_path, line, problem):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"review": "a", "stars": 1}\n' + line)
    found = good_rows(lambda log: read(path, log=log), f"{path}:2", problem)
    assert found == [Sentence("a", "1")]


def test_a_label_that_train_does_not_have_is_named(tmp_path):
    path = write(tmp_path / "dev.jsonl", [("a", "good"), ("b", "odd"), ("c", None)])
    found = good_rows(
        lambda log: read(path, known=["good"], training=False, log=log),
        f"{path}:2",
        "label 'odd' is none of train's",
    )
    assert [sentence.text for sentence in found] == ["a", "c"]


def test_too_many_labels_mean_the_wrong_field(tmp_path):
    path = write(tmp_path / "rows.csv", [("a", f"id{i}") for i in range(user_files.MAX_LABELS + 1)])
    with pytest.raises(DataError, match=r"rows\.csv:1002: more than 1,000 labels"):
        read(path)


def test_a_text_file_has_no_labels(tmp_path):
    path = write(tmp_path / "rows.txt", [("a", "x")])
    with pytest.raises(DataError, match=r"rows\.txt: a text file has no labels"):
        read(path)


def test_one_file_is_train(tmp_path):
    path = write(tmp_path / "rows.txt", [("a", "")])
    assert splits_of(user_files, path) == {"train": [Sentence("a")]}
    assert splits_of(user_files, tmp_path) == {"train": [Sentence("a")]}


@pytest.mark.parametrize("dev", ["dev", "valid", "validation", "val"])
def test_a_folder_has_up_to_three_splits(tmp_path, dev):
    write(tmp_path / "train.txt", [("a", "")])
    write(tmp_path / f"{dev}.txt", [("b", "")])
    assert splits_of(user_files, tmp_path) == {"train": [Sentence("a")], "dev": [Sentence("b")]}
    write(tmp_path / "test.txt", [("c", "")])
    assert splits_of(user_files, tmp_path)["test"] == [Sentence("c")]


def test_a_folder_without_train_is_named(tmp_path):
    write(tmp_path / "dev.txt", [("a", "")])
    write(tmp_path / "test.txt", [("a", "")])
    with pytest.raises(DataError, match=r"no training file here: train with one of \.jsonl"):
        splits_of(user_files, tmp_path)


@settings(max_examples=25)
@given(content=st.binary(max_size=300))
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json", ".csv", ".tsv", ".txt.gz", ".zip"])
def test_any_bytes_are_sentences_or_errors_that_name_the_file(tmp_path_factory, suffix, content):
    path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    path.write_bytes(content)
    try:
        splits_of(user_files, path)
    except ToolkitError as error:  # Parquet's extra may be missing
        assert str(error).startswith(str(path))


@pytest.mark.parametrize(
    ("suffix", "value", "label"),
    [
        *((".jsonl", 1.0, "1"), (".jsonl", 1, "1"), (".jsonl", "1.0", "1.0")),
        *((".csv", "1.0", "1"), (".csv", "-2.00", "-2"), (".csv", "1.5", "1.5")),
    ],
)
def test_a_whole_number_is_one_label_however_it_is_written(tmp_path, suffix, value, label):
    path = write(tmp_path / f"rows{suffix}", [("a", value)])
    assert read(path) == [Sentence("a", label)]


@pytest.mark.parametrize("value", [-1, "-1", -1.0])
def test_minus_one_is_no_label_where_train_does_not_know_it(tmp_path, value):
    path = write(tmp_path / "test.jsonl", [("a", value)])
    assert read(path, known=["0", "1"], training=False) == [Sentence("a")]
    assert read(path, known=["-1", "1"], training=False) == [Sentence("a", "-1")]


def test_the_labels_of_train_are_named(tmp_path):
    path = write(tmp_path / "dev.jsonl", [("a", "odd")])
    with pytest.raises(DataError, match=r"label 'odd' is none of train's \(bad, good\)"):
        read(path, known=["good", "bad"], training=False)


@pytest.mark.parametrize(
    ("label", "known", "advice"),
    [
        ("godo", ["good", "bad"], "--labels-map godo=good,bad=bad,good=good says which is meant"),
        ("odd", ["so so", "x"], "--labels-map 'odd=LABEL,so so=so so,x=x' says which is meant"),
        ("odd", ["a,b", "a=b"], "--labels-map says which is meant"),
        ("odd", [f"label{n}" for n in range(500)], "--labels-map says which is meant"),
    ],
)
def test_a_label_that_train_does_not_have_has_a_way_out(tmp_path, label, known, advice):
    """With a map that takes the other labels as they are: it has to name all."""
    path = write(tmp_path / "dev.jsonl", [("a", label)])
    with pytest.raises(DataError) as raised:
        read(path, known=known, training=False)
    assert raised.value.hint == f"{advice}, and --on-error skip leaves such rows out"


def test_a_label_where_train_has_none_names_the_field_of_labels(tmp_path):
    path = write(tmp_path / "dev.jsonl", [("a", "good")])
    told = r"dev\.jsonl:1: label 'good', and no row of train has one; .*--label-field"
    with pytest.raises(DataError, match=told):
        read(path, training=False)


ROWS = [("a dog , red", "good"), ("b", "bad"), ("two\nlines", "good"), ("née", "bad")]


def as_table(rows, *, delimiter=",", header=("id", "stars", "review")):
    """Return rows as CSV, a number before them."""
    target = io.StringIO()
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header] * bool(header))
    writer.writerows((number, label, text) for number, (text, label) in enumerate(rows))
    return target.getvalue()


def as_objects(rows):
    return [{"review": text, "stars": label, "id": number} for number, (text, label) in rows]


FORMS = {
    "jsonl": "".join(json.dumps(row) + "\n" for row in as_objects(enumerate(ROWS))),
    "array": json.dumps(as_objects(enumerate(ROWS))),
    "indented": json.dumps(as_objects(enumerate(ROWS)), indent=1),
    "one object": "\n".join(json.dumps(row, indent=1) for row in as_objects(enumerate(ROWS))),
    "csv": as_table(ROWS),
    "semicolons": as_table(ROWS, delimiter=";"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("suffix", ["", ".txt", ".json", ".jsonl", ".csv", ".dat"])
@pytest.mark.parametrize("form", FORMS)
def test_the_content_tells_the_form_and_not_the_name(tmp_path, form, suffix, encoding):
    if form in ("csv", "semicolons") and suffix.startswith(".json"):
        return  # lines that are no JSON, in a file that is called so, are unusable JSON
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(FORMS[form].encode(encoding))
    assert read(path) == [Sentence(text, label) for text, label in ROWS]


@pytest.mark.parametrize("suffix", [".csv", ".txt"])
@pytest.mark.parametrize("ending", ["\r", "\r\n"])
def test_old_line_ends_are_line_ends(tmp_path, ending, suffix):
    path = tmp_path / f"rows{suffix}"
    content = "review,stars\na,x\nb,y\n" if suffix == ".csv" else "a\nb\n"
    path.write_bytes(content.replace("\n", ending).encode())
    options = LABELLED if suffix == ".csv" else PrepareOptions()
    assert [sentence.text for sentence in read(path, options)] == ["a", "b"]


def test_parquet_is_read(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows"
    columns = {"review": ["a", "b", "c"], "stars": [1.0, float("nan"), None]}
    parquet.write_table(arrow.table(columns), path)
    assert read(path) == [Sentence("a", "1"), Sentence("b"), Sentence("c")]
    with pytest.raises(DataError, match="no field 'text'; the fields here are 'review', 'stars'"):
        read(path, PrepareOptions())


def test_a_file_of_another_encoding_is_read_if_it_is_named(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_bytes("".join(f"café {number}\n" for number in range(20)).encode("cp1252"))
    for log in (RowLog(), RowLog(skip=True)):
        with pytest.raises(DataError, match=r"20 of its first 20 lines .*--encoding"):
            read(path, PrepareOptions(), log=log)
    assert read(path, PrepareOptions(encoding="cp1252"))[3] == Sentence("café 3")


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.json"])
def test_a_field_that_no_row_has_ends_it_at_once(tmp_path, name, skip):
    path = tmp_path / name
    rows = [{"title": "a", "body": f"b {number}"} for number in range(100)]
    if name == "rows.csv":
        path.write_text("title,body\n" + "a,b\n" * 100)
    else:
        lines = name == "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    reported = []
    log = RowLog(skip=skip, report=reported.append)
    with pytest.raises(DataError, match="no field 'review'; the fields here are 'title', 'body'"):
        read(path, PrepareOptions(text_field="review"), log=log)
    assert reported == []


def test_a_field_that_some_rows_lack_is_a_fault_of_those(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n' * 9 + '{"text": "a"}\n' + '{"id": 1}\n' * 20)
    log = RowLog(skip=True)
    assert read(path, PrepareOptions(), log=log) == [Sentence("a")]
    assert log.take_dropped() == {"malformed": 29}


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("1,bad soup\n2,good soup\n", {}),
        ("1,bad soup\n2,good soup\n", {"header": False}),
        ("stars,review\n1,bad soup\n2,good soup\n", {}),
        ("1,2\n1,bad soup\n2,good soup\n", {"header": True}),
    ],
)
def test_columns_are_named_by_number_too(tmp_path, content, options):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    found = read(path, PrepareOptions(text_field="2", label_field="1", **options))
    assert found == [Sentence("bad soup", "1"), Sentence("good soup", "2")]


def test_a_table_without_a_header_says_what_to_give(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,bad soup\n2,good soup\n")
    with pytest.raises(DataError, match="--no-header and columns by number, or --format lines"):
        read(path, PrepareOptions())


@pytest.mark.parametrize("value", ["-1", -1, "-", "", None, float("nan"), "NaN", "null"])
def test_what_means_no_label_is_none(tmp_path, value):
    path = write(tmp_path / "rows.jsonl", [("a", value)])
    (found,) = read(path)
    assert found.label in (None, "-1")  # which is none as well, unless the labels are -1 and 1


PAIRS = [("Where is it?", "Here.", "fits"), ("Who?", "At noon.", "odd"), ("When?", "Now.", "")]


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("premise", "hypothesis", "label"), {}),
        (("sentence1", "sentence2", "gold_label"), {}),
        (("a", "b", "c"), {"premise_field": "a", "hypothesis_field": "b", "label_field": "c"}),
    ],
)
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "json"])
def test_pairs_of_ones_own(tmp_path, form, names, options):
    path = tmp_path / f"pairs.{form}"
    rows = [dict(zip(names, pair, strict=True)) for pair in PAIRS]
    if form == "json":
        path.write_text(json.dumps(rows))
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        parting = "," if form == "csv" else "\t"
        path.write_text("".join(parting.join(cells) + "\n" for cells in (names, *PAIRS)))
    expected = [SentencePair(first, second, label or None) for first, second, label in PAIRS]
    assert read(path, PrepareOptions(**options)) == expected
    splits = user_files.rows(SourceTree(path), PrepareOptions(**options))
    assert (list(splits.pairs), splits.sentences, splits.label_pairs) == (["train"], {}, True)


def test_labels_are_named_by_a_map(tmp_path):
    path = write(tmp_path / "rows.csv", [("a", "0"), ("b", "1"), ("c", "-1"), ("d", "2")])
    options = {"text_field": "review", "label_field": "stars"}
    named = PrepareOptions(**options, labels_map=(("0", "no"), ("1", "yes"), ("2", "")))
    assert [found.label for found in read(path, named)] == ["no", "yes", None, None]
    assert user_files.rows(SourceTree(path), named).labels == ("no", "yes")
    missing = PrepareOptions(**options, labels_map=(("0", "no"), ("-1", "odd")))
    with pytest.raises(DataError, match=r"rows\.csv:3: label '1' is none of --labels-map's"):
        read(path, missing)


def test_blanks_around_a_label_are_no_part_of_it(tmp_path):
    path = write(tmp_path / "rows.csv", [("a", " bad "), ("b", "bad"), ("c", "good\t"), ("d", " ")])
    assert [found.label for found in read(path, LABELLED)] == ["bad", "bad", "good", None]
    named = replace(LABELLED, labels_map=(("bad", "negative"), ("good", "positive")))
    assert [found.label for found in read(path, named)] == ["negative"] * 2 + ["positive", None]


def test_a_label_without_a_name_may_be_named_or_left_out(tmp_path):
    path = write(tmp_path / "rows.csv", [("a", "1"), ("b", "3")])
    with pytest.raises(DataError, match=r"rows\.csv:3: .*; add 3=NAME, or 3= for no label"):
        read(path, replace(LABELLED, labels_map=(("1", "bad"),)))


def test_a_json_array_of_texts_is_read(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(["bad soup", "good soup"], indent=1))
    assert read(path, PrepareOptions()) == [Sentence("bad soup"), Sentence("good soup")]
    with pytest.raises(DataError, match="no field 'stars'"):
        read(path, LABELLED)
    path.write_text(json.dumps(["bad soup", 5]))
    with pytest.raises(DataError, match="a number, a JSON object is expected"):
        read(path, PrepareOptions())


def test_labels_that_are_named_must_be_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,stars\nbad soup,0\n")
    with pytest.raises(DataError, match="--label-field names theirs"):
        read(path, PrepareOptions(labels_map=(("0", "bad"),)))


@pytest.mark.parametrize(
    "options",
    [
        {"text_field": "a", "label_field": "a"},
        {"premise_field": "a", "hypothesis_field": "a"},
        {"premise_field": "a", "hypothesis_field": "b", "label_field": "b"},
    ],
)
def test_a_field_is_one_thing(tmp_path, options):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\nbad soup,cold\n")
    with pytest.raises(DataError, match="cannot be two things"):
        read(path, PrepareOptions(**options))


def test_files_that_could_be_a_split_as_well_are_told(tmp_path):
    """A folder with two of them loses the rows of one, and not in silence."""
    for name in ("train.txt", "train.csv", "val.txt", "dev.jsonl", "notes.txt"):
        write(tmp_path / name, [("a", "1")])
    assert user_files.passed_over(SourceTree(tmp_path)) == [
        f"{tmp_path / 'train.txt'} is not read: train is train.csv",
        f"{tmp_path / 'val.txt'} is not read: dev is dev.jsonl",
    ]
    assert user_files.passed_over(SourceTree(tmp_path / "notes.txt")) == []
