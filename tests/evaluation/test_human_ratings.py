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
    clustered_error,
    draw_items,
    score_ratings,
)
from arae_toolkit.evaluation.human.sheet_files import (
    FILES,
    PAGE,
    PAIR_PAGE,
    PAIR_TABLE,
    TABLE,
    read_key,
    read_sheet,
    write_rating_files,
)
from arae_toolkit.evaluation.human.tables import KEY
from arae_toolkit.evaluation.transfer.comparison import SystemOutputs
from arae_toolkit.reports.results import read_results
from arae_toolkit.reports.tables.transfer import PEOPLES, people_block

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


def fill(folder, answer, name="filled.csv", *, table=TABLE, delimiter=",", encoding="utf-8"):
    """Fill a table: ``answer`` returns attribute, naturalness and similarity of an item."""
    key = {item.key: item for item in read_key(folder / KEY).items}
    header, *rows = table_of(folder / table)
    for row in rows:
        *first, similarity = answer(key[row[0]])
        row[-len(first) :] = first if table == TABLE else [*row[-2:-1], similarity]
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
    for name in (TABLE, PAGE, PAIR_TABLE, PAIR_PAGE):
        content = (folder / name).read_text(encoding="utf-8")
        assert "ours" not in content
        assert "theirs" not in content
        assert "target" not in content.lower()
    header, *rows = table_of(folder / TABLE)
    assert header[2] == "attribute (negative / positive / neither)"
    assert [row[0] for row in rows] == [item.key for item in items]
    assert all(row[2] == row[3] == "" for row in rows)


def test_similarity_is_a_task_of_its_own(folder, items):
    """As in the paper: who names a label does not see the original, nor the same order after."""
    texts = table_of(folder / TABLE)[1:]
    header, *rows = table_of(folder / PAIR_TABLE)
    assert header == ["id", "original", "text", "similarity (1-5)"]
    assert all(len(row) == 4 for row in texts)  # id, text and two answers: no original
    assert {row[0]: row[1:] for row in rows} == {
        item.key: [item.source, item.output, ""] for item in items
    }
    assert [row[0] for row in rows] != [item.key for item in items]
    page = Seen()
    page.feed((folder / PAIR_PAGE).read_text(encoding="utf-8"))
    assert page.buttons == {f"{item.key}-similarity": 5 for item in items}
    assert all(item.source in page.text and item.output in page.text for item in items)


def test_the_page_shows_every_row_with_two_questions(folder, items):
    page = Seen()
    page.feed((folder / PAGE).read_text(encoding="utf-8"))
    assert page.tags["fieldset"] == len(items)
    for item in items:
        assert item.output in page.text  # markup in a text is text
        assert page.buttons[f"{item.key}-attribute"] == 3
        assert page.buttons[f"{item.key}-naturalness"] == 5
    assert len(page.buttons) == 2 * len(items)
    assert page.tags["b"] == 2  # those of the instructions
    assert not re.search(r"https?://", (folder / PAGE).read_text(encoding="utf-8"))


def test_a_cell_is_no_formula(tmp_path):
    trick = SystemOutputs(["-1 star"], ["= 1 + 1"], [0], [1])
    items = draw_items({"a": trick}, 1, labels=LABELS, seed=0)
    write_rating_files(tmp_path, items, labels=LABELS)
    assert table_of(tmp_path / TABLE)[1][1] == " = 1 + 1"
    assert table_of(tmp_path / PAIR_TABLE)[1][1:3] == [" - 1 star", " = 1 + 1"]


def test_a_sheet_that_someone_may_have_filled_is_not_replaced(folder, items):
    with pytest.raises(ToolkitError, match="there is a sheet already"):
        write_rating_files(folder, items, labels=LABELS)


# --- scores ----------------------------------------------------------------------------------


def answers(item):
    """Ours always reaches the target and is natural; theirs never does."""
    return (item.target, "5", "4") if item.system == "ours" else (item.origin, "2.0", "")


def test_scores_by_hand(folder):
    key = read_key(folder / KEY)
    filled = [fill(folder, answers), fill(folder, answers, "pairs.csv", table=PAIR_TABLE)]
    sheets = [read_sheet(path, key) for path in filled]
    assert agreement(sheets) is None  # one person's, of both tasks
    found = score_ratings(key.items, sheets)
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


def test_ratings_of_one_row_are_one_observation(folder):
    """Two people say 2 and 3 of one row, 5 and 5 of another, one person 4 of a third.

    By hand: the mean is 19 / 5, sums of deviations -2.6, 2.4 and 0.2 by row, the error the root of
    3 / 2 times the sum of their squares, 12.56, over 5. Unclustered it would be 0.58.
    """
    key = read_key(folder / KEY)
    rows = [item.key for item in key.items if item.system == "ours"][:3]
    points = ({rows[0]: 2, rows[1]: 5, rows[2]: 4}, {rows[0]: 3, rows[1]: 5})
    sheets = [{row: Rating(None, said, None) for row, said in one.items()} for one in points]
    average = score_ratings(key.items, sheets)["ours"].naturalness
    assert (average.value, average.ratings) == (pytest.approx(3.8), 5)
    assert average.error == pytest.approx((1.5 * 12.56) ** 0.5 / 5)


