import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arae_toolkit.data.text_normalization import tidied
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.transfer.detokenization.detokenize import (
    MOST_WORDS_READ,
    natural_text,
    readable_text,
)
from arae_toolkit.transfer.detokenization.truecasing import Truecaser, sentence_starts

COMMON = """
    i it 's 'm 'd 'll n't do did ca wo we was is the a staff food place great bad awful slow fast
    never always back be for at or and or so paid people really said right again leave say bob rome
    _num_ $ % & . , ! ? ... `` '' ( ) : - / 1/2 gon na
"""
KNOWN = frozenset(COMMON.split())

# Texts that hold what the rules look at, beside those that hold anything.
pieces = st.sampled_from(
    [
        *("I", "it", "'s", "n't", "’ll", "Great", "FOOD", "iPhone", "zorb", "20", "7:30", "1/2"),
        *(".,!?;:%$()[]\"'`“”‘’…-/&#@*"),
        *("...", "``", "''", "--", "<unk>", "_num_", " ", "  ", "\n"),
    ]
)
texts = st.one_of(st.text(), st.lists(pieces).map("".join), st.lists(pieces).map(" ".join))
outputs = st.one_of(st.text(), st.lists(pieces).map(lambda words: " ".join(words).lower()))
vocabularies = st.sampled_from([lambda word: True, KNOWN.__contains__, lambda word: False])


def natural(source, output, **settings):
    return natural_text(source, output, known=KNOWN.__contains__, **settings)


def read_words(text, known):
    """Return what a model that changes nothing would answer."""
    words = readable_text(text, known).lower().split()
    return " ".join(word if known(word) else "<unk>" for word in words)


# --- every text ------------------------------------------------------------------------------


@given(texts, outputs, vocabularies)
def test_every_source_and_answer_give_one_line(source, output, known):
    text = natural_text(source, output, known=known)
    assert text == text.strip()
    assert "\n" not in text
    assert natural_text(source, output, known=known) == text


@given(texts, vocabularies)
@example("İstanbul'da NE  var?", KNOWN.__contains__)
@example('"a" "b', KNOWN.__contains__)
@example("STRASSE ß", KNOWN.__contains__)
@example("cafe\u0301s are «good»", KNOWN.__contains__)
@example("so\u00adlo isnʼt isn`t", KNOWN.__contains__)
def test_unchanged_words_are_the_source_with_single_spaces(source, known):
    own = " ".join(tidied(source).split())
    assert natural_text(source, read_words(source, known), known=known) == own


@given(texts, outputs, vocabularies)
def test_an_answer_is_at_rest(source, output, known):
    """Asked for itself, a model that changes nothing gives back the same bytes."""
    text = natural_text(source, output, known=known)
    assert natural_text(text, read_words(text, known), known=known) == text


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("The staff didn't help!", "the staff did n't stop smiling , i loved it !"),
        ("We won't be back. Food was slow.", "food was fast . we 'll be back !"),
        ('It\'s "fine" (really)?', "is it `` great '' ( for $ _num_ ) ?"),
        ("it was bad .", "it was great , was n't it ?"),
    ],
)
def test_restoring_twice_is_restoring_once(source, output):
    once = natural(source, output)
    words = Vocabulary.build([once], size=99)
    assert natural(source, words.decode(words.encode(once))) == once


def test_half_a_surrogate_pair_is_written_as_a_question_mark():
    assert natural("so \ud800 bad", "so ? great") == "so ? great"


# --- tokenized sources -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("the staff did n't help !", "the staff did n't stop smiling , i loved it !"),
        ("it was bad .", "`` great '' , for $ _num_ ( i 'm gon na stay ) ."),
        ("never go back", "always go back , it 's great"),
    ],
)
def test_a_tokenized_source_keeps_its_answer_tokenized(source, output):
    assert natural(source, output) == output


def test_a_tokenized_source_with_capitals_has_spaces_and_capitals():
    assert natural("A man did n't eat .", "a dog did n't eat .") == "A dog did n't eat ."


# --- casing ----------------------------------------------------------------------------------

