"""English word forms, weighted choice and text templates: the machinery of the grammars.

Randomness enters as ``rand``, the bound ``random`` method of one ``random.Random``. Everything that
can be worked out before drawing (cumulative weights, word forms, parsed templates) is.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

Rand = Callable[[], float]
T = TypeVar("T")

_VOWELS = frozenset("aeiouAEIOU")
# Written with a vowel, spoken with a consonant.
_CONSONANT_SOUNDS = ("uni", "use", "euro", "one", "ukulele")


def words(text: str) -> list[str]:
    """Return the entries of a comma-separated list.

    Example:
        >>> words("dog, hot dog")
        ['dog', 'hot dog']
    """
    return [entry for part in text.split(",") if (entry := " ".join(part.split()))]


def _pairs(text: str) -> dict[str, str]:
    """Return the second word of each entry by its first."""
    return dict(entry.split() for entry in words(text))


_PLURALS = _pairs(
    "person people, child children, sheep sheep, deer deer, fish fish, goose geese, "
    "mouse mice, leaf leaves, loaf loaves, knife knives, scarf scarves, calf calves, "
    "shelf shelves, photo photos, piano pianos, cello cellos, banjo banjos, kimono kimonos, "
    "poncho ponchos, tuxedo tuxedos, taco tacos, burrito burritos, avocado avocados"
)
_THIRD_PERSONS = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_ING_FORMS = {"be": "being", "lie": "lying"}
_PARTICIPLES = _pairs(
    "be been, have had, do done, go gone, eat eaten, drink drunk, read read, write written, "
    "draw drawn, sing sung, throw thrown, catch caught, ride ridden, drive driven, build built, "
    "buy bought, sell sold, feed fed, hold held, fly flown, blow blown, make made, take taken, "
    "give given, teach taught, lie lain, shake shaken, hang hung, sew sewn, mow mown, saw sawn, "
    "dig dug, hide hidden, hit hit, cut cut, put put, bring brought, wear worn, spin spun, "
    "sweep swept, sleep slept"
)
# A closed syllable with one vowel doubles its last letter, but not where it is unstressed.
_NO_DOUBLING = frozenset(
    {"water", "listen", "hammer", "open", "shovel", "gallop", "travel", "visit"}
)


class Verb(NamedTuple):
    """The forms of one verb."""

    base: str
    third: str
    ing: str
    participle: str


@cache
def verb_forms(base: str) -> Verb:
    """Return the forms of a verb.

    Example:
        >>> verb_forms("jog")
        Verb(base='jog', third='jogs', ing='jogging', participle='jogged')
    """
    ends_in_consonant_y = re.search("[^aeiou]y$", base)
    doubled = base
    if re.fullmatch(r"(.*[^aeiou])?[aeiou][bdgklmnprt]", base) and base not in _NO_DOUBLING:
        doubled = base + base[-1]
    third = f"{base[:-1]}ies" if ends_in_consonant_y else base + "s"
    if re.search("(s|x|ch|sh|z)$", base):
        third = base + "es"
    ing = f"{base[:-1]}ing" if re.search("[^eo]e$", base) else f"{doubled}ing"
    if base.endswith("e"):
        participle = base + "d"
    else:
        participle = f"{base[:-1]}ied" if ends_in_consonant_y else f"{doubled}ed"
    return Verb(
        base,
        _THIRD_PERSONS.get(base, third),
        _ING_FORMS.get(base, ing),
        _PARTICIPLES.get(base, participle),
    )


@cache
def plural(noun: str) -> str:
    """Return the plural of a noun; of "bowl of soup" and the like, the first word changes.

    Example:
        >>> plural("loaf of bread"), plural("hot dog"), plural("city")
        ('loaves of bread', 'hot dogs', 'cities')
    """
    head, of, rest = noun.partition(" of ")
    first, space, last = head.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last.endswith("man"):
        last = f"{last[:-3]}men"
    elif re.search("[^aeiou]y$", last):
        last = f"{last[:-1]}ies"
    elif re.search("(s|x|ch|sh|z|[^aeiou]o)$", last):
        last += "es"
    else:
        last += "s"
    return first + space + last + of + rest


def with_article(phrase: str) -> str:
    """Return the phrase after "a" or "an".

    Example:
        >>> with_article("old man"), with_article("uniform"), with_article("red apple")
        ('an old man', 'a uniform', 'a red apple')
    """
    if phrase[0] in _VOWELS and not phrase.startswith(_CONSONANT_SOUNDS):
        return "an " + phrase
    return "a " + phrase


def rows(text: str) -> list[list[str]]:
    """Return the fields of each line of a table whose columns are separated by ``|``.

    Example:
        >>> rows("dog | animal")
        [['dog', 'animal']]
    """
    lines = filter(str.strip, text.splitlines())
    return [[field.strip() for field in line.split("|")] for line in lines]


def blocks(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield the first line of each block, and the indented lines that follow it.

    Example:
        >>> list(blocks("one\n  two\n  three\nfour"))
        [('one', '  two\n  three'), ('four', '')]
    """
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, _, others = block.partition("\n")
        yield first, others


