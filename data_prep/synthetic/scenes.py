"""Scenes, the meanings of captions (who does what, to what, where), and their wording.

A scene is drawn in :mod:`~arae_toolkit.data_prep.synthetic.scene_sampling`; a pair is one scene and
a statement that follows from it (``entailment``), is left open by it (``neutral``) or is ruled out
by it (``contradiction``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from arae_toolkit.data_prep.synthetic.grammar import Rand, Verb, verb_forms, with_article

POSTURES = {"sit": verb_forms("sit"), "stand": verb_forms("stand")}


class Noun(NamedTuple):
    """A kind of person or animal. ``parent`` names what it is an example of, empty at the top."""

    singular: str
    plural: str
    kind: str
    gender: str
    parent: str
    aged: bool = False

    @property
    def human(self) -> bool:
        """Whether it is a person."""
        return self.kind in ("adult", "child")


class Garment(NamedTuple):
    """Something worn; ``pair`` if its name is always a plural."""

    singular: str
    plural: str
    pair: bool


class Subject(NamedTuple):
    """Who: "two young men in red coats"."""

    quantifier: str
    noun: Noun
    many: bool
    adjective: str = ""
    link: str = ""
    color: str = ""
    garment: Garment | None = None

    @property
    def be(self) -> str:
        """The verb "is" or "are" that agrees with it."""
        return "are" if self.many else "is"

    def indefinite(self) -> Subject:
        """Return "a" or "some" of them instead of "the"."""
        if self.quantifier != "the":
            return self
        return self._replace(quantifier="some" if self.many else "a")


class Thing(NamedTuple):
    """What: "a red ball". ``form`` is a, the, two, some, many (bare plural) or mass.

    ``head`` is a plural where the form asks for one.
    """

    category: str
    head: str
    form: str
    adjective: str = ""


class Spot(NamedTuple):
    """A kind of place: how one is there (``at``), how one moves there (``along``)."""

    category: str
    side: str
    at: str
    along: str
    noun: str


class Place(NamedTuple):
    """Where: "in a quiet park"."""

    spot: Spot
    article: str
    adjective: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Activity:
    """A verb with what surrounds its object. Each is its own: compared and hashed by identity."""

    verb: Verb
    before: str
    category: str
    after: str
    group: str
    kinds: str
    places: tuple[str, ...]
    flags: frozenset[str]


class Second(NamedTuple):
    """Who else does something meanwhile: "while a dog runs around"."""

    subject: Subject
    verb: Verb
    rest: str


class Scene(NamedTuple):
    """The meaning of a caption; empty or ``None`` where it says nothing."""

    subject: Subject
    activity: Activity
    thing: Thing | None = None
    place: Place | None = None
    moving: bool = False
    posture: str = ""
    adverb: str = ""
    extra: str = ""
    second: Second | None = None

    def of(self, subject: Subject | None = None, **changes: Any) -> Scene:
        """Return the scene with another subject, or with some of its subject changed."""
        return self._replace(subject=(subject or self.subject)._replace(**changes))


def subject_text(subject: Subject) -> str:
    """Return a noun phrase such as "a young man in a red coat"."""
    quantifier, noun, many, adjective, link, color, garment = subject
    text = noun.plural if many else noun.singular
    if adjective:
        text = f"{adjective} {text}"
    if quantifier == "a":
        text = with_article(text)
    elif quantifier:
        text = f"{quantifier} {text}"
    return f"{text} {link} {garment_text(garment, color, many)}" if garment else text


def garment_text(garment: Garment, color: str, many: bool) -> str:
    """Return "a red coat", "red coats" or "red shorts"."""
    name = garment.plural if many or garment.pair else garment.singular
    text = f"{color} {name}" if color else name
    return text if many or garment.pair else with_article(text)


def thing_text(thing: Thing) -> str:
    """Return a noun phrase such as "two red balls"."""
    _, head, form, adjective = thing
    if form == "mass":
        return head
    text = f"{adjective} {head}" if adjective else head
    if form == "a":
        return with_article(text)
    return text if form == "many" else f"{form} {text}"


def place_text(place: Place, moving: bool = False) -> str:
    """Return a prepositional phrase such as "along a sandy beach"."""
    spot, article, adjective = place
    text = f"{adjective} {spot.noun}" if adjective else spot.noun
    text = with_article(text) if article == "a" else f"{article}{text}"
    return f"{spot.along if moving else spot.at} {text}"


def _after_verb(scene: Scene) -> str:
    """Return the object and what belongs to the verb, with a space in front."""
    activity, thing = scene.activity, scene.thing
    text = f" {activity.before}" if activity.before else ""
    if thing is not None:
        text = f"{text} {thing_text(thing)}"
    return f"{text} {activity.after}" if activity.after else text


def _tail(scene: Scene, *, place: bool = True) -> str:
    """Return place, extra and second clause, with a space in front."""
    text = f" {place_text(scene.place, scene.moving)}" if place and scene.place else ""
    if scene.extra:
        text = f"{text} {scene.extra}"
    if scene.second is not None:
        subject, verb, rest = scene.second
        doing = verb.base if subject.many else verb.third
        text = f"{text} while {subject_text(subject)} {doing}{rest}"
    return text


def clause(subject: Subject, text: str) -> str:
    """Return "the man is (text)"."""
    return f"{subject_text(subject)} {subject.be} {text}"


def _whereabouts(scene: Scene) -> str:
    """Return the place where somebody sits or stands, with a space in front."""
    return f" {place_text(scene.place)}" if scene.place else ""


def progressive(scene: Scene, *, negated: bool = False) -> str:
    """Return "two boys are (not) playing soccer in a park"."""
    how = "not " if negated else ""
    if scene.adverb:
        how = f"{how}{scene.adverb} "
    doing = f"{scene.activity.verb.ing}{_after_verb(scene)}{_tail(scene, place=not scene.posture)}"
    if scene.posture:
        how = f"{how}{POSTURES[scene.posture].ing}{_whereabouts(scene)} "
    return clause(scene.subject, how + doing)


def infinitive(scene: Scene) -> str:
    """Return "play soccer in a park", without the subject."""
    return f"{scene.activity.verb.base}{_after_verb(scene)}{_tail(scene)}"


def simple(scene: Scene) -> str:
    """Return "two boys play soccer in a park"."""
    adverb = f"{scene.adverb} " if scene.adverb else ""
    verb = POSTURES[scene.posture] if scene.posture else scene.activity.verb
    start = f"{subject_text(scene.subject)} {adverb}"
    start += verb.base if scene.subject.many else verb.third
    if scene.posture:
        start = f"{start}{_whereabouts(scene)} {scene.activity.verb.ing}"
    return f"{start}{_after_verb(scene)}{_tail(scene, place=not scene.posture)}"


def fragment(scene: Scene) -> str:
    """Return "two boys playing soccer in a park", as captions often have it."""
    adverb = f" {scene.adverb}" if scene.adverb else ""
    start = f"{subject_text(scene.subject)}{adverb} {scene.activity.verb.ing}"
    return f"{start}{_after_verb(scene)}{_tail(scene)}"


def existential(scene: Scene) -> str:
    """Return "there are two boys playing soccer in a park"; never "there is the boy"."""
    return f"there {scene.subject.be} {fragment(scene.of(scene.subject.indefinite()))}"


def fronted(scene: Scene) -> str:
    """Return "in a park, two boys are playing soccer"; the scene must have a place."""
    assert scene.place is not None
    rest = progressive(scene._replace(place=None, posture=""))
    return f"{place_text(scene.place)}, {rest}"


def passive(scene: Scene) -> str:
    """Return "soccer is being played by two boys in a park"; the scene must have a thing."""
    thing = scene.thing
    assert thing is not None
    many = thing.form in ("many", "two", "some")
    return (
        f"{thing_text(thing)} {'are' if many else 'is'} being {scene.activity.verb.participle} by "
        f"{subject_text(scene.subject)}{_tail(scene)}"
    )


def sentence(text: str) -> str:
    """Return the text with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