CASING = {
    "words that stay": ("We saw Bob at NASA.", "we loved bob at nasa .", "We loved Bob at NASA."),
    "moved from the start": ("Service was bad.", "great service .", "Great service."),
    "moved to the start": ("I hate this place!", "this place rocks !", "This place rocks!"),
    "both": ("Iraq is far.", "is iraq far ?", "Is iraq far?"),
    "shown elsewhere": ("Bob met Ann.", "ann met ann 's bob .", "Ann met Ann's bob."),
    "no plain capital": ("NASA is great.", "great is nasa .", "Great is NASA."),
    "in the middle": ("iPhone is bad. Avoid it.", "the iphone is great .", "The iPhone is great."),
    "a new i": ("We hate it, Bob.", "i love it , i 'm happy .", "I love it, I'm happy."),
    "i from the start": ("I hate it.", "now i love it .", "Now I love it."),
    "i of the writer": ("i hate Rome, really.", "now i 'm in rome .", "now i'm in Rome."),
    "no capitals": ("we don't like it.", "i like it .", "i like it."),
    "all capitals": ("I HATE IT!", "i love rome , it 's great !", "I LOVE ROME, IT'S GREAT!"),
    "too short for it": ("OK.", "it 's ok .", "It's OK."),
    "a second sentence": ("Bad. Bad food.", "great . great food .", "Great. Great food."),
    "a number first": ("5 Stars for Bob!", "awful !", "Awful!"),
    "a quotation first": ('"Bad" food.', "`` great '' food .", '"Great" food.'),
}


@pytest.mark.parametrize(("source", "output", "expected"), CASING.values(), ids=CASING)
def test_casing(source, output, expected):
    assert natural(source, output) == expected


def test_a_table_of_casings_is_for_words_that_the_source_does_not_show():
    table = {"iraq": "Iraq", "bob": "BOB", "iphone": "iPhone"}
    assert natural("Iraq is far.", "is iraq far ?", casings=table) == "Is Iraq far?"
    assert natural("We met bob, Ann.", "bob met iraq .", casings=table) == "Bob met Iraq."
    assert natural("We met Ann.", "iphone met ann .", casings=table) == "iPhone met Ann."
    assert natural("no capitals, here.", "no iraq , here .", casings=table) == "no iraq, here."


def test_sentences_start_at_words():
    assert sentence_starts(["``", "wow", "!", ")", "7", "days", ".", "."]) == {1, 4}
    assert sentence_starts([".", "!"]) == set()


def test_without_a_start_that_tells_capitals_elsewhere_do():
    assert Truecaser(["5", "of", "Bob"], {}).of("awful", None, starts=True) == "Awful"
    assert Truecaser(["5", "of", "bob"], {}).of("awful", None, starts=True) == "awful"


# --- spacing ---------------------------------------------------------------------------------

SPACING = {
    "punctuation": "Well, it is; is it? No: never!",
    "brackets": "It (the food) is [sic] bad.",
    "clitics": "It's, we've, I'd, they'll, we're, I'm, can't.",
    "halves": "We gotta go, gonna go, wanna go.",
    "amounts": "It costs $ 5 or £6, 20% off, #1.",
    "quotes": 'It is "great" and "good".',
    "single quotes": "It is 'great' now.",
    "apostrophe": "My kids' menu, it's good.",
    "slash": "Food and/or service.",
    "dashes": "It - the food - is bad -- so bad.",
    "words with signs": "A t-shirt at 7:30 in the U.S. for 1,000 o'clock.",
    "ellipsis": "Well... it is…",
    "ampersand": "Mac & cheese.",
}


@pytest.mark.parametrize("text", SPACING.values(), ids=SPACING)
def test_new_words_are_spaced_as_usual(text):
    """Why the rules are ours: sacremoses 0.2 spaces five of these otherwise.

    It parts ``ca n't``, ``# 1``, ``and / or`` and ``is …``, and turns single quotes around:
    ``is' great 'now``. It returns whole texts, where spaces of the source are decided on by word.
    Percent of texts that are the same again after their words were put together (the words come
    back in all captions and in 99.87 % of the titles from either); in brackets with its clitics
    attached beforehand:

    ============================  ======  ======  ============
    texts                          count    ours    sacremoses
    ============================  ======  ======  ============
    the synthetic generator's     10,000  100.00  100.00
    Flickr30k captions            10,000   99.81   99.70 (.71)
    SNLI's hypotheses (dev)        9,842   99.84   99.66 (.82)
    questions to Yahoo            10,000   78.98   76.01 (77.70)
    ============================  ======  ======  ============
    """
    words = Vocabulary.build([text], size=99)
    output = words.decode(words.encode(text))
    spaced = natural_text(f"Bad, bad ZZZ{text[-1]}", output, known=words.id_of)
    assert spaced.lower() == text.lower().replace("$ 5", "$5")


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("Bad food , bad place!", "bad food , great place !", "Bad food , great place!"),
        ("Food&staff is bad", "food & staff is great", "Food&staff is great"),
        ("It's  so\tbad, really", "it 's so great , really", "It's so great, really"),
        ("“Bad” food, I'd say.", "`` great '' food , i 'd say .", "“great” food, I'd say."),
        ("Don’t go, Bob.", "do n't leave , bob .", "Don’t leave, Bob."),
    ],
)
def test_neighbours_that_stay_keep_the_space_between_them(source, output, expected):
    assert natural(source, output).lower() == expected.lower()


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("Bad food, Bob", "great food , bob .", "Great food, Bob"),
        ("Bad food!!!", "great food !", "Great food!!!"),
        ("Bad food.", "great food", "Great food."),
        ("Bad, right?!", "great , right ! ?", "Great, right?!"),
        ("Bad food.", "great food !", "Great food."),
        ("Bad food!!!", "great food .", "Great food!!!"),
        ("Bad food...", "great food .", "Great food..."),
        ("Is it bad?", "it is great .", "It is great."),
        ("Is it bad?", "it is great", "It is great"),
        ("Bad food, Bob", "great food , bob ! !", "Great food, Bob"),
        ("Bad food, Bob", "great food , bob ?", "Great food, Bob?"),
        ("Bad food.", "is it great ?", "Is it great?"),
        ("Bad, Bob", ".", "."),
        ("", "great .", "great ."),
        ("Bad.", "", ""),
    ],
)
def test_the_end_is_that_of_the_source_unless_the_sentence_is_of_another_kind(
    source, output, expected
):
    assert natural(source, output) == expected


