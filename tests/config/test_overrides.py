import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest

from arae_toolkit.config.overrides import (
    Sections,
    from_dict,
    to_dict,
    with_overrides,
    with_toml,
    with_value,
)
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.config.ranges import Range
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import DataError
from arae_toolkit.nli.settings import MODELS, PRETRAINING, PairConfig
from arae_toolkit.priors.settings import FlowConfig, GaussianConfig, MixtureConfig
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig
from arae_toolkit.transfer.infilling.settings import InfillingConfig
from arae_toolkit.transfer.scorer.training import ScorerConfig

CONFIGS = (
    *(Config, PairConfig, InfillingConfig, CrossAlignedConfig, ScorerConfig),
    *(FlowConfig, MixtureConfig, GaussianConfig),
)
"""Every class of settings that is changed by key or written to JSON."""


def _other(value: Any, hint: Any) -> Any:
    """Return another value of a field's type."""
    if typing.get_origin(hint) is typing.Literal:
        return next(choice for choice in typing.get_args(hint) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, 7)
    return (
        value / 2 + 0.11 if 0 <= value < 1 and isinstance(value, float) else value + type(value)(2)
    )


def _all_changed(config: Any) -> Any:
    """Return settings that agree with these in no field."""
    parts = {}
    for section in ("model", "training"):
        part = getattr(config, section)
        hints = typing.get_type_hints(type(part))
        parts[section] = dataclasses.replace(
            part, **{name: _other(getattr(part, name), hint) for name, hint in hints.items()}
        )
    return dataclasses.replace(config, **parts)


def _names(config: Sections) -> list[str]:
    return [f.name for part in (config.model, config.training) for f in dataclasses.fields(part)]


# --- key=value ---------------------------------------------------------------------------------


def test_overrides_set_values_of_the_right_type():
    """Whole numbers, numbers, words, truth values and lists, with or without the section."""
    config = with_overrides(
        Config(),
        [
            "batch_size=32",
            "training.autoencoder_rate=1",
            "critic_constraint=clip",
            "penalty_of_batch_mean=true",
            "model.generator_sizes=[10,20]",
        ],
    )
    assert config.training.batch_size == 32
    assert config.training.autoencoder_rate == 1.0
    assert isinstance(config.training.autoencoder_rate, float)
    assert config.training.critic_constraint == "clip"
    assert config.training.penalty_of_batch_mean is True
    assert config.model.generator_sizes == (10, 20)
    assert config.training.epochs == Config().training.epochs


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_setting_can_be_given_as_text(kind):
    """Each field of each class is of a type that is understood, alone by its name."""
    wanted = _all_changed(kind())
    assert not set(_items(wanted)) & set(_items(kind()))
    assignments = [
        f"{name}={json.dumps(value)}"
        for part in to_dict(wanted).values()
        for name, value in part.items()
    ]
    assert with_overrides(kind(), assignments) == wanted


def _items(config: Sections) -> list[str]:
    return [f"{key}={value}" for part in to_dict(config).values() for key, value in part.items()]


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_name_belongs_to_one_section(kind):
    """So that a key without its section says which setting is meant."""
    names = _names(kind())
    assert len(set(names)) == len(names)


def test_the_last_of_several_values_counts():
    """What was given stays as it was, and so does everything else."""
    before = Config()
    after = with_overrides(before, ["epochs=2", "seed=5", "training.epochs=4"])
    assert (after.training.epochs, after.training.seed, after.model) == (4, 5, before.model)
    assert before == Config()
    assert with_overrides(before, []) == before


