"""Adding to a scene what another scene leaves open.

Neutral hypotheses rest on an addition; contradictions are given some too, so that additions do not
give the label away. Every function takes the scene that is ``known`` and a ``draft`` hypothesis,
and returns the draft with one more detail, or ``None`` where the known scene settles that detail.
"""

from __future__ import annotations

from collections.abc import Callable

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import Rand, Table, words
from arae_toolkit.data_prep.synthetic.scene_sampling import (
    draw_adverb,
    draw_clothes,
    draw_extra,
    draw_place,
    draw_second,
)
from arae_toolkit.data_prep.synthetic.scenes import Scene
from arae_toolkit.data_prep.synthetic.word_tables import (
    ADJECTIVES,
    PLACE_ROWS,
    THING_ADJECTIVES,
    UNDRESSED,
)

Addition = Callable[[Rand, Scene, Scene], Scene | None]

UNSEEN = {kind: Table(words(adjectives)) for kind, adjectives in lexicon.UNSEEN.items()}
_SPOT_ADJECTIVES = {spot: adjectives for rows in PLACE_ROWS.values() for spot, adjectives in rows}


def extra(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add a time, company or purpose."""
    if known.extra or known.second:
        return None
    return draft._replace(extra=draw_extra(rand, draft.subject, draft.activity))


def company(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add somebody else who does something meanwhile."""
    if known.extra or known.second:
        return None
    second, verb, rest = draw_second(rand, known.subject)
    if rand() < 0.5:
        second = second._replace(adjective="", garment=None)
    return draft._replace(second=second, second_verb=verb, second_rest=rest)


def clothes(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add something worn."""
    noun = known.subject.noun
    if known.subject.garment or not noun.human or draft.activity.group in UNDRESSED:
        return None
    if not draft.subject.quantifier:
        return None
    link, color, garment = draw_clothes(rand, draft.subject.noun.gender)
    return draft._replace(subject=draft.subject._replace(link=link, color=color, garment=garment))


def look(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to somebody."""
    noun = draft.subject.noun
    if known.subject.adjective or draft.subject.adjective or not draft.subject.quantifier:
        return None
    if (noun.kind, noun.gender, noun.aged) not in ADJECTIVES or rand() < 0.25:
        adjective = UNSEEN[noun.kind if noun.human else "animal"].pick(rand)
    else:
        adjective = ADJECTIVES[noun.kind, noun.gender, noun.aged].pick(rand)
    return draft._replace(subject=draft.subject._replace(adjective=adjective))


def thing_detail(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to the thing."""
    thing = draft.thing
    if thing is None or thing.form == "mass" or thing.adjective:
        return None
    if known.thing is None or known.thing.adjective:
        return None
    return draft._replace(
        thing=thing._replace(adjective=THING_ADJECTIVES[thing.category].pick(rand))
    )


def place_detail(rand: Rand, known: Scene, draft: Scene) -> Scene | None:
    """Add an adjective to the place."""
    if draft.place is None or draft.place.adjective:
        return None
    if known.place is None or known.place.adjective:
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
    [extra, company, clothes, look, thing_detail, place_detail, place, manner],
    [16, 9, 11, 12, 10, 10, 12, 5],
)
