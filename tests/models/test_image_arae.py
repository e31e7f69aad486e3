import math

import numpy as np
import pytest
import small
import torch
from command_line import call
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from idx_files import idx, write
from matplotlib.image import imread
from small_runs import rows_of

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.image_batches import PixelStore, binarised
from arae_toolkit.data.noise import drop_pixels
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.evaluation.code_space import measure_code_space, pixel_neighbours
from arae_toolkit.evaluation.image_grid import GAP, GAP_GREY, ZOOM, grid, save_picture
from arae_toolkit.evaluation.reconstruction import codes_of, measure_images
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE, walks
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.pretraining.experiment import new_model, pretrain

CPU = torch.device("cpu")
SHAPE = (4, 3)
SETTINGS = Config(
    ModelConfig(code_size=6, hidden_size=12, noise_size=3, generator_sizes=(7,), critic_sizes=(8,)),
    TrainingConfig(
        batch_size=8, epochs=2, warmup=0, adversarial_warmup=0, log_every=2, evaluation_sentences=30
    ),
)


def images(count, *, seed=0, shape=SHAPE):
    """Return grey bars on noisy paper, no two alike in most cases. Shape (count, P)."""
    random = np.random.default_rng(seed)
    grey = random.integers(0, 140, (count, *shape))
    for image in grey:
        if random.random() < 0.5:
            image[random.integers(shape[0])] = 255
        else:
            image[:, random.integers(shape[1])] = 200
    return grey.astype(np.uint8).reshape(count, -1)


def image_model(**arguments):
    model = ImageARAE(
        SHAPE,
        code_size=6,
        noise_size=3,
        encoder_sizes=(12, 6),
        decoder_sizes=(6, 12),
        generator_sizes=(7,),
        **arguments,
    )
    model.initialize(generator=torch.Generator().manual_seed(5))
    return model


def trained_model(**arguments):
    """Return a model whose batch normalization has seen images, in evaluation mode."""
    model = image_model(**arguments)
    model.decoder(model.encoder(store(40, seed=3).batch(np.arange(40))))
    return model.eval()


def store(count, *, seed=0):
    return PixelStore(images(count, seed=seed), device=CPU)


# --- batches ---------------------------------------------------------------------------------


@given(pixels=hypothesis_numpy.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 9))))
def test_ink_is_a_grey_value_of_at_least_128(pixels):
    batch = PixelStore(pixels, device=CPU).batch(np.arange(len(pixels)))
    np.testing.assert_array_equal(batch.pixels.numpy(), (pixels >= 128).astype(np.float32))
    assert (len(batch), batch.symbols) == (len(pixels), pixels.size)


def test_binary_images_are_taken_as_they_are():
    ink = torch.tensor([[True, False, True]])
    assert torch.equal(binarised(ink), ink)
    assert torch.equal(binarised(ink.numpy()), ink)
    with pytest.raises(TypeError, match="float32"):
        binarised(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"\(N, P\), got \(3,\)"):
        binarised(np.zeros(3, dtype=np.uint8))


def test_batches_hold_the_rows_that_were_asked_for_in_their_order():
    split, rows = store(9), np.array([4, 0, 4, 8])
    expected = torch.from_numpy((images(9)[rows] >= 128).astype(np.float32))
    assert torch.equal(split.batch(rows).pixels, expected)
    batches, order = split.grouped(rows, groups=3)
    assert torch.equal(torch.cat([batch.pixels for batch in batches])[order], expected)


def test_dropping_turns_a_share_of_the_pixels_to_paper():
    ink = torch.ones(50, 40)
    assert torch.equal(drop_pixels(ink, share=0.0, generator=torch.Generator()), ink)
    assert not drop_pixels(ink, share=1.0, generator=torch.Generator()).any()
    kept = drop_pixels(ink, share=0.3, generator=torch.Generator().manual_seed(0)).mean()
    assert float(kept) == pytest.approx(0.7, abs=0.04)


