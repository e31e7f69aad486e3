"""Statements that a scene rules out: what it says is changed to what cannot be true besides.

As in picture captions, two sentences are taken to speak of the same event.
"""

from __future__ import annotations

from functools import cache

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.entailment import (
    INSIDE,
    OUTSIDE,
    Derivation,
    soften,
    soften_place,
    soften_subject,
    state,
)
from arae_toolkit.data_prep.synthetic.grammar import (
    Rand,
    Table,
    plural,
    word_table,
    word_tables,
    words,
)
from arae_toolkit.data_prep.synthetic.incompatibility import (
    excluded_place,
    excluded_scene,
    spots_exclude,
)
from arae_toolkit.data_prep.synthetic.neutral import ADDITIONS, LATER
from arae_toolkit.data_prep.synthetic.scene_sampling import (
    EACH_OWN,
    GARMENTS,
    LETTERS,
    NOUNS,
    PLURALS,
    THINGS,
    draw_thing,
    spots_of,
)
from arae_toolkit.data_prep.synthetic.scenes import (
    Place,
    Scene,
    Subject,
    Thing,
    clause,
    existential,
    garment_text,
    infinitive,
    place_text,
    progressive,
    statement_text,
)

_COLORS = words(lexicon.COLORS)
_FUR = ["black", "white", "brown", "gray"]
_FUR_LIKE = {"tan": ["black", "white", "gray"]}
_OPPOSITES = word_tables(lexicon.OPPOSITES)
_ADVERB_OPPOSITES = word_tables(lexicon.ADVERB_OPPOSITES)
_OTHER_COUNTS = word_tables(lexicon.OTHER_COUNTS)
_ONE = word_table("a single, only one, just one, one")
_SWAPS = {
    ("adult", "m"): word_table("woman, girl, lady, boy, grandmother"),
    ("adult", "f"): word_table("man, boy, guy, girl, grandfather"),
    ("adult", "n"): word_table("toddler, child, little girl, little boy"),
    ("child", "m"): word_table("girl, woman, man, schoolgirl, grandmother"),
    ("child", "f"): word_table("boy, man, woman, schoolboy, grandfather"),
    ("child", "n"): word_table("man, woman, lady, grandfather, grandmother"),
}
_ANIMAL_SWAPS = word_table("dog, cat, bird, horse, duck, cow, rabbit, monkey, goat, puppy")
_SINGULARS = {many: head for head, many in PLURALS.items()}
_OVERLAPS = [frozenset(words(line)) for line in lexicon.OVERLAPS.strip().splitlines()]
_UNISEX = frozenset(garment.singular for garment in GARMENTS["n"].items)
_NEVER_ASLEEP = frozenset({"sleep", "rest"})


def _changed(rand: Rand, scene: Scene, *kept: str) -> str:
    """Put a changed scene into words: details dropped but for what was changed, others added."""
    draft = soften(rand, scene, frozenset(kept))
    if rand() < 0.75:
        for _ in range(3):
            if (added := ADDITIONS.pick(rand)(rand, scene, draft)) is not None:
                return statement_text(rand, added)
    return statement_text(rand, draft)


def other_activity(rand: Rand, scene: Scene) -> str | None:
    """Have the same subject do something that cannot be done besides."""
    other = excluded_scene(rand, scene)
    if other is None:
        return None
    if scene.place is not None and other.place is not None and rand() < 0.6:
        fits = scene.place.spot.category in other.activity.places
        other = other._replace(place=scene.place if fits else None)
    return _changed(rand, other, "activity")


def other_place(rand: Rand, scene: Scene) -> str | None:
    """Have it happen somewhere else."""
    if scene.place is None:
        return None
    for _ in range(6):
        spot, adjectives = spots_of(scene.activity).pick(rand)
        if spots_exclude(spot, scene.place.spot):
            place = Place(spot, "the ", adjectives.pick(rand) if rand() < 0.3 else "")
            break
    else:
        other = excluded_place(rand, scene)
        if other is None:
            return None
        place = other
        if rand() < 0.6:
            return state(rand, scene, place_text(place))
    return _changed(rand, scene._replace(place=place, posture=""), "place")


