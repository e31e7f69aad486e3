import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import outside_stand_in
import pytest
import small
import small_transfer
from click.testing import Result
from command_line import call

from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.settings import PairConfig, PairModelConfig, PairTrainingConfig
from arae_toolkit.recipes.nli.pretrain import fewest_labels
from arae_toolkit.recipes.reproduce.inference import rows as table5_rows
from arae_toolkit.reports.tables.nli import inference_block

SMALL = [
    part
    for setting in ("embedding_size=12", "code_size=16", "hidden_size=12", "batch_size=16")
    for part in ("--set", setting)
]
# Two directions without dropout memorise a few hundred pairs in some hundred iterations.
LEARNS = [
    "--model", "bilstm-max", "--set", "epochs=14", "--set", "rate=0.003", "--set", "warmup=5",
    "--set", "embedding_dropout=0", "--set", "dropout=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a small synthetic corpus once."""
    out = tmp_path_factory.mktemp("corpora") / "synthetic"
    call("prepare", "synthetic", "--size", "1200", "--judges-share", "0", "--out", out)
    return out


def _train(corpus: Path, folder: Path, *more: object, code: int = 0) -> Result:
    return call(
        "nli", "--labels", "240", "--corpus", corpus, "--seeds", "2", "--device", "cpu",
        "--out", folder / "nli-small", "--results", folder / "results", *SMALL, *more, code=code,
    )  # fmt: skip


def _result(folder: Path, name: str = "nli-small") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results" / f"{name}.json").read_text())
    return content


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Train two seeds once; the labels are memorised, which no chance is."""
    folder = tmp_path_factory.mktemp("trained")
    result = _train(corpus, folder, "--objective", "supervised", *LEARNS)
    return folder, result


def test_it_prints_the_table_and_leaves_models_and_results(trained):
    """Accuracy with its spread, what needs no network, confusions, a file, a model of all seeds."""
    folder, result = trained
    for words in ("classifier, 2 seeds", "hypothesis alone", "most frequent label", "taken for"):
        assert words in result.stdout
    assert result.stderr.startswith("240 labelled pairs, fingerprint ")
    made = f"{folder / 'nli-small'}"
    assert result.stderr.splitlines()[-2:] == [
        f"the average of the 2 seeds is {made}",
        f"next: 'arae-toolkit nli predict {made} FILE'",
    ]
    found = _result(folder)
    assert found["seeds"] == [0, 1]
    assert found["metrics"]["test_accuracy"]["spread"] is not None
    assert found["details"]["labels"]["count"] == 240
    assert found["corpus"]["name"] == "synthetic"
    model = NLIModel.from_pretrained(folder / "nli-small")
    assert len(model.networks) == 2
    assert model.labels == ("entailment", "neutral", "contradiction")


def test_the_numbers_are_those_of_the_models(corpus, trained):
    """Evaluating the folder of a seed on the test pairs gives the accuracy that was written."""
    from arae_toolkit.data.corpus import Corpus

    folder, _ = trained
    prepared = Corpus(corpus)
    pairs = prepared.pairs("test")
    texts = [prepared.vocabulary.decode(pairs[row].tolist()) for row in range(len(pairs))]
    model = NLIModel.from_pretrained(folder / "nli-small" / "seed-1")
    probabilities = model.probabilities(list(zip(texts[0::2], texts[1::2], strict=True)))
    right = 100 * float((probabilities.argmax(axis=1) == pairs.labels).mean())
    written = _result(folder)["details"]["runs"]["1"]["test"]["accuracy"]
    assert right == pytest.approx(written)


def test_the_same_command_again_trains_nothing(corpus, trained):
    """Finished seeds are left alone, and the table is the same."""
    folder, first = trained
    before = (folder / "nli-small" / "seed-0" / "model.safetensors").stat().st_mtime_ns
    again = _train(corpus, folder, "--objective", "supervised", *LEARNS)
    assert again.stdout == first.stdout
    assert (folder / "nli-small" / "seed-0" / "model.safetensors").stat().st_mtime_ns == before


def test_other_settings_do_not_overwrite_a_run(corpus, trained):
    """A folder of another run is exit code 4, and names what differs."""
    folder, _ = trained
    result = _train(
        corpus, folder, "--objective", "supervised", *LEARNS, "--set", "rate=0.1", code=4
    )
    assert "training.rate 0.003 there, 0.1 here" in result.stderr.splitlines()[-1]


def test_a_finished_classifier_trains_on_where_more_epochs_are_asked_for(
    corpus, trained, tmp_path, monkeypatch
):
    """Each seed, measured anew; also where it is killed on the way. Fewer are refused."""
    from arae_toolkit.nli import experiment

    folder = shutil.copytree(trained[0], tmp_path / "longer")
    options = ["--objective", "supervised", *LEARNS, "--set", "epochs=16"]
    with monkeypatch.context() as patched:
        patched.setattr(experiment, "dtype_of", lambda _: 1 / 0)  # trained, and not yet measured
        _train(corpus, folder, *options, code=1)
    assert not (folder / "nli-small" / "seed-0" / "evaluation.json").exists()
    longer = _train(corpus, folder, *options)
    assert longer.stderr.count("the schedule is extended from") == 1  # seed 0 was, above
    result = _result(folder)
    assert result["details"]["extended"]
    assert "extended" not in _result(trained[0])["details"]
    assert _train(corpus, folder, *options).stdout == longer.stdout
    assert NLIModel.from_pretrained(folder / "nli-small").networks
    fewer = _train(corpus, folder, *options, "--set", "epochs=2", code=4)
    assert "a run that is not shorter" in fewer.stderr.splitlines()[-1]
    assert (folder / "nli-small" / "seed-0" / "evaluation.json").exists()


def test_a_folder_of_another_model_is_left_as_it_is(corpus, tmp_path):
    """The average of the seeds would replace the configuration of an autoencoder."""
    run = tmp_path / "nli-small"
    run.mkdir()
    (run / "config.json").write_text('{"kind": "text"}')
    result = _train(corpus, tmp_path, "--objective", "supervised", *LEARNS, code=4)
    assert "holds another model already" in result.stderr.splitlines()[-1]
    assert (run / "config.json").read_text() == '{"kind": "text"}'
    assert [path.name for path in run.iterdir()] == ["config.json"]


def test_too_few_labels_are_one_line_and_exit_code_3(corpus):
    """It says how many there are."""
    result = call(
        "nli", "--labels", "tiny", "--corpus", corpus, "--objective", "supervised", code=3
    )
    last = result.stderr.splitlines()[-1]
    assert "tiny needs 28,000 labelled pairs, 9,334 of each class" in last
    assert "there are 300 (100 entailment, 100 neutral, 100 contradiction)" in last


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ([], "'arae-toolkit pretrain {corpus}'"),
        (["--objective", "ae"], "'arae-toolkit pretrain {corpus} --model ae'"),
        (
            ["--model", "bilstm-max"],
            "'arae-toolkit nli pretrain --corpus {corpus} --objective masked-pairs'",
        ),
    ],
)
def test_a_missing_encoder_names_the_command_that_makes_one(corpus, options, command):
    """And the way without."""
    result = call("nli", "--labels", "90", "--corpus", corpus, *options, code=1)
    last = result.stderr.splitlines()[-1]
    assert command.format(corpus=corpus) in last
    assert "--encoder random" in last


def test_the_command_that_makes_a_named_encoder_puts_it_where_it_was_named(corpus, tmp_path):
    """Else it is missing once more."""
    wanted = tmp_path / "mine"
    for options in ([], ["--model", "bilstm-max"]):
        result = call(
            "nli", "--labels", "90", "--corpus", corpus, *options, "--encoder", wanted, code=2
        )
        assert f" --out {wanted}'" in result.stderr.splitlines()[-1]


def test_a_classifier_that_labels_further_pairs_is_found_by_its_short_name(corpus):
    options = ("--encoder", "random", "--pseudo-labels", "few")
    result = call("nli", "--labels", "90", "--corpus", corpus, *options, code=2)
    assert "nli-few/config.json" in result.stderr.splitlines()[-1]


def test_an_average_of_seeds_is_no_encoder(corpus, trained):
    """The message names a seed's folder, which is one."""
    folder = trained[0] / "nli-small"
    result = call("nli", "--labels", "90", "--corpus", corpus, "--encoder", folder, code=4)
    assert str(folder / "seed-0") in result.stderr.splitlines()[-1]


def test_a_folder_of_runs_is_no_encoder_and_names_them(corpus, tmp_path):
    for seed in range(2):
        small.save_model(tmp_path / "ae" / f"seed-{seed}")
    words = ("nli", "--labels", "90", "--corpus", corpus, "--encoder", tmp_path / "ae")
    assert "of the models seed-0, seed-1; name one" in call(*words, code=2).stderr


def test_a_transfer_model_is_no_encoder(corpus, tmp_path):
    """It has one, trained to keep a label out of its codes."""
    small_transfer.save_model(tmp_path)
    told = call("nli", "--labels", "90", "--corpus", corpus, "--encoder", tmp_path, code=4).stderr
    assert told == (
        f"arae-toolkit: error: {tmp_path}: a model of kind transfer, where an autoencoder of text, "
        "a classifier of pairs or its pretrained encoder is needed; 'arae-toolkit runs' lists the "
        "kinds of runs\n"
    )


def test_outside_weights_are_titled_so_with_what_they_have_seen(corpus, tmp_path, monkeypatch):
    """Frozen, or tuned at a rate of their own, in folders of their own; predict takes either."""
    outside_stand_in.put_in_place(monkeypatch)
    outside_stand_in.save(outside_stand_in.Averaging(), tmp_path / "outside")
    (tmp_path / "outside" / "README.md").write_text(outside_stand_in.CARD)
    options = [
        "nli", "--labels", "240", "--corpus", corpus, "--seeds", "2", "--device", "cpu",
        "--encoder", f"sentence-transformers:{tmp_path / 'outside'}",
        "--results", tmp_path / "results",
        "--epochs", "14", *SMALL, "--set", "rate=0.02", "--set", "warmup=5", "--set", "dropout=0",
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    frozen = call(*options)
    assert "classifier with outside weights, 2 seeds" in frozen.stdout
    assert "stand-in, trained on SNLI's pairs: on these no result" in frozen.stdout
    assert "stand-in reads" in frozen.stderr
    result = _result(tmp_path, "nli-synthetic-240-outside")
    assert result["details"]["outside"]["seen"] in frozen.stdout
    assert not result["details"]["outside"]["tuned"]
    row = (
        "**with outside weights**: synthetic-240-outside, stand-in, frozen; trained on SNLI's pairs"
    )
    assert row in inference_block({"nli-synthetic-240-outside": result})
    assert call(*options).stdout == frozen.stdout
    call(*options, "--tune-encoder", "--seeds", "1")
    tuned = _result(tmp_path, "nli-synthetic-240-outside-tuned")["details"]
    assert tuned["outside"]["tuned"]
    assert tuned["settings"]["training"]["encoder_rate"] == 0.02
    told = call(
        "nli", "predict", "synthetic-240-outside", input="a quokka sleeps .\ta quokka rests .\n"
    )
    assert told.stdout.strip() in ("entailment", "neutral", "contradiction")
    call(*options, "--set", "word_drop=0.1", code=2)
    call(*options, "--model", "attention", code=2)
    call("nli", "--labels", "240", "--corpus", corpus, "--tune-encoder", code=2)


def test_wrong_usage_is_told_before_anything_is_read():
    """Names of splits, settings, and objectives that a model cannot start from."""
    call("nli", "--labels", "huge", code=2)
    call("nli", "--model", "paper", "--objective", "masked-pairs", code=2)


def test_chance_level_is_named(corpus, tmp_path):
    """A rate of nearly nothing learns nothing: exit code 5, and the last line says so."""
    result = _train(
        corpus, tmp_path, "--encoder", "random", "--set", "rate=0", "--set", "epochs=1", code=5
    )
    assert "chance level" in result.stderr.splitlines()[-1]


def test_pairs_pretrain_an_encoder_that_classifiers_start_from(corpus, tmp_path):
    """Masked pairs, then a classifier over them, then one that learns from its sure answers."""
    encoder = tmp_path / "encoder"
    small = ["--set", "embedding_size=12", "--set", "code_size=16", "--set", "batch_size=16"]
    made = call(
        "nli", "pretrain", "--corpus", corpus, "--device", "cpu", "--out", encoder, *small,
        "--set", "epochs=2", "--objective", "cross-sentence", "--labels", "90", "--label-seed", 1,
    )  # fmt: skip
    assert made.stdout == f"{encoder}\n"
    assert "nats/hidden word" in made.stderr
    assert made.stderr.splitlines()[-1] == (
        f"next: 'arae-toolkit nli --corpus {corpus} --labels=90 --label-seed=1 --model attention "
        f"--encoder {encoder}'"
    )
    options = [*LEARNS, "--encoder", encoder]
    _train(corpus, tmp_path, *options)
    pseudo = _train(
        corpus, tmp_path, *options, "--pseudo-labels",
        tmp_path / "nli-small", "--confidence", "0.4", "--out", tmp_path / "student",
    )  # fmt: skip
    assert "further pairs labelled by" in pseudo.stderr
    assert 0 < _result(tmp_path, "student")["details"]["pseudo_labels"] <= 60
    _train(
        corpus, tmp_path, *options, "--pseudo-labels", tmp_path / "nli-small", "--soft-labels",
        "--confidence", "0.4", "--out", tmp_path / "distilled",
    )  # fmt: skip
    students = [_result(tmp_path, name) for name in ("student", "distilled")]
    assert len({student["details"]["pseudo_labels"] for student in students}) == 1
    accuracies = [student["metrics"]["dev_accuracy"]["value"] for student in students]
    assert accuracies[0] != accuracies[1]


@pytest.mark.parametrize(("pairs", "name"), [(28_000, "full"), (40_000, "full"), (40_001, "tiny")])
def test_as_many_labels_are_named_next_as_there_are(pairs, name):
    counts = {"pairs": pairs, "unlabelled": 12_000 * (pairs > 28_000)}
    assert fewest_labels(SimpleNamespace(manifest={"pairs": {"train": counts}})) == name


def test_an_encoder_of_one_direction_gives_two_its_embeddings(corpus, tmp_path):
    """The log says that no more was taken; without the same size it is exit code 4."""
    from arae_toolkit.data.corpus import Corpus

    vocabulary, labels = Corpus(corpus).vocabulary, Corpus(corpus).labels
    for size in (12, 20):
        arguments = {"kind": "paper", "embedding_size": size, "code_size": 16, "hidden_size": 12}
        network = new_network(len(vocabulary), len(labels), **arguments)
        lstm = NLIModel([network], vocabulary, labels, arguments=arguments)
        lstm.save_pretrained(tmp_path / f"lstm-{size}")
    result = _train(corpus, tmp_path, *LEARNS, "--encoder", tmp_path / "lstm-12")
    assert "its embeddings are taken" in result.stderr
    refused = _train(corpus, tmp_path / "b", *LEARNS, "--encoder", tmp_path / "lstm-20", code=4)
    assert "set embedding_size" in refused.stderr.splitlines()[-1]


def test_a_cell_at_chance_takes_no_other_with_it(corpus, tmp_path, trained, monkeypatch):
    """The table is printed without it, the cell is named, and the exit code is 5."""
    run = trained[0] / "nli-small" / "seed-0"
    model = PairModelConfig("bilstm-max", 12, 16, 12)
    training = PairTrainingConfig(batch_size=16, rate=0)
    monkeypatch.setitem(table5_rows.MODELS, "paper", PairConfig(model, training))
    result = call(
        "reproduce", "table5", "--labels", "300", "--seeds", "1", "--corpus", corpus, "--ae", run,
        *("--arae", run, "--no-tune", "--pretraining-seeds", 1),
        *("--system", "supervised", "--system", "ae", "--system", "arae"),
        "--out", tmp_path / "t", "--results", tmp_path / "results", code=5,
    )  # fmt: skip
    assert "300 labels, supervised" in result.stderr
    assert "chance level" in result.stderr
    assert "hypothesis alone" in result.stdout


@pytest.mark.parametrize("command", [("nli",), ("nli", "pretrain")])
def test_a_setting_is_not_given_both_ways(command):
    refused = call(*command, "--learning-rate", 0.1, "--set", "rate=0.2", code=2)
    assert "--learning-rate and --set rate are one setting" in refused.stderr


def test_plain_names_are_those_of_settings(corpus, tmp_path):
    """Out of range, they are refused as settings are: before anything is computed."""
    refused = call(
        *("nli", "pretrain", "--corpus", corpus, "--learning-rate", 1e9, "--out", tmp_path / "x"),
        code=2,
    )
    assert "rate must be from 0 to 1000000" in refused.stderr


def test_the_way_to_an_encoder_names_the_corpus_as_it_was_asked_for(tmp_path):
    pairs = tmp_path / "own.jsonl"
    rows = ({"premise": f"a man {n} sleeps", "hypothesis": f"he is {n}", "label": "ab"[n % 2]}
            for n in range(60))  # fmt: skip
    pairs.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told = call("nli", "--corpus", pairs, "--labels", "20", "--out", tmp_path / "r", code=1).stderr
    assert f"'arae-toolkit pretrain {pairs}'" in told


def test_a_dev_of_few_pairs_does_not_make_a_training_chance_level(tmp_path):
    """It cannot tell guessing from learning: that is said, and what was trained is kept."""
    rows = tmp_path / "pairs.csv"
    lines = [
        f"a man {number} .,a boy {number} .,{'yes' if number % 3 else 'no'}" for number in range(30)
    ]
    rows.write_text("\n".join(["premise,hypothesis,label", *lines]))
    result = _train(
        rows,
        tmp_path,
        "--encoder",
        "random",
        "--labels",
        "full",
        "--set",
        "rate=0",
        "--set",
        "epochs=1",
    )
    assert "too few to tell learning from guessing" in result.stderr
    assert "chance level" not in result.stderr


def _refused_teacher(corpus: Path, teacher: Path, out: Path) -> str:
    """Return the last line of a training whose teacher is refused before anything is written."""
    told = call(
        *("nli", "--labels", "90", "--corpus", corpus, "--encoder", "random", "--out", out),
        *("--pseudo-labels", teacher, *SMALL),
        code=4,
    )
    assert not out.exists()
    return told.stderr.splitlines()[-1]


@pytest.mark.parametrize("labels", [["yes", "no"], ["contradiction", "neutral", "entailment"]])
def test_a_teacher_of_other_labels_is_refused(corpus, tmp_path, labels):
    """In number, or in their order, by which probabilities are told."""
    from arae_toolkit.data.corpus import Corpus

    vocabulary = Corpus(corpus).vocabulary
    arguments = {"kind": "paper", "embedding_size": 12, "code_size": 16, "hidden_size": 12}
    network = new_network(len(vocabulary), len(labels), **arguments)
    teacher = tmp_path / "teacher"
    NLIModel([network], vocabulary, labels, arguments=arguments).save_pretrained(teacher)
    last = _refused_teacher(corpus, teacher, tmp_path / "student")
    assert f"{teacher}: a classifier of {len(labels)} labels ({', '.join(labels)})" in last
    assert "has 3 (entailment, neutral, contradiction)" in last


def test_a_teacher_that_is_no_classifier_is_refused(corpus, tmp_path):
    teacher = tmp_path / "ae"
    small.save_model(teacher)
    last = _refused_teacher(corpus, teacher, tmp_path / "student")
    assert f"{teacher}: no classifier of sentence pairs" in last


@pytest.mark.parametrize(
    "setting",
    [
        *("label_smoothing=0.1", "hypothesis_weight=0.5", "balanced=true", "encoder_rate=0.1"),
        *("model.dropout=0.5", "hidden_size=12"),
    ],
)
def test_pretraining_refuses_what_only_classifiers_use(corpus, tmp_path, setting):
    name = setting.partition("=")[0].rpartition(".")[2]
    told = call(
        *("nli", "pretrain", "--corpus", corpus, "--out", tmp_path / "encoder", "--set", setting),
        code=2,
    )
    assert f"{name} changes nothing here; 'arae-toolkit nli' uses it" in told.stderr
    assert not (tmp_path / "encoder").exists()


@pytest.mark.parametrize("setting", ["matching_weight=0.1", "softmax_samples=5"])
def test_a_classifier_refuses_what_only_pretraining_uses(corpus, tmp_path, setting):
    told = _train(corpus, tmp_path, "--encoder", "random", "--set", setting, code=2)
    name = setting.partition("=")[0]
    assert f"{name} changes nothing here; 'arae-toolkit nli pretrain' uses it" in told.stderr