# --- closed forms ----------------------------------------------------------------------------


def undecided_model():
    """Return a model whose decoder gives every pixel the log-odds 0."""
    model = trained_model()
    torch.nn.init.zeros_(model.decoder.layers[-1].weight)
    return model


def test_undecided_pixels_cost_log_2_nats_each():
    model, split = undecided_model(), store(5)
    batch = split.batch(np.arange(5))
    pixels = batch.symbols
    nats = model.decoder.nats(model.encoder(batch), batch)
    assert float(nats.detach()) == pytest.approx(pixels * math.log(2), rel=1e-6)
    measured = measure_images(model, split)
    assert measured.nats_per_image == pytest.approx(12 * math.log(2), rel=1e-6)
    assert measured.nats_per_pixel == pytest.approx(math.log(2), rel=1e-6)
    assert measured.pixel_accuracy == pytest.approx(100 * float(batch.pixels.mean()))
    assert model.nats(images(5)) == pytest.approx([12 * math.log(2)] * 5)


def test_nats_are_those_of_independent_pixels():
    model, batch = trained_model(), store(6).batch(np.arange(6))
    code = model.encoder(batch)
    ink = model.decode(code.detach()).double()
    likelihood = torch.where(batch.pixels > 0, ink, 1 - ink).log().sum()
    assert float(model.decoder.nats(code, batch).detach()) == pytest.approx(-float(likelihood))
    nats, correct = model.decoder.statistics(code, batch)
    assert float(nats.sum()) == pytest.approx(-float(likelihood))
    assert torch.equal(correct, (ink >= 0.5) == (batch.pixels > 0))


# --- invariance ------------------------------------------------------------------------------


def test_an_image_does_not_depend_on_its_company():
    model, pixels = trained_model(), images(10)
    codes = model.encode(pixels)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(10))
    torch.testing.assert_close(codes, torch.cat([model.encode(row[None]) for row in pixels]))
    torch.testing.assert_close(codes, model.encode(pixels, batch_size=3))
    order = np.random.default_rng(0).permutation(10)
    torch.testing.assert_close(model.encode(pixels[order]), codes[torch.from_numpy(order)])
    decoded = model.decode(codes)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    torch.testing.assert_close(decoded, torch.cat([model.decode(code[None]) for code in codes]))
    assert len(model.encode(pixels[:0])) == 0


def test_the_way_between_two_images_begins_and_ends_with_them():
    model, pixels = trained_model(), images(4)
    way = model.interpolate(pixels[0], pixels[1], steps=5)
    torch.testing.assert_close(way[[0, -1]], model.reconstruct(pixels[:2]))
    back = model.interpolate(pixels[1], pixels[0], steps=5)
    torch.testing.assert_close(way, back.flip(0))
    both = walks(model, pixels, steps=5)
    torch.testing.assert_close(both[:5], way)
    torch.testing.assert_close(both[5:], model.interpolate(pixels[2], pixels[3], steps=5))


def test_samples_are_fixed_by_their_seed():
    model = trained_model()
    assert torch.equal(model.sample(7, seed=1), model.sample(7, seed=1))
    assert not torch.equal(model.sample(7, seed=1), model.sample(7, seed=2))
    assert model.sample(7).shape == (7, 12)


def test_a_sample_depends_on_the_seed_and_its_number_alone():
    model = trained_model()
    many = model.sample(600, seed=1)
    for count in (0, 1, 3, 4, 513):
        torch.testing.assert_close(model.sample(count, seed=1), many[:count])


def test_wrong_shapes_are_named():
    model = trained_model()
    with pytest.raises(ValueError, match=r"12 pixels, got shape \(2, 5\)"):
        model.encode(np.zeros((2, 5), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"\(B, 6\), got \(2, 5\)"):
        model.decode(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="steps must be at least 2, got 1"):
        model.interpolate(images(1)[0], images(1)[0], steps=1)


# --- round trip ------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["generator", "sphere", "fitted"])
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, prior):
    model = trained_model(prior=prior)
    model.save_pretrained(tmp_path)
    loaded = ImageARAE.from_pretrained(tmp_path)
    assert not loaded.training
    assert torch.equal(loaded.encode(images(6)), model.encode(images(6)))
    assert torch.equal(loaded.sample(6), model.sample(6))


