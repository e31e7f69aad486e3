"""The settings that a sweep varies, each over a range or some choices, as ``--over`` takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from arae_toolkit.config.descriptions import written
from arae_toolkit.config.overrides import Sections, with_overrides, with_value

if TYPE_CHECKING:
    from optuna.trial import Trial

Settings = TypeVar("Settings", bound=Sections)
LOG = "log:"
_COMMA = re.compile(r",(?![^\[]*\])")
"""Between choices, not within one that is a list."""


@dataclass(frozen=True)
class Varied:
    """One setting that is varied.

    Attributes:
        key: As ``--set`` takes it.
        choices: Values as ``--set`` takes them; empty for a range.
        low: Least value of a range.
        high: Largest value of a range.
        log: Whether a range is searched by its logarithm.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    @property
    def text(self) -> str:
        """The values as ``--over`` takes them.

        Example:
            >>> Varied("rate", low=0.001, high=0.01, log=True).text, Varied("a", ("x", "y")).text
            ('log:0.001:0.01', 'x,y')
        """
        if self.choices:
            return ",".join(self.choices)
        return f"{LOG * self.log}{self.low}:{self.high}"

    def holds(self, value: Any) -> bool:
        """Return whether a value of the setting is one of those."""
        if self.choices:
            return written(list(value) if isinstance(value, tuple) else value) in self.choices
        return bool(self.low <= value <= self.high)

    def parameter(self, value: Any) -> Any:
        """Return a value of the setting in the form that it has in a trial."""
        if not self.choices:
            return value
        return written(list(value) if isinstance(value, tuple) else value)

    def suggest(self, trial: Trial) -> Any:
        """Return the value that a trial chooses, in that form."""
        if self.choices:
            return trial.suggest_categorical(self.key, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.key, self.low, self.high, log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)


def varied(text: str, config: Sections) -> Varied:
    """Return what ``KEY=log:LOW:HIGH``, ``KEY=LOW:HIGH`` or ``KEY=a,b,c`` says.

    Args:
        text: One of the three.
        config: Settings with such a key; their ranges are those of its values.

    Raises:
        ValueError: If it is none of them, there is no such setting, or a value is not one of its
            own: of another type, or out of its range.

    Example:
        >>> from arae_toolkit.config.schema import Config
        >>> varied("word_drop=0:0.4", Config())
        Varied(key='word_drop', choices=(), low=0.0, high=0.4, log=False)
        >>> varied("code_size=32,64", Config()).choices
        ('32', '64')
        >>> varied("generator_sizes=[64],[64,64]", Config()).choices
        ('[64]', '[64,64]')
        >>> varied("word_drop=0:4", Config())
        Traceback (most recent call last):
        ...
        ValueError: word_drop must be from 0 to 1, got 4.0
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not values:
        raise ValueError(f"{text!r} is not of the form KEY=LOW:HIGH, KEY=log:LOW:HIGH or KEY=a,b,c")
    if ":" not in values:
        return _choices(key, [one.strip() for one in _COMMA.split(values)], config)
    log = values.startswith(LOG)
    ends = values.removeprefix(LOG).split(":")
    if len(ends) != 2:
        raise ValueError(f"{text!r}: a range is LOW:HIGH, or log:LOW:HIGH")
    low, high = (_value_of(config, key, end) for end in ends)
    if not isinstance(low, int | float) or isinstance(low, bool):
        raise ValueError(f"{key} is no number: name its values, as in {key}=a,b,c")
    if not low < high:
        raise ValueError(f"{text!r}: {low} is not below {high}")
    if log and low <= 0:
        raise ValueError(f"{text!r}: a range by its logarithm begins above 0")
    return Varied(key, low=low, high=high, log=log)


def all_varied(texts: Sequence[str], config: Sections) -> tuple[Varied, ...]:
    """Return what several texts say, as :func:`varied` does.

    Raises:
        ValueError: If there is none, one cannot be used, or two are of one setting.
    """
    if not texts:
        raise ValueError("no setting is to be varied; name one, as in adversarial_weight=log:1:100")
    found = tuple(varied(text, config) for text in texts)
    names = [one.key.rpartition(".")[2] for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is given twice")
    return found


def with_parameters(
    config: Settings, space: Sequence[Varied], parameters: Mapping[str, Any]
) -> Settings:
    """Return the settings of a trial.

    Args:
        config: Those that all trials share.
        space: What is varied.
        parameters: Of the trial, by key.

    Raises:
        ValueError: If values cannot go together.
    """
    for one in space:
        value = parameters[one.key]
        if one.choices:
            config = with_overrides(config, [f"{one.key}={value}"])
        else:
            config = with_value(config, one.key, value)
    return config


def defaults_within(config: Sections, space: Sequence[Varied]) -> dict[str, Any]:
    """Return the settings' own values, by key and in the form of a trial, where they are tried.

    Example:
        >>> from arae_toolkit.config.schema import Config
        >>> texts = ["word_drop=0:0.4", "code_size=32,64"]
        >>> defaults_within(Config(), all_varied(texts, Config()))
        {'word_drop': 0.0}
    """
    own = {one.key: value_in(config, one.key) for one in space}
    return {one.key: one.parameter(own[one.key]) for one in space if one.holds(own[one.key])}


def value_in(config: Sections, key: str) -> Any:
    """Return the value of a setting, by ``name`` or ``section.name``."""
    section, _, name = key.rpartition(".")
    parts = [config.model, config.training] if not section else [getattr(config, section)]
    return next(getattr(part, name) for part in parts if hasattr(part, name))


def _choices(key: str, texts: Sequence[str], config: Sections) -> Varied:
    """Return a setting with a few values, each written in one way."""
    values = [_value_of(config, key, text) for text in texts]
    choices = tuple(written(list(one) if isinstance(one, tuple) else one) for one in values)
    if len(set(choices)) < max(2, len(choices)):
        raise ValueError(
            f"{key}={','.join(texts)}: two different values or more are expected, or a range as in "
            f"{key}=LOW:HIGH"
        )
    return Varied(key, choices)


def _value_of(config: Sections, key: str, text: str) -> Any:
    """Return a value of a setting from its text, checked as ``--set`` does it."""
    return value_in(with_overrides(config, [f"{key}={text}"]), key)
