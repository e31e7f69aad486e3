import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.vocabulary import BOS, EOS, PAD, SPECIAL_TOKENS, UNKNOWN, Vocabulary
from arae_toolkit.errors import CheckpointMismatch

SENTENCES = [
    "A man is sleeping .",
    "two dogs run across the field .",
    "the woman isn't reading a book .",
    "a man and two dogs sleep .",
]


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.build(SENTENCES, size=100)


def words_of(text):
    """Return how the tokenizer splits a text, by building a vocabulary that holds all of it."""
    vocabulary = Vocabulary.build([text], size=10_000)
    return vocabulary.decode(vocabulary.encode(text)).split(" ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man, asleep.", "a man , asleep ."),
        ("They don't know it's Bob's.", "they do n't know it 's bob 's ."),
        ("He can't, hasn’t.", "he ca n't , has n't ."),
        ("It is 7:30, and 1,000 people wait", "it is 7:30 , and 1,000 people wait"),
        ("an old-fashioned t-shirt at ten o'clock", "an old-fashioned t-shirt at ten o'clock"),
        ("the u.s. team ...", "the u.s. team ..."),
        ("pay _num_ dollars", "pay _num_ dollars"),
        ("“quoted” -- (well)", '" quoted " -- ( well )'),
        ("cafés\tin\nParis", "cafés in paris"),
    ],
)
def test_words_are_split_as_in_the_treebank(text, words):
    assert words_of(text) == words.split(" ")


def test_special_tokens_have_the_first_ids(vocabulary):
    assert tuple(vocabulary.words[:4]) == SPECIAL_TOKENS
    assert (PAD, BOS, EOS, UNKNOWN) == (0, 1, 2, 3)
    assert len(vocabulary) == len(vocabulary.words) == len(set(vocabulary.words))


def test_encoding_ends_in_eos_and_decodes_to_the_words(vocabulary):
    ids = vocabulary.encode("Two DOGS sleep.")
    assert ids[-1] == EOS
    assert ids.count(EOS) == 1
    assert vocabulary.decode(ids) == "two dogs sleep ."


def test_decoding_stops_at_eos_and_leaves_out_padding(vocabulary):
    dogs = vocabulary.id_of("dogs")
    assert vocabulary.decode([BOS, dogs, PAD, dogs, EOS, dogs]) == "dogs dogs"
    assert vocabulary.decode([]) == ""


def test_words_outside_the_vocabulary_are_unknown(vocabulary):
    assert vocabulary.encode("a zebra") == [vocabulary.id_of("a"), UNKNOWN, EOS]
    assert vocabulary.id_of("zebra") == UNKNOWN


@pytest.mark.parametrize("special", ["<pad>", "<bos>", "<eos>"])
def test_the_name_of_a_special_token_in_a_text_is_plain_text(vocabulary, special):
    ids = vocabulary.encode(f"a man {special} sleep")
    assert ids.index(EOS) == len(ids) - 1
    assert PAD not in ids
    assert BOS not in ids
    assert ids[-2] == vocabulary.id_of("sleep")


def test_the_mark_of_an_unknown_word_is_one_unknown_word(vocabulary):
    assert vocabulary.encode("a <unk> man") == [
        *(vocabulary.id_of("a"), UNKNOWN, vocabulary.id_of("man"), EOS)
    ]


def test_only_the_most_frequent_words_are_kept():
    vocabulary = Vocabulary.build(["b b b a a c"], size=2)
    assert list(vocabulary.words[4:]) == ["b", "a"]
    assert vocabulary.id_of("c") == UNKNOWN


def test_words_of_equal_frequency_come_in_alphabetical_order():
    assert list(Vocabulary.build(["zoo bar foo ape"], size=3).words[4:]) == ["ape", "bar", "foo"]


@given(st.permutations(SENTENCES))
def test_the_order_of_the_texts_does_not_matter(order):
    assert Vocabulary.build(order, size=9).sha256 == Vocabulary.build(SENTENCES, size=9).sha256


def test_letter_case_is_kept_on_request():
    vocabulary = Vocabulary.build(["Bob sees bob"], size=10, lowercase=False)
    assert vocabulary.decode(vocabulary.encode("Bob sees bob")) == "Bob sees bob"


@given(st.text(max_size=60))
def test_tokenized_text_is_tokenized_the_same_way_again(text):
    once = " ".join(words_of(text))
    assert " ".join(words_of(once)) == once


WORDS = [word for sentence in SENTENCES for word in sentence.lower().split() if word != "isn't"]


@given(st.lists(st.sampled_from(WORDS), max_size=20))
def test_sentences_of_known_words_come_back_as_they_were(words):
    vocabulary = Vocabulary.build(SENTENCES, size=100)
    assert vocabulary.decode(vocabulary.encode(" ".join(words))) == " ".join(words)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_gives_ids_within_the_vocabulary_and_a_batch_equals_its_rows(texts):
    vocabulary = Vocabulary.build(SENTENCES, size=100)
    batch = vocabulary.encode_batch(texts)
    assert batch == [vocabulary.encode(text) for text in texts]
    for ids in batch:
        assert ids[-1] == EOS
        assert all(UNKNOWN <= index < len(vocabulary) for index in ids[:-1])


def test_a_saved_vocabulary_is_the_same_vocabulary(vocabulary, tmp_path):
    vocabulary.save(tmp_path / "tokenizer.json")
    loaded = Vocabulary.load(tmp_path / "tokenizer.json")
    assert loaded.words == vocabulary.words
    assert loaded.sha256 == vocabulary.sha256
    text = "The men aren't <eos> reading 1,000 books."
    assert loaded.encode(text) == vocabulary.encode(text)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": "1.0"}', "\0"])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointMismatch, match=r"tokenizer\.json"):
        Vocabulary.load(tmp_path / "tokenizer.json")


def test_a_tokenizer_of_another_program_is_refused(tmp_path):
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(tmp_path / "t.json"))
    with pytest.raises(CheckpointMismatch, match="does not start with <pad>"):
        Vocabulary.load(tmp_path / "t.json")


def test_an_empty_vocabulary_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Vocabulary.build(SENTENCES, size=0)


def test_unknown_marks_in_the_texts_are_not_counted():
    """Corpora with ``<unk>`` in them give a vocabulary without holes."""
    words = Vocabulary.build(["a <unk> b", "<UNK> a"], size=10)
    assert list(words.words) == ["<pad>", "<bos>", "<eos>", "<unk>", "a", "b"]
    assert words.encode("a <unk>") == [4, 3, 2]


def test_what_is_no_text_is_named_by_its_row(vocabulary):
    """Not by an attribute that it lacks."""
    with pytest.raises(TypeError, match="row 1: NoneType is no text"):
        vocabulary.encode_batch(["a", None])
    with pytest.raises(TypeError, match="row 0: int is no text"):
        vocabulary.encode_batch(iter([1]))