def test_text_and_image_models_are_not_taken_for_each_other(tmp_path):
    trained_model().save_pretrained(tmp_path / "image")
    small.save_model(tmp_path / "text")
    with pytest.raises(CheckpointMismatch, match="an image model, where a text model"):
        ARAE.from_pretrained(tmp_path / "image")
    with pytest.raises(CheckpointMismatch, match="a text model, where an image model"):
        ImageARAE.from_pretrained(tmp_path / "text")


# --- measurements ----------------------------------------------------------------------------


def test_neighbours_differ_in_the_fewest_pixels():
    pixels = images(60)
    pairs = pixel_neighbours(pixels, seed=2, origins=20, pool=60)
    assert pairs.shape == (20, 2)
    ink = pixels >= 128
    for row, neighbour in pairs:
        differences = (ink != ink[row]).sum(axis=1)
        assert row != neighbour
        assert differences[neighbour] == np.delete(differences, row).min()
    assert pixel_neighbours(pixels[:1], seed=0).shape == (0, 2)


def test_monitors_describe_codes_and_samples():
    model, split, rows = trained_model(), store(60), np.arange(50)
    neighbours = pixel_neighbours(images(60), seed=0)
    monitors = measure_code_space(model, split, rows=rows, neighbours=neighbours)
    codes = codes_of(model, split, rows)
    assert monitors.code_norm == pytest.approx(1)
    assert monitors.generated_norm == pytest.approx(1)
    assert monitors.code_variance == pytest.approx(float(codes.var(dim=0).sum()), rel=1e-4)
    assert monitors.neighbour_cosine > monitors.random_cosine
    distinct = len(torch.unique(model.sample(512) >= 0.5, dim=0))
    assert monitors.unique_samples == pytest.approx(100 * distinct / 512)
    alone = measure_code_space(model, split, rows=rows, neighbours=neighbours[:0])
    assert "neighbour_cosine" not in alone.values()


# --- training --------------------------------------------------------------------------------


def test_an_iteration_moves_every_network_and_names_images():
    model = image_model()
    algorithm = Algorithm(model, SETTINGS, store(40))
    before = {
        f"{name}/{key}": value.clone()
        for name, module in algorithm.modules.items()
        for key, value in module.state_dict().items()
    }
    scalars = algorithm.iteration(0)
    for name, module in algorithm.modules.items():
        for key, value in module.state_dict().items():
            # A constant shift of all inputs of a normalized layer changes nothing: no gradient.
            if key.endswith("weight"):
                assert not torch.equal(value, before[f"{name}/{key}"]), f"{name}/{key}"
    assert scalars["nats_per_image"] == pytest.approx(12 * float(scalars["nats_per_pixel"]))
    assert {"wasserstein", "gradient_penalty", "generator_gradient_norm"} <= scalars.keys()


def test_it_learns_32_images_by_heart():
    config = with_overrides(
        SETTINGS,
        ["batch_size=32", "epochs=120", "code_noise=0", "autoencoder_rate=0.02", "code_size=12"],
    )
    model = ImageARAE(SHAPE, code_size=12, encoder_sizes=(48, 24), decoder_sizes=(24, 48))
    model.initialize(generator=torch.Generator().manual_seed(0))
    split = store(32)
    algorithm = Algorithm(model, config, split)
    start = measure_images(model, split).nats_per_image
    for iteration in range(algorithm.iterations):
        algorithm.iteration(iteration)
    learned = measure_images(model, split)
    assert learned.pixel_accuracy == 100
    assert learned.nats_per_image < 0.1 * start


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a folder with files like MNIST's: 40 training images, and 5,000 more for dev."""
    folder = tmp_path_factory.mktemp("official")
    for prefix, count, seed in (("train", 5_040, 0), ("t10k", 30, 1)):
        pixels = images(count, seed=seed).reshape(count, *SHAPE)
        write(folder / f"{prefix}-images-idx3-ubyte.gz", idx(pixels))
        write(folder / f"{prefix}-labels-idx1-ubyte.gz", idx(np.arange(count) % 10))
    return folder


