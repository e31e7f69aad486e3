"""Statements that a scene leaves open: something is added that may be so or not."""

from __future__ import annotations

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.additions import ADDITIONS, UNSEEN
from arae_toolkit.data_prep.synthetic.entailment import Derivation
from arae_toolkit.data_prep.synthetic.generalization import say, soften, state
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, plural, with_article, words
from arae_toolkit.data_prep.synthetic.scene_sampling import draw_rest
from arae_toolkit.data_prep.synthetic.scenes import Noun, Scene, infinitive, subject_text
from arae_toolkit.data_prep.synthetic.word_tables import ACTIVITIES, KINDS, PLACE_ROWS

_ALL = frozenset({"activity", "noun"})
_GENERAL = frozenset({"man", "woman", "person", "lady", "guy", "gentleman", "adult"})
_OCCUPATIONS = {who: Table(words(names)) for who, names in lexicon.OCCUPATIONS.items()}
_BY_KIND = {
    kind: [activity for activity in ACTIVITIES if letter in activity.kinds]
    for letter, kind in KINDS.items()
}
_NEXT = {kind: Table(activities) for kind, activities in _BY_KIND.items()}
LATER = Table(["about to", "going to", "getting ready to", "waiting to", "planning to"])
_RELATED = Table(
    ["friends", "related", "old friends", "strangers", "cousins", "siblings", "from the same town",
     "neighbors", "on the same team"],
)  # fmt: skip
_HELPERS = Table(
    ["watching", "helping", "waiting for", "listening to", "talking to", "paying attention to"]
)


def more(rand: Rand, scene: Scene) -> str | None:
    """Add a detail that the scene does not settle."""
    draft = soften(rand, scene)
    added = ADDITIONS.pick(rand)(rand, scene, draft)
    if added is None:
        return None
    if rand() < 0.06:
        added = ADDITIONS.pick(rand)(rand, scene, added) or added
    return say(rand, added)


def with_role(rand: Rand, scene: Scene) -> str | None:
    """Say more exactly who somebody is."""
    subject = scene.subject
    noun = subject.noun
    if noun.singular not in _GENERAL:
        return None
    name = _occupation(rand, noun)
    role = Noun(name, plural(name), noun.kind, noun.gender, "person", True)
    soft = soften(rand, scene, frozenset({"noun"}))
    changed = soft.subject._replace(noun=role)
    if changed.adjective in ("young", "old", "elderly"):
        changed = changed._replace(adjective="")
    return say(rand, soft._replace(subject=changed))


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
    return state(rand, scene, negation + UNSEEN[noun.kind if noun.human else "animal"].pick(rand))


def later(rand: Rand, scene: Scene) -> str | None:
    """Say what somebody will do next."""
    noun = scene.subject.noun
    activity = _NEXT[noun.kind].pick(rand)
    if activity.group == scene.activity.group:
        return None
    after = draw_rest(rand, scene.subject, activity)
    soft = soften(rand, after._replace(posture="", adverb="", second=None), _ALL)
    be = "are" if soft.subject.many else "is"
    return f"{subject_text(soft.subject)} {be} {LATER.pick(rand)} {infinitive(soft)}"


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


_SIDES = Table(["outside", "inside", "outdoors", "indoors", "not indoors", "in a building"])


def _occupation(rand: Rand, noun: Noun) -> str:
    """Return an occupation or relation that fits the gender."""
    if noun.gender in ("m", "f") and rand() < 0.4:
        return _OCCUPATIONS[noun.gender].pick(rand)
    return _OCCUPATIONS["n"].pick(rand)


NEUTRALS: Table[Derivation] = Table(
    [more, with_role, trait, later, company, side],
    [85, 7, 5, 2, 2, 3],
)
