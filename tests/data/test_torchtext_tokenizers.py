import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.torchtext_tokenizers import TORCHTEXT_TOKENIZERS
from arae_toolkit.data.vocabulary import OWN_TOKENIZER, Vocabulary
from arae_toolkit.data_prep.options import TOKENIZERS

TEXTS = [
    "You can now install TorchText using pip!",
    "Hello, World's (best): don't! yes; \"ok\" a.b ?<br />x",
    "  two\tspaces \n and a <unk> word  ",
]


def basic_english(text):
    """Return the words that torchtext 0.18 makes of a text, after its published rules."""
    text = text.lower()
    patterns = [r"\'", r"\"", r"\.", r"<br \/>", r",", r"\(", r"\)", r"\!", r"\?", r"\;", r"\:"]
    put = [" '  ", "", " . ", " ", " , ", " ( ", " ) ", " ! ", " ? ", " ", " "]
    for pattern, new in zip(patterns, put, strict=True):
        text = re.sub(pattern, new, text)
    return text.split()


def words_of(text, name):
    vocabulary = Vocabulary.build([text], size=1000, tokenizer_name=name)
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again.encode(text) == vocabulary.encode(text)
    return [again.words[index] for index in again.encode(text)[:-1]]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_parted_as_torchtext_does_it(text):
    assert words_of(text, "torchtext:basic_english") == basic_english(text)
    assert words_of(text, "torchtext:split") == text.split()


@given(st.text(st.characters(max_codepoint=126, exclude_characters="`\0"), max_size=30))
def test_any_plain_text_is_parted_as_torchtext_does_it(text):
    assert words_of(text, "torchtext:basic_english") == basic_english(text)
    assert words_of(text, "torchtext:split") == text.split()


def test_prepare_offers_our_own_and_these():
    assert (OWN_TOKENIZER, *TORCHTEXT_TOKENIZERS) == TOKENIZERS


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(ValueError, match="tokenizer must be one of"):
        Vocabulary.build(["a"], size=1, tokenizer_name="torchtext:spacy")


def test_other_words_are_read_by_the_same_rules():
    vocabulary = Vocabulary.build(["Yes, no"], size=9, tokenizer_name="torchtext:basic_english")
    other = vocabulary.with_words([*vocabulary.words[:4], "no", "yes"])
    assert other.encode("YES.No") == [5, 3, 4, 2]
    with pytest.raises(ValueError, match="distinct"):
        vocabulary.with_words([*vocabulary.words, "no"])
