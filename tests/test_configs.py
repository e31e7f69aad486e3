"""Settings: presets, TOML, overrides, and what is said about mistakes."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from pathlib import Path

import pytest

from arae_toolkit.configs import Config, ModelConfig, TrainingConfig
from arae_toolkit.errors import DataError
from arae_toolkit.overrides import from_dict, to_dict, with_overrides, with_toml
from arae_toolkit.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    """What is written into config.json is read back equal."""
    config = preset(name, corpus="snli")
    assert from_dict(to_dict(config)) == config


def test_published_settings_are_the_published_ones() -> None:
    """Spot checks against the published code's figures."""
    clip, penalty = preset("paper-2017", corpus="snli"), preset("paper-2018", corpus="snli")
    assert clip.training.critic_constraint == "clip"
    assert (clip.training.encoder_steps, clip.training.critic_steps) == (5, 5)
    assert clip.training.gan_rounds_grow_at == (2, 4, 6)
    assert penalty.training.penalty_of_batch_mean
    assert penalty.training.encoder_update == "separate"
    assert penalty.model.critic_normalization == "batch"
    yelp = preset("paper-2018", corpus="yelp")
    assert (yelp.model.code_size, yelp.training.epochs) == (128, 25)
    assert not preset("default", corpus="snli").training.penalty_of_batch_mean


def test_an_unknown_preset_names_the_known() -> None:
    """The message lists them."""
    with pytest.raises(ValueError, match="default, paper-2018"):
        preset("best", corpus="snli")


def test_overrides_set_values_of_the_right_type() -> None:
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
    assert config.training.critic_constraint == "clip"
    assert config.training.penalty_of_batch_mean is True
    assert config.model.generator_sizes == (10, 20)
    assert config.training.epochs == Config().training.epochs


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("batch_size", "key=value"),
        ("batchsize=3", "no setting 'batchsize'"),
        ("batch_size=big", "a whole number"),
        ("batch_size=-1", "negative"),
        ("batch_size=1.5", "a whole number"),
        ("autoencoder_rate=fast", "a number"),
        ("critic_constraint=hope", "one of clip"),
        ("generator_sizes=7", "a list"),
        ("penalty_of_batch_mean=1", "true or false"),
        ("model.batch_size=3", "no setting"),
    ],
)
def test_mistakes_are_named(assignment: str, complaint: str) -> None:
    """Each wrong assignment says what was expected."""
    with pytest.raises(ValueError, match=complaint):
        with_overrides(Config(), [assignment])


def test_toml_sets_both_tables(tmp_path: Path) -> None:
    """A file holds what --set would."""
    path = tmp_path / "settings.toml"
    path.write_text("[model]\ncode_size = 64\n[training]\nautoencoder_rate = 0.5\n")
    config = with_toml(Config(), path)
    assert (config.model.code_size, config.training.autoencoder_rate) == (64, 0.5)


@pytest.mark.parametrize(
    "content", ["[model", "[other]\na = 1\n", "[model]\ncode_size = 'x'\n", "model = 3\n"]
)
def test_a_wrong_file_is_a_data_error(tmp_path: Path, content: str) -> None:
    """The file is named, exit code 3."""
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(DataError, match=r"settings\.toml"):
        with_toml(Config(), path)


@pytest.mark.parametrize("kind", [ModelConfig, TrainingConfig, Config])
def test_every_setting_is_explained(kind: type) -> None:
    """A docstring stands under each field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    explained = {
        first.target.id
        for first, second in itertools.pairwise(body)
        if isinstance(first, ast.AnnAssign) and isinstance(second, ast.Expr)
    }
    assert explained == {f.name for f in dataclasses.fields(kind)}
