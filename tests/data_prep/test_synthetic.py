import math
import re
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.contradiction import CONTRADICTIONS
from arae_toolkit.data_prep.synthetic.corpora import (
    MAX_TOKENS,
    MIN_TOKENS,
    NLI_LABELS,
    caption_sentences,
    entailment_pairs,
    fingerprint,
    sentiment_sentences,
    topic_sentences,
)
from arae_toolkit.data_prep.synthetic.entailment import ENTAILMENTS
from arae_toolkit.data_prep.synthetic.grammar import (
    Table,
    TextGrammar,
    plural,
    read_rules,
    verb_forms,
    with_article,
)
from arae_toolkit.data_prep.synthetic.incompatibility import (
    groups_exclude,
    spots_exclude,
    spots_excluded_by,
)
from arae_toolkit.data_prep.synthetic.neutral import NEUTRALS
from arae_toolkit.data_prep.synthetic.scene_sampling import (
    ACTIVITIES,
    KINDS,
    NOUNS,
    PLACE_ROWS,
    THINGS,
    draw_scene,
    spots_of,
)
from arae_toolkit.data_prep.synthetic.scenes import passive, progressive, simple

every_stream = pytest.mark.parametrize(
    "stream", [caption_sentences, entailment_pairs, sentiment_sentences, topic_sentences]
)
SINGULARS = {noun.singular for noun in NOUNS.values()} - {"sheep", "deer"}
PLURALS = {noun.plural for noun in NOUNS.values()} - {"sheep", "deer"}


@pytest.fixture(scope="module")
def captions():
    return [sentence.text for sentence in caption_sentences(60_000, seed=1)]


@pytest.fixture(scope="module")
def pairs():
    return list(entailment_pairs(18_000, seed=1))


def texts(stream, count, seed):
    for row in stream(count, seed=seed):
        yield from (row.premise, row.hypothesis) if hasattr(row, "premise") else (row.text,)


def random_numbers(seed):
    return Random(seed).random


def accuracy(model, train, held_out, text="text"):
    """Return the share of rows whose label a model tells from one of their texts."""
    model.fit([getattr(row, text) for row in train], [row.label for row in train])
    return model.score([getattr(row, text) for row in held_out], [row.label for row in held_out])


# Streams


@every_stream
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 40))
def test_a_longer_stream_starts_with_the_shorter_one(stream, seed, count):
    longer = list(stream(43, seed=seed))
    assert list(stream(count, seed=seed)) == longer[:count]


@every_stream
def test_seeds_differ_and_streams_do_not_disturb_one_another(stream):
    alone = list(stream(50, seed=3))
    assert alone != list(stream(50, seed=4))
    first, second = stream(50, seed=3), stream(50, seed=3)
    interleaved = [row for pair in zip(first, second, strict=True) for row in pair]
    assert interleaved[::2] == interleaved[1::2] == alone


@every_stream
def test_a_negative_count_is_refused(stream):
    with pytest.raises(ValueError, match="-1"):
        list(stream(-1, seed=0))


@every_stream
def test_every_sentence_has_4_to_20_tokens(stream):
    rows = list(texts(stream, 6_000, seed=5))
    vocabulary = Vocabulary.build(rows, size=5_000)
    lengths = Counter(len(ids) - 1 for ids in vocabulary.encode_batch(rows))
    assert min(lengths) >= MIN_TOKENS == 4
    assert max(lengths) <= MAX_TOKENS == 20
    assert len(lengths) > 10


@every_stream
def test_no_template_mark_or_doubled_space_is_left(stream):
    for text in texts(stream, 4_000, seed=6):
        assert not re.search(r"[{}|~+:/_]|  |^ | $", text), text
        assert not re.search(r"\b(\w+) \1\b|\bthe someone", text, re.IGNORECASE), text


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("synthetic", "7d09d5a70d31a9f0"),
        ("synthetic-sentiment", "28d8ea1e15094f1b"),
        ("synthetic-topics", "ee2895f4593eaf33"),
    ],
)
def test_the_rows_are_those_that_prepared_folders_know(name, known):
    """A change here makes every folder outdated that was prepared from a synthetic corpus."""
    assert fingerprint(name).startswith(known)


