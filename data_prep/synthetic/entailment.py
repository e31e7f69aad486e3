"""Statements that follow from a scene: details dropped, words broadened, something denied.

A derivation takes a scene and returns a statement in words, or ``None`` where the scene does not
allow it. All three labels of a pair start from a scene about which less is said (:func:`soften`),
so that what a derivation adds or changes decides the label, and the wording does not give it away.
"""

from __future__ import annotations

from collections.abc import Callable

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, word_tables, words
from arae_toolkit.data_prep.synthetic.incompatibility import excluded_place, excluded_scene
from arae_toolkit.data_prep.synthetic.scene_sampling import NOUNS, THINGS, read_activity
from arae_toolkit.data_prep.synthetic.scenes import (
    POSTURES,
    Noun,
    Place,
    Scene,
    Subject,
    Thing,
    clause,
    garment_text,
    passive,
    place_text,
    progressive,
    statement_text,
    subject_text,
)

Derivation = Callable[[Rand, Scene], str | None]

OUTSIDE = Table(["outside", "outdoors", "not indoors", "in the open air"])
INSIDE = Table(["inside", "indoors", "not outdoors", "in a building"])
_AWAKE = Table(["awake", "not asleep", "not sleeping"])
_ASLEEP = Table(["asleep", "not awake", "sleeping"])
_NOTHING: frozenset[str] = frozenset()
_IDENTITY = frozenset({"noun", "count", "adjective", "garment"})
_DETAILS = frozenset({"extra", "second", "adverb"})
_LOOKS = frozenset({"adjective", "garment"})
_NOT_SURELY_AWAKE = frozenset({"sleep", "rest", "sit", "wait"})
_SOMEONE = Noun("someone", "people", "adult", "n", "")
_WEAKER_COUNTS = word_tables(lexicon.WEAKER_COUNTS)
_BROADER = {
    group: Table([read_activity(phrase, group) for phrase in words(phrases)])
    for group, phrases in lexicon.BROADER.items()
}


def soften(rand: Rand, scene: Scene, keep: frozenset[str] = _NOTHING) -> Scene:
    """Return a scene that follows from the given one: details dropped, words broadened.

    Args:
        rand: Gives numbers in [0, 1).
        scene: What is known.
        keep: Parts to leave alone, among noun, count, adjective, garment, activity, thing, place,
            adverb, extra and second.
    """
    subject = soften_subject(rand, scene.subject, keep)
    if scene.subject.noun.human and not keep & _IDENTITY and rand() < 0.05:
        subject = Subject("", _SOMEONE, scene.subject.many)
    activity, thing, place, moving = scene.activity, scene.thing, scene.place, scene.moving
    posture = scene.posture if rand() < 0.4 else ""
    adverb = scene.adverb if "adverb" in keep or rand() < 0.3 else ""
    if place is not None and "place" not in keep:
        place = soften_place(rand, place) if rand() < 0.55 else None
    if activity.group in _BROADER and not keep & {"activity", "thing", "place"} and rand() < 0.1:
        activity, thing, place = _BROADER[activity.group].pick(rand), None, None
        moving, posture, adverb = False, "", ""
    elif thing is not None and "thing" not in keep:
        thing = soften_thing(rand, thing, bare="bare" in activity.flags)
    second = scene.second if "second" in keep or rand() < 0.3 else None
    extra = scene.extra if "extra" in keep or rand() < 0.5 else ""
    return Scene(subject, activity, thing, place, moving, posture, adverb, extra, second)


def soften_subject(rand: Rand, subject: Subject, keep: frozenset[str] = _NOTHING) -> Subject:
    """Return a broader description of somebody."""
    quantifier, noun, many, adjective, link, color, garment = subject
    if "adjective" not in keep:
        if rand() < 0.55:
            adjective = ""
        if noun.parent and "noun" not in keep and rand() < 0.38:
            noun = NOUNS[noun.parent]
            if noun.parent and rand() < 0.2:
                noun = NOUNS[noun.parent]
            # Age and looks are relative: a small horse is no small animal.
            if adjective in lexicon.RELATIVE or not noun.parent:
                adjective = ""
    if "garment" not in keep and garment is not None:
        if rand() < 0.6:
            garment = None
        elif rand() < 0.4:
            color = ""
    if "count" not in keep:
        if not many:
            quantifier = "the" if rand() < 0.3 else "a"
        elif rand() < 0.4:
            quantifier = _WEAKER_COUNTS[quantifier].pick(rand)
        elif rand() < 0.2:
            quantifier = "the"
    return Subject(quantifier, noun, many, adjective, link, color, garment)


def soften_thing(rand: Rand, thing: Thing, *, bare: bool) -> Thing | None:
    """Return a broader description of a thing; ``None`` leaves it out, where the verb allows."""
    chance = rand()
    if bare and chance < 0.2:
        return None
    if chance > 0.86:
        return Thing(thing.category, THINGS[thing.category].broader, "mass")
    adjective = thing.adjective if rand() < 0.45 else ""
    form = thing.form
    if form == "the":
        form = "a"
    elif form == "two" and rand() < 0.5:
        form = "some"
    return Thing(thing.category, thing.head, form, adjective)