_Form = Callable[[Scene], str]


def caption_text(rand: Rand, scene: Scene) -> str:
    """Return a scene in words, in one of the ways captions have, without capital and full stop."""
    style = rand()
    if scene.posture:
        return progressive(scene) if style < 0.4 else simple(scene)
    forms = ((0.4, progressive), (0.64, simple), (0.82, fragment), (0.9, existential))
    # Whatever the scene holds must be said: pairs are derived from the scene, not from the words.
    return _in_a_form(scene, style, forms, passive_allowed=not scene.adverb)


def statement_text(rand: Rand, scene: Scene) -> str:
    """Return a scene in words, mostly as a full sentence in the present."""
    style = rand()
    if scene.posture:
        return progressive(scene)
    forms = ((0.68, progressive), (0.8, simple), (0.87, existential), (0.92, fragment))
    return _in_a_form(scene, style, forms, passive_allowed=True)


def _in_a_form(
    scene: Scene, style: float, forms: tuple[tuple[float, _Form], ...], *, passive_allowed: bool
) -> str:
    """Return the scene in the first form whose bound lies above ``style``, or in a rare form."""
    for bound, form in forms:
        if style < bound:
            return form(scene)
    if scene.place is not None and style < 0.95:
        return fronted(scene)
    if passive_allowed and scene.thing is not None and "passive" in scene.activity.flags:
        return passive(scene)
    return progressive(scene)
