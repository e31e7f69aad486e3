"""What a run folder knows of its training."""

import json

import pytest
import small

from arae_toolkit.config.overrides import to_dict, with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.arae import ARAE
from arae_toolkit.reports.run_page.run_folder import (
    config_of,
    file_sizes,
    parameters_of,
    settings_of,
    training_command,
)


@pytest.mark.parametrize(
    ("config", "kind", "options"),
    [
        (preset("default", corpus="snli"), "arae", ""),
        (preset("paper-2018", corpus="snli"), "ae", " --model ae --preset paper-2018"),
        (
            with_overrides(preset("demo", corpus="snli"), ["epochs=7", "critic_sizes=[5]"]),
            "arae",
            " --preset demo --set 'critic_sizes=[5]' --set epochs=7",
        ),
    ],
)
def test_the_command_that_trained_a_run(config, kind, options):
    content = {
        "corpus": {"name": "snli"},
        "run": {"model": kind, "precision": "fp32"},
        "settings": json.loads(json.dumps(to_dict(config))),
    }
    assert training_command(content) == f"arae-toolkit pretrain snli{options}"


def test_the_command_names_the_file_that_a_corpus_was_prepared_from():
    content = {
        "corpus": {"name": "reviews", "file": "my reviews.csv"},
        "run": {"model": "arae", "precision": "fp32"},
        "settings": json.loads(json.dumps(to_dict(preset("default", corpus="reviews")))),
    }
    assert training_command(content) == "arae-toolkit pretrain 'my reviews.csv'"


@pytest.mark.parametrize(
    "config",
    [{}, {"run": {"model": "infilling"}}, {"run": {"model": "arae"}, "settings": {}}],
)
def test_no_command_is_made_up_for_other_kinds(config):
    assert training_command(config) is None


def test_settings_are_those_of_the_run(undisturbed):
    config = config_of(undisturbed)
    settings = settings_of(config)
    assert settings["training.epochs"] == 6
    assert settings["model.generator_sizes"] == [16]
    assert "corpus" not in settings
    assert config["made"]["device"] == "cpu"


def test_parameters_are_counted_without_the_weights(tmp_path):
    folder = small.save_model(tmp_path / "run")
    model = ARAE.from_pretrained(folder)
    found = parameters_of(folder)
    for part in ("encoder", "decoder", "prior"):
        assert found[part] == sum(p.numel() for p in getattr(model, part).state_dict().values())
    sizes = file_sizes(folder)
    assert sizes["model.safetensors"] == (folder / "model.safetensors").stat().st_size
    (folder / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(CheckpointMismatch, match=r"model\.safetensors: cannot be read"):
        parameters_of(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointMismatch, match=r"config\.json: cannot be read"):
        config_of(folder)
