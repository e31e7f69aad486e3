"""Activities and places that exclude each other: nobody does both, nobody is at both."""

from __future__ import annotations

from functools import cache

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, words
from arae_toolkit.data_prep.synthetic.scene_sampling import (
    ACTIVITIES,
    LETTERS,
    PLACE_ROWS,
    draw_rest,
    falling_weights,
)
from arae_toolkit.data_prep.synthetic.scenes import Activity, Place, Scene, Spot

_NOTHING: frozenset[str] = frozenset()
_COMPATIBLE = [frozenset(line.split()) for line in lexicon.COMPATIBLE]
_LIGHT = {group: frozenset(excluded.split()) for group, excluded in lexicon.LIGHT.items()}
_APART = {
    frozenset((first, second))
    for first, others in lexicon.PLACES_APART.items()
    for second in others.split()
}
_COMMON = frozenset(words(lexicon.COMMON_SPOTS) + words(lexicon.EITHER_SIDE))
# Nobody is put into the water by a change of place alone.
_WATER = frozenset({"pool", "water", "sea"})


def groups_exclude(first: str, second: str) -> bool:
    """Whether nobody does something of both groups at the same time."""
    if first == second or any(first in group and second in group for group in _COMPATIBLE):
        return False
    if first in _LIGHT or second in _LIGHT:
        return second in _LIGHT.get(first, _NOTHING) or first in _LIGHT.get(second, _NOTHING)
    return True


def spots_exclude(first: Spot, second: Spot) -> bool:
    """Whether nobody is at both places at the same time."""
    if {first.side, second.side} == {"in", "out"}:
        return True
    if first.noun in _COMMON or second.noun in _COMMON or first.noun == second.noun:
        return False
    return frozenset((first.category, second.category)) in _APART


@cache
def activities_excluded_by(activity: Activity, kind: str) -> Table[Activity] | None:
    """Return what somebody of a kind cannot do besides, or ``None`` if nothing is ruled out."""
    posed = activity.flags & {"sit", "stand"}
    found = [
        other
        for other in ACTIVITIES
        if LETTERS[kind] in other.kinds
        and groups_exclude(activity.group, other.group)
        and not (posed and other.group in posed)
    ]
    return Table(found, falling_weights(len(found))) if found else None


@cache
def spots_excluded_by(spot: Spot) -> Table[Spot] | None:
    """Return the places where nobody is who is at this one, or ``None`` if none is ruled out."""
    spots = [other for rows in PLACE_ROWS.values() for other, _ in rows]
    found = [
        other for other in spots if other.category not in _WATER and spots_exclude(spot, other)
    ]
    return Table(found) if found else None


def excluded_place(rand: Rand, scene: Scene) -> Place | None:
    """Return a place where the scene does not happen, or ``None`` if it rules none out."""
    table = spots_excluded_by(scene.place.spot) if scene.place else None
    return Place(table.pick(rand), "the ") if table else None


def excluded_scene(rand: Rand, scene: Scene) -> Scene | None:
    """Return a scene with the same subject doing what the given scene rules out."""
    table = activities_excluded_by(scene.activity, scene.subject.noun.kind)
    if table is None:
        return None
    other = draw_rest(rand, scene.subject, table.pick(rand))
    return other._replace(posture="") if scene.posture else other