def test_spaces_and_further_signs_of_equality_belong_to_the_value():
    assert with_overrides(Config(), ["epochs = 3"]).training.epochs == 3
    with pytest.raises(ValueError, match="got 'clip=1'"):
        with_overrides(Config(), ["critic_constraint=clip=1"])


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("batch_size", "'batch_size' is not of the form key=value"),
        ("batch_size=big", "batch_size must be a whole number, got 'big'"),
        ("batch_size=", "batch_size must be a whole number, got ''"),
        ("batch_size=1.5", "batch_size must be a whole number, got 1.5"),
        ("batch_size=true", "batch_size must be a whole number, got True"),
        ("batch_size=null", "batch_size must be a whole number, got None"),
        ("training.batch_size=-1", "training.batch_size must be from 1 to 1048576, got -1"),
        ("autoencoder_rate=fast", "autoencoder_rate must be a number, got 'fast'"),
        ("autoencoder_rate=true", "autoencoder_rate must be a number, got True"),
        (
            "autoencoder_rate=-0.5",
            "autoencoder_rate must be from 0 to 1000000, got -0.5",
        ),
        ("autoencoder_rate=-1", "autoencoder_rate must be from 0 to 1000000, got -1.0"),
        ("autoencoder_rate=NaN", "autoencoder_rate must be a finite number, got nan"),
        ("clip_norm=Infinity", "clip_norm must be a finite number, got inf"),
        ("critic_constraint=hope", "one of clip, gradient_penalty, spectral, got 'hope'"),
        ("critic_constraint=[1]", "one of clip, gradient_penalty, spectral, got [1]"),
        ("generator_sizes=7", "a list of whole numbers such as [300,300], got 7"),
        ("generator_sizes=[7,8.5]", "a list of whole numbers such as [300,300], got [7, 8.5]"),
        ("generator_sizes=[true]", "a list of whole numbers such as [300,300], got [True]"),
        ("generator_sizes=[-3]", "generator_sizes must be from 1 to 65536, got [-3]"),
        ("penalty_of_batch_mean=1", "penalty_of_batch_mean must be true or false, got 1"),
        ("penalty_of_batch_mean=True", "must be true or false, got 'True'"),
    ],
)
def test_mistakes_are_named(assignment, complaint):
    """Each wrong assignment says what was expected, and what it was."""
    with pytest.raises(ValueError) as caught:
        with_overrides(Config(), ["epochs=1", assignment])
    assert complaint in str(caught.value)


def _numbers(kind):
    """Yield each setting that is a number or a list of them, with its type and its default."""
    for part in (kind().model, kind().training):
        for name, hint in typing.get_type_hints(type(part), include_extras=True).items():
            default = getattr(part, name)
            if isinstance(default, int | float | tuple) and not isinstance(default, bool):
                yield name, hint, default


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_number_has_a_range_that_holds_its_default(kind):
    for name, hint, default in _numbers(kind):
        ranges = [part for part in typing.get_args(hint) if isinstance(part, Range)]
        assert len(ranges) == 1, name
        assert ranges[0].holds(default), name


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_value_out_of_range_is_told_with_setting_value_and_range(kind):
    for name, hint, default in _numbers(kind):
        (allowed,) = (part for part in typing.get_args(hint) if isinstance(part, Range))
        for number in (-1, 10**30):
            value = [number] if isinstance(default, tuple) else type(default)(number)
            with pytest.raises(ValueError) as caught:
                with_value(kind(), name, value)
            assert str(caught.value) == f"{name} must be {allowed}, got {value}", name


@pytest.mark.parametrize(
    "assignment",
    [
        *("batch_size=0", "log_every=0", "save_every=0", "epochs=0", "code_size=0"),
        *("critic_sizes=[]", "critic_sizes=[0]", "generator_sizes=[0]", "code_noise_every=0"),
        *("autoencoder_rate=-1e-9", "adversarial_beta1=1", "generator_average=1", "word_drop=1.5"),
        *("clip_bound=0", "evaluation_sentences=0", "gan_rounds_grow_at=[0]", "cycle_every=0"),
        *("seed=99999999999999999999", "code_size=1e9", "code_size=1000000000"),
    ],
)
def test_values_that_no_run_survives_are_refused(assignment):
    with pytest.raises(ValueError, match=f"{assignment.partition('=')[0]} must be"):
        with_overrides(Config(), [assignment])


@pytest.mark.parametrize(
    "key",
    ["batchsize", "model.batch_size", "training.", "", "training.training.epochs", "x.epochs"],
)
@pytest.mark.parametrize("kind", [Config, InfillingConfig])
def test_an_unknown_key_is_answered_with_the_known(kind, key):
    """All settings of that class and no other's; a setting has to be in the section named."""
    with pytest.raises(ValueError) as caught:
        with_overrides(kind(), [f"{key}=3"])
    assert str(caught.value) == f"no setting {key!r}; there are {', '.join(_names(kind()))}"


# --- values ------------------------------------------------------------------------------------


def test_a_value_may_be_a_list_or_a_tuple():
    """And is kept as a tuple, so that settings are equal where their values are."""
    listed = with_value(Config(), "critic_sizes", [5, 6])
    assert listed.model.critic_sizes == (5, 6)
    assert with_value(Config(), "model.critic_sizes", (5, 6)) == listed
    assert with_value(Config(), "generator_sizes", []).model.generator_sizes == ()


