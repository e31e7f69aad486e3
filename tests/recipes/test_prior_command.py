"""``prior fit``, ``prior list`` and ``sample --prior`` on a small run with noise on its codes."""

import json
import re
import shutil
import signal
import time

import pytest
import small
import torch
from command_line import call, start
from safetensors.torch import load_file, save_file
from small_runs import pretrain, rows_of

from arae_toolkit import ARAE
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.priors.folder import prior_named
from arae_toolkit.training.checkpoint import STATE

FLOW = ("--set", "width=24", "--set", "blocks=1", "--set", "batch_size=64")
QUICK = (*FLOW, "--set", "iterations=12", "--set", "evaluate_every=4", "--set", "save_every=3")


@pytest.fixture(scope="module")
def run(synthetic, tmp_path_factory):
    """A plain autoencoder, its prior fitted in each of the three ways."""
    folder = tmp_path_factory.mktemp("runs") / "ae"
    noise = ("--set", "code_noise=0.2", "--set", "code_noise_factor=1")
    pretrain(synthetic, folder, "--model", "ae", *noise, epochs=2)
    fit(folder, "gaussian", synthetic)
    fit(folder, "mixture", synthetic, "--set", "components=[2,4]", "--set", "dimensions=5")
    fit(folder, "flow", synthetic, *QUICK)
    return folder


def fit(run, kind, corpus, *more, code=0):
    options = ("--kind", kind, "--corpus", corpus, "--device", "cpu")
    return call("prior", "fit", run, *options, *more, code=code)


def sample(run, *more, code=0):
    return call("sample", run, "--device", "cpu", *more, code=code)


@pytest.fixture
def own_copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


@pytest.mark.parametrize("kind", ["gaussian", "mixture", "flow"])
def test_sample_draws_from_a_fitted_prior(run, kind):
    drawn = ("--count", 20, "--method", "sample")  # the little it has learned is often one sentence
    first = sample(run, "--prior", kind, *drawn)
    assert len(first.stdout.splitlines()) == 20
    assert first.stderr == ""
    assert sample(run, "--prior", kind, *drawn).stdout == first.stdout
    assert first.stdout != sample(run, *drawn).stdout
    model = ARAE.from_pretrained(run)
    prior = prior_named(kind, run, model)
    assert first.stdout.splitlines() == model.sample(
        20, prior=prior, decoding=Decoding(method="sample")
    )
    by_path = sample(run, "--prior", run / "priors" / kind, *drawn)
    assert by_path.stdout == first.stdout


def test_a_gaussian_of_all_codes_without_noise_is_a_plain_autoencoders_own(
    run, synthetic, tmp_path
):
    """Which is fitted to 20,000 rows at most: here to all."""
    fit(run, "gaussian", synthetic, "--set", "noise_left=0", "--out", tmp_path)
    drawn = ("--count", 20, "--method", "sample")
    assert sample(run, "--prior", tmp_path, *drawn).stdout == sample(run, *drawn).stdout


def test_a_finished_flow_trains_on_and_the_others_are_fitted_anew(own_copy, synthetic):
    longer = (*QUICK[:6], *QUICK[8:], "--set", "iterations=20")
    assert "the schedule is extended from 12" in fit(own_copy, "flow", synthetic, *longer).stderr
    assert "this run is complete" in fit(own_copy, "flow", synthetic, *longer).stderr
    assert rows_of(own_copy / "priors" / "flow")[-1]["iteration"] == 20
    refused = fit(own_copy, "flow", synthetic, *QUICK, code=4).stderr
    assert "a run that is not shorter" in refused.splitlines()[-1]
    forms = ("--set", "components=[2,4]", "--set", "dimensions=5", "--set", "iterations=99")
    refused = fit(own_copy, "mixture", synthetic, *forms, code=4).stderr
    assert "training.iterations 50 there, 99 here" in refused.splitlines()[-1]


def test_own_is_what_the_model_was_trained_with(run):
    plain = sample(run).stdout
    assert sample(run, "--prior", "own").stdout == plain
    assert sample(run, "--prior", "fitted").stdout == plain


