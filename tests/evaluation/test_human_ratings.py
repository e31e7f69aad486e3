import csv
import json
import re
from collections import Counter
from functools import partial
from html.parser import HTMLParser

import command_line
import numpy as np
import pytest
import small_transfer

from arae_toolkit.data.corpus import texts_of
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.evaluation.human.ratings import (
    NEITHER,
    Rating,
    agreement,
    draw_items,
    score_ratings,
)
from arae_toolkit.evaluation.human.sheet_files import (
    PAGE,
    TABLE,
    read_key,
    read_sheet,
    write_rating_files,
)
from arae_toolkit.evaluation.human.tables import KEY
from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

LABELS = ("negative", "positive")
COUNT = 20


def system(mark, *, count=COUNT):
    origins = [int(row >= count // 2) for row in range(count)]
    sources = [f"The food was {('bad', 'good')[o]}, {row}." for row, o in enumerate(origins)]
    targets = [1 - origin for origin in origins]
    return SystemOutputs(sources, [f"{mark} {text}" for text in sources], origins, targets)


SYSTEMS = {"ours": system("so"), "theirs": system('<b>"well"</b>,')}


@pytest.fixture
def items():
    return draw_items(SYSTEMS, 6, labels=LABELS, seed=1)


@pytest.fixture
def folder(items, tmp_path):
    write_rating_files(tmp_path / "ratings", items, labels=LABELS)
    return tmp_path / "ratings"


def table_of(path):
    with path.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.reader(source))


def fill(folder, answer, name="filled.csv", *, delimiter=",", encoding="utf-8"):
    """Fill a sheet: ``answer`` returns attribute, naturalness and similarity of an item."""
    key = {item.key: item for item in read_key(folder / KEY).items}
    header, *rows = table_of(folder / TABLE)
    for row in rows:
        row[2], row[3], row[5] = answer(key[row[0]])
    path = folder / name
    with path.open("w", encoding=encoding, newline="") as target:
        csv.writer(target, delimiter=delimiter).writerows([header, *rows])
    return path


# --- what is drawn ---------------------------------------------------------------------------


def test_every_system_answers_every_drawn_source_and_directions_are_balanced(items):
    assert len(items) == 12
    assert Counter(item.system for item in items) == {"ours": 6, "theirs": 6}
    assert set(Counter(item.source for item in items).values()) == {2}
    directions = Counter((item.origin, item.target) for item in items)
    assert directions == {("negative", "positive"): 6, ("positive", "negative"): 6}
    assert len({item.key for item in items}) == 12


def test_the_order_is_fixed_by_the_seed_and_tells_nothing(items):
    assert draw_items(SYSTEMS, 6, labels=LABELS, seed=1) == items
    assert draw_items(SYSTEMS, 6, labels=LABELS, seed=2) != items
    order = [item.system for item in items]
    assert order != sorted(order)
    assert order != ["ours", "theirs"] * 6


def test_more_sources_than_there_are_gives_all():
    assert len(draw_items(SYSTEMS, 999, labels=LABELS, seed=0)) == 2 * COUNT


def test_sources_that_one_system_lacks_are_left_out():
    fewer = {"ours": SYSTEMS["ours"], "theirs": system("x", count=COUNT).limited(5)}
    assert len(draw_items(fewer, 999, labels=LABELS, seed=0)) == 10
    with pytest.raises(ValueError, match="no source that every system"):
        draw_items(
            {"a": system("x"), "b": system("x", count=6).at(np.array([5]))},
            5,
            labels=LABELS,
            seed=0,
        )


# --- what raters see -------------------------------------------------------------------------


class Seen(HTMLParser):
    """Everything that a page says, and the names of its buttons."""

    def __init__(self):
        super().__init__()
        self.text, self.buttons, self.tags = [], Counter(), Counter()

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        if tag == "input":
            self.buttons[dict(attributes)["name"]] += 1

    def handle_data(self, data):
        self.text.append(data.strip())


def test_the_files_tell_no_system_and_no_target(folder, items):
    for name in (TABLE, PAGE):
        content = (folder / name).read_text(encoding="utf-8")
        assert "ours" not in content
        assert "theirs" not in content
        assert "target" not in content.lower()
    header, *rows = table_of(folder / TABLE)
    assert header[2] == "attribute (negative / positive / neither)"
    assert [row[0] for row in rows] == [item.key for item in items]
    assert all(row[2] == row[3] == row[5] == "" for row in rows)


def test_the_page_shows_every_row_with_three_questions(folder, items):
    page = Seen()
    page.feed((folder / PAGE).read_text(encoding="utf-8"))
    assert page.tags["fieldset"] == len(items)
    for item in items:
        assert item.output in page.text  # markup in a text is text
        assert item.source in page.text
        assert page.buttons[f"{item.key}-attribute"] == 3
        assert page.buttons[f"{item.key}-naturalness"] == 5
        assert page.buttons[f"{item.key}-similarity"] == 5
    assert "b" not in page.tags or page.tags["b"] == 3  # those of the instructions
    assert not re.search(r"https?://", (folder / PAGE).read_text(encoding="utf-8"))


def test_a_cell_is_no_formula(tmp_path):
    trick = SystemOutputs(["-1 star"], ["= 1 + 1"], [0], [1])
    items = draw_items({"a": trick}, 1, labels=LABELS, seed=0)
    write_rating_files(tmp_path, items, labels=LABELS)
    row = table_of(tmp_path / TABLE)[1]
    assert (row[1], row[4]) == (" = 1 + 1", " - 1 star")


def test_a_sheet_that_someone_may_have_filled_is_not_replaced(folder, items):
    with pytest.raises(ToolkitError, match="there is a sheet already"):
        write_rating_files(folder, items, labels=LABELS)


# --- scores ----------------------------------------------------------------------------------


def answers(item):
    """Ours always reaches the target and is natural; theirs never does."""
    return (item.target, "5", "4") if item.system == "ours" else (item.origin, "2.0", "")


def test_scores_by_hand(folder):
    key = read_key(folder / KEY)
    found = score_ratings(key.items, [read_sheet(fill(folder, answers), key)])
    ours, theirs = found["ours"], found["theirs"]
    assert (ours.transfer.value, ours.transfer.error, ours.transfer.ratings) == (100, 0, 6)
    assert (ours.naturalness.value, ours.similarity.value) == (5, 4)
    assert (theirs.transfer.value, theirs.naturalness.value, theirs.similarity) == (0, 2, None)


def test_the_standard_error_by_hand(folder):
    key = read_key(folder / KEY)
    chosen = [item for item in key.items if item.system == "ours"][:2]
    sheet = {chosen[0].key: Rating(None, 2, None), chosen[1].key: Rating(None, 4, None)}
    average = score_ratings(key.items, [sheet])["ours"].naturalness
    assert (average.value, average.ratings) == (3, 2)
    assert average.error == pytest.approx(1)  # deviation sqrt(2), over sqrt(2)


def test_several_people_are_pooled_and_their_agreement_is_told(folder):
    key = read_key(folder / KEY)

    def stricter(item):
        attribute, naturalness, _ = answers(item)
        worse = max(1, int(float(naturalness)) - 2) if item.system == "ours" else 3
        return (attribute if item.origin == "negative" else NEITHER), str(worse), "4"

    sheets = [
        read_sheet(fill(folder, answers, "a.csv"), key),
        read_sheet(fill(folder, stricter, "b.csv"), key),
    ]
    found = score_ratings(key.items, sheets)
    assert found["ours"].transfer.value == 75
    assert found["ours"].naturalness.value == 4
    agreed = agreement(sheets)
    assert (agreed.attribute, agreed.pairs) == (50, 12)
    assert agreed.naturalness == 50  # 5 and 3 of ours, 2 and 3 of theirs
    assert agreed.similarity == 100
    assert agreement(sheets[:1]) is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_way_of_saving_a_table_is_read(folder, delimiter, encoding):
    key = read_key(folder / KEY)
    plain = read_sheet(fill(folder, answers, "plain.csv"), key)
    path = fill(folder, answers, "other.csv", delimiter=delimiter, encoding=encoding)
    path.write_bytes(path.read_bytes() + b"\r\n")
    assert read_sheet(path, key) == plain


def test_rows_that_are_not_rated_are_left_out(folder):
    key = read_key(folder / KEY)
    assert read_sheet(folder / TABLE, key) == {}


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("maybe", "", ""), "attribute is 'maybe', not one of negative, positive, neither"),
        (("", "6", ""), "naturalness is '6', not a number from 1 to 5"),
        (("", "", "2.5"), "similarity is '2.5', not a number from 1 to 5"),
        (("", "", "²"), "similarity is '²'"),
    ],
)
def test_an_answer_that_is_none_is_named_by_line(folder, cells, problem):
    key = read_key(folder / KEY)
    path = fill(folder, lambda item: cells if item == key.items[1] else ("", "", ""))
    with pytest.raises(DataError, match=re.escape(f"{path}:3: {problem}")):
        read_sheet(path, key)