def test_the_clustered_error_is_the_usual_one_where_each_row_is_rated_once():
    values = np.random.default_rng(0).normal(size=50)
    usual = values.std(ddof=1) / 50**0.5
    assert clustered_error(values, [str(row) for row in range(50)]) == pytest.approx(usual)
    # People who agree tell nothing new of the system: the error stays that of one of them.
    repeated = clustered_error(np.tile(values, 4), [str(row) for row in range(50)] * 4)
    assert repeated == pytest.approx(usual)
    assert clustered_error([3, 4], ["a", "a"]) is None


def test_several_people_are_pooled_and_their_agreement_is_told(folder):
    key = read_key(folder / KEY)

    def stricter(item):
        attribute, naturalness, _ = answers(item)
        worse = max(1, int(float(naturalness)) - 2) if item.system == "ours" else 3
        return (attribute if item.origin == "negative" else NEITHER), str(worse), "4"

    sheets = [
        read_sheet(fill(folder, said, f"{name}-{table}", table=table), key)
        for name, said in (("a", answers), ("b", stricter))
        for table in (TABLE, PAIR_TABLE)
    ]
    found = score_ratings(key.items, sheets)
    assert found["ours"].transfer.value == 75
    assert found["ours"].naturalness.value == 4
    agreed = agreement(sheets)
    assert (agreed.attribute, agreed.pairs) == (50, 12)
    assert agreed.naturalness == 50  # 5 and 3 of ours, 2 and 3 of theirs
    assert agreed.similarity == 100
    assert agreement(sheets[:2]) is None  # one person's


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
    table = PAIR_TABLE if cells[2] else TABLE
    second = table_of(folder / table)[2][0]
    said = {second: cells}
    path = fill(folder, lambda item: said.get(item.key, ("", "", "")), table=table)
    with pytest.raises(DataError, match=re.escape(f"{path}:3: {problem}")):
        read_sheet(path, key)


def test_a_sheet_of_another_key_is_refused(folder, tmp_path):
    key = read_key(folder / KEY)
    other = tmp_path / "other"
    write_rating_files(other, draw_items(SYSTEMS, 6, labels=LABELS, seed=9), labels=LABELS)
    with pytest.raises(DataError, match="is not in the key"):
        read_sheet(fill(other, answers), key)
    path = folder / TABLE
    for name in ("naturalness", "attribute"):
        path.write_text(path.read_text(encoding="utf-8-sig").replace(name, f"x{name}"))
        with pytest.raises(DataError, match=f"{path.name}:1: no column '{name}'"):
            read_sheet(path, key)
    for content, problem in (("{", "not JSON"), ("{}", "not the key of a rating sheet")):
        path.write_text(content)
        with pytest.raises(DataError, match=problem):
            read_key(path)


def test_older_keys_and_tables_of_both_tasks_are_read(folder, tmp_path):
    """Until 0.1 one table had all three questions, and a key did not say what it was made with."""
    content = json.loads((folder / KEY).read_text())
    del content["made"]
    (tmp_path / KEY).write_text(json.dumps(content))
    key = read_key(tmp_path / KEY)
    assert key.items == read_key(folder / KEY).items
    header = ["id", "text", "attribute (a)", "naturalness", "original", "similarity (1-5)"]
    older = tmp_path / "older.csv"
    with older.open("w", newline="") as target:
        rows = [[item.key, item.output, *answers(item)[:2], item.source, "4"] for item in key.items]
        csv.writer(target).writerows([header, *rows])
    assert read_sheet(older, key)[key.items[0].key].similarity == 4
    done = call(
        "transfer-ratings", tmp_path / KEY, older, "--results", tmp_path / "results", code=3
    )
    assert "an older key, which does not name its corpus; score it without --results" in done.stderr


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
    assert result.stdout.splitlines() == [str(tmp_path / "sheet" / name) for name in FILES]
    told = "30 rows of ours, theirs, references for 10 sentences: "
    assert told in result.stderr
    assert "5 negative -> positive" in result.stderr
    assert "5 positive -> negative" in result.stderr
    assert "are not there" not in result.stderr
    more = ("--rating-folder", tmp_path / "more", "--rating-sheet", 1000, "--limit", 40)
    assert "1,000 sentences, as many a direction, are not there" in call(*arguments, *more).stderr
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
    pairs = fill(folder, lambda item: ("", "", "3"), "pairs.csv", table=PAIR_TABLE)
    sheets = (filled, filled, pairs, "--results", tmp_path / "results")
    both = call("transfer-ratings", folder / KEY, *sheets).stdout
    assert "the same attribute" in both
    results = read_results(tmp_path / "results")
    written = results[PEOPLES]
    assert written["metrics"]["ours, transfer"] == {"value": 100, "spread": 0, "unit": "percent"}
    assert written["metrics"]["theirs, similarity"]["value"] == 3
    assert written["corpus"]["sha256"] == corpus.sha256
    assert written["details"]["sources"] == {"negative -> positive": 5, "positive -> negative": 5}
    table = people_block(results)
    awaited = "| needs people | needs people | needs people | 57 / 3.8 / 2.7 |"
    assert f"| cross-aligned AE {awaited}" in table
    assert "| ours | 100.0 ± 0.0 % | 3.00 ± 0.00 | 4.00 ± 0.00 |  |" in table
    assert "5 positive -> negative; 3 filled sheets" in table


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
