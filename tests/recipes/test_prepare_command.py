import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import start

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.recipes.cli import main
from arae_toolkit.storage import paths


def prepare(*arguments):
    return CliRunner().invoke(main, ["prepare", *map(str, arguments)], prog_name="arae-toolkit")


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.jsonl"
    rows = [
        {"review": f"The {thing} number {i} was {('bad', 'good')[i % 2]}.", "stars": i % 2}
        for i in range(40)
        for thing in ("soup", "bread")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


FIELDS = ("--text-field", "review", "--label-field", "stars")


def test_words_that_are_made_unknown_are_counted(tmp_path, reviews):
    rows = [json.loads(line) for line in reviews.read_text().splitlines()]
    lines = [row["review"].replace("number", f"number{at}") for at, row in enumerate(rows)]
    (tmp_path / "own.txt").write_text("\n".join(lines))
    result = prepare(tmp_path / "own.txt", "--out", tmp_path / "out")
    assert re.search(r"words seen once, now <unk> +│ +[1-9]", result.stderr)
    kept = prepare(tmp_path / "own.txt", "--min-count", 1, "--out", tmp_path / "out")
    assert "seen once" not in kept.stderr


def test_the_folder_goes_to_stdout_and_the_counts_to_stderr(tmp_path, reviews):
    result = prepare(reviews, *FIELDS, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'out'}\n"
    for part in ("reviews: at most 30 words", "64", "unknown tokens", "label: 0", "%"):
        assert part in result.stderr
    corpus = Corpus(tmp_path / "out")
    assert corpus.labels == ["0", "1"]
    assert corpus.manifest["splits"]["train"]["sentences"] == 64
    assert corpus.manifest["sources"][0]["rows"] == 80


def test_the_last_line_says_what_trains_on_it(tmp_path, reviews):
    """By the name that was given, unless the folder was; an encoder of pairs where there are."""
    folder = tmp_path / "a folder"
    assert prepare(reviews, *FIELDS).stderr.endswith(f"\nnext: 'arae-toolkit pretrain {reviews}'\n")
    made = prepare(reviews, *FIELDS, "--out", folder).stderr.splitlines()[-1]
    assert made == f"""next: "arae-toolkit pretrain '{folder}'\""""
    pairs = prepare("synthetic", "--size", 200).stderr.splitlines()[-1]
    assert pairs == (
        "next: 'arae-toolkit pretrain synthetic' or 'arae-toolkit nli pretrain --corpus synthetic'"
    )
    assert prepare("digits").stderr.endswith("\nnext: 'arae-toolkit pretrain digits'\n")


def test_with_other_options_it_says_that_it_replaces(reviews, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "replaces" not in prepare(reviews, *FIELDS, *out).stderr
    other = prepare(reviews, *FIELDS, "--vocab-size", "20", "--min-count", "1", *out)
    assert (
        f"{tmp_path / 'out'}: replaces a corpus of other options (vocab_size 30000, now 20; "
        "min_count unset, now 1), which runs that were trained on it need; --out keeps both\n"
    ) in other.stderr


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize(
    "same",
    [
        ("--format", "jsonl"),
        ("--encoding", "utf-8"),
        ("--on-error", "skip"),
        ("--vocab-size", "30000", "--max-length", "30", "--dev-share", "0.1", "--seed", "0"),
    ],
)
def test_options_that_change_nothing_replace_nothing(tmp_path, reviews, kind, same):
    """What is already so may be said as well: in how rows are written, in defaults written out."""
    source = reviews
    if kind == "folder":
        source = tmp_path / "splits"
        source.mkdir()
        for split in ("train", "dev"):
            (source / f"{split}.jsonl").write_bytes(reviews.read_bytes())
    first = Corpus(Path(prepare(source, *FIELDS).stdout.strip()))
    again = prepare(source, *FIELDS, *same)
    assert "replaces" not in again.stderr
    assert Corpus(Path(again.stdout.strip())).sha256 == first.sha256


def test_other_names_of_the_same_labels_are_another_corpus(reviews):
    prepare(reviews, *FIELDS)
    named = prepare(reviews, *FIELDS, "--labels-map", "0=bad,1=good")
    assert "other options (labels_map unset, now 0=bad,1=good)" in named.stderr


def test_a_second_time_nothing_is_done(reviews):
    first, second = prepare(reviews, *FIELDS), prepare(reviews, *FIELDS)
    assert first.stdout == second.stdout
    assert "up to date" in second.stderr
    assert "up to date" not in first.stderr
    assert "reading" not in second.stderr


def test_options_reach_the_corpus(tmp_path, reviews):
    options = ("--max-length", 7, "--vocab-size", 5, "--judges-share", 0.3, "--seed", 3)
    result = prepare(reviews, *FIELDS, *options, "--out", tmp_path / "out")
    assert result.exit_code == 0
    corpus = Corpus(tmp_path / "out")
    assert corpus.max_length == 7
    assert len(corpus.vocabulary) == 5 + 4
    assert corpus.manifest["options"] == {
        "max_length": 7,
        "vocab_size": 5,
        "judges_share": 0.3,
        "skip_bad_rows": False,
        "text_field": "review",
        "label_field": "stars",
        "seed": 3,
        "dev_share": 0.1,
        "test_share": 0.1,
    }


def test_the_synthetic_corpus_is_prepared_in_the_cache():
    result = prepare("synthetic", "--size", 200)
    assert result.exit_code == 0
    assert Path(result.stdout.strip()) == paths.corpus_folder("synthetic")
    assert "pairs" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["snli", "--part", "titles"], "--part applies to yahoo, not to snli"),
        (["rows.txt", "--source", "."], "--source applies to snli, yelp, yahoo, mnist"),
        (["yelp", "--text-field", "review"], "--text-field applies to PATH"),
        (["mnist", "--max-length", "5"], "--max-length applies to"),
        (["yelp", "--seed", "5"], "--seed applies to"),
        (["snli", "--max-length", "0"], "--max-length"),
        (["snli", "--format", "csv"], "--format applies to PATH"),
        (["rows.txt", "--encoding", "utf-99"], "no encoding 'utf-99'"),
        (["rows.txt", "--labels-map", "0"], "WRITTEN=NAME"),
        (["rows.txt", "--labels-map", "0=a,0=b"], "once for each label"),
        (["rows.txt", "--dev-share", "0.6", "--test-share", "0.4"], "must leave something"),
    ],
)
def test_an_option_that_means_nothing_for_the_corpus_is_refused(arguments, problem):
    result = prepare(*arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("name", "code", "problem"),
    [
        (
            "snil",
            2,
            "snil: neither a corpus (snli, yelp, yahoo, mnist, digits, synthetic, "
            "synthetic-sentiment, synthetic-topics) nor a file or folder",
        ),
        ("yelp", 3, "corpus yelp not found"),
    ],
)
def test_what_is_not_found_is_told_in_one_line(name, code, problem):
    result = prepare(name)
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"arae-toolkit: error: {problem}")


