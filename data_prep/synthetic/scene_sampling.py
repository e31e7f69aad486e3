"""Random scenes whose parts make sense together, drawn from the weighted words of the lexicon."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import (
    Rand,
    Table,
    blocks,
    plural,
    rows,
    verb_forms,
    word_table,
    word_tables,
    words,
)
from arae_toolkit.data_prep.synthetic.scenes import (
    Activity,
    Garment,
    Noun,
    Place,
    Scene,
    Second,
    Spot,
    Subject,
    Thing,
)

KINDS = {
    "A": "adult", "C": "child", "D": "dog", "K": "cat",
    "H": "horse", "G": "grazer", "B": "bird", "W": "wild",
}  # fmt: skip
LETTERS = {kind: letter for letter, kind in KINDS.items()}
PRONOUNS = {"m": "his", "f": "her", "n": "their", "i": "its"}


def _read_nouns() -> dict[str, Noun]:
    """Return the people and animals by name."""
    nouns = {"animal": Noun("animal", "animals", "animal", "i", "")}
    for name, kind, gender, parent, aged in rows(lexicon.PEOPLE):
        nouns[name] = Noun(name, plural(name), kind, gender, parent, bool(aged))
    for kind, names in lexicon.ANIMALS.items():
        for name in words(names):
            parent = kind if name != kind and kind in nouns else "animal"
            nouns[name] = Noun(name, plural(name), kind, "i", parent)
    return nouns


def _read_spots() -> dict[str, list[tuple[Spot, Table[str]]]]:
    """Return the places of each category with their adjectives."""
    spots: dict[str, list[tuple[Spot, Table[str]]]] = {}
    either = frozenset(words(lexicon.EITHER_SIDE))
    for first, lines in blocks(lexicon.PLACES):
        ((category, side),) = rows(first)
        spots[category] = []
        for where, noun, adjectives in rows(lines):
            at, along = where.split("/")
            spot = Spot(category, "either" if noun in either else side, at, along, noun)
            spots[category].append((spot, word_table(adjectives)))
    return spots


def read_activity(
    phrase: str, group: str, kinds: str = "", places: str = "", flags: str = ""
) -> Activity:
    """Return the activity of a verb phrase such as "throw {ball} into the air"."""
    base, _, rest = phrase.partition(" ")
    before, _, object_ = rest.partition("{")
    category, _, after = object_.partition("}")
    return Activity(
        verb_forms(base), before.strip(), category, after.strip(), group,
        kinds, tuple(places.split()), frozenset(flags.split()),
    )  # fmt: skip


def _adjectives(kind: str, gender: str, aged: bool) -> Table[str]:
    """Return the adjectives of a kind of subject; none of age where the noun tells it already."""
    own = words(lexicon.ADJECTIVES[kind])
    age = [] if aged else words(lexicon.ADJECTIVES.get(f"aged {kind}", ""))
    special = words(lexicon.ADJECTIVES.get(f"{gender} {kind}", ""))
    return Table([*age, *own[:3], *special, *own[3:]])


def _garments(gender: str) -> Table[Garment]:
    """Return what somebody of a gender can wear."""
    entries = [entry.partition(":") for entry in words(lexicon.GARMENTS)]
    fitting = [name for name, _, who in entries if who in ("", gender)]
    return Table(
        [Garment(name, plural(name), False) for name in fitting]
        + [Garment(name, name, True) for name in words(lexicon.GARMENT_PAIRS)]
    )


class ThingClass(NamedTuple):
    """Things that the same is done with."""

    broader: str
    """What is said of any of them where it is left open which: "some food"."""

    exclusive: bool
    """Whether two different ones exclude each other."""

    adjectives: Table[str]
    """What they may look like."""

    heads: Table[tuple[str, str]]
    """Their names with their form: mass, many (always plural) or a."""


def _read_things() -> dict[str, ThingClass]:
    """Return the classes of things by category."""
    things, marks = {}, {"~": "mass", "+": "many"}
    for first, nouns in blocks(lexicon.THINGS):
        ((category, broader, exclusive, adjectives),) = rows(first)
        heads = Table([(noun.lstrip("~+"), marks.get(noun[0], "a")) for noun in words(nouns)])
        adjective_table = Table(words(adjectives) or [""])
        things[category] = ThingClass(broader, exclusive == "one", adjective_table, heads)
    return things


def falling_weights(count: int) -> list[float]:
    """Return the weights of activities in the order of their frequency."""
    return [1 / (rank + 12) for rank in range(count)]


NOUNS = _read_nouns()
NOUN_TABLES = {
    kind: Table([noun for noun in NOUNS.values() if noun.kind == kind]) for kind in KINDS.values()
}
ROLES = {
    group: Table([Noun(role, plural(role), "adult", "n", "person", True) for role in words(roles)])
    for group, roles in lexicon.ROLES.items()
}
ADJECTIVES = {
    (kind, gender, aged): _adjectives(kind, gender, aged)
    for kind in KINDS.values()
    for gender in "mfni"
    for aged in (False, True)
}
GARMENTS = {gender: _garments(gender) for gender in "mfn"}
COLLARS = Table([Garment(name, plural(name), False) for name in words(lexicon.ANIMAL_COLLARS)])
COLORS = word_table(f"{lexicon.COLORS}, {lexicon.MORE_COLORS}")
COUNTS, PEOPLE_COUNTS = word_table(lexicon.QUANTIFIERS), word_table(lexicon.PEOPLE_QUANTIFIERS)

ACTIVITIES = [read_activity(*fields) for fields in rows(lexicon.ACTIVITIES)]
ACTIVITY_TABLE = Table(ACTIVITIES, falling_weights(len(ACTIVITIES)))
KIND_WEIGHTS = {"A": 7, "C": 4, "D": 3, "K": 1.2, "H": 1.2, "G": 1.2, "B": 1.5, "W": 0.8}
SUBJECT_KINDS = {
    kinds: Table([KINDS[kind] for kind in kinds], [KIND_WEIGHTS[kind] for kind in kinds])
    for kinds in {activity.kinds for activity in ACTIVITIES}
}
ADVERB_OF = {
    group: style for style, groups in lexicon.ADVERB_GROUPS.items() for group in groups.split()
}
ADVERBS = word_tables(lexicon.ADVERBS)
EXTRAS, REASONS = word_tables(lexicon.EXTRAS), word_tables(lexicon.REASONS)
STILL = frozenset(lexicon.STILL_GROUPS.split())
UNDRESSED = frozenset({"swim", "sleep"})

THINGS = _read_things()
# Plurals of the countable heads; what is a plural already is not among them.
PLURALS = {
    head: plural(head)
    for things in THINGS.values()
    for head, form in things.heads.items
    if form == "a"
}
EACH_OWN, ONE_FOR_ALL = frozenset(lexicon.EACH_OWN.split()), frozenset(lexicon.ONE_FOR_ALL.split())

PLACE_ROWS = _read_spots()
DEFINITE = frozenset(words(lexicon.DEFINITE_NOUNS))
NO_ARTICLE = frozenset(words(lexicon.NO_ARTICLE_NOUNS))
SEATS, STILL_SPOTS = frozenset(words(lexicon.SEATS)), frozenset(words(lexicon.SPOTS))

SECOND = {
    human: Table([(verb_forms(phrase.split()[0]), phrase) for phrase in words(phrases)])
    for human, phrases in ((True, lexicon.SECOND_PEOPLE), (False, lexicon.SECOND_ANIMALS))
}
SECOND_KIND = Table(["adult", "child", "dog", "bird", "cat"], [5, 3, 1.5, 0.7, 0.5])


@cache
def spots_of(activity: Activity) -> Table[tuple[Spot, Table[str]]]:
    """Return the places of an activity: seats only where one can sit, no spots where one moves."""
    seated = "sit" in activity.flags or activity.group in ("sit", "sleep", "rest")
    still = seated or "stand" in activity.flags or activity.group == "stand"
    chosen, weights = [], []
    for order, category in enumerate(activity.places):
        for rank, (spot, adjectives) in enumerate(PLACE_ROWS[category]):
            if (spot.noun in SEATS and not seated) or (spot.noun in STILL_SPOTS and not still):
                continue
            chosen.append((spot, adjectives))
            weights.append(1 / (rank + 2) / (order + 2))
    return Table(chosen, weights)


def draw_subject(rand: Rand, kind: str, group: str = "") -> Subject:
    """Return somebody of a kind, dressed and described now and then.

    Args:
        rand: Gives numbers in [0, 1).
        kind: One of the values of ``KINDS``.
        group: What they do, for nouns such as "chef"; people who swim or sleep wear nothing named.
    """
    in_role = kind == "adult" and group in ROLES and rand() < 0.14
    noun = (ROLES[group] if in_role else NOUN_TABLES[kind]).pick(rand)
    human = kind in ("adult", "child")
    many = rand() < 0.3
    if many:
        quantifier = (PEOPLE_COUNTS if human else COUNTS).pick(rand)
    else:
        quantifier = "the" if rand() < 0.08 else "a"
    adjective = ADJECTIVES[kind, noun.gender, noun.aged].pick(rand) if rand() < 0.42 else ""
    if human:
        if rand() < 0.24 and group not in UNDRESSED:
            return Subject(quantifier, noun, many, adjective, *draw_clothes(rand, noun.gender))
    elif kind != "bird" and kind != "wild" and rand() < 0.06:
        color = COLORS.pick(rand)
        return Subject(quantifier, noun, many, adjective, "with", color, COLLARS.pick(rand))
    return Subject(quantifier, noun, many, adjective)


def draw_clothes(rand: Rand, gender: str) -> tuple[str, str, Garment]:
    """Return how it is said, a color (or none) and a garment."""
    garment = GARMENTS[gender].pick(rand)
    link = "with" if garment.singular == "backpack" else "wearing" if rand() < 0.5 else "in"
    return link, COLORS.pick(rand) if rand() < 0.8 else "", garment


def draw_thing(rand: Rand, category: str, *, shared: bool) -> Thing:
    """Return a thing of a category; ``shared`` if several people have to do with it."""
    head, form = THINGS[category].heads.pick(rand)
    if form == "mass":
        return Thing(category, head, form)
    if form == "many":
        form = "some" if rand() < 0.25 else "many"
    elif shared and category in EACH_OWN:
        form = "many"
    elif category in ONE_FOR_ALL:
        form = "the" if rand() < 0.15 else "a"
    else:
        chance = rand()
        if category in EACH_OWN:
            chance *= 0.87
        form = (
            "a" if chance < 0.79 else "the" if chance < 0.87 else "two" if chance < 0.93 else "some"
        )
    if form in ("two", "some", "many"):
        head = PLURALS.get(head, head)
    adjective = THINGS[category].adjectives.pick(rand) if rand() < 0.36 else ""
    return Thing(category, head, form, adjective)


def draw_place(rand: Rand, activity: Activity) -> Place:
    """Return a place where the activity is done."""
    spot, adjectives = spots_of(activity).pick(rand)
    adjective = adjectives.pick(rand) if rand() < 0.45 else ""
    if spot.noun in DEFINITE:
        return Place(spot, "the ", adjective)
    if spot.noun in NO_ARTICLE:
        return Place(spot, "" if adjective else "the ", adjective)
    return Place(spot, "the " if rand() < 0.35 else "a", adjective)


def draw_adverb(rand: Rand, activity: Activity) -> str:
    """Return an adverb that fits the activity."""
    return ADVERBS[ADVERB_OF.get(activity.group, "")].pick(rand)


def draw_extra(rand: Rand, subject: Subject, activity: Activity) -> str:
    """Return a time, company or purpose: what comes at the end."""
    gender = subject.noun.gender
    group = activity.group
    if gender == "i":
        extra = EXTRAS["animal"].pick(rand)
    elif group in REASONS and rand() < 0.4:
        extra = REASONS[group].pick(rand)
    else:
        extra = EXTRAS["time" if group in STILL or rand() < 0.5 else "social"].pick(rand)
    if "{" in extra:
        extra = extra.replace("{his}", "their" if subject.many else PRONOUNS[gender])
    return extra


def draw_scene(rand: Rand) -> Scene:
    """Return a random scene."""
    activity = ACTIVITY_TABLE.pick(rand)
    kind = SUBJECT_KINDS[activity.kinds].pick(rand)
    return draw_rest(rand, draw_subject(rand, kind, activity.group), activity)


def draw_rest(rand: Rand, subject: Subject, activity: Activity) -> Scene:
    """Return a scene about somebody doing something, with all that is still open drawn."""
    flags = activity.flags
    thing = None
    if activity.category and not ("bare" in flags and rand() < 0.06):
        thing = draw_thing(rand, activity.category, shared=subject.many)
    posture = ""
    if flags and rand() < 0.12:
        if "sit" in flags:
            posture = "sit" if "stand" not in flags or rand() < 0.6 else "stand"
        elif "stand" in flags:
            posture = "stand"
    if activity.group == "sleep":
        posture = ""
    place = draw_place(rand, activity) if rand() < 0.7 else None
    if place is not None and posture == "stand" and place.spot.noun in SEATS:
        posture = ""
    moving = "move" in flags and rand() < 0.6
    adverb = draw_adverb(rand, activity) if rand() < 0.09 else ""
    scene = Scene(subject, activity, thing, place, moving, posture, adverb)
    chance = rand()
    if chance < 0.2:
        return scene._replace(extra=draw_extra(rand, subject, activity))
    return scene._replace(second=draw_second(rand, subject)) if chance < 0.3 else scene


def draw_second(rand: Rand, subject: Subject) -> Second:
    """Return somebody of another kind than the subject, with what they do meanwhile."""
    kind = SECOND_KIND.pick(rand)
    if kind == subject.noun.kind:
        kind = "child" if kind == "adult" else "adult"
    second = draw_subject(rand, kind)
    if rand() < 0.6:
        second = second._replace(garment=None)
    verb, phrase = SECOND[second.noun.human].pick(rand)
    return Second(second, verb, phrase[len(verb.base) :])
