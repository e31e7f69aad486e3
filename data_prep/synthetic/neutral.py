"""Statements that a scene leaves open: something is added that may be so or not.

Neutral hypotheses rest on an addition; contradictions are given some too, so that additions do not
give the label away. An addition takes the scene that is ``known`` and a ``draft`` hypothesis, and
returns the draft with one more detail, or ``None`` where the known scene settles that detail.
"""

from __future__ import annotations

from collections.abc import Callable

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.entailment import Derivation, soften, state
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, plural, with_article, word_tables
from arae_toolkit.data_prep.synthetic.scene_sampling import (
    ACTIVITIES,
    ADJECTIVES,
    KINDS,
    PLACE_ROWS,
    THINGS,
    UNDRESSED,
    draw_adverb,
    draw_clothes,
    draw_extra,
    draw_place,
    draw_rest,
    draw_second,
)
from arae_toolkit.data_prep.synthetic.scenes import (
    Noun,
    Scene,
    clause,
    infinitive,
    statement_text,
    subject_text,
)

Addition = Callable[[Rand, Scene, Scene], Scene | None]

LATER = Table(["about to", "going to", "getting ready to", "waiting to", "planning to"])
_ALL = frozenset({"activity", "noun"})
_GENERAL = frozenset({"man", "woman", "person", "lady", "guy", "gentleman", "adult"})
_OCCUPATIONS = word_tables(lexicon.OCCUPATIONS)
_UNSEEN = word_tables(lexicon.UNSEEN)
_SPOT_ADJECTIVES = {spot: adjectives for rows in PLACE_ROWS.values() for spot, adjectives in rows}
_NEXT = {
    kind: Table([activity for activity in ACTIVITIES if letter in activity.kinds])
    for letter, kind in KINDS.items()
}
_RELATED = Table(
    ["friends", "related", "old friends", "strangers", "cousins", "siblings", "from the same town",
     "neighbors", "on the same team"],
)  # fmt: skip
_HELPERS = Table(
    ["watching", "helping", "waiting for", "listening to", "talking to", "paying attention to"]
)
_SIDES = Table(["outside", "inside", "outdoors", "indoors", "not indoors", "in a building"])