def test_bad_rows_are_skipped_and_counted_when_asked(tmp_path, reviews):
    with reviews.open("a") as target:
        target.write("no json\n" * 12 + '{"review": "Good.", "stars": 1}\n')
    result = prepare(reviews, *FIELDS, "--on-error", "skip", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert f"skipped {reviews}:81: malformed JSON" in result.stderr
    assert result.stderr.count(f"skipped {reviews}:") == 10
    assert "left out: malformed rows" in result.stderr
    assert Corpus(tmp_path / "out").manifest["dropped"]["train"]["malformed"] == 12


def test_a_killed_preparation_leaves_the_earlier_folder(tmp_path):
    out = tmp_path / "out"
    assert prepare("synthetic", "--size", 200, "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    size = ("--size", 3_000_000)
    with start("prepare", "synthetic", *size, "--out", out, stderr=subprocess.DEVNULL) as process:
        started = time.monotonic()
        while not list(tmp_path.glob(".out.*.part")):
            assert process.poll() is None
            assert time.monotonic() - started < 60
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    result = prepare("synthetic", "--size", 200, "--out", out)
    assert "up to date" in result.stderr


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("synthetic-sentiment", ["negative", "positive"]),
        ("synthetic-topics", ["science", "music", "politics"]),
    ],
)
def test_synthetic_corpora_have_labelled_sentences(tmp_path, name, labels):
    out = tmp_path / "corpus"
    result = prepare(name, "--size", "500", "--out", str(out))
    assert result.exit_code == 0, result.stderr
    corpus = Corpus(out)
    assert corpus.labels == labels and corpus.labels_sentences
    assert set(corpus.split("dev").labels.tolist()) == set(range(len(labels)))


