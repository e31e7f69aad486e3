import zipfile

import numpy as np
import pytest
from idx_files import write_mnist
from source_files import no_progress, write_json_lines

from arae_toolkit.data.corpus import UNLABELLED, Corpus, PackedSentences
from arae_toolkit.data_prep.options import CORPORA, PrepareOptions
from arae_toolkit.data_prep.preparation import (
    default_folder,
    find_or_prepare,
    prepare_corpus,
    title_of,
)
from arae_toolkit.data_prep.readers import mnist
from arae_toolkit.errors import DataError
from arae_toolkit.storage import paths
from arae_toolkit.storage.atomic_files import sha256_of_file

COLOURS = ["red", "blue", "green", "white", "black", "brown"]


def prepare(name, **settings):
    options = PrepareOptions(**settings.pop("options", {}))
    settings = {"report": lambda _: None, "progress": no_progress, **settings}
    return Corpus(prepare_corpus(str(name), options=options, **settings))


def sentences_of(corpus, split):
    return [corpus.vocabulary.decode(ids) for ids in corpus.split(split)]


def write_snli(folder):
    """Write a small corpus in the form of SNLI; return the sentences its splits should have."""
    folder.mkdir(parents=True)
    (folder / "captions.txt").write_text("A red dog runs.\nA  RED dog runs .\n\nA cat sleeps.\n")
    rows = {
        "train": [
            ("A red dog runs.", "A dog runs.", "entailment"),
            ("A blue dog runs.", " ".join(["very"] * 20) + " long.", "-"),
            ("A blue dog runs.", "", "neutral"),
        ],
        "dev": [
            ("A green dog runs.", "a dog runs .", "contradiction"),
            ("A pig.", "A dog runs.", "neutral"),
        ],
        "test": [("A zebra runs.", "A dog runs.", "neutral"), ("A zebra runs.", "A cow.", "-")],
    }
    for split, pairs in rows.items():
        names = ("sentence1", "sentence2", "gold_label")
        fields = [dict(zip(names, row, strict=True)) for row in pairs]
        write_json_lines(folder / f"snli_1.0_{split}.jsonl", fields)
    return {
        "train": ["a red dog runs .", "a cat sleeps .", "a dog runs .", "a blue dog runs ."],
        "dev": ["a <unk> dog runs .", "a <unk> ."],
        "test": ["a <unk> runs .", "a <unk> ."],
    }


@pytest.fixture
def source(tmp_path):
    write_snli(tmp_path / "official")
    return tmp_path / "official"


def test_an_nli_corpus_from_its_files_to_its_arrays(tmp_path):
    source = tmp_path / "official"
    expected = write_snli(source)
    corpus = prepare("snli", source=source)
    assert corpus.folder == paths.corpus_folder("snli")
    assert {split: sentences_of(corpus, split) for split in expected} == expected
    assert corpus.split("train").labels is None

    pairs = corpus.pairs("train")
    decoded = [corpus.vocabulary.decode(ids) for ids in pairs]
    assert decoded[:3] == ["a red dog runs .", "a dog runs .", "a blue dog runs ."]
    assert len(pairs[3]) == 22 + 1  # pairs are kept whatever their length
    assert pairs.labels.tolist() == [corpus.labels.index("entailment"), UNLABELLED]
    assert corpus.labels == ["entailment", "neutral", "contradiction"]

    manifest = corpus.manifest
    assert manifest["splits"]["test"] == {"sentences": 2, "tokens": 9, "unknown_tokens": 2}
    dropped = {"empty": 2, "too_long": 1, "duplicate": 3, "duplicate_other_label": 0}
    assert manifest["dropped"]["train"] == dropped
    assert manifest["dropped"]["dev"]["also_in_train"] == 1
    assert manifest["pairs"]["train"] == {
        "pairs": 2,
        "unlabelled": 1,
        "labels": {"entailment": 1, "neutral": 0, "contradiction": 0},
        "dropped_empty": 1,
    }
    assert manifest["pairs"]["test"]["also_in_train"] == 0
    assert manifest["checks"] == {"evaluation_sentences_in_train": {"dev": 0, "test": 0}}
    assert manifest["sources"][0] == {
        "file": "captions.txt",
        "sha256": sha256_of_file(source / "captions.txt"),
        "rows": 4,
    }
    assert corpus.max_length == 15
    assert corpus.kind == "text"
    assert manifest["dev_split"] is None


