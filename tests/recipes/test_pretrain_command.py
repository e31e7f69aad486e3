import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from command_line import call
from safetensors.torch import load_file
from small_runs import SMALL, pretrain, rows_of, same_state, start

from arae_toolkit import ARAE
from arae_toolkit.data.corpus import Corpus, pack
from arae_toolkit.data.corpus_checks import sealed
from arae_toolkit.recipes.shared.corpora import open_corpus, run_name
from arae_toolkit.storage.atomic_files import write_json


def test_it_trains_and_leaves_a_model(synthetic, tmp_path):
    """The folder goes to stdout, progress to stderr; the model loads and talks."""
    result = pretrain(synthetic, tmp_path)
    assert result.stdout == f"{tmp_path}\n"
    assert "sentences/s" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("next: 'arae-toolkit sample ")
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    dev = [row for row in rows if row["kind"] == "dev"]
    assert len(dev) == 2
    assert dev[1]["nats_per_sentence"] < dev[0]["nats_per_sentence"]
    assert len(dev[0]["samples"]) == 10
    model = ARAE.from_pretrained(tmp_path)
    assert model.encode(["a man is sleeping ."]).shape == (1, 16)
    assert len(model.sample(3)) == 3


@pytest.mark.parametrize("kind", ["ae", "aae"])
def test_baselines_train_too(synthetic, tmp_path, kind):
    """By default beside the ARAE's folder, and sampled in their own way."""
    pretrain(synthetic, tmp_path, "--model", kind, epochs=1)
    assert len(ARAE.from_pretrained(tmp_path).sample(2)) == 2


def test_it_trains_on_sentences_of_at_most_some_words(synthetic, tmp_path):
    """Longer ones are in no batch and no evaluation, and none is written; the corpus stays."""
    pretrain(synthetic, tmp_path, "--set", "longest_sentence=7", epochs=1)
    sentences = Corpus(synthetic).split("train")
    short = int((sentences.lengths <= 7 + 1).sum())  # <eos> is no word
    assert 0 < short < len(sentences)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["iteration"] == short // 32
    model = ARAE.from_pretrained(tmp_path)
    assert model.max_length == 7
    assert all(len(sentence.split()) <= 7 for sentence in model.sample(20))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_no_sentence_that_is_short_enough_is_named(synthetic, tmp_path, split):
    """One line that names the split, before a model is written."""
    other = shutil.copytree(synthetic, tmp_path / "corpus")
    corpus = Corpus(other)
    words = corpus.vocabulary
    for name in ("train", "dev"):
        text = "a dog runs in the park ." if name == split else "a dog ."
        pack(words.encode_batch([text] * 40), vocab_size=len(words)).save(other, name)
        corpus.manifest["splits"][name]["sentences"] = 40
    write_json(other / "manifest.json", sealed(corpus.manifest, other))
    result = pretrain(other, tmp_path / "run", "--set", "longest_sentence=3", code=3)
    assert f"{other}: no sentence of at most 3 words in {split}" in result.stderr
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_same_command_again_goes_on_or_is_complete(synthetic, tmp_path):
    """A finished run is left alone; --resume never refuses it; other settings are refused."""
    pretrain(synthetic, tmp_path, epochs=1)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again = pretrain(synthetic, tmp_path, epochs=1)
    assert "complete" in again.stderr
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    never = pretrain(synthetic, tmp_path, "--resume", "never", epochs=1, code=1)
    assert "holds a run already" in never.stderr
    other = pretrain(synthetic, tmp_path, "--seed", "5", epochs=1, code=4)
    assert "training.seed" in other.stderr
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_finished_run_trains_on_where_a_longer_one_is_asked_for(synthetic, tmp_path):
    """And only there: a default that is longer is no wish."""
    options = ("--device", "cpu", "--out", tmp_path, *SMALL)
    pretrain(synthetic, tmp_path, epochs=1)
    refused = call("pretrain", synthetic, *options, code=4)
    assert "training.epochs 1 there, 10 here" in refused.stderr
    longer = call("pretrain", synthetic, *options, "--epochs", 2)
    assert "the schedule is extended from" in longer.stderr
    done = call("pretrain", synthetic, *options, "--epochs", 2)
    assert "this run is complete" in done.stderr
    assert "extended" not in done.stderr
    assert json.loads((tmp_path / "config.json").read_text())["settings"]["training"]["epochs"] == 2
    ARAE.from_pretrained(tmp_path)
    shorter = pretrain(synthetic, tmp_path, epochs=1, code=4)
    assert "training.epochs 2 there, 1 here" in shorter.stderr