def test_codes_are_those_of_train_with_the_noise_of_the_decoder(run, synthetic):
    model, corpus = ARAE.from_pretrained(run), Corpus(synthetic)
    prior = prior_named("codes", run, model, corpus)
    drawn = prior.sample(400, generator=torch.Generator().manual_seed(0))
    sentences = [corpus.split("train")[row].tolist() for row in range(corpus.rows("train"))]
    texts = [corpus.vocabulary.decode(sentence) for sentence in sentences]
    nearest = torch.cdist(drawn, model.encode(texts)).min(dim=1).values
    assert float(nearest.mean()) == pytest.approx(0.2 * 16**0.5, rel=0.15)
    with pytest.raises(ValueError, match="needs the corpus"):
        prior_named("codes", run, model)


def test_every_fitted_prior_leaves_the_noise_of_the_decoder(run):
    model = ARAE.from_pretrained(run)
    assert prior_named("flow", run, model).end < 1
    for kind in ("flow", "gaussian", "mixture"):
        prior = prior_named(kind, run, model)
        assert prior.noise == pytest.approx(0.2)
        drawn = prior.sample(2000, generator=torch.Generator().manual_seed(0))
        # Codes have norm 1, and the noise comes on top.
        norm = float(drawn.square().sum(dim=1).mean())
        assert norm == pytest.approx(1 + 16 * 0.2**2, rel=0.1), kind


def test_a_start_without_scale_gives_one_sentence(run):
    assert len(set(sample(run, "--prior", "flow", "--start-scale", 0).stdout.splitlines())) == 1
    refused = sample(run, "--prior", "gaussian", "--start-scale", 0.9, code=2)
    assert "--start-scale: the prior 'gaussian' is no flow" in refused.stderr
    assert "--start-scale" in sample(run, "--start-scale", 0.9, code=2).stderr


def test_unique_samples_come_from_the_prior_as_well(run):
    lines = sample(
        run, "--prior", "flow", "--unique", "--count", 8, "--method", "sample"
    ).stdout.splitlines()
    assert len(set(lines)) == 8


def test_a_prior_that_is_not_there_is_named_with_those_that_are(run):
    missing = sample(run, "--prior", "nothing", code=2)
    assert "no prior 'nothing'" in missing.stderr
    assert "fitted, flow, gaussian, mixture, codes" in missing.stderr
    with pytest.raises(ToolkitError, match=r"prior fit .* --kind flow"):
        prior_named("flow", run / "priors", ARAE.from_pretrained(run))


def test_a_prior_of_other_weights_is_refused(run, synthetic, tmp_path, own_copy):
    other = tmp_path / "other"
    pretrain(synthetic, other, "--model", "ae", "--seed", "3", epochs=1)
    shutil.copytree(run / "priors", other / "priors")
    assert "a prior of other weights" in sample(other, "--prior", "flow", code=4).stderr
    listed = call("prior", "list", other).stdout.splitlines()
    assert all("other weights" in line for line in listed[1:4])
    assert "weights" in fit(other, "flow", synthetic, *QUICK, code=4).stderr
    # A damaged one, and a model in its place.
    path = own_copy / "priors" / "mixture" / "model.safetensors"
    save_file({**load_file(path), "means": torch.zeros(1)}, path)
    assert sample(own_copy, "--prior", "mixture", code=4).stderr.count("\n") == 1
    with pytest.raises(CheckpointMismatch, match="no prior, but a model"):
        prior_named(str(run), run, ARAE.from_pretrained(run))


def test_priors_are_listed_with_what_they_gain(run):
    lines = [line.split("\t") for line in call("prior", "list", run).stdout.splitlines()]
    assert [line[:2] for line in lines] == [
        ["fitted", "own"],
        ["flow", "flow"],
        ["gaussian", "gaussian"],
        ["mixture", "mixture"],
        ["codes", "codes"],
        ["neighbours", "neighbours"],
    ]
    assert all(line[3] == "usable" for line in lines)
    found = json.loads(call("prior", "list", run, "--json").stdout)
    assert found["priors"][3]["nats_gained"] == pytest.approx(float(lines[3][2]), abs=0.01)


@pytest.mark.parametrize(("prior", "name"), [("gaussian", "standard"), ("none", "none")])
def test_priors_of_every_kind_of_model_have_a_name(prior, name, tmp_path):
    small.model(small.vocabulary(), prior=prior).save_pretrained(tmp_path / "run")
    listed = call("prior", "list", tmp_path / "run").stdout
    assert listed.split()[:2] == [name, "own"]
    done = call("sample", tmp_path / "run", "--prior", "flow", code=2)
    assert f"there are {name}, " in done.stderr


