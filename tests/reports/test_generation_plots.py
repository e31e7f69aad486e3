import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.generation_plots import draw_frontier, draw_perplexities, write_plot
from arae_toolkit.reports.tables.generation import frontier_block


def system(forward, reverse, temperature=None):
    sides = {"forward_perplexity": forward, "reverse_perplexity": reverse}
    return {
        "temperature": temperature,
        **{
            name: None if value is None else {"value": value, "low": value - 1, "high": value + 2}
            for name, value in sides.items()
        },
    }


SYSTEMS = {
    "real test": system(30.0, None),
    "copies": system(31.0, 35.0),
    "m T=0.5": system(10.0, 90.0, 0.5),
    "m T=1": system(33.0, 50.0, 1.0),
    "<script>alert(1)</script>": system(60.0, 70.0),
}
CURVES = {"m": ["m T=0.5", "m T=1"]}


def test_a_curve_is_joined_and_every_other_system_is_a_point():
    axes, _ = draw_perplexities(SYSTEMS, CURVES).axes
    drawn = {bar.get_label(): bar.lines[0] for bar in axes.containers}
    assert set(drawn) == {"copies", "m", "<script>alert(1)</script>"}
    assert drawn["m"].get_xydata().tolist() == [[10.0, 90.0], [33.0, 50.0]]
    assert drawn["copies"].get_xydata().tolist() == [[31.0, 35.0]]
    assert [text.get_text() for text in axes.texts] == ["0.5", "1"]


def test_what_lies_far_above_every_curve_stands_at_the_edge_with_its_figure():
    far = {**SYSTEMS, "collapsed": system(6.0, 900.0)}
    axes, close = draw_perplexities(far, CURVES).axes
    points = {bar.get_label(): bar.lines[0].get_xydata().tolist() for bar in axes.containers}
    assert points["collapsed"] == [[6.0, 1.25 * 90.0]]
    assert points["m"][0] == [10.0, 90.0]
    assert "↑ 900" in [text.get_text() for text in axes.texts]
    assert axes.get_ylim()[1] == pytest.approx(1.25 * 90.0)
    assert close.get_ylim() == pytest.approx((0.96 * 50.0, 1.2 * 50.0))
    (alone,) = draw_perplexities(far, {}).axes  # without a curve there is no edge
    assert alone.get_ylim()[1] > 900.0


def test_pictures_and_pages_are_the_same_for_the_same_numbers(tmp_path):
    for name in ("a.png", "b.png", "a.html", "b.html"):
        write_plot(
            tmp_path / name,
            SYSTEMS,
            CURVES,
            title="a & b",
            tables=[[["x", "y"], ["<script>", "1"]]],
            notes=["<unk> is a word"],
        )
    for kind in ("png", "html"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    page = (tmp_path / "a.html").read_text()
    assert "<script" not in page
    assert ">&lt;script&gt;</td>" in page
    assert ">&lt;unk&gt; is a word</p>" in page
    assert "a &amp; b" in page


def test_nothing_to_draw_and_another_suffix_are_told(tmp_path):
    with pytest.raises(ToolkitError, match="nothing to draw"):
        draw_perplexities({"real test": SYSTEMS["real test"]}, {})
    with pytest.raises(ValueError, match=r"\.png or \.html"):
        write_plot(tmp_path / "x.pdf", SYSTEMS, CURVES, title="", tables=[], notes=[])


def settings_result(*rows):
    """Return results of settings on dev: name of the run, forward, reverse and reconstruction."""
    found = {
        f"{run} {forward}": {
            **system(forward, reverse, 0.8),
            **{"run": run, "prior": "own", "nats_per_sentence": nats, "found_in_train": 1.0},
            **{"neighbour_cosine": nats and 0.5, "random_cosine": nats and 0.2},
        }
        for run, forward, reverse, nats in rows
    }
    return {"frontier": {"details": {"rows": {"real dev": system(30.0, None), **found}}}}


def test_settings_are_held_against_the_curve_where_there_is_one(tmp_path):
    curve = (("lm", 10.0, 60.0, None), ("lm", 40.0, 40.0, None))
    results = settings_result(*curve, ("ae", 20.0, 53.0, 7.0), ("wide", 80.0, 45.0, 5.0))
    *_, between, beyond = frontier_block(results).splitlines()
    assert between.split("|")[-2].strip() == "3.0"  # the curve is half way down at 20
    assert between.split("|")[5].strip() == "0.30"
    assert beyond.split("|")[-2].strip() == ""
    draw_frontier(results, tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").stat().st_size > 5_000


def test_the_best_of_several_draws_is_a_row_and_no_part_of_the_curve():
    curve = (("lm", 10.0, 60.0, None), ("lm", 40.0, 40.0, None))
    results = settings_result(*curve, ("lm", 20.0, 90.0, None), ("ae", 20.0, 53.0, 7.0))
    results["frontier"]["details"]["rows"]["lm 20.0"]["best_of"] = 4
    *_, best, plain = frontier_block(results).splitlines()
    assert best.split("|")[3].strip() == "0.8, best of 4"
    assert plain.split("|")[-2].strip() == "3.0"


def test_without_results_the_program_that_makes_them_is_named():
    with pytest.raises(ToolkitError, match=r"benchmarks\.frontier"):
        frontier_block({})
