import json
import re

import numpy as np
import pytest
from matplotlib.image import imread

from arae_toolkit.latent.maps import draw_map, project, write_map_page

HOSTILE = "</script><script>alert(1)</script> & <!-- \u2028 'q' \"q\""


def codes(count, *, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)


def test_pca_keeps_distances_in_a_plane():
    flat = codes(20)[:, :2] @ np.linalg.qr(codes(6)[:, :2])[0].T.astype(np.float32)
    found = project(flat, method="pca")
    assert found.explained == pytest.approx(100)
    distances = [
        np.linalg.norm(points[:, None] - points[None], axis=2) for points in (flat, found.points)
    ]
    np.testing.assert_allclose(*distances, atol=1e-4)
    assert project(codes(50), method="pca").explained < 80


def test_tsne_is_fixed_by_its_seed_and_keeps_clusters_apart():
    two = np.concatenate([codes(20), codes(20, seed=1) + 30])
    first, again = (project(two, method="tsne", seed=3) for _ in range(2))
    assert first.explained is None
    np.testing.assert_array_equal(first.points, again.points)
    near = np.linalg.norm(first.points[:, None] - first.points[None], axis=2)
    np.fill_diagonal(near, np.inf)
    assert ((near.argmin(axis=1) < 20) == (np.arange(40) < 20)).all()


def test_other_codes_have_a_place_and_are_moved_to_one_on_a_map_by_pca():
    found = project(codes(30), method="pca")
    np.testing.assert_allclose(found.place(codes(30)), found.points, atol=1e-5)
    others, places = codes(4, seed=1), np.array([[0.0, 0], [1, 2], [-3, 0.5], [9, 9]])
    moved = found.moved(others, places)
    np.testing.assert_allclose(found.place(moved), places, atol=1e-5)
    # What the map does not show stays: the move lies in the plane of the two directions.
    beside = np.eye(6) - found.directions.T @ found.directions
    np.testing.assert_allclose((moved - others) @ beside, 0, atol=1e-5)
    with pytest.raises(ValueError, match="only a map by PCA"):
        project(codes(10), method="tsne").place(others)


def test_a_map_needs_three_sentences():
    with pytest.raises(ValueError, match="2 sentences, at least 3"):
        project(codes(2), method="pca")


def test_no_sentence_can_leave_its_place_in_the_page(tmp_path):
    path = tmp_path / "map.html"
    texts, kinds = ["a dog .", HOSTILE, "b"], ["dev", HOSTILE, "dev"]
    write_map_page(
        codes(3)[:, :2].astype(np.float64), texts, kinds, path, title=HOSTILE, caption=HOSTILE
    )
    page = path.read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 2
    assert "alert(1)</script>" not in page
    assert page.count("<!--") == 0
    data = re.search(r'type="application/json">(.*?)</script>', page, flags=re.DOTALL)
    content = json.loads(data[1])
    assert content["texts"] == texts
    assert content["names"] == ["dev", HOSTILE]
    assert content["kinds"] == [0, 1, 0]
    assert "innerHTML" not in page
    assert not re.search(r"\b(src|href)=|fetch\(|@import|url\(", page)


def test_points_lie_within_the_page(tmp_path):
    path = tmp_path / "map.html"
    points = np.array([[-1.0, 5.0], [1.0, 5.0], [0.0, 5.0]])
    write_map_page(points, ["a", "b", "c"], ["x"] * 3, path, title="t", caption="c")
    data = re.search(r'json">(.*?)</script>', path.read_text(encoding="utf-8"))
    content = json.loads(data[1])
    assert content["x"] == [25.0, 975.0, 500.0]
    assert content["y"] == [975.0] * 3


def test_a_picture_shows_each_kind_in_a_colour(tmp_path):
    path = tmp_path / "map.png"
    points = codes(40)[:, :2].astype(np.float64)
    draw_map(points, ["a $x", "b"] * 20, path)
    colours = {tuple(colour) for colour in imread(path)[..., :3].reshape(-1, 3).round(1)}
    assert any(blue > 0.6 > red for red, _, blue in colours)
    assert any(red > 0.9 and blue < 0.5 for red, _, blue in colours)
    first = path.read_bytes()
    draw_map(points, ["a $x", "b"] * 20, path)
    assert path.read_bytes() == first