def soften_place(rand: Rand, place: Place) -> Place:
    """Return a place with less said about it."""
    spot, article, adjective = place
    if adjective and rand() < 0.55:
        adjective = ""
        if not article:
            article = "the "
    elif article == "a" and rand() < 0.3:
        article = "the "
    return Place(spot, article, adjective)


def state(rand: Rand, scene: Scene, text: str, keep: frozenset[str] = _NOTHING) -> str:
    """Return "the man is (text)" about the softened subject."""
    subject = soften_subject(rand, scene.subject, keep)
    if rand() < 0.4:
        subject = subject._replace(garment=None)
    return clause(subject, text)


def less(rand: Rand, scene: Scene) -> str | None:
    """Say less than the scene holds, or the same in other words."""
    chance = rand()
    keep = _LOOKS | _DETAILS if chance < 0.55 else _DETAILS if chance < 0.9 else frozenset()
    return statement_text(rand, soften(rand, scene, keep))


def described(rand: Rand, scene: Scene) -> str | None:
    """Say what somebody looks like."""
    subject = scene.subject
    if not subject.adjective:
        return None
    # Age and size are true of a boy or a puppy as such, not of a person or an animal.
    keep = frozenset({"noun"} if subject.adjective in lexicon.RELATIVE else ())
    return state(rand, scene.of(adjective=""), subject.adjective, keep)


def there_is(rand: Rand, scene: Scene) -> str | None:
    """Say that there is somebody at the place."""
    if scene.place is None:
        return None
    subject = soften_subject(rand, scene.subject).indefinite()
    place = place_text(soften_place(rand, scene.place))
    return f"there {subject.be} {subject_text(subject)} {place}"


def whereabouts(rand: Rand, scene: Scene) -> str | None:
    """Say where somebody is."""
    if scene.place is None:
        return None
    side = scene.place.spot.side
    if side != "either" and rand() < 0.5:
        return state(rand, scene, (OUTSIDE if side == "out" else INSIDE).pick(rand))
    return state(rand, scene, place_text(soften_place(rand, scene.place)))


def awake(rand: Rand, scene: Scene) -> str | None:
    """Say whether somebody is awake."""
    if scene.activity.verb.base in ("sleep", "nap"):
        return state(rand, scene, _ASLEEP.pick(rand))
    if scene.activity.group in _NOT_SURELY_AWAKE:
        return None
    return state(rand, scene, _AWAKE.pick(rand))


def wearing(rand: Rand, scene: Scene) -> str | None:
    """Say what somebody wears."""
    garment, color, many = scene.subject.garment, scene.subject.color, scene.subject.many
    if garment is None:
        return None
    subject = soften_subject(rand, scene.subject._replace(garment=None))
    text = garment_text(garment, color if rand() < 0.6 else "", many)
    return clause(subject, f"wearing {text}")


def meanwhile(rand: Rand, scene: Scene) -> str | None:
    """Say what the second subject does."""
    if scene.second is None:
        return None
    subject, verb, rest = scene.second
    return clause(soften_subject(rand, subject), f"{verb.ing}{rest}")


def not_alone(rand: Rand, scene: Scene) -> str | None:
    """Say that somebody is not alone."""
    return state(rand, scene, "not alone") if scene.second else None


def turned_around(rand: Rand, scene: Scene) -> str | None:
    """Say it in the passive."""
    if scene.thing is None or "passive" not in scene.activity.flags:
        return None
    soft = soften(rand, scene._replace(posture="", adverb=""), frozenset({"activity"}))
    return passive(soft) if soft.thing is not None else None


def does_not(rand: Rand, scene: Scene) -> str | None:
    """Deny what the scene rules out."""
    other = excluded_scene(rand, scene)
    if other is None:
        return None
    return progressive(soften(rand, other, frozenset({"activity", "count"})), negated=True)


def is_not_there(rand: Rand, scene: Scene) -> str | None:
    """Deny a place that the scene rules out."""
    place = excluded_place(rand, scene)
    return None if place is None else state(rand, scene, f"not {place_text(place)}")


def posture(rand: Rand, scene: Scene) -> str | None:
    """Say that somebody sits or stands."""
    if not scene.posture:
        return None
    place = f" {place_text(scene.place)}" if scene.place and rand() < 0.5 else ""
    return state(rand, scene, f"{POSTURES[scene.posture].ing}{place}")


ENTAILMENTS: Table[Derivation] = Table(
    [less, described, there_is, whereabouts, awake, wearing, meanwhile, not_alone, turned_around,
     does_not, is_not_there, posture],
    [60, 5, 7, 9, 1, 9, 9, 4, 4, 6, 1.5, 6],
)  # fmt: skip