def elsewhere(rand: Rand, scene: Scene) -> str | None:
    """Say that somebody is somewhere else."""
    if scene.place is None:
        return None
    side = scene.place.spot.side
    if side != "either" and rand() < 0.45:
        return state(rand, scene, (INSIDE if side == "out" else OUTSIDE).pick(rand))
    place = excluded_place(rand, scene)
    if place is None or rand() < 0.5:
        return state(rand, scene, f"not {place_text(soften_place(rand, scene.place))}")
    return state(rand, scene, place_text(place))


def other_subject(rand: Rand, scene: Scene) -> str | None:
    """Have somebody else do it."""
    noun, activity = scene.subject.noun, scene.activity
    if noun.human:
        if noun.singular == "person":
            return None
        name = _SWAPS[noun.kind, noun.gender].pick(rand)
        adjective, _, base = name.rpartition(" ")
        other = NOUNS[base]
    else:
        other, adjective = NOUNS[_ANIMAL_SWAPS.pick(rand)], ""
        if other.kind == noun.kind:
            return None
    if LETTERS[other.kind] not in activity.kinds:
        return None
    extra = "" if {"his", "her", "its"} & set(scene.extra.split()) else scene.extra
    garment = scene.subject.garment
    if garment is not None and (garment.singular not in _UNISEX or rand() < 0.5):
        garment = None
    changed = scene.of(noun=other, adjective=adjective, garment=garment)
    return _changed(rand, changed._replace(extra=extra), "noun", "adjective")


def other_count(rand: Rand, scene: Scene) -> str | None:
    """Have more or fewer of them do it."""
    subject, thing = scene.subject, scene.thing
    extra = "" if {"his", "her", "their", "its"} & set(scene.extra.split()) else scene.extra
    if not subject.many:
        if subject.quantifier == "the":
            return None
        quantifier, many = _OTHER_COUNTS["a"].pick(rand), True
    elif subject.quantifier in _OTHER_COUNTS and rand() < 0.75:
        quantifier, many = _OTHER_COUNTS[subject.quantifier].pick(rand), True
    else:
        quantifier, many = _ONE.pick(rand), False
        if thing and thing.form == "many" and thing.category in EACH_OWN:
            if thing.head not in _SINGULARS:
                return None
            thing = Thing(thing.category, _SINGULARS[thing.head], "a", thing.adjective)
    changed = scene.of(quantifier=quantifier, many=many)
    return _changed(rand, changed._replace(thing=thing, extra=extra), "count")


def other_look(rand: Rand, scene: Scene) -> str | None:
    """Describe somebody by the opposite adjective."""
    subject = scene.subject
    adjective = subject.adjective
    if adjective in _OPPOSITES:
        other = _OPPOSITES[adjective].pick(rand)
    elif not subject.noun.human and adjective in (*_FUR, *_FUR_LIKE):
        other = _other(rand, _FUR_LIKE.get(adjective, _FUR), adjective)
    else:
        return None
    if rand() < 0.25 and other not in ("very large", "very small"):
        return state(rand, scene.of(adjective=""), other)
    return _changed(rand, scene.of(adjective=other), "adjective", "noun")


def other_color(rand: Rand, scene: Scene) -> str | None:
    """Give what somebody wears another color."""
    subject = scene.subject
    if subject.garment is None or subject.color not in _COLORS:
        return None
    color = _other(rand, _COLORS, subject.color)
    if rand() < 0.5:
        bare = soften_subject(rand, subject._replace(garment=None))
        return clause(bare, f"wearing {garment_text(subject.garment, color, subject.many)}")
    return _changed(rand, scene.of(color=color), "garment")


def other_thing(rand: Rand, scene: Scene) -> str | None:
    """Have it done to something else, or to something of another color."""
    thing = scene.thing
    if thing is None:
        return None
    if thing.adjective in _COLORS and thing.category not in ("fed", "petted", "leashed", "sight"):
        changed = thing._replace(adjective=_other(rand, _COLORS, thing.adjective))
    elif THINGS[thing.category].exclusive:
        changed = draw_thing(rand, thing.category, shared=scene.subject.many)
        if not _heads_exclude(thing.head, changed.head):
            return None
    else:
        return None
    return _changed(rand, scene._replace(thing=changed), "thing")


