from dataclasses import replace

import pytest

from arae_toolkit.config.model_kinds import KINDS, code_space
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.config.schema import Config, ModelConfig, check_separate


def test_published_settings_are_the_published_ones():
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


@pytest.mark.parametrize("name", PRESETS)
def test_a_corpus_of_ones_own_gets_the_preset_as_it_stands(name):
    kept = PRESETS[name]
    for corpus in ("yelp", "mnist"):
        preset(name, corpus=corpus)
    assert preset(name, corpus="mine") == kept == PRESETS[name]


def test_an_image_has_no_softmax_to_estimate():
    """Whatever preset is chosen."""
    for name in PRESETS:
        assert preset(name, corpus="mnist").training.softmax_samples == 0
    assert preset("fast", corpus="yelp").training.softmax_samples == 512


def test_one_table_of_word_vectors_where_there_is_one_decoder():
    """By default; the published settings have three, and so do transfer models and images none."""
    assert preset("default", corpus="any").model.tied_embeddings == "all"
    assert preset("fast", corpus="snli").model.tied_embeddings == "all"
    for name, corpus in (("paper-2018", "snli"), ("default", "mnist"), ("fast", "mnist")):
        assert preset(name, corpus=corpus).model.tied_embeddings == "none"
    for name in PRESETS:
        assert preset(name, corpus="yelp", transfer=True).model.tied_embeddings == "none"
        check_separate(preset(name, corpus="any", transfer=True))


@pytest.mark.parametrize("name", ["default", "fast", "fluent"])
def test_the_araes_regularisers_are_no_one_elses(name):
    """Baselines have its sizes and the paper's noise; transfer models and images are as before."""
    arae, plain = preset(name, corpus="mine"), Config().training
    assert arae.training.flow_weight and arae.training.code_noise_factor == 1
    assert arae.model.generator_noise == arae.training.code_noise
    kinds = {kind: preset(name, corpus="mine", kind=kind) for kind in KINDS if kind != "arae"}
    others = [preset(name, corpus="mine", transfer=True), preset(name, corpus="mnist")]
    for kind, config in kinds.items():
        assert replace(config.model, generator_noise=arae.model.generator_noise) == arae.model
        code_space(kind, config.model)
    for config in (*kinds.values(), *others):
        assert (config.training.flow_weight, config.model.generator_noise) == (0, 0)
    for config in (*kinds.values(), others[0]):
        kept = ("code_noise", "code_noise_factor", "adversarial_weight")
        assert all(getattr(config.training, key) == getattr(plain, key) for key in kept)
    assert others[0].model == replace(ModelConfig(), tied_embeddings="none")
    faithful = Config(ModelConfig(tied_embeddings="all"))
    for kind in KINDS:
        assert preset("faithful", corpus="mine", kind=kind) == faithful


def test_fluent_is_fast_where_there_is_no_arae_of_sentences():
    fluent, fast = preset("fluent", corpus="snli"), preset("fast", corpus="snli")
    assert fluent.training.flow_weight > fast.training.flow_weight
    assert fluent.training.code_noise > fast.training.code_noise
    for others in (
        *({"corpus": name, "transfer": True} for name in ("yelp", "yahoo", "mine")),
        *({"corpus": name} for name in ("mnist", "digits")),
        {"corpus": "snli", "kind": "ae"},
    ):
        assert preset("fluent", **others) == preset("fast", **others)


def test_an_unknown_preset_names_the_known():
    """The message lists them."""
    with pytest.raises(ValueError, match=r"no preset 'best'; choose one of default, faithful"):
        preset("best", corpus="snli")