@pytest.fixture(scope="module")
def corpus(source, tmp_path_factory):
    def progress(*_):
        raise AssertionError("images are read too quickly to need a display")

    out = tmp_path_factory.mktemp("prepared") / "mnist"
    prepare_corpus("mnist", source=source, out=out, report=lambda _: None, progress=progress)
    return Corpus(out)


def test_half_precision_trains_too(tmp_path, corpus):
    pretrain(corpus, SETTINGS, tmp_path, precision="bf16")
    rows = [row for row in rows_of(tmp_path) if row["kind"] == "train"]
    assert all(math.isfinite(row["nats_per_image"]) for row in rows)
    assert rows[-1]["nats_per_image"] < rows[0]["nats_per_image"]


def test_the_published_sizes(corpus):
    for name in ("default", "paper-2017"):
        config = preset(name, corpus="mnist")
        model = new_model(corpus, config, kind="arae")
        assert isinstance(model, ImageARAE)
        assert model.arguments["encoder_sizes"] == [800, 400]
        assert model.arguments["decoder_sizes"] == [400, 800, 1000]
        assert model.arguments["generator_sizes"] == [64, 100, 150]
        assert (model.code_size, model.arguments["noise_size"]) == (100, 32)
        assert config.model.critic_sizes == (100, 60, 20)


# --- pictures --------------------------------------------------------------------------------


def test_a_grid_shows_each_image_in_its_place(tmp_path):
    shown = grid(torch.eye(3, 12), image_shape=SHAPE, columns=2)
    height, width = SHAPE
    assert shown.shape == (2 * height + 3 * GAP, 2 * width + 3 * GAP)
    first, third = (GAP, GAP), (2 * GAP + height, GAP)
    assert shown[first] == 1
    assert shown[third[0], third[1] + 2] == 1
    assert shown[-GAP - 1, -GAP - 1] == GAP_GREY, "there is no fourth image"
    assert (shown == 1).sum() == 3
    save_picture(tmp_path / "grid.png", [shown, shown])
    grey = imread(tmp_path / "grid.png")[::ZOOM, ::ZOOM, 0]
    np.testing.assert_allclose(grey, np.concatenate([shown, shown]), atol=1 / 255)
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    with pytest.raises(ValueError, match="no image"):
        grid(torch.zeros(0, 12), image_shape=SHAPE, columns=2)


# --- command line ----------------------------------------------------------------------------


SETS = [
    *("--set", "batch_size=8", "--set", "epochs=2", "--set", "log_every=5", "--set", "code_size=6"),
    *("--set", "hidden_size=12", "--set", "evaluation_sentences=30", "--device", "cpu"),
]


