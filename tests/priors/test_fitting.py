"""A prior of an image model, from its run to a picture; and what a fit asks of run and corpus."""

import json

import numpy as np
import pytest
import torch
from command_line import call
from idx_files import write_mnist

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.evaluation.reconstruction import codes_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.pretraining.experiment import new_model, pretrain
from arae_toolkit.priors.codes import SplitCodes, decoder_noise
from arae_toolkit.priors.fitting import fit_prior, on_sphere
from arae_toolkit.priors.folder import prior_named
from arae_toolkit.priors.models import load_autoencoder
from arae_toolkit.priors.settings import FlowConfig, GaussianConfig, MixtureConfig
from arae_toolkit.recipes.shared.progress import progress

IMAGES = Config(
    ModelConfig(code_size=6, hidden_size=12, noise_size=3, generator_sizes=(7,), critic_sizes=(8,)),
    TrainingConfig(batch_size=32, epochs=1, evaluation_sentences=30, code_noise=0.1),
)
SMALL = {
    "gaussian": GaussianConfig(),
    "mixture": with_overrides(MixtureConfig(), ["components=[3]", "dimensions=4"]),
    "flow": with_overrides(FlowConfig(), ["width=8", "blocks=1", "iterations=5"]),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A prepared corpus of images."""
    folder = tmp_path_factory.mktemp("corpora")
    write_mnist(folder, train=5_400, test=30, size=(6, 5))
    out = folder / "mnist"
    prepare_corpus("mnist", source=folder, out=out, report=str, progress=progress)
    return Corpus(out)


@pytest.fixture(scope="module")
def image_run(pictures, tmp_path_factory):
    """A trained image model with a fitted prior of each kind."""
    run = tmp_path_factory.mktemp("runs") / "images"
    pretrain(pictures, IMAGES, run, kind="ae")
    for config in SMALL.values():
        fit_prior(load_autoencoder(run), pictures, config, run)
    return run


@pytest.mark.parametrize("kind", SMALL)
def test_an_image_model_is_sampled_from_a_fitted_prior(image_run, tmp_path, kind):
    model = ImageARAE.from_pretrained(image_run)
    prior = prior_named(kind, image_run, model)
    images = model.sample(40, seed=3, prior=prior)
    assert images.shape == (40, 30)
    assert torch.equal(images, model.sample(40, seed=3, prior=prior))
    first, second = tmp_path / "prior.png", tmp_path / "own.png"
    call("sample", image_run, "--prior", kind, "--seed", 3, "--out", first)
    call("sample", image_run, "--seed", 3, "--out", second)
    assert first.read_bytes() != second.read_bytes() or kind == "gaussian"


def test_codes_of_images_are_a_prior_too(image_run, pictures):
    model = ImageARAE.from_pretrained(image_run)
    prior = prior_named("codes", image_run, model, pictures)
    drawn = prior.sample(50, generator=torch.Generator().manual_seed(0))
    nearest = torch.cdist(drawn, model.encode(pictures.pixels("train"))).min(dim=1).values
    assert 0 < float(nearest.mean()) < 0.1 * 6**0.5 * 1.5


def test_a_split_is_encoded_row_by_row_as_in_evaluation(synthetic):
    corpus = Corpus(synthetic)
    model = new_model(corpus, IMAGES, kind="ae")
    assert isinstance(model, ARAE)
    rows = np.array([5, 0, 17])
    expected = codes_of(model, TokenStore(corpus.split("dev"), device=model.device), rows)
    split = SplitCodes(model, corpus, "dev")
    torch.testing.assert_close(split.at(rows), expected, rtol=1e-4, atol=1e-5)
    assert len(split.some(7, seed=1)) == 7
    assert torch.equal(split.some(7, seed=1), split.some(7, seed=1))
    assert len(split.some(10_000, seed=1)) == len(split.some(0, seed=1)) == len(split)
    assert on_sphere(split.some(7, seed=1))
    assert not on_sphere(2 * split.some(7, seed=1))


def test_short_sentences_alone_are_encoded_where_the_run_had_no_others(synthetic):
    corpus = Corpus(synthetic)
    model = new_model(corpus, IMAGES, kind="ae")
    short = int((corpus.split("dev").lengths <= 7 + 1).sum())
    assert len(SplitCodes(model, corpus, "dev", longest=7)) == short < corpus.rows("dev")
    with pytest.raises(DataError, match="the dev split has no row"):
        SplitCodes(model, corpus, "dev", longest=1)


def test_a_model_refuses_the_other_kind_of_corpus(image_run, pictures, synthetic):
    with pytest.raises(DataError, match="in other words"):
        SplitCodes(new_model(Corpus(synthetic), IMAGES, kind="ae"), pictures, "dev")
    with pytest.raises(DataError, match=r"images of shape \(\)"):
        SplitCodes(ImageARAE.from_pretrained(image_run), Corpus(synthetic), "dev")


def test_the_noise_of_the_decoder_is_that_of_the_last_iteration():
    training = {
        **{"code_noise": 0.2, "code_noise_factor": 0.5, "code_noise_every": 10},
        **{"batch_size": 8, "epochs": 3, "iterations": 0},
    }
    config = {"settings": {"training": training}}
    assert decoder_noise(config, rows=80) == pytest.approx(0.2 * 0.5**2)
    training["iterations"] = 11
    assert decoder_noise(config, rows=80) == pytest.approx(0.1)
    assert decoder_noise({}, rows=80) == 0


def test_a_flow_to_clean_codes_has_no_noise_left(image_run, pictures, tmp_path):
    config = with_overrides(SMALL["flow"], ["noise_left=0"])
    model = load_autoencoder(image_run)
    folder = fit_prior(model, pictures, config, image_run, folder=tmp_path / "clean")
    prior = prior_named(str(folder), image_run, model)
    assert prior.noise == 0
    norms = prior.sample(20, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(20))


def test_a_folder_of_another_kind_of_prior_or_damage_is_refused(image_run, pictures, tmp_path):
    model = load_autoencoder(image_run)
    with pytest.raises(CheckpointMismatch, match="prior flow there, mixture here"):
        folder = image_run / "priors" / "flow"
        fit_prior(model, pictures, SMALL["mixture"], image_run, folder=folder)
    folder = fit_prior(model, pictures, SMALL["gaussian"], image_run, folder=tmp_path / "gaussian")
    config = json.loads((folder / "config.json").read_text())
    config["prior"]["code_size"] = 7
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatch, match="another config"):
        prior_named(str(folder), image_run, model)
