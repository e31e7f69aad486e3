import pytest

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
    assert preset("default", corpus="any") == Config(ModelConfig(tied_embeddings="all"))
    assert preset("fast", corpus="snli").model.tied_embeddings == "all"
    for name, corpus in (("paper-2018", "snli"), ("default", "yelp"), ("fast", "mnist")):
        assert preset(name, corpus=corpus).model.tied_embeddings == "none"
    for name in PRESETS:
        check_separate(preset(name, corpus="any", transfer=True))


def test_an_unknown_preset_names_the_known():
    """The message lists them."""
    with pytest.raises(ValueError, match=r"no preset 'best'; choose one of default, paper-2018"):
        preset("best", corpus="snli")