# --- words that the model does not know ------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("the Zorbnax is bad.", "the <unk> is great .", "the Zorbnax is great."),
        ("Zorbnax was bad.", "it was great at <unk> .", "It was great at zorbnax."),
        ("Glim and Zorb!", "<unk> or <unk> or <unk> !", "Glim or or Zorb!"),
        ("it was bad, really.", "it was <unk> great , really .", "it was great, really."),
        ("the zorbnax is bad .", "the <unk> is great <unk> .", "the zorbnax is great ."),
        ("We paid $20 for 3 people.", "$ _num_ for _num_ people .", "$20 for 3 people."),
        ("Paid $7.50, Bob.", "it was _num_ % , $ _num_ .", "It was _num_%, $7.50."),
        ("we paid $ _num_ .", "we never paid $ _num_ .", "we never paid $ _num_ ."),
        ("it said <unk> again .", "it said <unk> .", "it said <unk> ."),
    ],
)
def test_unknown_words_and_numbers_are_those_of_the_source(source, output, expected):
    assert natural(source, output) == expected


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("What causes an earthquake?", "what causes an lyrics ?", "What causes a lyrics?"),
        ("An earthquake came.", "an song came .", "A song came."),
        ("IS THIS A PLANET?", "is this a album ?", "IS THIS AN ALBUM?"),
        ("what is a planet ?", "what is a actor ?", "what is an actor ?"),
        ("A wise owl", "a owl", "A owl"),  # the source's own words are left as they stand
        ("it is an old planet", "it is an old song", "it is an old song"),
        ("it is a planet", "it is an song", "it is a song"),  # the model's own article
        ("the owl", "a owl", "an owl"),
    ],
)
def test_an_article_fits_the_word_behind_it(source, output, expected):
    assert natural_text(source, output) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It’s $7.50…", "It 's $ _num_ ..."),
        ("“Great” food", "`` Great '' food"),
        ('"Great" food is "it"', "`` Great '' food is `` it ''"),
        ("Back at 7:30 for 1/2", "Back at _num_ for 1/2"),
        ("Zorb – Glim — it", "Zorb - Glim - it"),
        ("don’t ‘zorb’", "do n't ‘ zorb ’"),
        ("donʼt, don`t\u200b!", "do n't , do n't !"),
        ("", ""),
    ],
)
def test_a_text_is_spelled_as_the_model_knows_it(text, expected):
    assert readable_text(text, KNOWN.__contains__) == expected


@given(texts)
def test_a_model_that_knows_every_word_but_that_for_numbers_reads_what_is_there(text):
    assert "".join(readable_text(text, lambda word: word != "_num_").split()) == "".join(
        tidied(text).split()
    )


def test_torch_is_not_needed():
    program = (
        "import sys, arae_toolkit.transfer.detokenization.detokenize; "
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_more_of_a_source_is_looked_at_than_a_model_can_read():
    looked_at = []
    text = ", " * 10_000
    readable_text(text, lambda word: looked_at.append(word) or True)
    assert len(looked_at) == MOST_WORDS_READ
    assert len(natural_text(text, "a b .").split()) == 3