def test_folder_and_archive_give_the_same_corpus(tmp_path):
    folder = tmp_path / "snli_1.0"
    write_snli(folder)
    with zipfile.ZipFile(tmp_path / "snli_1.0.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"snli_1.0/{path.name}")
    first = prepare("snli", source=folder, out=tmp_path / "first")
    second = prepare("snli", source=tmp_path / "snli_1.0.zip", out=tmp_path / "second")
    assert first.sha256 == second.sha256
    assert first.vocabulary.sha256 == second.vocabulary.sha256


def test_the_vocabulary_knows_no_word_of_dev_or_test_alone(source):
    words = prepare("snli", source=source).vocabulary.words
    assert "green" not in words
    assert "zebra" not in words
    assert "sleeps" in words


def test_maximum_length_and_vocabulary_size_are_options(source):
    options = {"max_length": 4, "vocab_size": 3}
    corpus = prepare("snli", source=source, options=options)
    assert len(corpus.vocabulary) == 3 + 4
    assert max(corpus.split("train").lengths) == 4 + 1
    assert sentences_of(corpus, "train") == ["a cat <unk> .", "a <unk> <unk> ."]


def test_rare_words_become_unknown_where_asked_for(tmp_path):
    path = tmp_path / "cars.txt"
    path.write_text("".join(f"{line} number{at} .\n" for at, line in enumerate(lines(60))))
    usual, rare = (
        prepare(path, out=tmp_path / str(count) / "cars", options={"min_count": count})
        for count in (1, 2)
    )
    assert any("number" in word for word in usual.vocabulary.words)
    assert not any("number" in word for word in rare.vocabulary.words)
    counts = [corpus.manifest["splits"]["train"]["unknown_tokens"] for corpus in (usual, rare)]
    assert counts[0] == 0 < counts[1]
    assert rare.manifest["options"]["min_count"] == 2


def test_some_words_seen_once_are_unknown_in_a_corpus_of_ones_own(tmp_path):
    """One word in a hundred, the same ones by a seed; all are kept where that is asked for."""
    path = tmp_path / "cars.txt"
    path.write_text("".join(f"{line} number{at} .\n" for at, line in enumerate(lines(200))))

    def made(name, **options):
        return prepare(path, out=tmp_path / name / "cars", options=options)

    usual, again, other = made("a"), made("b"), made("c", seed=1)
    train = usual.manifest["splits"]["train"]
    words = train["tokens"] - train["sentences"]  # without <eos>
    assert usual.manifest["seen_once"] == train["unknown_tokens"] == words // 100
    assert again.sha256 == usual.sha256
    assert usual.vocabulary.words != other.vocabulary.words
    for kept in (made("d", min_count=1), made("e", vocab_size=100)):
        assert "seen_once" not in kept.manifest
    assert made("d", min_count=1).manifest["splits"]["train"]["unknown_tokens"] == 0
    assert len(made("e", vocab_size=100).vocabulary) == 100 + 4
    marked = tmp_path / "marked.txt"
    marked.write_text(path.read_text().replace("stops", "<unk>"))
    assert "seen_once" not in prepare(marked, out=tmp_path / "m" / "marked").manifest


def test_what_was_prepared_before_such_a_rule_is_up_to_date(tmp_path):
    """Options say nothing of the rule: corpora that runs were trained on are not made anew."""
    told = []
    path = tmp_path / "cars.txt"
    path.write_text("".join(f"{line} number{at} .\n" for at, line in enumerate(lines(60))))
    prepare(path, out=tmp_path / "cars")
    assert "min_count" not in PrepareOptions().effective(str(path))
    prepare(path, out=tmp_path / "cars", report=told.append)
    assert "up to date" in told[-1]
    assert PrepareOptions(min_count=1).effective(str(path))["min_count"] == 1
    for name in CORPORA:
        assert PrepareOptions().rare_share(name) == 0
        assert PrepareOptions(min_count=1).effective(name) == PrepareOptions().effective(name)


def lines(count):
    return [
        f"the {COLOURS[i % 6]} {COLOURS[i // 6 % 6]} car {i // 36} stops ." for i in range(count)
    ]


def test_a_single_file_gets_seeded_dev_and_test_splits(tmp_path):
    path = tmp_path / "cars.txt"
    path.write_text("\n".join(lines(200)))
    corpora = [
        prepare(path, out=tmp_path / str(number) / "cars", options={"seed": seed})
        for number, seed in enumerate((0, 0, 1))
    ]
    dev = [sentences_of(corpus, "dev") for corpus in corpora]
    assert len(dev[0]) == 20
    assert dev[0] == dev[1] != dev[2]
    assert corpora[0].sha256 == corpora[1].sha256 != corpora[2].sha256
    train, test = (sentences_of(corpora[0], split) for split in ("train", "test"))
    assert len(set(train) | set(dev[0]) | set(test)) == len(train) + 20 + len(test) == 200
    for split in ("dev", "test"):
        taken = {"from": "train", "sentences": 20, "seed": 0}
        assert corpora[0].manifest[f"{split}_split"] == taken
    assert corpora[0].name == "cars"


def test_shares_of_dev_and_test_are_options(tmp_path):
    path = tmp_path / "cars.txt"
    path.write_text("\n".join(lines(100)))
    corpus = prepare(path, options={"dev_share": 0.2, "test_share": 0.0})
    assert len(sentences_of(corpus, "dev")) == 20
    assert list(corpus.manifest["splits"]) == ["train", "dev"]
    with pytest.raises(ValueError, match="must leave something of train"):
        PrepareOptions(dev_share=0.5, test_share=0.5)


def pair_rows(count):
    """Return pairs of which three have each premise; the first label of three, and none at all."""
    labels = ["fits", "odd", None]
    return [
        {"premise": lines(200)[at // 3], "hypothesis": f"it is {at} .", "label": labels[at % 3]}
        for at in range(count)
    ]


def test_pairs_of_ones_own_become_three_splits_by_premise(tmp_path):
    path = tmp_path / "pairs.jsonl"
    write_json_lines(path, pair_rows(300))
    corpus = prepare(path)
    assert corpus.labels == ["fits", "odd"]
    premises = {}
    for split, count in (("train", 240), ("dev", 30), ("test", 30)):
        pairs = corpus.pairs(split)
        decoded = [corpus.vocabulary.decode(ids) for ids in pairs]
        assert len(pairs.labels) == count
        assert sorted(set(pairs.labels.tolist())) == [UNLABELLED, 0, 1]
        premises[split] = set(decoded[0::2])
        assert set(sentences_of(corpus, split)) == set(decoded)
        assert corpus.manifest["pairs"][split]["unlabelled"] == count // 3
    assert len(set.union(*premises.values())) == sum(map(len, premises.values())) == 100
    assert corpus.manifest["dev_split"] == {"from": "train", "pairs": 30, "seed": 0}
    assert corpus.split("train").labels is None


def test_labels_of_pairs_follow_them_whatever_the_order_of_names(tmp_path):
    path = tmp_path / "pairs.csv"
    rows = [f"why {at} ?,because {at} .,{'zb'[at % 2]}" for at in range(40)]
    path.write_text("\n".join(["premise,hypothesis,label", *rows]))
    corpus = prepare(path)
    assert corpus.labels == ["b", "z"]
    for split in ("train", "dev", "test"):
        pairs = corpus.pairs(split)
        for words, label in zip(list(pairs)[1::2], pairs.labels, strict=True):
            number = corpus.vocabulary.decode(words).split()[1]
            assert number == "<unk>" or corpus.labels[label] == "zb"[int(number) % 2]


@pytest.mark.parametrize(("labels", "names"), [([-1, 0, 1], ["0", "1"]), ([-1, 1], ["-1", "1"])])
def test_minus_one_is_none_beside_other_classes(tmp_path, labels, names):
    path = tmp_path / "cars.jsonl"
    rows = [{"text": text, "label": labels[at % len(labels)]} for at, text in enumerate(lines(60))]
    write_json_lines(path, rows)
    corpus = prepare(path, options={"label_field": "label"})
    assert corpus.labels == names
    unlabelled = sum(c["unlabelled"] for c in corpus.manifest["splits"].values())
    assert unlabelled == (20 if len(labels) == 3 else 0)


def test_labels_of_ones_own_are_sorted_and_follow_the_sentences(tmp_path):
    path = tmp_path / "cars.jsonl"
    rows = [{"text": line, "colour": line.split()[1]} for line in lines(60)]
    rows[5]["colour"] = None
    write_json_lines(path, rows)
    corpus = prepare(path, options={"label_field": "colour"})
    assert corpus.labels == sorted(COLOURS)
    for split in ("train", "dev"):
        packed = corpus.split(split)
        for ids, label in zip(packed, packed.labels, strict=True):
            words = corpus.vocabulary.decode(ids).split()
            assert label == UNLABELLED or corpus.labels[label] == words[1]
        counts = corpus.manifest["splits"][split]
        assert sum(counts["labels"].values()) + counts["unlabelled"] == counts["sentences"]


def test_an_image_corpus(tmp_path):
    dev = mnist.DEV_IMAGES
    written = write_mnist(tmp_path, train=dev + 7)
    corpus = prepare("mnist", source=tmp_path)
    assert corpus.kind == "image"
    assert corpus.max_length == 0
    np.testing.assert_array_equal(corpus.pixels("train"), written["train"][0][:-dev])
    np.testing.assert_array_equal(corpus.pixels("dev"), written["train"][0][-dev:])
    labels = np.load(corpus.folder / "test.labels.npy")
    np.testing.assert_array_equal(labels, written["t10k"][1])
    assert corpus.manifest["image_shape"] == [3, 2]
    assert not (corpus.folder / "tokenizer.json").exists()


def test_the_synthetic_corpus_needs_no_files_and_repeats_itself(tmp_path):
    options = {"size": 400}
    first = prepare("synthetic", options=options)
    second = prepare("synthetic", options=options, out=tmp_path / "again")
    other = prepare("synthetic", options={**options, "seed": 1}, out=tmp_path / "other")
    assert first.sha256 == second.sha256 != other.sha256
    assert first.manifest["pairs"]["train"]["pairs"] == 100
    assert first.manifest["splits"]["train"]["sentences"] > 200
    assert max(first.split("train").lengths) <= 20 + 1


def test_what_is_up_to_date_is_left_alone(source):
    reported = []
    folder = prepare("snli", source=source).folder
    before = (folder / "manifest.json").stat().st_mtime_ns
    prepare("snli", source=source, report=reported.append)
    assert reported == [f"snli is up to date: {folder}"]
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_other_options_or_other_sources_are_prepared_anew(source):
    first = prepare("snli", source=source).sha256
    assert prepare("snli", source=source, options={"max_length": 4}).max_length == 4
    (source / "captions.txt").write_text("A new caption.\n")
    changed = prepare("snli", source=source)
    assert changed.max_length == 15
    assert changed.sha256 != first
    assert "a new caption ." in sentences_of(changed, "train")


def test_a_split_without_usable_sentences_is_named(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("one two three\n" * 5)
    with pytest.raises(DataError, match=r"rows\.txt: 1 distinct sentence"):
        prepare(path)
    with pytest.raises(
        DataError, match=r"no usable sentence for train \(left out: 5 sentences with"
    ):
        prepare(path, options={"max_length": 2})


def test_a_failed_preparation_leaves_the_earlier_one(source):
    folder = prepare("snli", source=source).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with (source / "snli_1.0_test.jsonl").open("a") as target:
        target.write("no json")
    with pytest.raises(DataError, match=r"snli_1\.0_test\.jsonl:3: malformed JSON"):
        prepare("snli", source=source)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["snli"]
    reported = []
    corpus = prepare("snli", source=source, options={"skip_bad_rows": True}, report=reported.append)
    assert corpus.manifest["dropped"]["test"]["malformed"] == 1
    assert [words.split()[0] for words in reported] == ["skipped"]


def find(name, **settings):
    return find_or_prepare(str(name), report=lambda _: None, progress=no_progress, **settings)


def test_a_corpus_is_found_or_prepared(tmp_path, monkeypatch):
    write_snli(tmp_path / "corpora" / "snli")
    monkeypatch.setenv(paths.SOURCES_VARIABLE, str(tmp_path / "corpora"))
    folder = find("snli")
    assert folder == paths.corpus_folder("snli")
    assert Corpus(folder).max_length == 15

    prepare("snli", options={"max_length": 4})
    monkeypatch.delenv(paths.SOURCES_VARIABLE)
    assert Corpus(find("snli")).max_length == 4  # taken as it is, no source needed
    assert find(folder) == folder
    source = tmp_path / "corpora" / "snli"
    assert Corpus(find("snli", source=source)).max_length == 15


def test_files_of_the_same_name_do_not_share_a_folder(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "cars.txt").write_text(place + "\n".join(lines(30)))
    first, second = (find(tmp_path / place / "cars.txt") for place in ("here", "there"))
    assert first != second
    assert Corpus(first).name == Corpus(second).name == "cars"
    here = tmp_path / "here" / "cars.txt"
    assert find(here) == first == default_folder(str(here))


@pytest.mark.parametrize(
    ("name", "title"),
    [("snli", "snli"), ("some/reviews.jsonl.gz", "reviews"), ("some/reviews", "reviews"),
     ("some/.gz", ".gz"), ("a.b.csv", "a.b")],
)  # fmt: skip
def test_titles(name, title):
    assert title_of(name) == title


def test_a_name_that_is_nothing(tmp_path):
    with pytest.raises(DataError, match=r"^snil: neither a corpus .* did you mean snli\?"):
        prepare("snil")
    folder = default_folder("synthetic")
    prepare("synthetic", options={"size": 100})
    with pytest.raises(DataError, match="already a prepared corpus"):
        prepare(folder)


def test_options_are_checked():
    for wrong in ({"max_length": 0}, {"vocab_size": 0}, {"size": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PrepareOptions(**wrong)


def test_arrays_are_small_integers(source):
    corpus = prepare("snli", source=source)
    packed = PackedSentences.open(corpus.folder, "train")
    assert packed.tokens.dtype == np.uint16
    assert isinstance(packed.tokens, np.memmap)


def test_a_source_that_has_changed_is_told(tmp_path):
    """Its corpus is made anew at the same place, which runs that were trained on it notice."""
    path, told = tmp_path / "rows.txt", []
    path.write_text("".join(f"a {colour} dog\n" for colour in COLOURS))
    for _ in range(2):
        prepare(path, report=told.append)
    assert not any("has changed" in line for line in told)
    path.write_text(path.read_text() + "a pink dog\n")
    prepare(path, report=told.append)
    assert sum("rows has changed since it was prepared" in line for line in told) == 1
