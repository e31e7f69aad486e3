"""Statements that follow from a scene.

A derivation takes a scene and returns a statement in words, or ``None`` where the scene does not
allow it.
"""

from __future__ import annotations

from collections.abc import Callable

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.generalization import (
    say,
    soften,
    soften_place,
    soften_subject,
    state,
)
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table
from arae_toolkit.data_prep.synthetic.incompatibility import excluded_place, excluded_scene
from arae_toolkit.data_prep.synthetic.scenes import (
    POSTURES,
    Scene,
    garment_text,
    passive,
    place_text,
    progressive,
    subject_text,
)

Derivation = Callable[[Rand, Scene], str | None]

OUTSIDE = Table(["outside", "outdoors", "not indoors", "in the open air"])
INSIDE = Table(["inside", "indoors", "not outdoors", "in a building"])
_AWAKE = Table(["awake", "not asleep", "not sleeping"])
_ASLEEP = Table(["asleep", "not awake", "sleeping"])
_DETAILS = frozenset({"extra", "second", "adverb"})
_LOOKS = frozenset({"adjective", "garment"})
_NOT_SURELY_AWAKE = frozenset({"sleep", "rest", "sit", "wait"})


def less(rand: Rand, scene: Scene) -> str | None:
    """Say less than the scene holds, or the same in other words."""
    chance = rand()
    keep = _LOOKS | _DETAILS if chance < 0.55 else _DETAILS if chance < 0.9 else frozenset()
    return say(rand, soften(rand, scene, keep))


def described(rand: Rand, scene: Scene) -> str | None:
    """Say what somebody looks like."""
    subject = scene.subject
    if not subject.adjective:
        return None
    bare = scene._replace(subject=subject._replace(adjective=""))
    # Age and size are true of a boy or a puppy as such, not of a person or an animal.
    keep = frozenset({"noun"} if subject.adjective in lexicon.RELATIVE else ())
    return state(rand, bare, subject.adjective, keep)


def there_is(rand: Rand, scene: Scene) -> str | None:
    """Say that there is somebody at the place."""
    if scene.place is None:
        return None
    subject = soften_subject(rand, scene.subject)
    if subject.quantifier == "the":
        subject = subject._replace(quantifier="some" if subject.many else "a")
    place = place_text(soften_place(rand, scene.place))
    return f"there {'are' if subject.many else 'is'} {subject_text(subject)} {place}"


def whereabouts(rand: Rand, scene: Scene) -> str | None:
    """Say where somebody is."""
    if scene.place is None:
        return None
    if scene.place.spot.side != "either" and rand() < 0.5:
        return state(
            rand, scene, (OUTSIDE if scene.place.spot.side == "out" else INSIDE).pick(rand)
        )
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
    return f"{subject_text(subject)} {'are' if many else 'is'} wearing {text}"


def meanwhile(rand: Rand, scene: Scene) -> str | None:
    """Say what the second subject does."""
    if scene.second is None or scene.second_verb is None:
        return None
    subject = soften_subject(rand, scene.second)
    be = "are" if subject.many else "is"
    return f"{subject_text(subject)} {be} {scene.second_verb.ing}{scene.second_rest}"


def not_alone(rand: Rand, scene: Scene) -> str | None:
    """Say that somebody is not alone."""
    if scene.second is None:
        return None
    return state(rand, scene, "not alone")


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
