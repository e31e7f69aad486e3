"""Saying less: statements that follow from a scene because details are dropped or words broadened.

All three labels of a pair start from here, so that what a derivation adds or changes decides the
label, and the wording does not give it away.
"""

from __future__ import annotations

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, words
from arae_toolkit.data_prep.synthetic.scenes import (
    Noun,
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
    subject_text,
)
from arae_toolkit.data_prep.synthetic.word_tables import NOUNS, read_activity

_NOTHING: frozenset[str] = frozenset()
_IDENTITY = frozenset({"noun", "count", "adjective", "garment"})
_SOMEONE = Noun("someone", "people", "adult", "n", "")
_WEAKER_COUNTS = {count: Table(words(weaker)) for count, weaker in lexicon.WEAKER_COUNTS.items()}
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
    return Scene(
        subject,
        activity,
        thing,
        place,
        moving,
        posture,
        adverb,
        scene.extra if "extra" in keep or rand() < 0.5 else "",
        second,
        scene.second_verb,
        scene.second_rest,
    )


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
        return Thing(thing.category, lexicon.THINGS[thing.category][0], "mass")
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
    return f"{subject_text(subject)} {'are' if subject.many else 'is'} {text}"


def say(rand: Rand, scene: Scene) -> str:
    """Return a scene in words, mostly as a full sentence in the present."""
    style = rand()
    if style < 0.68 or scene.posture:
        return progressive(scene)
    if style < 0.8:
        return simple(scene)
    if style < 0.87:
        return existential(scene)
    if style < 0.92:
        return fragment(scene)
    if scene.place is not None and style < 0.95:
        return fronted(scene)
    if scene.thing is not None and "passive" in scene.activity.flags:
        return passive(scene._replace(adverb=""))
    return progressive(scene)
