"""The bridge to torchtext; what needs torchtext itself runs in its own session."""

import random
import sys
from pathlib import Path

import pytest
import small
import torch
from command_line import call
from torch import nn

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from arae_toolkit.data.word_vectors import read_word_vectors
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.interop import torchtext as bridge


@pytest.fixture
def torchtext():
    """Return torchtext, where it is installed and loads."""
    try:
        return bridge.load_torchtext()
    except ToolkitError as error:
        pytest.skip(str(error))


# What needs no torchtext.


def test_a_missing_torchtext_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchtext", None)
    with pytest.raises(ToolkitError, match=r"arae-toolkit\[torchtext\]") as caught:
        bridge.to_torchtext(small.vocabulary())
    assert "\n" not in str(caught.value)


def test_one_that_was_made_for_another_torch_is_one_line_as_well(monkeypatch):
    def load(name):
        raise OSError("undefined symbol: _ZN3c10")

    monkeypatch.setattr(bridge.importlib, "import_module", load)
    with pytest.raises(ToolkitError, match=r"beside torch .*arae-toolkit\[torchtext\]"):
        bridge.load_torchtext()


class Vocab:
    """Stands for torchtext's, as far as we ask it."""

    def __init__(self, words):
        self._words = words

    def get_itos(self):
        return self._words


def test_a_vocabulary_keeps_every_id():
    words = [*SPECIAL_TOKENS, "b", "a", "Yes"]
    vocabulary = bridge.from_torchtext(Vocab(words))
    assert list(vocabulary.words) == words
    assert vocabulary.encode("a b yes Yes") == [5, 4, 3, 6, 2]
    lower = bridge.from_torchtext(Vocab(words), tokenizer="torchtext:basic_english")
    assert lower.encode("A.b") == [5, 3, 4, 2]


def test_a_vocabulary_with_other_special_tokens_is_refused():
    with pytest.raises(ValueError, match=r"specials=\['<pad>', '<bos>', '<eos>', '<unk>'\]"):
        bridge.from_torchtext(Vocab(["<unk>", "a", "b", "c", "d"]))


def test_a_model_is_a_transform_without_weights_of_its_own():
    model = small.model(small.vocabulary())
    transform = nn.Sequential(bridge.CodeTransform(model), nn.Linear(10, 2))
    texts = list(small.SENTENCES[:3])
    assert torch.equal(transform[0](texts), model.encode(texts))
    assert torch.equal(transform[0](texts[0]), model.encode(texts[:1])[0])
    assert len(list(transform.parameters())) == 2
    assert transform(texts).requires_grad


def test_an_unknown_data_set_is_told_with_those_that_there_are(tmp_path):
    with pytest.raises(DataError, match="choose from MNLI, RTE, YelpReviewPolarity, YahooAnswers"):
        bridge.data_set("IMDB", tmp_path)


def test_a_source_names_torchtexts_folder():
    result = call("prepare", "rte", "--source", "torchtext:RTE", code=3)
    assert "write --source torchtext:DATASET:ROOT" in result.stderr
    assert (
        "give one of your own"
        in call("prepare", "yelp", "--source", "torchtext:RTE:there", code=2).stderr
    )


# What needs it.


@pytest.mark.torchtext
def test_ids_are_equal_both_ways(torchtext):
    vocabulary = small.vocabulary()
    made = bridge.to_torchtext(vocabulary)
    assert made.get_itos() == list(vocabulary.words)
    assert made(["dog", "unheard"]) == [vocabulary.id_of("dog"), 3]
    assert list(bridge.from_torchtext(made).words) == list(vocabulary.words)


@pytest.mark.torchtext
def test_a_vocabulary_that_torchtext_built_has_its_ids_here(torchtext):
    from torchtext.data.utils import get_tokenizer
    from torchtext.vocab import build_vocab_from_iterator

    parted = get_tokenizer("basic_english")
    made = build_vocab_from_iterator(map(parted, small.SENTENCES), specials=list(SPECIAL_TOKENS))
    made.set_default_index(3)
    vocabulary = bridge.from_torchtext(made, tokenizer="torchtext:basic_english")
    for text in (*small.SENTENCES, "A dog (unheard)."):
        assert vocabulary.encode(text) == [*made(parted(text)), 2]


@pytest.mark.torchtext
@pytest.mark.parametrize(
    ("name", "given"), [("torchtext:basic_english", "basic_english"), ("torchtext:split", None)]
)
def test_tokenizers_part_text_as_torchtexts_do(torchtext, name, given):
    from torchtext.data.utils import get_tokenizer

    parted, random_letters = get_tokenizer(given), random.Random(0)
    letters = "aB.,'\"();:!?<br />\t\n é"
    for _ in range(300):
        text = "".join(random_letters.choices(letters, k=20)) + "it<br />Is"
        vocabulary = Vocabulary.build([text], size=100, tokenizer_name=name)
        words = [vocabulary.words[index] for index in vocabulary.encode(text)[:-1]]
        assert words == parted(text), text


@pytest.mark.torchtext
def test_vectors_and_a_file_give_the_same(torchtext, tmp_path):
    from torchtext.vocab import Vectors

    path = tmp_path / "vectors.txt"
    path.write_text("dog 1 2.5 3\nzebra 4 5 6\n. -7 8 9\n")
    vocabulary = small.vocabulary()
    found = bridge.word_vectors_of(Vectors(str(path), cache=str(tmp_path)), vocabulary)
    assert found.sha256 == read_word_vectors(path, vocabulary).sha256