def test_the_same_command_again_leaves_a_prior_alone_and_other_settings_are_refused(run, synthetic):
    for kind, settings, note in (
        ("flow", QUICK, "complete"),
        ("gaussian", (), "fitted already"),
    ):
        before = (run / "priors" / kind / "model.safetensors").read_bytes()
        assert note in fit(run, kind, synthetic, *settings).stderr
        assert "seed" in fit(run, kind, synthetic, *settings, "--seed", 4, code=4).stderr
        assert (run / "priors" / kind / "model.safetensors").read_bytes() == before
    for wrong in ("lateness=0", "steps=0", "average=1.0", "batch_size=0", "rate=-1"):
        assert "must" in fit(run, "flow", synthetic, "--set", wrong, code=2).stderr
    assert "at least 1" in fit(run, "mixture", synthetic, "--set", "components=[]", code=2).stderr
    assert "no setting 'widht'" in fit(run, "flow", synthetic, "--set", "widht=3", code=2).stderr


def test_the_same_seed_fits_the_same_prior(run, synthetic, tmp_path):
    for kind, settings in (
        ("flow", QUICK),
        ("mixture", ("--set", "components=[2,4]", "--set", "dimensions=5")),
    ):
        out = tmp_path / kind
        assert fit(run, kind, synthetic, *settings, "--out", out).stdout == f"{out}\n"
        again = load_file(out / "model.safetensors")
        for name, tensor in load_file(run / "priors" / kind / "model.safetensors").items():
            assert torch.equal(tensor, again[name]), name


def test_the_mixture_that_is_likeliest_on_dev_is_kept_and_one_gaussian_gains_nothing(
    run, synthetic, tmp_path
):
    said = fit(
        run, "mixture", synthetic, "--set", "components=[1,3]", "--set", "dimensions=5",
        "--set", "covariance=both",
        "--out", tmp_path / "mixture",
    ).stderr  # fmt: skip
    assert "1 Gaussians, full: 0.0" in said or "1 Gaussians, full: -0.0" in said
    told = [float(gain) for gain in re.findall(r": (-?[\d.]+) nats a code", said)]
    assert len(told) == 4
    config = json.loads((tmp_path / "mixture" / "config.json").read_text())
    assert config["measures"]["nats_gained"] == pytest.approx(max(told), abs=0.01)


def test_a_corpus_in_other_words_is_refused(run, tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"zebra {n} runs\n" for n in range(40)))
    call("prepare", tmp_path / "text.txt", "--out", tmp_path / "zebras")
    said = fit(run, "flow", tmp_path / "zebras", "--out", tmp_path / "prior", code=3).stderr
    assert "in other words than the model's" in said
    assert not (tmp_path / "prior").exists()


def test_a_mixture_ends_at_once_when_it_is_interrupted(run, synthetic, tmp_path):
    many = ("--set", f"components={[*range(2, 200)]}", "--set", "dimensions=16")
    command = ("prior", "fit", run, "--kind", "mixture", "--corpus", synthetic, "--device", "cpu")
    process = start(*command, *many, "--out", tmp_path / "prior", process_group=0)
    assert any("2 Gaussians" in line for line in process.stderr), "no form was tried"
    process.send_signal(signal.SIGINT)  # hundreds of forms are left, many seconds of work
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert not (tmp_path / "prior" / "model.safetensors").exists()


def test_an_interrupted_flow_goes_on(run, synthetic, tmp_path):
    """To the same numbers: tests/training/test_every_run.py."""
    often = ("--set", "iterations=300", "--set", "save_every=5", "--set", "evaluate_every=50")
    command = (
        *("prior", "fit", run, "--kind", "flow", "--corpus", synthetic, "--device", "cpu"),
        *(*FLOW, *often, "--out", tmp_path),
    )
    process = start(*command, process_group=0)
    while not (tmp_path / STATE).exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "goes on from there" in said
    assert "going on from iteration" in call(*command).stderr
    assert rows_of(tmp_path)[-1]["iteration"] == 300