# Captions


def test_captions_are_raw_sentences(captions):
    for text in captions[:5_000]:
        assert re.fullmatch(r"[A-Z][A-Za-z, -]*\.", text), text


def test_captions_have_over_1000_word_types_in_a_zipf_like_order(captions):
    counts = Counter(word for text in captions for word in re.findall(r"[a-z-]+", text.lower()))
    assert len(counts) > 1_500
    ordered = [count for _, count in counts.most_common()]
    # A straight line of slope about -1 between ranks 10 and 1,000 of a log-log plot.
    slope = math.log(ordered[999] / ordered[9]) / math.log(1000 / 10)
    assert -1.7 < slope < -0.7


def test_captions_hardly_repeat(captions):
    assert len(set(captions[:50_000])) > 0.95 * 50_000


def test_there_are_many_millions_of_captions():
    """Count plain ones only, like "A man is reading a book in a park at night."."""
    total = 0
    for activity in ACTIVITIES:
        kinds = {KINDS[letter] for letter in activity.kinds}
        subjects = sum(noun.kind in kinds for noun in NOUNS.values())
        things = len(THINGS[activity.category].heads.items) if activity.category else 1
        places = len({spot for spot, _ in spots_of(activity).items})
        total += subjects * things * places
    times = len(lexicon.EXTRAS["time"].split(","))
    assert total > 300_000
    assert total * times > 10_000_000


def test_every_word_of_the_lexicon_can_be_drawn():
    for activity in ACTIVITIES:
        assert not activity.category or activity.category in THINGS
        assert set(activity.places) <= set(PLACE_ROWS)
        assert len(spots_of(activity).items) > 0
    used = {activity.category for activity in ACTIVITIES}
    assert set(THINGS) <= used
    placed = {category for activity in ACTIVITIES for category in activity.places}
    assert set(PLACE_ROWS) <= placed


# Agreement


def test_articles_agree_with_the_next_word(captions):
    follow = Counter()
    for text in captions:
        tokens = text[:-1].lower().replace(",", "").split()
        follow.update(pair for pair in pairwise(tokens) if pair[0] in ("a", "an"))
    for article, word in follow:
        vowel = word[0] in "aeiou" and not word.startswith(("uni", "ukulele"))
        spoken_vowel = vowel or word == "hour"
        assert (article == "an") == spoken_vowel, (article, word)


def test_verbs_agree_with_their_subjects(captions):
    third = {activity.verb.third for activity in ACTIVITIES}
    base = {activity.verb.base for activity in ACTIVITIES}
    seen = Counter()
    for text in captions:
        tokens = text[:-1].lower().split()
        # "a tabby cat": the noun ends where the verb begins, so only the last word counts.
        for noun, verb in pairwise(tokens):
            if noun in PLURALS:
                seen["many"] += verb in base or verb == "are"
                assert verb not in third - base and verb != "is", text
            elif noun in SINGULARS:
                seen["one"] += verb in third or verb == "is"
                assert verb not in base - third and verb != "are", text
    assert min(seen["many"], seen["one"]) > 5_000


def test_counts_agree_with_their_nouns(captions):
    for text in captions:
        words = text[:-1].lower().split()
        for count, noun in pairwise(words):
            assert not (count in ("two", "three", "four", "several", "many") and noun in SINGULARS)
            assert not (count in ("a", "an", "one") and noun in PLURALS), text


@pytest.mark.parametrize(
    "forms",
    ["be is being been", "ride rides riding ridden", "stir stirs stirring stirred",
     "paint paints painting painted", "carry carries carrying carried",
     "water waters watering watered", "catch catches catching caught", "ski skis skiing skied",
     "row rows rowing rowed", "lie lies lying lain", "hit hits hitting hit"],
)  # fmt: skip
def test_verb_forms(forms):
    assert " ".join(verb_forms(forms.split()[0])) == forms


@pytest.mark.parametrize(
    ("one", "many"),
    [("woman", "women"), ("loaf of bread", "loaves of bread"), ("toy car", "toy cars"),
     ("child", "children"), ("berry", "berries"), ("toy", "toys"), ("bus", "buses"),
     ("sheep", "sheep"), ("police officer", "police officers"), ("mango", "mangoes")],
)  # fmt: skip
def test_plurals(one, many):
    assert plural(one) == many


