"""The word lists of the lexicon, read once into weighted tables of nouns, places and activities."""

from __future__ import annotations

from functools import cache

from arae_toolkit.data_prep.synthetic import lexicon
from arae_toolkit.data_prep.synthetic.grammar import Table, plural, verb_forms, words
from arae_toolkit.data_prep.synthetic.scenes import Activity, Garment, Noun, Spot

KINDS = {
    "A": "adult", "C": "child", "D": "dog", "K": "cat",
    "H": "horse", "G": "grazer", "B": "bird", "W": "wild",
}  # fmt: skip
LETTERS = {kind: letter for letter, kind in KINDS.items()}


def _row(line: str) -> list[str]:
    return [field.strip() for field in line.split("|")]


def _read_people() -> dict[str, Noun]:
    nouns = {}
    for line in lexicon.PEOPLE.split("\n"):
        if line:
            name, kind, gender, parent, aged = _row(line)
            nouns[name] = Noun(name, plural(name), kind, gender, parent, bool(aged))
    for line in lexicon.ANIMALS.split("\n"):
        if line:
            name, kind, parent = _row(line)
            nouns[name] = Noun(name, plural(name), kind, "i", parent)
    nouns["animal"] = Noun("animal", "animals", "animal", "i", "")
    return nouns


def _read_spots() -> dict[str, list[tuple[Spot, Table[str]]]]:
    spots: dict[str, list[tuple[Spot, Table[str]]]] = {}
    either = frozenset(words(lexicon.EITHER_SIDE))
    for category, (side, rows) in lexicon.PLACES.items():
        spots[category] = []
        for line in rows.split("\n"):
            if line.strip():
                where, noun, adjectives = _row(line)
                at, along = where.split("/")
                spot = Spot(category, "either" if noun in either else side, at, along, noun)
                spots[category].append((spot, Table(words(adjectives))))
    return spots


def read_activity(
    phrase: str, group: str, kinds: str = "", places: str = "", flags: str = ""
) -> Activity:
    """Parse a verb phrase such as "throw {ball} into the air"."""
    base, _, rest = phrase.partition(" ")
    before, _, object_ = rest.partition("{")
    category, _, after = object_.partition("}")
    return Activity(
        verb_forms(base), before.strip(), category, after.strip(), group,
        kinds, tuple(places.split()), frozenset(flags.split()),
    )  # fmt: skip


def _kind_tables() -> dict[str, Table[Noun]]:
    return {
        kind: Table([noun for noun in NOUNS.values() if noun.kind == kind])
        for kind in KINDS.values()
    }


def _role_tables() -> dict[str, Table[Noun]]:
    return {
        group: Table(
            [Noun(role, plural(role), "adult", "n", "person", True) for role in words(roles)]
        )
        for group, roles in lexicon.ROLES.items()
    }


def _adjective_tables() -> dict[tuple[str, str, bool], Table[str]]:
    """Adjectives by kind, gender and whether the noun already tells the age."""
    tables = {}
    for kind in KINDS.values():
        for gender in "mfni":
            for aged in (False, True):
                own = words(lexicon.ADJECTIVES[kind])
                age = [] if aged else words(lexicon.ADJECTIVES.get(f"aged {kind}", ""))
                special = words(lexicon.ADJECTIVES.get(f"{gender} {kind}", ""))
                tables[kind, gender, aged] = Table([*age, *own[:3], *special, *own[3:]])
    return tables


def _things() -> dict[str, Table[tuple[str, str]]]:
    """Heads with their form: mass, many (always plural) or a."""
    marks = {"~": "mass", "+": "many"}
    return {
        category: Table([(noun.lstrip("~+"), marks.get(noun[0], "a")) for noun in words(nouns)])
        for category, (_, _, _, nouns) in lexicon.THINGS.items()
    }


