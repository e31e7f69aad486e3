"""Blocks of pages, and charts in them."""

import re
from html.parser import HTMLParser

import pytest

from arae_toolkit.reports.run_page.line_chart import HEIGHT, WIDTH, line_chart, ticks
from arae_toolkit.storage.html_page import (
    facts,
    folded,
    note,
    page,
    picture,
    table,
    text,
    texts,
)

EVIL = "<script>alert('x')</script> & \"y\""
EMPTY = {"meta", "img", "br", "line", "circle", "polyline"}


class Checked(HTMLParser):
    """Fails where a tag is closed that is not open; holds what is read."""

    def __init__(self):
        super().__init__()
        self.open, self.read = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.read.append(data)


def read(content):
    parser = Checked()
    parser.feed(content)
    parser.close()
    assert not parser.open
    return "".join(parser.read)


def test_every_block_shows_its_text_and_is_well_formed():
    blocks = [
        note(EVIL),
        facts({EVIL: EVIL, "none": None, "zero": 0}, code=["zero"]),
        table([EVIL, "b"], [[EVIL, None], [1234, 0.123456], [0.534, 12345.678], [0.0, 1]]),
        texts([EVIL, "other"], marked=[False, True], numbered=True),
        folded(EVIL, picture(b"png", EVIL)),
        line_chart(EVIL, {EVIL: [(0, 1), (1, 2)]}, along=EVIL),
    ]
    content = page(EVIL, EVIL, {EVIL: blocks, "empty": ["", ""]})
    shown = read(content)
    assert "<script" not in content
    assert shown.count(EVIL) >= 12
    assert "1,234" in shown
    assert "0.1235" in shown
    assert "12,345.68" in shown
    assert "0.5340" in shown  # as many places as what it stands beside
    assert "0.00" in shown
    assert "empty" not in shown
    assert (
        "none"
        not in re.sub(r"<style>.*?</style>", "", content, flags=re.DOTALL).split("</head>")[1]
    )
    assert "http:" not in content
    assert "https:" not in content


def test_nothing_is_shown_of_nothing():
    assert facts({"a": None}) == table(["a"], []) == texts([]) == ""
    assert line_chart("t", {"a": [], "b": [(0, float("nan"))]}, along="x") == ""


def test_half_a_surrogate_pair_can_be_written():
    assert text("a\ud800b").encode("utf-8") == b"a?b"


@pytest.mark.parametrize(
    "points", [[(0, 0)], [(1, 5.0), (2, -3.0)], [(n, n % 7) for n in range(5000)], [(3, 1e9)]]
)
def test_lines_stay_within_the_picture(points):
    chart = line_chart("t", {"a": points}, along="x")
    read(chart)
    (path,) = re.findall(r'points="(.*?)"', chart)
    places = [tuple(map(float, place.split(","))) for place in path.split()]
    assert 0 < len(places) <= 400
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    heights = [y for _, y in places]
    values = [value for _, value in points]
    assert (heights[-1] <= heights[0]) == (values[-1] >= values[0])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.9), (0, 1e-6), (0, 123456), (-1, 0)])
def test_ticks_are_few_and_within(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low <= value <= high for value in found)
