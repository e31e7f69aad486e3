"""The judges' part of train: whole documents, nothing that systems have, and for good."""

import csv
import random

import pytest
from source_files import no_progress, write_json_lines

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus

LETTERS = "abcdefghijkl"


def prepare(source, name=None, **options):
    folder = prepare_corpus(
        str(name or source),
        source=source if name else None,
        out=source.parent / "prepared" / str(len(list(source.parent.rglob("manifest.json")))),
        options=PrepareOptions(**options),
        report=lambda _: None,
        progress=no_progress,
    )
    return Corpus(folder)


def sentences(corpus, split):
    return texts_of(corpus.split(split), corpus.vocabulary)


def words_alone(texts):
    return {" ".join(word for word in text.split() if word[0].isalnum()) for text in texts}


@pytest.fixture
def rows():
    """Sentences of which a third stands there a second time, with a mark more."""
    rand = random.Random(0)
    texts = sorted({" ".join(rand.choices(LETTERS, k=5)) for _ in range(1_100)})
    texts += [f"{text} !" for text in texts[::3]]
    rand.shuffle(texts)
    return [{"text": text, "label": text[0] < "g"} for text in texts]


@pytest.fixture
def corpus(rows, tmp_path):
    write_json_lines(tmp_path / "all.jsonl", rows)
    return prepare(tmp_path / "all.jsonl", label_field="label")


def test_a_fifth_is_the_judges_and_punctuation_alone_parts_nothing(corpus):
    systems, judges = (words_alone(sentences(corpus, split)) for split in ("train", "judges"))
    assert not systems & judges
    assert 0.15 < len(judges) / len(systems | judges) < 0.25
    division = corpus.manifest["judges_part"]
    assert division == {"share": 0.2, "by": "words", "sentences": corpus.rows("judges")}
    assert set(corpus.split("judges").labels.tolist()) == {0, 1}
    assert corpus.judges_split == "judges"


def test_a_sentence_stays_where_it_is_whatever_else_there_is(corpus, rows, tmp_path):
    write_json_lines(tmp_path / "half.jsonl", rows[::-2])
    half = prepare(tmp_path / "half.jsonl", label_field="label")
    for split, other in (("judges", "train"), ("train", "judges")):
        assert not words_alone(sentences(half, split)) & words_alone(sentences(corpus, other))


def test_what_is_said_of_evaluation_sentences_holds_for_the_judges_too(corpus):
    others = set(sentences(corpus, "dev"))
    assert not others & set(sentences(corpus, "judges"))
    assert corpus.manifest["checks"]["evaluation_sentences_in_train"]["judges"] == 0


@pytest.mark.parametrize(("label_field", "share"), [(None, None), ("label", 0.0)])
def test_texts_without_labels_and_a_share_of_nothing_leave_train_whole(
    rows, tmp_path, label_field, share
):
    write_json_lines(tmp_path / "all.jsonl", rows)
    corpus = prepare(tmp_path / "all.jsonl", label_field=label_field, judges_share=share)
    assert corpus.judges_split == "train" and "judges" not in corpus.manifest["splits"]
    assert corpus.manifest["judges_part"]["share"] == 0.0


def test_few_sentences_are_all_the_systems(rows, tmp_path):
    write_json_lines(tmp_path / "few.jsonl", rows[:300])
    assert prepare(tmp_path / "few.jsonl", label_field="label").judges_split == "train"


def test_a_document_goes_to_one_part_as_a_whole(tmp_path):
    names = [" ".join(LETTERS[int(digit)] for digit in f"{index:03}") for index in range(900)]
    source = tmp_path / "yahoo"
    source.mkdir()
    for split, chosen in (("train", names), ("test", ["test only"])):
        with (source / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows([2, f"{name} asked", "", f"{name} told"] for name in chosen)
    corpus = prepare(source, "yahoo", classes=("science",))
    assert corpus.manifest["judges_part"]["by"] == "document"
    documents = {
        split: {text.rsplit(" ", 1)[0] for text in sentences(corpus, split)}
        for split in ("train", "judges", "dev")
    }
    assert len(documents["judges"]) > 100
    assert not documents["train"] & documents["judges"]
    assert not documents["dev"] & (documents["train"] | documents["judges"])
    assert corpus.manifest["dev_split"]["documents"] == len(documents["dev"]) > 50
    titles = prepare(source, "yahoo", classes=("science",), part="titles")
    assert set(sentences(titles, "dev")) == {f"{name} asked" for name in documents["dev"]}