NOUNS = _read_people()
PLACE_ROWS = _read_spots()
ACTIVITIES = [read_activity(*_row(line)) for line in lexicon.ACTIVITIES.split("\n") if line]
ACTIVITY_TABLE = Table(ACTIVITIES, [1 / (rank + 12) for rank in range(len(ACTIVITIES))])
KIND_WEIGHTS = {"A": 7, "C": 4, "D": 3, "K": 1.2, "H": 1.2, "G": 1.2, "B": 1.5, "W": 0.8}
SUBJECT_KINDS = {
    kinds: Table([KINDS[kind] for kind in kinds], [KIND_WEIGHTS[kind] for kind in kinds])
    for kinds in {activity.kinds for activity in ACTIVITIES}
}
NOUN_TABLES = _kind_tables()
ROLES = _role_tables()
ADJECTIVES = _adjective_tables()
THINGS = _things()
# Plurals of the countable heads; what is a plural already is not among them.
PLURALS = {
    head: plural(head) for table in THINGS.values() for head, form in table.items if form == "a"
}
THING_ADJECTIVES = {
    category: Table(words(adjectives) or [""])
    for category, (_, _, adjectives, _) in lexicon.THINGS.items()
}
COLORS = Table([*words(lexicon.COLORS), *words(lexicon.MORE_COLORS)])
GARMENTS = {
    gender: Table(
        [
            *(
                Garment(name, plural(name), False)
                for name, who in map(_row, lexicon.GARMENTS.strip().split("\n"))
                if who in ("a", gender)
            ),
            *(Garment(name, name, True) for name in words(lexicon.GARMENT_PAIRS)),
        ]
    )
    for gender in "mfn"
}
COLLARS = Table([Garment(name, plural(name), False) for name in words(lexicon.ANIMAL_COLLARS)])
COUNTS = Table(words(lexicon.QUANTIFIERS))
PEOPLE_COUNTS = Table(words(lexicon.PEOPLE_QUANTIFIERS))
DEFINITE = frozenset(words(lexicon.DEFINITE_NOUNS))
NO_ARTICLE = frozenset(words(lexicon.NO_ARTICLE_NOUNS))
EACH_OWN = frozenset(lexicon.EACH_OWN.split())
ONE_FOR_ALL = frozenset(lexicon.ONE_FOR_ALL.split())
STILL = frozenset(lexicon.STILL_GROUPS.split())
ADVERB_OF = {
    group: style for style, groups in lexicon.ADVERB_GROUPS.items() for group in groups.split()
}
ADVERBS = {style: Table(words(adverbs)) for style, adverbs in lexicon.ADVERBS.items()}
EXTRAS = {style: Table(words(extras)) for style, extras in lexicon.EXTRAS.items()}
REASONS = {group: Table(words(reasons)) for group, reasons in lexicon.REASONS.items()}
SEATS = frozenset(words(lexicon.SEATS))
STILL_SPOTS = frozenset(words(lexicon.SPOTS))
SECOND = {
    human: Table(
        [(verb_forms(verb.split(" ")[0]), verb[len(verb.split(" ")[0]) :]) for verb in words(verbs)]
    )
    for human, verbs in ((True, lexicon.SECOND_PEOPLE), (False, lexicon.SECOND_ANIMALS))
}
SECOND_KIND = Table(["adult", "child", "dog", "bird", "cat"], [5, 3, 1.5, 0.7, 0.5])
UNDRESSED = frozenset({"swim", "sleep"})


@cache
def spots_of(activity: Activity) -> Table[tuple[Spot, Table[str]]]:
    """Return the places of an activity: seats only where one can sit, no spots where one moves."""
    seated = "sit" in activity.flags or activity.group in ("sit", "sleep", "rest")
    still = seated or "stand" in activity.flags or activity.group == "stand"
    chosen, weights = [], []
    for order, category in enumerate(activity.places):
        for rank, (spot, adjectives) in enumerate(PLACE_ROWS[category]):
            if (spot.noun in SEATS and not seated) or (spot.noun in STILL_SPOTS and not still):
                continue
            chosen.append((spot, adjectives))
            weights.append(1 / (rank + 2) / (order + 2))
    return Table(chosen, weights)
