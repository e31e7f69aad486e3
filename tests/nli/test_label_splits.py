import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.errors import DataError
from arae_toolkit.nli import label_splits
from arae_toolkit.nli.label_splits import (
    SPLITS,
    LabelledRows,
    choose_rows,
    cross_sentence_rows,
    wanted_count,
)

NAMES = ("entailment", "neutral", "contradiction")
# 30 rows of each class and 10 without a label, shuffled.
LABELS = (
    np.random.default_rng(4)
    .permutation(np.repeat([0, 1, 2, UNLABELLED], [30, 30, 30, 10]))
    .astype(np.int16)
)


def choose(name, **settings):
    return choose_rows(LABELS, name, names=NAMES, **settings)


@given(
    counts=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    unlabelled=st.integers(0, 9),
    wanted=st.integers(1, 12),
    seed=st.integers(0, 5),
)
def test_every_draw_is_balanced_sorted_labelled_and_the_same_again(
    counts, unlabelled, wanted, seed
):
    ids = [*range(len(counts)), UNLABELLED]
    labels = np.random.default_rng(seed).permutation(np.repeat(ids, [*counts, unlabelled]))
    names = [f"class {index}" for index in range(len(counts))]

    def draw():
        return choose_rows(labels, str(wanted), names=names, seed=seed)

    shares = [wanted // len(counts) + (index < wanted % len(counts)) for index in ids[:-1]]
    if any(share > count for share, count in zip(shares, counts, strict=True)):
        with pytest.raises(DataError, match=f"{wanted} needs {wanted} labelled pairs"):
            draw()
        return
    rows = draw().rows
    assert len(rows) == wanted
    assert (np.diff(rows) > 0).all()
    assert np.bincount(labels[rows], minlength=len(counts)).tolist() == shares
    assert (rows == draw().rows).all()


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 20))
def test_a_larger_split_of_a_seed_holds_the_smaller(one, other, seed):
    small, large = sorted((one, other))
    smaller, larger = (set(choose(str(n), seed=seed).rows.tolist()) for n in (small, large))
    assert smaller <= larger


def test_another_seed_is_another_draw():
    assert choose("30", seed=1).rows.tolist() != choose("30", seed=2).rows.tolist()


@given(st.integers(20, 100), st.integers(1, 6))
def test_first_draws_from_the_first_pairs_only(first, wanted):
    rows = choose_rows(LABELS, str(wanted), names=NAMES, first=first).rows
    assert rows.max() < first
    alone = choose_rows(LABELS[:first], str(wanted), names=NAMES)
    assert rows.tolist() == alone.rows.tolist()


@pytest.mark.parametrize("first", [0, 20])
def test_full_is_every_labelled_pair_as_it_stands(first):
    chosen = choose("full", first=first)
    assert chosen.rows.tolist() == np.flatnonzero(LABELS != UNLABELLED).tolist()
    assert (chosen.name, len(chosen.rows)) == ("full", 90)


def test_too_few_labels_are_counted_class_by_class():
    labels = np.repeat([0, 1, 2, UNLABELLED], [5, 2, 4, 7]).astype(np.int16)
    with pytest.raises(DataError) as caught:
        choose_rows(labels, "9", names=NAMES, path=Path("corpora/x"))
    assert str(caught.value) == (
        "corpora/x: 9 needs 9 labelled pairs, 3 of each class, and there are 11 (5 entailment, "
        "2 neutral, 4 contradiction); ask for at most 6, or for full"
    )
    assert len(choose_rows(labels, "6", names=NAMES).rows) == 6
    with pytest.raises(DataError, match=r"11 among the first 11 pairs \(5 entailment, 2 neutral"):
        choose_rows(labels, "tiny", names=NAMES, first=11)


def test_labels_of_hardly_any_pairs_may_be_mistyped():
    """Where they alone are in the way, or are none at all."""
    names = [*NAMES[:2], "entailmnet"]
    for few, most in ((1, "at most 3, or for full"), (0, "full")):
        labels = np.repeat([0, 1, 2], [50, 50, few]).astype(np.int16)
        with pytest.raises(DataError) as caught:
            choose_rows(labels, "60", names=names)
        assert str(caught.value).endswith(
            f"(50 entailment, 50 neutral, {few} entailmnet); ask for {most}; a label that is "
            "mistyped becomes another by prepare --labels-map"
        )


def test_the_papers_splits_are_known_by_name():
    assert {name: wanted_count(name) for name in SPLITS} == {
        "tiny": 28_000, "small": 59_000, "medium": 120_000,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["huge", "0", "-3", "1.5", "", "²"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="none of tiny, small, medium, full"):
        choose(name)


def test_the_fingerprint_is_that_of_a_file_of_the_row_numbers(tmp_path):
    chosen = LabelledRows("3", np.array([2, 5, 11]), 0)
    path = tmp_path / "rows.txt"
    path.write_text("2\n5\n11\n")
    assert chosen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert chosen.sha256 != LabelledRows("3", np.array([2, 5, 12]), 0).sha256


def test_the_cross_sentence_models_pairs_are_the_first_of_a_shuffled_file(monkeypatch):
    lines = [f"pair {number}\n" for number in range(400)]
    labels = np.array([number % 4 - 1 for number in range(400)], dtype=np.int16)
    monkeypatch.setattr(label_splits, "OFFICIAL_PAIRS", len(lines))
    shuffled = lines.copy()
    random.seed(2019)
    random.shuffle(shuffled)
    drawn = cross_sentence_rows(labels, "30")
    wanted = {line for line in shuffled[:30] if labels[lines.index(line)] != UNLABELLED}
    assert {lines[row] for row in drawn.rows} == wanted
    assert 0 < len(wanted) < 30
    assert drawn.rows.tolist() == sorted(drawn.rows)
    assert len(cross_sentence_rows(labels, "full").rows) == 300


def test_a_file_that_is_not_the_official_one_has_no_pairs_of_the_cross_sentence_model(tmp_path):
    labels = np.zeros(1000, dtype=np.int16)
    with pytest.raises(DataError, match=r"has 550,152; this train split has 1,000") as caught:
        cross_sentence_rows(labels, "tiny", path=tmp_path)
    assert caught.value.exit_code == 3