def other_manner(rand: Rand, scene: Scene) -> str | None:
    """Have it done in the opposite manner."""
    if scene.adverb not in _ADVERB_OPPOSITES:
        return None
    soft = soften(rand, scene, frozenset({"activity"}))
    return progressive(soft._replace(adverb=_ADVERB_OPPOSITES[scene.adverb].pick(rand)))


def denied(rand: Rand, scene: Scene) -> str | None:
    """Deny what the scene says, or something that follows from it."""
    soft = soften(rand, scene, frozenset({"count"}))
    if soft.subject.many:
        soft = soft.of(quantifier="the")
    return progressive(soft._replace(adverb="", extra="", second=None), negated=True)


def not_yet(rand: Rand, scene: Scene) -> str | None:
    """Say that it is only going to be done."""
    soft = soften(rand, scene._replace(posture="", adverb="", second=None))
    return clause(soft.subject, f"only {LATER.pick(rand)} {infinitive(soft)}")


def nobody(rand: Rand, scene: Scene) -> str | None:
    """Say that nobody does it, or that nobody is there."""
    soft = soften(rand, scene, frozenset({"count"}))._replace(adverb="", second=None)
    noun = soft.subject.noun
    if scene.place is not None and rand() < 0.4:
        return f"there are no {noun.plural} {place_text(soften_place(rand, scene.place))}"
    if not noun.human:
        return None
    person = noun._replace(singular="nobody" if rand() < 0.5 else "no one")
    return progressive(soft.of(Subject("", person, False)))


def other_posture(rand: Rand, scene: Scene) -> str | None:
    """Swap sitting and standing, being awake and being asleep, being alone and in company."""
    if scene.posture:
        return state(rand, scene, "standing" if scene.posture == "sit" else "sitting")
    if scene.second is not None and rand() < 0.6:
        return state(rand, scene, "alone")
    if scene.activity.verb.base in ("sleep", "nap"):
        return state(rand, scene, "awake" if rand() < 0.6 else "not asleep")
    if scene.activity.group in _NEVER_ASLEEP:
        return None
    return state(rand, scene, "asleep" if rand() < 0.5 else "sleeping")


def other_meanwhile(rand: Rand, scene: Scene) -> str | None:
    """Have the second subject sleep, or not do what it does."""
    if scene.second is None or scene.second.verb.base == "sleep":
        return None
    subject, verb, rest = scene.second
    subject = soften_subject(rand, subject)
    if rand() < 0.5 and verb.base not in ("rest", "sit", "relax", "stand"):
        return clause(subject, "sleeping")
    return clause(subject, f"not {verb.ing}{rest}")


def other_being(rand: Rand, scene: Scene) -> str | None:
    """Say that there is somebody doing what the scene rules out."""
    other = excluded_scene(rand, scene)
    if other is None:
        return None
    other = other.of(scene.subject.indefinite())
    return existential(soften(rand, other, frozenset({"count", "activity"})))


@cache
def _heads_exclude(first: str, second: str) -> bool:
    """Whether two names of things cannot stand for the same thing."""
    first, second = _SINGULARS.get(first, first), _SINGULARS.get(second, second)
    if set(first.split()) & set(second.split()) - {"of"} or plural(first) == second:
        return False
    return not any(first in group and second in group for group in _OVERLAPS)


def _other(rand: Rand, options: list[str], taken: str) -> str:
    """Return an option that is not taken."""
    left = [option for option in options if option != taken]
    return left[int(rand() * len(left))]


CONTRADICTIONS: Table[Derivation] = Table(
    [other_activity, other_place, elsewhere, other_subject, other_count, other_look, other_color,
     other_thing, other_manner, denied, not_yet, nobody, other_posture, other_meanwhile,
     other_being],
    [24, 13, 6, 14, 9, 8, 9, 13, 3, 7, 1, 2, 3, 4, 3],
)  # fmt: skip
