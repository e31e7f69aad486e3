from dataclasses import fields

import pytest

from arae_toolkit.config.descriptions import described, differing, written
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.config.schema import Config
from arae_toolkit.nli.settings import PRETRAINING, PairConfig
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig
from arae_toolkit.transfer.infilling.settings import InfillingConfig


@pytest.mark.parametrize(
    "settings", [Config(), PairConfig(), CrossAlignedConfig(), InfillingConfig()]
)
def test_every_setting_is_described(settings):
    found = described(settings, settings)
    names = [f.name for part in (settings.model, settings.training) for f in fields(part)]
    assert [one.name for one in found] == names
    assert all(one.meaning.endswith((".", ")")) for one in found)
    assert all(one.range for one in found if one.type != "true or false")
    assert all(one.value == one.default for one in found)


def test_types_and_ranges_are_in_words():
    by_name = {one.name: one for one in described(Config(), Config())}
    assert (by_name["code_size"].type, by_name["code_size"].range) == (
        "whole number",
        "from 1 to 65536",
    )
    assert by_name["encoder"].range == "lstm, bilstm-max"
    assert by_name["generator_sizes"].range == "each from 1 to 65536"
    assert by_name["critic_sizes"].range.startswith("a list of at least 1")


@pytest.mark.parametrize("name", PRESETS)
def test_what_differs_from_a_preset_makes_it_again(name):
    """Written as --set takes it: nothing of a value is lost on the way."""
    there, here = preset("default", corpus="yelp"), preset(name, corpus="yelp")
    changes = [f"{one.section}.{one.name}={written(one.value)}" for one in differing(here, there)]
    assert with_overrides(there, changes) == here
    assert differing(PRETRAINING, PRETRAINING) == []
