"""``reproduce table1 | figure2 | figure3 | figure4 | figure5``, quick forms made quicker still."""

import json
from dataclasses import replace

import click
import pytest
from command_line import call

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.evaluation import corrupted_reconstruction
from arae_toolkit.latent import offsets
from arae_toolkit.recipes.reproduce import figure5, plain_systems, quick_form, table1
from arae_toolkit.recipes.reproduce.plain_systems import PlainChoices, PlainTable
from arae_toolkit.reports.markdown import budget
from arae_toolkit.storage import paths

TINY = (
    *("iterations=6", "evaluate_every=3", "evaluation_sentences=30", "hidden_size=16"),
    *("embedding_size=16", "code_size=16", "generator_sizes=[16]", "critic_sizes=[16]"),
    *("batch_size=32", "warmup=2"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of runs and results, and settings that train in no time."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick_form, "QUICK_SIZE", 1200)
        patch.setattr(plain_systems, "QUICK_CHANGES", TINY)
        patch.setattr(plain_systems, "QUICK_IMAGE_CHANGES", ("iterations=20",))
        patch.setattr(
            quick_form,
            "QUICK_JUDGE",
            {"embedding_size": 8, "hidden_size": 8, "iterations": 2, "most_epochs": 2},
        )
        patch.setattr(table1, "QUICK_COUNT", 120)
        patch.setattr(figure5, "QUICK_COUNT", 1)
        patch.setattr(figure5, "QUICK_DECODINGS", 2)
        yield folder


@pytest.fixture
def reproduce(place, monkeypatch):
    """Make a table, and return what it printed and its results."""
    monkeypatch.setenv(paths.RUNS_VARIABLE, str(place / "runs"))

    def run(name, *words):
        results = place / "results"
        done = call("reproduce", name, "--quick", "--results", results, *words)
        return done, json.loads((results / f"{name}-quick.json").read_text())

    return run


@pytest.fixture
def shared(place):
    return place / "runs" / "reproduce" / "synthetic-quick"


def test_figure_3_draws_the_course_of_training_with_a_tanh_generator(reproduce, shared):
    done, result = reproduce("figure3")
    curves = result["details"]["curves"]
    assert list(curves) == ["AE, fitted Gaussian", "ARAE", "ARAE, tanh generator"]
    (curve,) = curves["ARAE"]
    assert [row["epoch"] for row in curve] == sorted(row["epoch"] for row in curve)
    assert len(curve) == 2
    assert result["metrics"]["ARAE, generated_norm"]["value"] == pytest.approx(1)
    # By construction on the sphere; a tanh has to learn it.
    assert result["metrics"]["ARAE, tanh generator, generated_norm"]["value"] != pytest.approx(1)
    assert (shared / "figure3.png").read_bytes().startswith(b"\x89PNG")
    assert "| paper's ARAE |" in done.stdout
    assert result["details"]["budget"]["hidden_size"] == 16


def choices_of(**changed):
    usual = {"names": ("ae", "arae"), "once": (), "seeds": 1, "corpus": "", "preset": "fast"}
    usual |= {"changes": (), "quick": True, "device": "cpu", "precision": "fp32"}
    return PlainChoices(**usual | changed)


def test_a_row_may_have_settings_of_its_own(place, monkeypatch):
    monkeypatch.setenv(paths.RUNS_VARIABLE, str(place / "runs"))
    choices = choices_of(
        names=("ae", "arae", "arae-drawn"),
        changes=("critic_sizes=[8]", "arae:iterations=4"),
        out=place / "own",
        results=place / "results",
    )
    table = PlainTable("table1", choices, ())
    ae, arae, drawn = (table.config(row).training for row in table.rows)
    assert (ae.iterations, arae.iterations, drawn.iterations) == (6, 4, 4)
    corpus = {"name": "captions", "rows": 1200}
    told = budget({"corpus": corpus, "details": {"budget": table.budget()}})
    assert "0.5 epochs (ARAE: 0.3; ARAE, words drawn: 0.3) with 16 units" in told


def test_settings_of_a_row_that_there_is_not_are_a_mistyped_command(place):
    choices = choices_of(changes=("lmm:epochs=4",), out=place / "own", results=place)
    with pytest.raises(click.UsageError, match="no row lmm"):
        PlainTable("table1", choices, ())


def test_a_model_is_trained_once_for_all_that_show_it(reproduce, shared):
    reproduce("figure3")
    weights = shared / "arae" / "seed-0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    done, result = reproduce("table1", "--system", "arae")
    assert weights.stat().st_mtime_ns == before
    assert "ARAE, reverse_perplexity" in result["metrics"]
    assert "| ARAE |" in done.stdout
    assert "published code for 15 epochs" in done.stdout
    assert (shared / "table1.png").exists()


def test_the_best_of_four_is_a_row_of_the_same_model(reproduce, shared, place):
    reproduce("table1", "--system", "arae")
    models = sorted(path.name for path in shared.iterdir() if path.is_dir())
    kept = set((place / "runs" / "evaluations").rglob("samples-*.json"))
    done, result = reproduce("table1", "--system", "arae", "--once", "arae-best")
    assert sorted(path.name for path in shared.iterdir() if path.is_dir()) == models
    assert "| ARAE, best of 4 |" in done.stdout
    (one,), (other,) = (result["details"]["cells"][row] for row in ("ARAE", "ARAE, best of 4"))
    assert one["weights_sha256"] == other["weights_sha256"]
    (new,) = set((place / "runs" / "evaluations").rglob("samples-*.json")) - kept
    assert json.loads(new.read_text())["key"]["best_of"] == 4
    assert all("best_of" not in json.loads(path.read_text())["key"] for path in kept)


def test_figure_4_measures_swaps_and_its_results_hold_no_sentence(reproduce, shared, monkeypatch):
    done, result = reproduce("figure4", "--swaps", 2)
    metrics = result["metrics"]
    for name in ("AE, fitted Gaussian", "ARAE"):
        for swaps in range(3):
            assert metrics[f"{name}, {swaps} swaps, nats_per_sentence"]["value"] > 0
            assert metrics[f"{name}, {swaps} swaps, perplexity"]["value"] > 1
    assert "| 1.06 | 2.19 |" in done.stdout
    assert (shared / "figure4.png").exists()
    corpus = Corpus(shared / "corpus")
    texts = texts_of(corpus.split("test"), corpus.vocabulary)
    assert any(text in done.stdout for text in texts)  # the originals
    assert not any(f'"{text}"' in json.dumps(result) for text in texts)
    monkeypatch.setattr(corrupted_reconstruction, "swap_curve", None)  # kept: not measured again
    again, _ = reproduce("figure4", "--swaps", 2)
    assert again.stdout == done.stdout


def test_figure_5_measures_offsets_beside_their_controls(reproduce, shared, monkeypatch):
    done, result = reproduce("figure5")
    assert "ARAE, walking, random, match" in result["metrics"]
    assert "AE, fitted Gaussian, mean, none, match" in result["metrics"]
    assert "| 85 / 79.5 |" in done.stdout
    assert "examples that stand in the corpus are left out" in done.stdout
    assert (shared / "figure5.png").exists()
    monkeypatch.setattr(offsets, "measure_offsets", None)
    again, _ = reproduce("figure5")
    assert again.stdout == done.stdout


def test_figure_5_goes_on_behind_the_word_at_which_it_was_stopped(reproduce, monkeypatch):
    measure, words = offsets.measure_transform, []

    def counted(*given, **more):
        words.append(given[3].name)
        if len(words) == 3:
            raise ToolkitError("stopped")
        return measure(*given, **more)

    monkeypatch.setattr(offsets, "measure_transform", counted)
    monkeypatch.setattr(figure5, "QUICK_DECODINGS", 3)  # of which nothing is kept from other tests
    asked = ("figure5", "--decodings", 3, "--system", "arae")
    with pytest.raises(AssertionError, match="stopped"):
        reproduce(*asked)
    monkeypatch.setattr(offsets, "try_settings", None)
    reproduce(*asked)
    assert words == ["walking", "man", "two", "two", "dog", "standing", "several"]


def test_a_collapsed_model_is_left_out_of_figure_5_and_named(reproduce, monkeypatch):
    measured = figure5._measured

    def of_one(run, *args, **kwargs):
        if run.parent.name == "ae":
            raise ToolkitError("only 3 distinct generated sentences")
        return measured(run, *args, **kwargs)

    monkeypatch.setattr(figure5, "_measured", of_one)
    # A count of decodings that no other test asks for, so that nothing is kept from those.
    done, result = reproduce("figure5", "--decodings", 1)
    assert "ARAE, walking, random, match" in result["metrics"]
    assert not any(name.startswith("AE,") for name in result["metrics"])
    left_out = "AE, fitted Gaussian, seed 0: only 3 distinct generated sentences"
    assert result["details"]["models_left_out"] == [left_out]
    assert left_out in done.stdout and left_out in done.stderr


def test_examples_of_which_a_side_stands_in_the_corpus_are_left_out_and_counted(reproduce, shared):
    reproduce("figure4", "--swaps", 1, "--system", "ae")
    corpus = Corpus(shared / "corpus")
    known = texts_of(corpus.split("dev"), corpus.vocabulary)[0]
    new = "man man man man ."
    rows = [{"text": new, "output": None}, {"text": new, "output": known}]
    rows += [{"text": known, "output": new}]
    cells = {"ARAE": [{"transforms": {"man": {"examples": rows}}}]}
    assert figure5._leave_out_known(cells, corpus) == 2
    assert cells["ARAE"][0]["transforms"]["man"]["examples"] == rows[:1]


def test_figure_2_draws_digits_and_tells_its_budget(reproduce, place):
    done, result = reproduce("figure2", "--system", "ae", "--count", 100)
    assert (place / "runs/reproduce/digits-quick/figure2-ae-seed-0.png").exists()
    assert result["metrics"]["AE, fitted Gaussian, confidence"]["value"] > 0
    assert "the paper trains on MNIST" in done.stdout


def test_other_settings_are_not_mixed_into_a_folder(reproduce, place):
    reproduce("figure4", "--swaps", 1, "--system", "ae")
    plain_systems.QUICK_CHANGES, before = ("iterations=3",), plain_systems.QUICK_CHANGES
    try:
        words = ["--quick", "--swaps", 1, "--system", "ae", "--results", place / "results"]
        done = call("reproduce", "figure4", *words, code=4)
        assert len(done.stderr.splitlines()[-1:]) == 1
    finally:
        plain_systems.QUICK_CHANGES = before


def test_a_folder_of_other_settings_is_refused_before_any_model_is_trained(synthetic, tmp_path):
    choices = PlainChoices(
        names=("ae", "arae"), once=(), seeds=1, corpus=str(synthetic), preset="demo",
        changes=("iterations=2", "evaluate_every=2"), quick=False, device="cpu", precision="fp32",
        out=tmp_path, results=tmp_path,
    )  # fmt: skip
    assert len(list(PlainTable("table1", replace(choices, names=("arae",)), ()).trained())) == 1
    list(PlainTable("table1", choices, ()).trained())
    (tmp_path / "ae" / "seed-0").rename(tmp_path / "elsewhere")
    other = PlainTable("table1", replace(choices, changes=("iterations=3",)), ())
    with pytest.raises(CheckpointMismatch, match="iterations 2 there, 3 here"):
        next(other.trained())
    assert not (tmp_path / "ae").exists() or not any((tmp_path / "ae").iterdir())


def test_a_setting_of_all_models_comes_before_what_makes_a_row(reproduce, place):
    words = ["--system", "ae", "--system", "wae", "--count", 100, "--out", place / "shorter"]
    _, result = reproduce("table1", *words, "--set", "iterations=4", "--set", "code_norm=sphere")
    assert result["details"]["changes"][-2:] == ["iterations=4", "code_norm=sphere"]
    config = json.loads((place / "shorter" / "wae" / "seed-0" / "config.json").read_text())
    assert config["settings"]["training"]["iterations"] == 4


def test_a_further_row_has_one_seed(synthetic, tmp_path):
    choices = PlainChoices(
        names=("ae", "arae"), once=("wae",), seeds=3, corpus=str(synthetic), preset="demo",
        changes=(), quick=False, device="cpu", precision="fp32", out=tmp_path, results=tmp_path,
    )  # fmt: skip
    table = PlainTable("table1", choices, ())
    table._train = lambda *_: None
    asked = [(row.model, seed) for row, seed, _ in table.trained()]
    assert asked == [*(("ae", i) for i in range(3)), *(("arae", i) for i in range(3)), ("wae", 0)]


@pytest.mark.parametrize(
    "words",
    [
        ("figure2", "--seeds", 2),
        ("table1", "--preset", "fluent"),
        ("figure3", "--corpus", "snli"),
        ("table2", "--corpus", "yelp"),
        ("table3", "--preset", "fast"),
        ("table4", "--tune"),
        ("table5", "--pretraining-seeds", 2),
        ("table5", "--tune"),
    ],
)
def test_what_a_quick_form_settles_itself_is_not_to_be_asked_for(words):
    name, option, *value = words
    done = call("reproduce", name, "--quick", option, *value, code=2)
    assert f"--quick settles {option} itself" in done.stderr


def test_a_setting_that_there_is_not_is_a_usage_error():
    assert "epoch" in call("reproduce", "table1", "--quick", "--set", "epoch=4", code=2).stderr
