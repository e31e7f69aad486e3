import pytest

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config
from arae_toolkit.search.space import all_varied, defaults_within, varied, with_parameters


class Chooses:
    """Stands for a trial: keeps what it is asked, and takes the largest value."""

    def __init__(self):
        self.asked = []

    def suggest_int(self, name, low, high, *, log=False):
        self.asked.append(("int", name, low, high, log))
        return high

    def suggest_float(self, name, low, high, *, log=False):
        self.asked.append(("float", name, low, high, log))
        return high

    def suggest_categorical(self, name, choices):
        self.asked.append(("choice", name, choices))
        return choices[-1]


@pytest.mark.parametrize(
    ("text", "asked", "value"),
    [
        ("adversarial_weight=log:1:100", ("float", 1.0, 100.0, True), 100.0),
        ("code_size=16:64", ("int", 16, 64, False), 64),
        ("training.word_drop=0:0.4", ("float", 0.0, 0.4, False), 0.4),
        ("generator_output=sphere,tanh", ("choice", ("sphere", "tanh")), "tanh"),
        ("tied_embeddings=none, all", ("choice", ("none", "all")), "all"),
        ("penalty_of_batch_mean=true,false", ("choice", ("true", "false")), "false"),
        ("critic_sizes=[8],[8,8]", ("choice", ("[8]", "[8,8]")), "[8,8]"),
    ],
)
def test_a_setting_is_suggested_in_its_type_and_put_into_the_settings(text, asked, value):
    one, trial = varied(text, Config()), Chooses()
    key = text.partition("=")[0]
    parameters = {one.key: one.suggest(trial)}
    assert trial.asked == [(asked[0], key, *asked[1:])]
    assert parameters == {key: value}
    changed = with_parameters(Config(), [one], parameters)
    assert changed == with_overrides(Config(), [f"{key}={value}"])
    assert varied(f"{key}={one.text}", Config()) == one


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("word_drop", "not of the form"),
        ("word_drop=", "not of the form"),
        ("nothing=0:1", "no setting 'nothing'"),
        ("word_drop=0:1.5", "word_drop must be from 0 to 1"),
        ("word_drop=0.1,2", "word_drop must be from 0 to 1"),
        ("code_size=0.5:8", "code_size must be a whole number"),
        ("code_size=8:4", "8 is not below 4"),
        ("word_drop=log:0:0.4", "begins above 0"),
        ("word_drop=0:0.2:0.4", "a range is LOW:HIGH"),
        ("generator_output=sphere:tanh", "no number"),
        ("generator_output=sphere,cube", "must be one of"),
        ("critic_sizes=[8]:[16]", "no number"),
        ("penalty_of_batch_mean=false:true", "no number"),
        ("word_drop=0.1", "two different values"),
        ("word_drop=0.1,0.10", "two different values"),
    ],
)
def test_a_range_that_the_setting_cannot_have_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        varied(text, Config())


def test_a_setting_is_varied_once():
    with pytest.raises(ValueError, match="word_drop is given twice"):
        all_varied(["word_drop=0:0.1", "training.word_drop=0:0.2"], Config())
    with pytest.raises(ValueError, match="no setting is to be varied"):
        all_varied([], Config())


def test_the_settings_own_values_are_tried_where_the_ranges_hold_them():
    config = with_overrides(Config(), ["word_drop=0.2", "code_size=100"])
    space = all_varied(
        ["word_drop=0:0.4", "code_size=16:64", "generator_sizes=[300,300],[8]"], config
    )
    assert defaults_within(config, space) == {"word_drop": 0.2, "generator_sizes": "[300,300]"}
