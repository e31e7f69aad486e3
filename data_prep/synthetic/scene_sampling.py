"""Drawing scenes at random, so that what is drawn makes sense together."""

from __future__ import annotations

from arae_toolkit.data_prep.synthetic.grammar import Rand, Verb
from arae_toolkit.data_prep.synthetic.scenes import (
    Activity,
    Garment,
    Place,
    Scene,
    Subject,
    Thing,
    existential,
    fragment,
    fronted,
    passive,
    progressive,
    simple,
)
from arae_toolkit.data_prep.synthetic.word_tables import (
    ACTIVITY_TABLE,
    ADJECTIVES,
    ADVERB_OF,
    ADVERBS,
    COLLARS,
    COLORS,
    COUNTS,
    DEFINITE,
    EACH_OWN,
    EXTRAS,
    GARMENTS,
    NO_ARTICLE,
    NOUN_TABLES,
    ONE_FOR_ALL,
    PEOPLE_COUNTS,
    PLURALS,
    REASONS,
    ROLES,
    SEATS,
    SECOND,
    SECOND_KIND,
    STILL,
    SUBJECT_KINDS,
    THING_ADJECTIVES,
    THINGS,
    UNDRESSED,
    spots_of,
)

PRONOUNS = {"m": "his", "f": "her", "n": "their", "i": "its"}


def draw_subject(rand: Rand, kind: str, group: str = "") -> Subject:
    """Return somebody of a kind, dressed and described now and then.

    Args:
        rand: Gives numbers in [0, 1).
        kind: One of the values of ``KINDS``.
        group: What they do, for nouns such as "chef"; people who swim or sleep wear nothing named.
    """
    if kind == "adult" and group in ROLES and rand() < 0.14:
        noun = ROLES[group].pick(rand)
    else:
        noun = NOUN_TABLES[kind].pick(rand)
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
    head, form = THINGS[category].pick(rand)
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
    return Thing(
        category, head, form, THING_ADJECTIVES[category].pick(rand) if rand() < 0.36 else ""
    )


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
    subject = draw_subject(rand, kind, activity.group)
    return draw_rest(rand, subject, activity)


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
    chance = rand()
    if chance < 0.2:
        extra = draw_extra(rand, subject, activity)
        return Scene(subject, activity, thing, place, moving, posture, adverb, extra)
    if chance < 0.3:
        second, verb, rest = draw_second(rand, subject)
        return Scene(
            subject, activity, thing, place, moving, posture, adverb, "", second, verb, rest
        )
    return Scene(subject, activity, thing, place, moving, posture, adverb)


def draw_second(rand: Rand, subject: Subject) -> tuple[Subject, Verb, str]:
    """Return somebody of another kind than the subject, with what they do meanwhile."""
    kind = SECOND_KIND.pick(rand)
    if kind == subject.noun.kind:
        kind = "child" if kind == "adult" else "adult"
    second = draw_subject(rand, kind)
    if rand() < 0.6:
        second = second._replace(garment=None)
    verb, rest = SECOND[second.noun.human].pick(rand)
    return second, verb, rest


def worded(rand: Rand, scene: Scene) -> str:
    """Return a scene in words, in one of the ways captions have, without capital and full stop."""
    style = rand()
    if style < 0.4:
        return progressive(scene)
    if style < 0.64 or scene.posture:
        return simple(scene)
    if style < 0.82:
        return fragment(scene)
    if style < 0.9:
        return existential(scene)
    if scene.place is not None and style < 0.95:
        return fronted(scene)
    # Whatever the scene holds must be said: pairs are derived from the scene, not from the words.
    if scene.thing is not None and "passive" in scene.activity.flags and not scene.adverb:
        return passive(scene)
    return progressive(scene)