def test_articles_by_sound():
    for phrase in ("a unicycle", "an umbrella", "an old unicycle"):
        assert with_article(phrase.split(maxsplit=1)[1]) == phrase


# Pairs


def test_labels_are_balanced_and_each_premise_has_all_three(pairs):
    assert set(Counter(pair.label for pair in pairs).values()) == {6_000}
    for start in range(0, 3_000, 3):
        three = pairs[start : start + 3]
        assert {pair.label for pair in three} == set(NLI_LABELS)
        assert len({pair.premise for pair in three}) == 1
    orders = Counter(tuple(p.label for p in pairs[i : i + 3]) for i in range(0, 18_000, 3))
    assert len(orders) == 6
    assert min(orders.values()) > 800


def test_no_hypothesis_repeats_its_premise(pairs):
    assert all(pair.premise.lower() != pair.hypothesis.lower() for pair in pairs)


def test_the_hypothesis_alone_does_not_give_the_label_away(pairs):
    model = make_pipeline(
        CountVectorizer(binary=True, min_df=3), LogisticRegression(C=0.3, max_iter=200)
    )
    assert accuracy(model, pairs[:15_000], pairs[15_000:], "hypothesis") <= 0.60


def test_negations_and_broad_words_stand_under_every_label(pairs):
    for word in ("not", "person", "animal", "someone", "while", "nobody|awake|alone"):
        found = re.compile(rf"\b({word})\b").search
        counts = Counter(pair.label for pair in pairs if found(pair.hypothesis.lower()))
        assert min(counts[label] for label in NLI_LABELS) * 12 > counts.total(), (word, counts)


def test_every_kind_of_derivation_occurs():
    for table in (ENTAILMENTS, NEUTRALS, CONTRADICTIONS):
        rand = random_numbers(7)
        scenes = [draw_scene(rand) for _ in range(2_000)]
        for derivation in table.items:
            told = sum(derivation(rand, scene) is not None for scene in scenes)
            assert told >= 10, derivation.__name__


def test_saying_less_names_nothing_new():
    """Every word comes from the scene, from what its words are examples of, or from grammar."""
    less = ENTAILMENTS.items[0]
    rand = random_numbers(2)
    broader = set(re.findall(r"[a-z]+", str((lexicon.BROADER, lexicon.WEAKER_COUNTS))))
    broader |= {verb_forms(word).ing for word in broader} | {verb_forms(w).third for w in broader}
    broader |= {word for things in THINGS.values() for word in things.broader.split()}
    articles = {"a", "an", "the", "some", "is", "are", "being", "by", "there"}
    broadest = {"someone", "person", "people", "animal", "animals"}
    for _ in range(1_500):
        scene = draw_scene(rand)
        said = [progressive(scene), simple(scene), progressive(scene._replace(moving=False))]
        if scene.thing is not None:
            said.append(passive(scene))
        known = broader | articles | broadest | set(re.findall(r"[a-z-]+", " ".join(said).lower()))
        known |= {scene.activity.verb.base, scene.activity.verb.third, scene.activity.verb.ing}
        noun = scene.subject.noun
        while noun.parent:
            noun = NOUNS[noun.parent]
            known |= {noun.singular, noun.plural}
        text = less(rand, scene)
        assert text is not None
        assert set(re.findall(r"[a-z-]+", text.lower())) <= known, (progressive(scene), text)


@given(st.sampled_from(ACTIVITIES), st.sampled_from(ACTIVITIES))
def test_exclusion_of_activities_is_mutual_and_never_within_a_group(first, second):
    assert groups_exclude(first.group, second.group) == groups_exclude(second.group, first.group)
    assert not groups_exclude(first.group, first.group)


def test_exclusion_of_places_is_mutual():
    spots = [spot for rows in PLACE_ROWS.values() for spot, _ in rows]
    for first in spots:
        assert not spots_exclude(first, first)
        for second in spots:
            assert spots_exclude(first, second) == spots_exclude(second, first)
        excluded = spots_excluded_by(first)
        assert excluded is None or all(spots_exclude(first, other) for other in excluded.items)