def extra(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add a time, company or purpose."""
    if known.extra or known.second:
        return None
    return draft._replace(extra=draw_extra(rand, draft.subject, draft.activity))


def companion(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add somebody else who does something meanwhile."""
    if known.extra or known.second:
        return None
    second = draw_second(rand, known.subject)
    if rand() < 0.5:
        second = second._replace(subject=second.subject._replace(adjective="", garment=None))
    return draft._replace(second=second)


def clothes(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add something worn."""
    somebody = known.subject
    if somebody.garment or not somebody.noun.human or not draft.subject.quantifier:
        return None
    if draft.activity.group in UNDRESSED:
        return None
    link, color, garment = draw_clothes(rand, draft.subject.noun.gender)
    return draft.of(link=link, color=color, garment=garment)


def look(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to somebody."""
    noun = draft.subject.noun
    if known.subject.adjective or draft.subject.adjective or not draft.subject.quantifier:
        return None
    if (noun.kind, noun.gender, noun.aged) not in ADJECTIVES or rand() < 0.25:
        adjective = _UNSEEN[noun.kind if noun.human else "animal"].pick(rand)
    else:
        adjective = ADJECTIVES[noun.kind, noun.gender, noun.aged].pick(rand)
    return draft.of(adjective=adjective)


def thing_detail(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to the thing."""
    thing = draft.thing
    if thing is None or thing.form == "mass" or thing.adjective:
        return None
    if known.thing is None or known.thing.adjective:
        return None
    adjective = THINGS[thing.category].adjectives.pick(rand)
    return draft._replace(thing=thing._replace(adjective=adjective))


def place_detail(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to the place."""
    if draft.place is None or draft.place.adjective or not known.place or known.place.adjective:
        return None
    adjective = _SPOT_ADJECTIVES[draft.place.spot].pick(rand)
    return draft._replace(place=draft.place._replace(adjective=adjective))


def place(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add a place where none is said."""
    if known.place is not None or not draft.activity.places:
        return None
    return draft._replace(place=draw_place(rand, draft.activity), posture="")


def manner(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add how it is done."""
    if known.adverb:
        return None
    return draft._replace(adverb=draw_adverb(rand, draft.activity), posture="")


ADDITIONS: Table[Addition] = Table(
    [extra, companion, clothes, look, thing_detail, place_detail, place, manner],
    [16, 9, 11, 12, 10, 10, 12, 5],
)


def more(rand: Rand, scene: Scene) -> str | None:
    """Add a detail that the scene does not settle."""
    draft = soften(rand, scene)
    added = ADDITIONS.pick(rand)(rand, scene, draft)
    if added is None:
        return None
    if rand() < 0.06:
        added = ADDITIONS.pick(rand)(rand, scene, added) or added
    return statement_text(rand, added)


def with_role(rand: Rand, scene: Scene) -> str | None:
    """Say more exactly who somebody is."""
    noun = scene.subject.noun
    if noun.singular not in _GENERAL:
        return None
    name = _occupation(rand, noun)
    role = Noun(name, plural(name), noun.kind, noun.gender, "person", True)
    soft = soften(rand, scene, frozenset({"noun"}))
    adjective = soft.subject.adjective
    adjective = "" if adjective in ("young", "old", "elderly") else adjective
    return statement_text(rand, soft.of(noun=role, adjective=adjective))


def trait(rand: Rand, scene: Scene) -> str | None:
    """Say or deny what a picture does not show of somebody."""
    subject = scene.subject
    noun = subject.noun
    negation = "not " if rand() < 0.6 else ""
    if noun.singular in _GENERAL and rand() < 0.5:
        name = _occupation(rand, noun)
        return state(rand, scene, negation + (plural(name) if subject.many else with_article(name)))
    if noun.human and subject.many and rand() < 0.5:
        return state(rand, scene, negation + _RELATED.pick(rand))
    return state(rand, scene, negation + _UNSEEN[noun.kind if noun.human else "animal"].pick(rand))


def later(rand: Rand, scene: Scene) -> str | None:
    """Say what somebody will do next."""
    noun = scene.subject.noun
    activity = _NEXT[noun.kind].pick(rand)
    if activity.group == scene.activity.group:
        return None
    after = draw_rest(rand, scene.subject, activity)
    soft = soften(rand, after._replace(posture="", adverb="", second=None), _ALL)
    return clause(soft.subject, f"{LATER.pick(rand)} {infinitive(soft)}")


def company(rand: Rand, scene: Scene) -> str | None:
    """Say whether somebody is alone, or minded by anyone, where the scene is silent."""
    if scene.second or scene.extra or not scene.subject.noun.human:
        return None
    soft = soften(rand, scene, frozenset({"count"})).subject
    if not soft.many and scene.activity.category != "someone" and rand() < 0.35:
        return state(rand, scene, "alone" if rand() < 0.5 else "not alone")
    soft = soft._replace(quantifier="the", garment=None)
    return f"nobody is {_HELPERS.pick(rand)} {subject_text(soft)}"


def side(rand: Rand, scene: Scene) -> str | None:
    """Say that somebody is inside or outside, where the activity goes either way."""
    sides = {spot.side for category in scene.activity.places for spot, _ in PLACE_ROWS[category]}
    if scene.place is not None or not {"in", "out"} <= sides:
        return None
    return state(rand, scene, _SIDES.pick(rand))


def _occupation(rand: Rand, noun: Noun) -> str:
    """Return an occupation or relation that fits the gender."""
    gendered = noun.gender in ("m", "f") and rand() < 0.4
    return _OCCUPATIONS[noun.gender if gendered else "n"].pick(rand)


NEUTRALS: Table[Derivation] = Table(
    [more, with_role, trait, later, company, side],
    [85, 7, 5, 2, 2, 3],
)