def test_from_idx_files_to_pictures(tmp_path, source):
    folder = tmp_path / "runs" / "mnist"
    result = call("pretrain", "mnist", "--source", source, *SETS)
    assert result.stdout == f"{folder}\n"
    assert "arae on mnist: 40 images, 2 epochs of 5 iterations" in result.stderr
    assert "images/s" in result.stderr
    assert f"samples and interpolations: {folder / 'samples' / 'iteration-10.png'}" in result.stderr
    dev = [row for row in rows_of(folder) if row["kind"] == "dev"]
    assert [row["images"] for row in dev] == [30, 5_000]
    assert {"nats_per_image", "pixel_accuracy", "unique_samples", "neighbour_cosine"} <= set(dev[0])
    assert sorted(path.name for path in (folder / "samples").iterdir()) == [
        "iteration-10.png",
        "iteration-5.png",
    ]
    again = call("pretrain", "mnist", *SETS).stderr
    assert "this run is complete" in again
    assert "/mnist --out samples.png' or 'arae-toolkit report " in again

    model, height, width = ImageARAE.from_pretrained(folder), SHAPE[0] + GAP, SHAPE[1] + GAP
    picture = tmp_path / "picture.png"
    call("sample", "mnist", "--count", 6, "--seed", 3, "--out", picture)
    expected = grid(model.sample(6, seed=3), image_shape=SHAPE, columns=3)
    shown = imread(picture)[::ZOOM, ::ZOOM, 0]
    np.testing.assert_allclose(shown, expected, atol=1 / 128)

    file = source / "t10k-images-idx3-ubyte.gz"
    outputs = []
    for words in ([], [file]):  # the test split is what that file holds
        call("reconstruct", "mnist", *words, "--out", picture)
        outputs.append(picture.read_bytes())
    assert outputs[0] == outputs[1]
    shown = imread(picture)[::ZOOM, ::ZOOM, 0]
    assert shown.shape == (2 * 2 * height + GAP, 12 * width + GAP)
    top = shown[GAP : GAP + SHAPE[0], GAP : GAP + SHAPE[1]]
    np.testing.assert_array_equal(top.flatten(), images(30, seed=1)[0] >= 128)

    call("interpolate", "mnist", file, "--steps", 4, "--out", picture)
    assert imread(picture).shape[:2] == (ZOOM * (8 * height + GAP), ZOOM * (4 * width + GAP))


@pytest.fixture
def run_folder(tmp_path):
    trained_model().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["sample", "RUN"], "is an image model: --out FILE.png is needed"),
        (["reconstruct", "RUN"], "is an image model: --out FILE.png is needed"),
        (["interpolate", "RUN"], "is an image model: --out FILE.png is needed"),
        (["sample", "RUN", "--out", "x.jpg"], "a name that ends in .png is expected"),
        (["sample", "RUN", "--out", "x.png", "--unique"], "--unique is for text models"),
        (["sample", "RUN", "--out", "x.png", "--count", "0"], "at least one image"),
        (["reconstruct", "RUN", "--out", "x.png", "-t", "a dog"], "--text is for text models"),
        (["interpolate", "RUN", "a", "b", "--out", "x.png"], "the images of one FILE"),
    ],
)
def test_wrong_usage_is_named(run_folder, words, problem):
    result = call(*[run_folder if word == "RUN" else word for word in words], code=2)
    assert problem in result.stderr
    assert result.stdout == ""


def test_a_picture_is_not_made_of_sentences(tmp_path):
    folder = small.save_model(tmp_path / "text")
    result = call("sample", folder, "--out", tmp_path / "x.png", code=2)
    assert "--out is for image models; sentences go to stdout" in result.stderr
    assert not (tmp_path / "x.png").exists()


def test_images_that_cannot_be_used_are_named(run_folder, source, tmp_path):
    out = ["--out", tmp_path / "x.png"]
    result = call("reconstruct", run_folder, *out, code=3)
    assert "mnist is not prepared; name an idx file of images as FILE" in result.stderr
    labels = source / "t10k-labels-idx1-ubyte.gz"
    result = call("reconstruct", run_folder, labels, *out, code=3)
    assert f"{labels}: wrong magic number 2049" in result.stderr
    wide = write(tmp_path / "wide", idx(np.zeros((2, 5, 7)))).path
    result = call("interpolate", run_folder, wide, *out, code=3)
    assert f"{wide}: images of 5 x 7 pixels, this model is for 4 x 3" in result.stderr
    one = write(tmp_path / "one", idx(np.zeros((1, *SHAPE)))).path
    result = call("interpolate", run_folder, one, *out, code=3)
    assert f"{one}: one image, where two are needed" in result.stderr
    assert call("sample", tmp_path / "nowhere", *out, code=2).stderr.startswith("arae-toolkit")
    assert not (tmp_path / "x.png").exists()
