import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from arae_toolkit.data.text_normalization import normalized, tokenizer_rules
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary


@pytest.mark.parametrize("apostrophe", "'’‘ʼ`´＇")
def test_isnt_is_one_thing_however_it_is_typed(apostrophe):
    vocabulary = Vocabulary.build(["The man isn't here."], size=20)
    ids = vocabulary.encode(f"The man isn{apostrophe}t here.")
    assert ids == vocabulary.encode("The man isn't here.")
    assert UNKNOWN not in ids


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("“a” «b» „c‟", '"a" "b" "c"'),
        ("5–6, t‑shirt, −3", "5-6, t-shirt, -3"),
        ("a—b", "a--b"),
        ("wait…", "wait..."),
        ("cafe\u0301 zero\u200bwidth", "caf\u00e9 zerowidth"),
        ("`quoted' and ``so''", "`quoted' and ``so''"),
    ],
)
def test_marks_are_plain(typed, plain):
    assert normalized(typed) == plain


def test_spaces_of_any_kind_part_words():
    vocabulary = Vocabulary.build(["a b"], size=9)
    assert vocabulary.encode("a\u00a0b\u2009\u3000a") == vocabulary.encode("a b a")


@given(st.text(alphabet=st.sampled_from("aZ0 `´'’ʼ“”–—…\u00ad\u200be\u0301éß漢"), max_size=12))
@example("n`t")
def test_the_tokenizers_library_does_the_same(text):
    tokenizer = Tokenizer(models.WordLevel({"": 0}, unk_token=""))
    content = json.loads(tokenizer.to_str())
    content["normalizer"] = {"type": "Sequence", "normalizers": tokenizer_rules()}
    normalizer = Tokenizer.from_str(json.dumps(content)).normalizer
    assert normalizer.normalize_str(text) == normalized(text)
    assert normalized(normalized(text)) == normalized(text)


def test_a_vocabulary_says_in_its_file_whether_it_normalizes():
    new = Vocabulary.build(["The man isn't here."], size=20)
    again = Vocabulary.from_json(new.to_json())
    assert again.to_json() == new.to_json()
    content = json.loads(new.to_json())
    content["normalizer"] = {"type": "Lowercase"}  # as files of earlier versions have it
    old = Vocabulary.from_json(json.dumps(content))
    assert json.loads(old.to_json())["normalizer"] == {"type": "Lowercase"}
    assert UNKNOWN in old.encode("isn’t")