def test_a_state_of_another_folder_starts_a_complete_one(synthetic, undisturbed, tmp_path):
    """--resume PATH goes on in a folder of its own, which is a model folder as well."""
    pretrain(synthetic, tmp_path, "--resume", str(undisturbed), epochs=6)
    assert ARAE.from_pretrained(tmp_path).sample(5) == ARAE.from_pretrained(undisturbed).sample(5)
    other = pretrain(synthetic, tmp_path / "short", "--resume", str(undisturbed), epochs=5, code=4)
    assert "training.epochs" in other.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_stopped_and_started_again_equals_never_stopped(
    synthetic, undisturbed, tmp_path, number, code
):
    """Whatever the signal, the second start ends with the very weights of an undisturbed run."""
    process = start(synthetic, tmp_path / "stopped")
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    if number != signal.SIGKILL:
        assert "goes on from there" in errors.splitlines()[-1]
    pretrain(synthetic, tmp_path / "stopped", epochs=6)
    assert same_state(tmp_path / "stopped", undisturbed)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "batchsize=3"], 2, "no setting 'batchsize'"),
        (["--set", "epochs=many"], 2, "a whole number"),
        (["--preset", "unheard-of"], 2, "unheard-of"),
        (["--device", "cuda"], 1, "no CUDA device"),
        (["--resume", "/nowhere/at/all"], 2, "no training state"),
        (["--seeds", "2", "--resume", "/nowhere/at/all"], 2, "goes on with one run"),
        (["--seeds", "2", "--set", "epochs=many"], 2, "a whole number"),
        (["--seeds", "0"], 2, "0 is not in the range"),
    ],
)
def test_mistakes_get_one_line(synthetic, tmp_path, arguments, code, message):
    """What is wrong, the right exit code, and no traceback."""
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = call("pretrain", synthetic, "--out", tmp_path, *arguments, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_corpus_that_is_not_there(tmp_path):
    """One line that names what was looked for, exit code 2."""
    result = call("pretrain", tmp_path / "nothing.txt", code=2)
    assert "nothing.txt" in result.stderr


def test_divergence_is_exit_code_5(synthetic, tmp_path):
    """A rate far too high is stopped and named."""
    result = pretrain(
        synthetic, tmp_path, "--set", "autoencoder_rate=1e6", "--set", "warmup=0",
        "--set", "clip_norm=0", "--set", "autoencoder_optimizer=sgd", code=5,
    )  # fmt: skip
    assert "where guessing costs" in result.stderr.splitlines()[-1]


def test_the_demo_runs_and_writes_its_report(tmp_path):
    """Small, but the whole way: corpus, training, tables, report."""
    result = call("demo", "--size", "400", "--epochs", "1", "--out", tmp_path / "demo")
    report = Path(result.stdout.strip()).read_text()
    assert "offset vectors" in result.stderr  # or why there are none
    for title in ("Samples", "Reconstructions", "Interpolations", "nats a sentence"):
        assert title in report
        assert title in result.stderr


def test_a_finished_model_without_its_state_is_kept_unless_it_is_to_be_set_aside(
    synthetic, tmp_path
):
    """With --overwrite it is kept under another name, which is said."""
    folder = tmp_path / "run"
    pretrain(synthetic, folder, epochs=1)
    before = (folder / "model.safetensors").read_bytes()
    (folder / "training_state.safetensors").unlink()
    refused = pretrain(synthetic, folder, epochs=1, code=1)
    assert "--overwrite" in refused.stderr.splitlines()[-1]
    assert (folder / "model.safetensors").read_bytes() == before
    done = pretrain(synthetic, folder, "--overwrite", epochs=1)
    (kept,) = tmp_path.glob("run.before-*")
    assert str(kept) in done.stderr
    assert (kept / "model.safetensors").read_bytes() == before
    assert len(ARAE.from_pretrained(kept).sample(2)) == len(ARAE.from_pretrained(folder).sample(2))


def test_overwrite_and_resume_exclude_each_other(synthetic, tmp_path):
    pretrain(synthetic, tmp_path, "--overwrite", "--resume", "never", code=2)


@pytest.mark.parametrize("setting", ["batch_size=0", "log_every=0", "critic_sizes=[]", "seed=1e99"])
def test_a_setting_out_of_range_is_a_usage_error(synthetic, tmp_path, setting):
    told = pretrain(synthetic, tmp_path / "run", "--set", setting, code=2).stderr
    name = setting.partition("=")[0]
    assert f"Invalid value for '--set': {name} must be" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("vae", ["flow_weight=1"]),
        ("language-model", ["flow_weight=1"]),
        ("ae", ["flow_weight=1", "code_norm=none"]),
        ("arae", ["tied_embeddings=all", "embedding_size=8"]),
    ],
)
def test_settings_that_cannot_go_together_are_a_usage_error(synthetic, tmp_path, kind, settings):
    more = [word for setting in settings for word in ("--set", setting)]
    told = pretrain(synthetic, tmp_path / "run", "--model", kind, *more, code=2).stderr
    assert "Invalid value for '--set'" in told