def test_a_value_keeps_the_class_of_the_settings():
    """Whatever dataclass has the two sections."""
    changed = with_value(PairConfig(), "kind", "attention")
    assert type(changed) is PairConfig
    assert changed.model.kind == "attention"
    with pytest.raises(ValueError, match="kind must be one of paper, bilstm-max, attention"):
        with_value(PairConfig(), "kind", "arae")


# --- TOML --------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_toml_sets_both_tables(path):
    """A file holds what --set would."""
    path.write_text(
        "[model]\ncode_size = 64\ncritic_sizes = [8, 9]\n"
        "[training]\nautoencoder_rate = 1\nencoder_update = 'separate'\n"
        "penalty_of_batch_mean = true\n"
    )
    assert with_toml(Config(), path) == with_overrides(
        Config(),
        [
            *("code_size=64", "critic_sizes=[8,9]", "autoencoder_rate=1"),
            *("encoder_update=separate", "penalty_of_batch_mean=true"),
        ],
    )


def test_toml_changes_only_what_it_names(path):
    """On top of other settings, of another class as well."""
    path.write_text("[training]\nepochs = 2\n")
    assert with_toml(PRETRAINING, path) == with_value(PRETRAINING, "training.epochs", 2)
    path.write_text("")
    assert with_toml(PRETRAINING, path) == PRETRAINING


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[model", "cannot read these settings"),
        ("[other]\na = 1\n", "unknown table [other]; use [model] and [training]"),
        ("model = 3\n", "unknown table [model]; use [model] and [training]"),
        ("epochs = 3\n", "unknown table [epochs]; use [model] and [training]"),
        ("[model]\nepochs = 3\n", "no setting 'model.epochs'; there are encoder, "),
        ("[training]\nepoch = 3\n", "no setting 'training.epoch'; there are "),
        ("[training]\n'model.code_size' = 3\n", "no setting 'training.model.code_size'"),
        ("[model.sizes]\ncode_size = 3\n", "no setting 'model.sizes'; there are "),
        ("[model]\ncode_size = 'x'\n", "model.code_size must be a whole number, got 'x'"),
        ("[training]\nseed = 2026-01-01\n", "training.seed must be a whole number, got datetime"),
        ("[training]\nclip_norm = nan\n", "training.clip_norm must be a finite number"),
        ("[training]\nencoder_update = 'both'\n", "training.encoder_update must be one of joint"),
    ],
)
def test_a_wrong_file_is_a_data_error(path, content, problem):
    """The file and the key are named, exit code 3."""
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        with_toml(Config(), path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert caught.value.exit_code == 3


def test_a_file_that_cannot_be_read_is_named(path):
    """Missing, or no UTF-8."""
    with pytest.raises(DataError, match=r"settings\.toml: cannot read these settings"):
        with_toml(Config(), path)
    path.write_bytes(b"[model]\n# \xff\n")
    with pytest.raises(DataError, match=r"settings\.toml: cannot read these settings"):
        with_toml(Config(), path)


# --- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", ["snli", "yelp", "mnist"])
@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name, corpus):
    """What is written into config.json is read back equal."""
    config = preset(name, corpus=corpus)
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_settings_that_differ_everywhere_survive_json():
    """Every field, and not the defaults."""
    config = _all_changed(Config())
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    "config",
    [*MODELS.values(), PRETRAINING, *(_all_changed(kind()) for kind in CONFIGS)],
    ids=lambda config: type(config).__name__,
)
def test_what_is_written_is_accepted_again(config):
    """By the settings of each class, value by value, though only autoencoders' are read back."""
    written = json.loads(json.dumps(to_dict(config)))
    assert {section: set(part) for section, part in written.items()} == {
        section: {f.name for f in dataclasses.fields(getattr(config, section))}
        for section in ("model", "training")
    }
    found = type(config)()
    for section, part in written.items():
        for name, value in part.items():
            found = with_value(found, f"{section}.{name}", value)
    assert found == config


def test_a_setting_that_was_not_written_has_its_default():
    assert from_dict({}) == Config()
    assert from_dict({"training": {"epochs": 2}}) == with_value(Config(), "epochs", 2)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"optimizer": {"rate": 1}}, "no setting 'optimizer.rate'"),
        ({"model": {"epochs": 1}}, "no setting 'model.epochs'"),
        ({"model": {"generator_sizes": "300"}}, "model.generator_sizes must be a list"),
    ],
)
def test_what_was_never_written_is_refused(values, complaint):
    """Rather than left out."""
    with pytest.raises(ValueError, match=complaint):
        from_dict(values)