def test_a_tokenizer_of_torchtexts_goes_with_the_corpus(tmp_path, reviews):
    result = prepare(reviews, *FIELDS, "--tokenizer", "torchtext:split", "--out", tmp_path / "out")
    assert result.exit_code == 0
    corpus = Corpus(tmp_path / "out")
    assert "bad." in corpus.vocabulary.words
    assert corpus.manifest["options"]["tokenizer"] == "torchtext:split"
    again = prepare(reviews, *FIELDS, "--tokenizer", "torchtext:split", "--out", tmp_path / "out")
    assert "up to date" in again.stderr
    other = prepare(reviews, *FIELDS, "--out", tmp_path / "out")
    assert "up to date" not in other.stderr
    assert "bad." not in Corpus(tmp_path / "out").vocabulary.words


def test_pairs_with_labels_of_ones_own(tmp_path):
    path, out = tmp_path / "pairs.csv", tmp_path / "corpus"
    rows = [f"Why {at}?;Because of {at}.;{at % 4 - 1}" for at in range(80)]
    path.write_text("\n".join(["ask;answer;fits", *rows]), encoding="utf-16")
    fields = ("--premise-field", "ask", "--hypothesis-field", "answer", "--label-field", "fits")
    result = prepare(path, *fields, "--labels-map", "0=no,1=maybe,2=yes", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "pairs of label: maybe" in result.stderr and "pairs: unlabelled" in result.stderr
    corpus = Corpus(out)
    assert corpus.labels == ["no", "maybe", "yes"]
    assert corpus.manifest["pairs"]["train"]["pairs"] == 64
    assert sum(counts["unlabelled"] for counts in corpus.manifest["pairs"].values()) == 20
    again = prepare(path, *fields, "--labels-map", "0=no,1=maybe,2=yes", "--out", out)
    assert "up to date" in again.stderr


@pytest.mark.parametrize("none", ["", "-", "null"])
def test_a_label_may_be_named_as_none(tmp_path, reviews, none):
    names = f"0={none},1=positive"
    result = prepare(reviews, *FIELDS, "--labels-map", names, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert Corpus(tmp_path / "out").labels == ["positive"]
    assert re.search(r"unlabelled +│ +[1-9]", result.stderr)


def test_a_table_of_pairs_under_other_names_is_told_its_options(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("first,second\n" + "A dog runs.,It sleeps.\n" * 9)
    result = prepare(path, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "--text-field, or of a pair by --premise-field and --hypothesis-field" in result.stderr


@pytest.mark.parametrize(
    ("last", "kept"),
    [("It eats.", "pair is kept. What is"), (" ", "other pair is kept. What else is")],
)
def test_no_pair_is_called_kept_that_was_left_out(tmp_path, last, kept):
    path = tmp_path / "pairs.jsonl"
    pairs = [("A dog runs.", f"It is number {at}.") for at in range(20)] + [("A cat.", last)]
    path.write_text("".join(json.dumps({"premise": a, "hypothesis": b}) + "\n" for a, b in pairs))
    result = prepare(path, "--dev-share", 0.4, "--out", tmp_path / "out")
    assert f"\nEvery {kept} left out" in result.stderr


def test_labels_that_differ_by_case_alone_are_told(tmp_path):
    path = tmp_path / "reviews.jsonl"
    stars = ["bad", "good", "Good", "BAD", "Bad", "so-so"] * 9
    rows = [{"review": f"It is {at}.", "stars": star} for at, star in enumerate(stars)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = prepare(path, *FIELDS, "--out", tmp_path / "out").stderr
    named = "BAD=bad,Bad=bad,Good=good,so-so=so-so"
    said = "labels that differ by case alone: 'BAD' and 'Bad' and 'bad', 'Good' and 'good'"
    assert f"{said}; --labels-map {named} makes one of them\n" in told
    told = prepare(path, *FIELDS, "--labels-map", named, "--out", tmp_path / "out").stderr
    assert "unknown tokens" in told and "by case alone" not in told


def test_a_pipe_is_not_called_empty(tmp_path):
    ours, theirs = os.pipe()
    os.write(theirs, b"A dog runs.\n" * 90)
    os.close(theirs)
    result = prepare(f"/dev/fd/{ours}", "--out", tmp_path / "out")
    os.close(ours)
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "a pipe, and rows are read more than once; write them to a file\n"
    )


def test_a_share_that_is_refused_is_out_of_the_range_that_help_shows(tmp_path, reviews):
    result = prepare(reviews, *FIELDS, "--dev-share", 0, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "0.0 is not in the range 0<x<1" in result.stderr