def test_plain_names_are_those_of_settings(synthetic, tmp_path):
    """And one setting is not given both ways."""
    options = ("--device", "cpu", "--out", tmp_path, *SMALL)
    call("pretrain", synthetic, *options, "--epochs", 1, "--learning-rate", 0.002)
    settings = json.loads((tmp_path / "config.json").read_text())["settings"]["training"]
    assert (settings["epochs"], settings["autoencoder_rate"]) == (1, 0.002)
    refused = call("pretrain", synthetic, *options, "--batch-size", 8, code=2)
    assert "--batch-size and --set batch_size are one setting" in refused.stderr
    refused = call(
        "pretrain", synthetic, "--learning-rate", 1, "--set", "training.autoencoder_rate=2", code=2
    )
    assert "--learning-rate and --set autoencoder_rate are one setting" in refused.stderr


def test_selected_weights_lie_beside_the_last_ones(synthetic, tmp_path):
    """Both are models; the same command again leaves them, and puts back what is missing."""
    options = ("--select", "nats", "--set", "evaluate_every=4", "--set", "autoencoder_rate=0.3")
    pretrain(synthetic, tmp_path, *options)  # at such a rate, not every evaluation is better
    rows = [row for row in rows_of(tmp_path) if row["kind"] == "dev"]
    assert rows[-1]["nats_per_sentence"] > min(row["nats_per_sentence"] for row in rows)
    folders = (tmp_path, tmp_path / "last")
    best, last = (load_file(folder / "model.safetensors") for folder in folders)
    state = load_file(tmp_path / "training_state.safetensors")
    name = "decoder.projection.bias"
    assert torch.equal(last[name], state[f"module/model/{name}"])
    assert torch.equal(best[name], state[f"tensor/selected/{name}"])
    assert not torch.equal(best[name], last[name])
    for folder in folders:
        assert len(ARAE.from_pretrained(folder).sample(2)) == 2
    (tmp_path / "last" / "model.safetensors").unlink()
    again = pretrain(synthetic, tmp_path, *options)
    assert "its last weights, beside the selected ones" in again.stderr
    assert torch.equal(load_file(folders[1] / "model.safetensors")[name], last[name])
    assert torch.equal(load_file(folders[0] / "model.safetensors")[name], best[name])


def test_runs_are_called_as_the_user_called_the_corpus(tmp_path, monkeypatch):
    """By a prepared folder's name, a file's, or a corpus's; not by what a folder was made from."""
    monkeypatch.chdir(tmp_path)
    lines = [f"a {first} {then} ." for first in "bcdefghijk" for then in "lmnopqrstu"]
    Path("lines.txt").write_text("\n".join(lines))
    call("prepare", "lines.txt", "--out", "corpora/mine")
    (in_cache,) = [Path(call("prepare", "lines.txt").stdout.strip())]
    for given, name in (
        ("corpora/mine", "mine"),
        (tmp_path / "corpora" / "mine" / "", "mine"),
        ("lines.txt", "lines"),
        (in_cache, "lines"),
    ):
        assert run_name(str(given), open_corpus(str(given))) == name
    monkeypatch.chdir(tmp_path / "corpora" / "mine")
    assert run_name(".", open_corpus(".")) == "mine"
    monkeypatch.chdir(tmp_path)
    options = ("--device", "cpu", *SMALL, "--set", "iterations=1")
    ended = call("pretrain", "corpora/mine", *options)
    assert ended.stdout.strip() == str(tmp_path / "runs" / "mine")
