import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from arae_toolkit.data.text_normalization import normalized, tokenizer_rules
from arae_toolkit.data.vocabulary import EOS, SPECIAL_TOKENS, UNKNOWN, Vocabulary


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
@example("Z\u00ad\u0301")
def test_the_tokenizers_library_does_the_same(text):
    tokenizer = Tokenizer(models.WordLevel({"": 0}, unk_token=""))
    content = json.loads(tokenizer.to_str())
    content["normalizer"] = {"type": "Sequence", "normalizers": tokenizer_rules()}
    normalizer = Tokenizer.from_str(json.dumps(content)).normalizer
    assert normalizer.normalize_str(text) == normalized(text)
    # An accent may come to stand behind a letter where an invisible mark stood between them.
    assert normalized(normalized(text)) == unicodedata.normalize("NFC", normalized(text))


def old_vocabulary(texts):
    """Return a vocabulary as it was made before text was normalized: marks as they were typed."""
    content = json.loads(Vocabulary.build(["x"], size=9).to_json())
    content["normalizer"] = {"type": "Lowercase"}
    words = dict.fromkeys(word for text in texts for word in text.split())
    ids = {word: index for index, word in enumerate((*SPECIAL_TOKENS, *words))}
    content["model"]["vocab"] = ids
    return Vocabulary.from_json(json.dumps(content))


def test_a_vocabulary_says_in_its_file_whether_its_texts_were_normalized():
    new = Vocabulary.build(["The man isn't here."], size=20)
    again = Vocabulary.from_json(new.to_json())
    assert again.to_json() == new.to_json()
    old = old_vocabulary(["the man is n't"])
    assert json.loads(old.to_json())["normalizer"] == {"type": "Lowercase"}
    assert Vocabulary.from_json(old.to_json()).sha256 == old.sha256 != new.sha256


@pytest.mark.parametrize("apostrophe", "'’‘ʼ`´＇")
@pytest.mark.parametrize("words", ["is n't", "is n’t", "is n’t n't"])
def test_old_vocabularies_read_isnt_alike_as_well(apostrophe, words):
    old = old_vocabulary([words])
    ids = old.encode(f"isn{apostrophe}t")
    assert ids == [4, 4 + len(words.split()) - 1, EOS]
    assert old.decode(ids) == "is n't"
    assert old.id_of("n't") == ids[1]
    assert old.id_of("n’t") == UNKNOWN


def test_every_word_of_an_old_vocabulary_keeps_a_name_of_its_own():
    old = old_vocabulary(["“ a ” … \u200b cafe\u0301"])
    assert list(old.words[4:]) == ['"', "a", "”", "...", "\u200b", "caf\u00e9"]
    assert old.encode("„a‟… café \u200b") == [4, 5, 4, 7, 9, EOS]