@pytest.mark.torchtext
def test_a_transform_is_a_step_of_torchtexts(torchtext):
    from torchtext.transforms import Sequential

    model = small.model(small.vocabulary())
    texts = list(small.SENTENCES)
    pipeline = Sequential(bridge.CodeTransform(model), nn.Identity())
    assert torch.equal(pipeline(texts), model.encode(texts))


PLACES = ("park", "house", "street", "garden", "office", "school", "beach", "forest")


def pair_rows(count):
    return [
        (f"a man number {row} walks in the {place} .", f"someone {row} walks .", row % 2)
        for row in range(count)
        for place in PLACES
    ]


def write_rte(folder):
    """Write RTE as torchtext unpacks it."""
    labels = ("entailment", "not_entailment")
    for split, count in (("train", 20), ("dev", 3), ("test", 2)):
        head = ["index", "sentence1", "sentence2"] + ["label"] * (split != "test")
        lines = ["\t".join(head)]
        for number, (first, second, label) in enumerate(pair_rows(count)):
            first = first.replace("man", {"train": "man", "dev": "boy", "test": "girl"}[split])
            row = [str(number), first, second, labels[label]]
            lines.append("\t".join(row[: len(head)]))
        path = folder / "RTE" / "RTE" / f"{split}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    (folder / "RTE" / "RTE.zip").write_bytes(b"ours")


def write_mnli(folder):
    """Write MNLI as torchtext unpacks it; a pair without agreement is none of its rows."""
    labels = ("entailment", "neutral", "contradiction")
    (folder / "MNLI").mkdir(parents=True)
    for split, count in (("train", 20), ("dev_matched", 3), ("dev_mismatched", 2)):
        lines = ["\t".join(["gold_label", *"abcd", "sentence1", "sentence2"])]
        for number, (first, second, _) in enumerate(pair_rows(count)):
            row = [labels[number % 3], *"abcd", f"{split} {first}", second]
            lines.append("\t".join(row))
        lines.append("\t".join(["-", *"abcd", "nobody", "agrees"]))
        (folder / "MNLI" / f"multinli_1.0_{split}.txt").write_text("\n".join(lines) + "\n")
    (folder / "MNLI" / "multinli_1.0.zip").write_bytes(b"ours")


def write_classes(folder, name, inner, archive, labels):
    """Write a data set of texts with a class, as torchtext unpacks it."""
    for split, count in (("train", 12), ("test", 3)):
        path = folder / name / inner / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(
                f'"{label}","the {place} in {split}, number {row}","of label {label}"\n'
                for row in range(count)
                for place in PLACES
                for label in range(1, labels + 1)
            )
        )
    (folder / name / archive).write_bytes(b"ours")


@pytest.fixture
def root(torchtext, tmp_path, monkeypatch):
    """Write small data sets of ours in torchtext's layout; archives are not looked into."""
    from torchdata.datapipes.iter.util import cacheholder

    monkeypatch.setattr(cacheholder, "_hash_check", lambda *arguments: True)
    folder = tmp_path / "torchtext" / "datasets"
    write_rte(folder)
    write_mnli(folder)
    write_classes(
        folder, "YelpReviewPolarity", "yelp_review_polarity_csv",
        "yelp_review_polarity_csv.tar.gz", 2,
    )  # fmt: skip
    write_classes(folder, "YahooAnswers", "yahoo_answers_csv", "yahoo_answers_csv.tar.gz", 10)
    return folder.parent


@pytest.mark.torchtext
@pytest.mark.parametrize(
    ("name", "labels", "pairs"),
    [
        ("RTE", 2, {"train": 144, "dev": 16, "test": 24}),
        ("MNLI", 3, {"train": 160, "dev": 24, "test": 16}),
    ],
)
def test_pairs_are_prepared_from_its_data_sets(root, tmp_path, name, labels, pairs):
    """RTE's dev has labels and becomes test; a tenth of train becomes dev."""
    out = tmp_path / "out"
    call("prepare", "pairs", "--source", f"torchtext:{name}:{root}", "--out", out)
    corpus = Corpus(out)
    assert len(corpus.labels) == labels
    assert corpus.name == "pairs"
    assert {split: found["pairs"] for split, found in corpus.manifest["pairs"].items()} == pairs
    assert all(not found["unlabelled"] for found in corpus.manifest["pairs"].values())
    again = call("prepare", "pairs", "--source", f"torchtext:{name}:{root}", "--out", out)
    assert "up to date" in again.stderr


@pytest.mark.torchtext
@pytest.mark.parametrize(("name", "labels"), [("YelpReviewPolarity", 2), ("YahooAnswers", 10)])
def test_labelled_texts_are_prepared_from_its_data_sets(root, name, labels):
    result = call("prepare", "texts", "--source", f"torchtext:{name}:{root}")
    corpus = Corpus(Path(result.stdout.strip()))
    assert tuple(corpus.labels) == bridge.DATA_SETS[name].labels
    assert len(corpus.labels) == labels
    assert corpus.manifest["splits"]["test"]["sentences"] == 3 * len(PLACES) * labels
    assert {"file", "sha256"} <= corpus.manifest["sources"][0].keys()


@pytest.mark.torchtext
def test_a_data_set_that_is_not_there_is_told_in_one_line(torchtext, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="torchtext cannot read train") as caught:
        bridge.data_set("RTE", tmp_path)
    assert "\n" not in str(caught.value)