@pytest.mark.parametrize(
    ("first", "second", "excluded"),
    [("sleep", "run", True), ("sit", "stand", True), ("read", "swim", True), ("sit", "read", False),
     ("eat", "talk", False), ("music", "sing", False), ("watch", "stand", False)],
)  # fmt: skip
def test_what_can_be_done_at_once(first, second, excluded):
    assert groups_exclude(first, second) is excluded


@pytest.mark.parametrize(
    ("first", "second", "excluded"),
    [("park", "kitchen", True), ("beach", "street", True), ("library", "garage", True),
     ("park", "pond", False), ("kitchen", "table", False), ("street", "bench", False),
     ("living room", "party", False), ("forest", "snow", False)],
)  # fmt: skip
def test_where_one_can_be_at_once(first, second, excluded):
    spots = {spot.noun: spot for rows in PLACE_ROWS.values() for spot, _ in rows}
    assert spots_exclude(spots[first], spots[second]) is excluded


# Sentiment and topics


@pytest.mark.parametrize(
    ("stream", "labels"),
    [(sentiment_sentences, "negative positive"), (topic_sentences, "science music politics")],
)
def test_labels_are_balanced_and_learnable_from_words(stream, labels):
    rows = list(stream(6_000, seed=2))
    counts = Counter(row.label for row in rows)
    assert set(counts) == set(labels.split())
    assert min(counts.values()) > 0.9 * 6_000 / len(counts)
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB())
    assert accuracy(model, rows[:4_000], rows[4_000:]) > 0.9


def test_sentiment_is_tokenised_lower_case_and_shares_its_neutral_words():
    words = {"negative": Counter(), "positive": Counter()}
    for row in sentiment_sentences(8_000, seed=3):
        assert row.text == row.text.lower()
        assert re.fullmatch(r"[a-z-]+( ([a-z-]+|,))* [.!]", row.text), row.text
        words[row.label].update(row.text.split())
    for word in ("the", "pizza", "service", "waitress", "not", "never", "we", "restaurant"):
        shares = sorted(words[label][word] for label in words)
        assert shares[0] > 0.3 * shares[1], word
    assert words["negative"]["terrible"] and not words["positive"]["terrible"]
    assert words["positive"]["delicious"] and not words["negative"]["delicious"]


def test_topics_are_raw_and_share_their_frames():
    starts = {"science": Counter(), "music": Counter(), "politics": Counter()}
    for row in topic_sentences(6_000, seed=4):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9, -]*[.?!]", row.text), row.text
        starts[row.label][" ".join(row.text.split()[:3])] += 1
    for frame in ("Do you know", "Does anyone know", "I think that", "As far as"):
        assert all(counts[frame] > 20 for counts in starts.values()), frame


# Machinery


def test_a_table_draws_by_weight():
    rand = random_numbers(0)
    counts = Counter(Table("ab", [3, 1]).pick(rand) for _ in range(8_000))
    assert counts["a"] / 8_000 == pytest.approx(0.75, abs=0.02)
    assert Table("abc").pick(lambda: 0.0) == "a"
    assert Table("abc").pick(lambda: 1 - 2**-53) == "c"


@pytest.mark.parametrize(("items", "weights"), [([], None), (["a"], [1.0, 2.0])])
def test_a_table_needs_items_and_one_weight_each(items, weights):
    with pytest.raises(ValueError, match="weights"):
        Table(items, weights)


def test_a_template_may_not_name_a_missing_rule():
    with pytest.raises(ValueError, match="'animl'"):
        TextGrammar({"start": ["the {animl}"], "animal": ["owl"]})


def test_two_slots_of_one_rule_differ():
    grammar = TextGrammar(read_rules("start = {a fruit} and {a fruit}\nfruit = 9: apple | 1: pear"))
    rand = random_numbers(1)
    said = Counter(grammar.expand("start", rand) for _ in range(500))
    assert said["an apple and an apple"] < 0.65 * 500
    assert said["a pear and an apple"] > 0