def test_a_sheet_of_another_key_is_refused(folder, tmp_path):
    key = read_key(folder / KEY)
    other = tmp_path / "other"
    write_rating_files(other, draw_items(SYSTEMS, 6, labels=LABELS, seed=9), labels=LABELS)
    with pytest.raises(DataError, match="is not in the key"):
        read_sheet(fill(other, answers), key)
    path = folder / TABLE
    path.write_text(path.read_text(encoding="utf-8-sig").replace("similarity", "likeness"))
    with pytest.raises(DataError, match="no column 'similarity'"):
        read_sheet(path, key)
    for content, problem in (("{", "not JSON"), ("{}", "not the key of a rating sheet")):
        path.write_text(content)
        with pytest.raises(DataError, match=problem):
            read_key(path)


# --- the commands ----------------------------------------------------------------------------


call = partial(command_line.call, "evaluate")


def test_from_outputs_to_scores(tmp_path):
    corpus = small_transfer.labelled_corpus(tmp_path / "corpora")
    split = corpus.split("test")
    texts = texts_of(split, corpus.vocabulary)
    paths = []
    for name in ("ours", "theirs"):
        paths.append(tmp_path / f"{name}.tsv")
        paths[-1].write_text("".join(f"{text}\t{name[0]} {text}\n" for text in texts))
    arguments = ["transfer", "--corpus", corpus.folder, "--rating-folder", tmp_path / "sheet"]
    for path in paths:
        arguments += ["--outputs", path]
    human = tmp_path / "human.tsv"
    human.write_text("".join(f"{text}\tsomething lovely\n" for text in texts[:40]))
    result = call(*arguments, "--rating-sheet", 10, "--references", human)
    assert result.stdout.splitlines() == [str(tmp_path / "sheet" / f) for f in (TABLE, PAGE, KEY)]
    assert "30 rows of ours, theirs, references" in result.stderr
    assert not (tmp_path / "runs" / "judges").exists()  # nothing was trained
    assert "sheet already" in call(*arguments, "--rating-sheet", 10, code=1).stderr
    folder = tmp_path / "sheet"
    filled = fill(folder, lambda item: (item.target, "4", "3"))
    text = call("transfer-ratings", folder / KEY, filled).stdout
    assert text.splitlines()[0].split() == sorted(
        {"ours", "theirs", "references"}, key=[i.system for i in read_key(folder / KEY).items].index
    )
    assert "100.00 ± 0.00" in text
    assert "rows rated: 30 of 30" in text
    found = json.loads(call("transfer-ratings", folder / KEY, filled, filled, "--json").stdout)
    assert found["systems"]["ours"]["naturalness"]["value"] == 4
    assert found["systems"]["ours"]["naturalness"]["ratings"] == 20
    assert found["agreement"]["attribute"] == 100
    assert found["rated"] == [30, 30]
    both = call("transfer-ratings", folder / KEY, filled, filled).stdout
    assert "the same attribute" in both


def test_a_key_that_is_nested_too_deeply_is_one_line(folder):
    (folder / KEY).write_text("[" * 100_000)
    result = call("transfer-ratings", folder / KEY, folder / TABLE, code=3)
    assert "not JSON (nested too deeply)" in result.stderr


def test_a_sheet_that_nobody_has_filled_is_told(folder):
    result = call("transfer-ratings", folder / KEY, folder / TABLE, code=3)
    assert "no row is rated" in result.stderr
    assert call("transfer-ratings", folder / KEY, code=2).stdout == ""
    result = call("transfer-ratings", folder / KEY, folder / "no.csv", code=2)
    assert "no.csv" in result.stderr
