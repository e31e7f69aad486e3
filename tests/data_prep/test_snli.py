from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import good_rows, splits_of, write_json_lines

from arae_toolkit.data.corpus import Corpus, Sentence, SentencePair
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.data_prep.readers import snli
from arae_toolkit.data_prep.readers.source_files import SourceTree
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.progress import progress

WORDS = ["dogs", "run", "(", ")", "[", "]", "{", "}", '"', "1/2", "n't", "*"]


def row(premise="A dog runs.", hypothesis="It moves.", label="entailment", **more):
    return {"gold_label": label, "sentence1": premise, "sentence2": hypothesis, **more}


def parse_of(words):
    """Return a right-branching binary parse as the official files hold it."""
    marks = {plain: mark for mark, plain in snli._TREEBANK.items() if len(mark) > 2} | {'"': "``"}
    tokens = [marks.get(word) or word.replace("/", r"\/").replace("*", r"\*") for word in words]
    parse = tokens[-1]
    for token in reversed(tokens[:-1]):
        parse = f"( {token} {parse} )"
    return parse


@settings(max_examples=25)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_the_words_of_a_parse_are_those_it_was_made_of(words):
    assert snli.words_of_parse(parse_of(words)) == " ".join(words)


def test_parses_are_used_where_present_and_raw_text_where_not(tmp_path):
    rows = [
        row("Two dogs (brown).", sentence1_binary_parse="( Two ( dogs ( -LRB- brown ) ) )"),
        row("Raw text.", sentence1_binary_parse=""),
        row("Raw text."),
    ]
    found = list(snli.read_pairs(write_json_lines(tmp_path / "rows.jsonl", rows), RowLog()))
    assert [pair.premise for pair in found] == ["Two dogs ( brown", "Raw text.", "Raw text."]
    assert {pair.hypothesis for pair in found} == {"It moves."}


def test_pairs_without_agreement_are_kept_as_unlabelled(tmp_path):
    file = write_json_lines(tmp_path / "rows.jsonl", [row(label="-"), row(label="neutral")])
    assert [pair.label for pair in snli.read_pairs(file, RowLog())] == [None, "neutral"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (row(label="maybe"), "gold_label 'maybe' is none of entailment, neutral, contradiction, -"),
        (row(label=1), "field 'gold_label' is a number"),
        (row(hypothesis=None), "field 'sentence2' is null"),
        ({"gold_label": "-", "sentence1": "a"}, "no field 'sentence2'"),
        (row(sentence2_binary_parse=3), "field 'sentence2_binary_parse' is a number"),
    ],
)
def test_a_row_that_is_no_pair_is_named(tmp_path, fields, problem):
    file = write_json_lines(tmp_path / "rows.jsonl", [row(), fields, row()])
    assert len(good_rows(partial(snli.read_pairs, file), f"{file}:2", problem)) == 2


def test_train_has_captions_and_no_dev(tmp_path):
    for split in ("train", "dev", "test"):
        write_json_lines(tmp_path / f"snli_1.0_{split}.jsonl", [row(premise=f"A {split} dog.")])
    (tmp_path / "captions.txt").write_text("One caption.\n")
    (tmp_path / "captions_more.txt").write_text("Another caption.\n")
    rows = snli.rows(SourceTree(tmp_path), PrepareOptions())
    captions = [Sentence("One caption."), Sentence("Another caption.")]
    assert splits_of(snli, tmp_path) == {"train": captions}
    for split in ("train", "dev", "test"):
        (pair,) = rows.pairs[split](RowLog())
        assert pair == SentencePair(f"A {split} dog.", "It moves.", "entailment")


def test_a_missing_split_is_named(tmp_path):
    write_json_lines(tmp_path / "snli_1.0_train.jsonl", [row()])
    with pytest.raises(DataError, match=r"no snli_1\.0_dev\.jsonl here"):
        snli.rows(SourceTree(tmp_path), PrepareOptions())


@pytest.mark.parametrize("files", [("train",), ("train", "dev")])
def test_what_multinli_lacks_beside_its_training_file_is_taken_from_it(tmp_path, files):
    (tmp_path / "multinli").mkdir()
    for split in files:
        rows = [row(f"The {split} dog {n} runs.", label=snli.LABELS[n % 3]) for n in range(60)]
        write_json_lines(tmp_path / "multinli" / snli.MULTINLI[split], rows)
    out = prepare_corpus(
        "snli", source=tmp_path / "multinli", out=tmp_path / "out", report=str, progress=progress
    )
    pairs = Corpus(out).manifest["pairs"]
    counts = {split: pairs[split]["pairs"] for split in ("train", "dev", "test")}
    assert sum(counts.values()) == 60 * len(files)
    assert counts["test"] == 6
    assert counts["dev"] == (60 if "dev" in files else 6)
