import json
import os
import shutil

import numpy as np
import pytest
from command_line import call
from source_files import no_progress

from arae_toolkit.data import corpus as corpus_module
from arae_toolkit.data import corpus_checks
from arae_toolkit.data.corpus import Corpus, PackedSentences, pack, save_array
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import DataError, ToolkitWarning

LINES = [f"{name} {verb} ." for name in ("he", "she", "it", "one") for verb in ("runs", "sleeps")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Prepare a corpus with labels, pairs being none."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = [{"text": line, "label": f"{at % 2}"} for at, line in enumerate(LINES)]
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(source, folder / "rows")


def prepare(source, out):
    options = PrepareOptions(label_field="label")
    return prepare_corpus(
        str(source), out=out, options=options, report=lambda _: None, progress=no_progress
    )


@pytest.fixture
def folder(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "rows")


def use(folder):
    """Read all that a corpus holds."""
    corpus = Corpus(folder)
    for split in corpus.manifest["splits"]:
        corpus.split(split)
    return corpus, corpus.vocabulary


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_file_is_in_the_manifest_and_an_unharmed_corpus_is_used(folder):
    corpus, vocabulary = use(folder)
    assert sorted(["manifest.json", *corpus.manifest["files"]]) == names_in(folder)
    assert "sleeps" in vocabulary.words
    corpus.check()


@pytest.mark.parametrize("seed", range(40))
def test_one_flipped_bit_anywhere_is_an_error_that_names_the_file(folder, seed):
    random = np.random.default_rng(seed)
    name = str(random.choice(names_in(folder)))
    content = bytearray((folder / name).read_bytes())
    content[random.integers(len(content))] ^= 1 << random.integers(8)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        use(folder)


def test_a_content_found_right_is_not_read_again_until_it_is_touched(folder, monkeypatch):
    use(folder)
    read = []
    known = corpus_checks.sha256_of_file
    monkeypatch.setattr(
        corpus_checks, "sha256_of_file", lambda path: read.append(path.name) or known(path)
    )
    use(folder)
    assert read == []
    os.utime(folder / "train.tokens.npy")
    use(folder)
    assert read == ["train.tokens.npy"]


@pytest.mark.parametrize("name", ["train.tokens.npy", "tokenizer.json"])
def test_a_missing_or_shorter_file_is_named_at_opening(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(DataError, match=rf"{name}: {len(content) - 1:,} bytes, {len(content):,}"):
        Corpus(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: cannot be read \(No such file"):
        Corpus(folder)


@pytest.mark.parametrize("name", ["manifest.json", "train.tokens.npy", "tokenizer.json"])
@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
def test_what_would_never_end_is_not_opened(folder, name, target):
    (folder / name).unlink()
    if target == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(target)
    with pytest.raises(DataError, match=rf"{name}.*not a regular file"):
        Corpus(folder)


def test_a_damaged_corpus_is_prepared_again(folder, prepared):
    tokens = folder / "train.tokens.npy"
    content = tokens.read_bytes()
    tokens.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    prepare(prepared.parent / "rows.jsonl", folder)
    assert tokens.read_bytes() == content


def forged(folder, **changes):
    """Change a manifest and take the fingerprints out of it, as an earlier version wrote it."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in ("files", "manifest_sha256"):
        manifest.pop(name, None)
    path.write_text(json.dumps({**manifest, **changes}))
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "/elsewhere"},
        {"name": ".."},
        {"name": 5},
        {"kind": "sound"},
        {"labels": "ab"},
        {"labels": ["a", "a"]},
        {"max_length": -1},
        {"max_length": 0},
        {"max_length": "x"},
        {"max_length": 10**9},
        {"max_length": True},
        {"vocab_size": 10**12},
        {"sha256": "../x"},
        {"splits": []},
        {"splits": {"../train": {"sentences": 1}}},
        {"splits": {"train": {"sentences": -1}}},
        {"splits": {"train": {}}},
        {"pairs": {"train": 5}},
        {"image_shape": [0, 3]},
        {"files": {"../x": {"bytes": 1, "sha256": "0" * 64}}},
        {"files": {"x": {"bytes": "1", "sha256": "0" * 64}}},
        {"manifest_sha256": "0" * 64},
    ],
)
def test_a_forged_manifest_is_refused(folder, changes):
    with pytest.raises(DataError, match=r"manifest\.json: damaged manifest"):
        Corpus(forged(folder, **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json: no manifest of a corpus"):
        Corpus(tmp_path)


SENTENCES = pack([[5, 3], [6, 3]], vocab_size=10)


@pytest.mark.parametrize(
    ("part", "array"),
    [
        ("offsets", np.array([0, 1 << 45])),
        ("offsets", np.array([0, 3, 2, 4])),
        ("offsets", np.array([1, 2, 4])),
        ("offsets", np.array([[0, 4]])),
        ("offsets", np.array([0.0, 2.0, 4.0])),
        ("offsets", np.array([], dtype=np.int64)),
        ("tokens", np.array([5, 3, 6, 3], dtype=np.int64)),
        ("tokens", np.array([[5, 3, 6, 3]], dtype=np.uint16)),
        ("labels", np.array([0.0, 1.0])),
    ],
)
def test_arrays_that_are_no_sentences_are_refused(tmp_path, part, array):
    SENTENCES.save(tmp_path, "train")
    save_array(tmp_path / f"train.{part}.npy", array)
    with pytest.raises(DataError, match=r"train\.(tokens|offsets|labels)\.npy: "):
        PackedSentences.open(tmp_path, "train")


@pytest.mark.parametrize(
    ("part", "array", "problem"),
    [
        ("tokens", np.full(24, 60_000, np.uint16), "holds words that the vocabulary does not"),
        ("labels", np.array([0, 7], np.int16), "not the labels of"),
        ("labels", np.array([0], np.int16), "not the labels of"),
        ("offsets", np.array([0, 2, 4]), "sentences, the manifest says"),
    ],
)
def test_arrays_that_do_not_fit_the_manifest_are_refused(folder, part, array, problem):
    forged(folder)
    train = PackedSentences.open(folder, "train")
    if part == "tokens":
        array = np.full(len(train.tokens), 60_000, np.uint16)
    elif part == "labels":
        array = np.resize(array, len(train) - (len(array) == 1))
    else:
        array = np.append(train.offsets[:-2], train.offsets[-1])
    save_array(folder / f"train.{part}.npy", array)
    with pytest.raises(DataError, match=rf"train\.{part}\.npy: .*{problem}"):
        Corpus(folder).split("train")


def test_a_corpus_prepared_earlier_is_told_with_the_way_out(folder):
    with pytest.warns(ToolkitWarning, match=r"has no fingerprints.*arae-toolkit prepare"):
        Corpus(forged(folder))


@pytest.mark.filterwarnings("default::arae_toolkit.errors.ToolkitWarning")
def test_a_command_tells_it_once_in_a_line(folder):
    done = call("nli", "--corpus", forged(folder), code=3)
    assert done.stderr.count("has no fingerprints") == 1
    assert done.stderr.startswith(f"arae-toolkit: note: {folder}: ")
    assert len(done.stderr.splitlines()) == 2


def test_one_row_without_a_label_does_not_take_the_others_labels(folder, tmp_path):
    rows = [{"text": line, "label": f"{at % 2}"} for at, line in enumerate(LINES)]
    rows += [{"text": "nobody knows .", "label": ""}]
    source = tmp_path / "some.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    some, every = Corpus(prepare(source, tmp_path / "some")), Corpus(folder)
    assert some.labels_sentences and every.labels_sentences
    assert every.labelled() is every
    part = some.labelled()
    labelled = {split: part.rows(split) for split in ("train", "dev")}
    assert sum(labelled.values()) == sum(map(some.rows, labelled)) - 1
    for split, count in labelled.items():
        sentences = part.split(split)
        assert len(sentences) == count and (sentences.labels >= 0).all()
    assert part.sha256 == some.sha256


def test_sentences_longer_than_the_manifest_says_are_refused(folder):
    forged(folder, max_length=2)
    with pytest.raises(DataError, match=r"train\.offsets\.npy: a sentence of 3 words, .* most 2"):
        Corpus(folder).split("train")


def test_a_split_is_looked_through_once(folder, monkeypatch):
    corpus, looked = Corpus(folder), []
    check = corpus_module.check_sentences
    monkeypatch.setattr(
        corpus_module,
        "check_sentences",
        lambda folder, name, *arrays: looked.append(name) or check(folder, name, *arrays),
    )
    some = corpus.labelled()
    for _ in range(3):
        assert corpus.split("train") is corpus.split("train")
        assert some.rows("train") == len(some.split("train"))
    assert looked.count("train") <= 2  # of the corpus, and of its labelled part where it is another