class Table(Generic[T]):
    """A weighted choice among items.

    Without weights, an item's weight falls with its rank as in Zipf's law, 1 / (rank + 3): the
    most common items come first in our lists.

    Example:
        >>> table = Table(["often", "seldom"], weights=[9, 1])
        >>> table.pick(lambda: 0.5), table.pick(lambda: 0.95)
        ('often', 'seldom')
    """

    __slots__ = ("cumulative", "items")

    def __init__(self, items: Iterable[T], weights: Sequence[float] | None = None) -> None:
        """Add up the weights.

        Raises:
            ValueError: If there is no item, or not one weight per item.
        """
        self.items: tuple[T, ...] = tuple(items)
        if weights is None:
            weights = [1.0 / (rank + 3) for rank in range(len(self.items))]
        if not self.items or len(weights) != len(self.items):
            raise ValueError(f"{len(self.items)} items with {len(weights)} weights")
        total = float(sum(weights))
        # The last bound is left out, so that rounding can never point past the last item.
        self.cumulative = [bound / total for bound in accumulate(weights)][:-1]

    def pick(self, rand: Rand) -> T:
        """Return one item; ``rand`` gives a number in [0, 1)."""
        return self.items[bisect(self.cumulative, rand())]


def word_table(text: str) -> Table[str]:
    """Return the weighted choice among the entries of a comma-separated list."""
    return Table(words(text))


def word_tables(lists: Mapping[str, str]) -> dict[str, Table[str]]:
    """Return a weighted choice for each of some comma-separated lists."""
    return {name: word_table(text) for name, text in lists.items()}


def read_rules(text: str) -> dict[str, list[str]]:
    r"""Read rules of the form ``name = first | second``, continued on indented lines.

    Example:
        >>> read_rules("animal = owl | fox\n    | hare")
        {'animal': ['owl', 'fox', 'hare']}
    """
    rules: dict[str, list[str]] = {}
    for first, others in blocks(text):
        name, _, alternatives = f"{first}\n{others}".partition(" = ")
        rules[name] = [" ".join(alternative.split()) for alternative in alternatives.split("|")]
    return rules


class TextGrammar:
    """A context-free grammar of text templates.

    A rule is a name with its alternatives; ``{name}`` stands for one of them, ``{a name}`` puts the
    article before it. An alternative may start with its weight, ``"3: the {dish}"``; otherwise
    alternatives weigh the same, or fall with their rank where the rule's name starts with
    ``zipf_``.

    Args:
        rules: The alternatives by rule name.

    Raises:
        ValueError: If a template names a rule that does not exist.

    Example:
        >>> grammar = TextGrammar({"start": ["i saw {a animal}"], "animal": ["owl"]})
        >>> grammar.expand("start", lambda: 0.0)
        'i saw an owl'
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules: dict[str, Table[tuple[str, ...]]] = {}
        for name, alternatives in rules.items():
            parsed, weights = [], []
            for rank, alternative in enumerate(alternatives):
                weight, template = re.fullmatch(r"(?:(\d+(?:\.\d+)?): )?(.*)", alternative).groups()  # type: ignore[union-attr]
                weights.append(float(weight or (1 / (rank + 3) if name.startswith("zipf_") else 1)))
                # Literals at even places, slots at odd ones.
                parsed.append(tuple(re.split(r"[{}]", template)))
            self._rules[name] = Table(parsed, weights)
            for parts in parsed:
                for slot in parts[1::2]:
                    if slot.removeprefix("a ") not in rules:
                        raise ValueError(f"rule {name!r} uses {slot!r}, which does not exist")

    def expand(self, name: str, rand: Rand) -> str:
        """Return one random text of a rule."""
        parts = self._rules[name].pick(rand)
        if len(parts) == 1:
            return parts[0]
        filled: dict[str, str] = {}
        out = []
        for place, part in enumerate(parts):
            if place % 2 == 0:
                out.append(part)
                continue
            text = self._fill(part, rand)
            # "jazz and jazz" is said by nobody; a rule with one alternative has to repeat itself.
            for _ in range(5):
                if filled.get(part) != text:
                    break
                text = self._fill(part, rand)
            filled[part] = text
            out.append(text)
        return "".join(out)

    def _fill(self, slot: str, rand: Rand) -> str:
        """Return the text of a slot, with its article if it asks for one."""
        if slot.startswith("a "):
            return with_article(self.expand(slot[2:], rand))
        return self.expand(slot, rand)
