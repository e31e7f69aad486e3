"""``latent walk | arithmetic | neighbours | map`` and ``evaluate latent``, on small models."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small
import torch
from command_line import call as call_program
from command_line import json_lines, rows_in, start
from idx_files import idx, write
from matplotlib.image import imread

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.evaluation import kept_judges
from arae_toolkit.evaluation.image_grid import GAP, ZOOM, grid
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE, walks

FIRST, SECOND = small.SENTENCES[1], small.SENTENCES[4]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return small.save_model(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def model(run_folder):
    return ARAE.from_pretrained(run_folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model folder without a generator."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    small.model(small.vocabulary(), prior="fitted").save_pretrained(folder)
    return folder


@pytest.fixture
def call(run_folder):
    """Run a command of ``latent`` on the model; RUN is given by this function."""
    return lambda command, *words, **settings: call_program(
        "latent", command, run_folder, *words, **settings
    )


# --- walk ------------------------------------------------------------------------------------


def test_interpolate_is_a_walk_through_codes(call, run_folder, model):
    walk = call("walk", FIRST, SECOND, "--through", "codes", "--steps", 4)
    assert walk.stdout.splitlines() == model.interpolate(FIRST, SECOND, steps=4)
    same = call_program("interpolate", run_folder, FIRST, SECOND, "--steps", 4)
    assert same.stdout_bytes == walk.stdout_bytes
    assert walk.stderr == same.stderr == ""


def test_a_walk_through_noise_tells_how_near_the_noise_came(call, model):
    words = ["walk", FIRST, SECOND, "--steps", 4]
    result = call(*words, "--output-format", "jsonl")
    (row,) = rows_in(result)
    assert list(row) == ["first", "second", "steps", "found", "unknown_words"]
    assert len(row["steps"]) == 4
    reconstructions = [end["reconstruction"] for end in row["found"]]
    assert reconstructions == [row["steps"][0], row["steps"][-1]]
    distances = [end["distance"] for end in row["found"]]
    assert all(0 < distance < 2 for distance in distances)
    mean = sum(distances) / 2
    assert f"noise found for 2 codes: distance {mean:.3f} on average" in result.stderr
    lines = call(*words)
    assert lines.stdout.splitlines() == row["steps"]
    assert call(*words, "--through", "noise").stdout == lines.stdout
    held = call(*words, "--prior-weight", 10, "--starts", 1, "--output-format", "jsonl")
    assert rows_in(held)[0]["found"][0]["distance"] > distances[0]


def test_without_a_generator_walks_go_through_codes(plain):
    words = ["latent", "walk", plain, FIRST, SECOND]
    assert call_program(*words).stdout == call_program(*words, "--through", "codes").stdout
    result = call_program(*words, "--through", "noise", code=1)
    assert "no generator" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_random_walks_are_rows_of_their_own(call):
    lines = call("walk", "--random", 3, "--steps", 4, "--seed", 5)
    rows = rows_in(call("walk", "--random", 3, "--steps", 4, "--seed", 5, "--format", "jsonl"))
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert {row["seed"] for row in rows} == {5}
    assert lines.stdout.splitlines() == [step for row in rows for step in row["steps"]]
    shown = "3 walks of 4 sentences, one below the other\n"
    assert call("walk", "--random", 3, "--steps", 4).stderr == shown
    assert call("walk", "--random", 1).stderr == ""
    slerp = call("walk", "--random", 3, "--steps", 4, "--seed", 5, "--interpolation", "slerp")
    assert slerp.stdout.splitlines()[::4] == lines.stdout.splitlines()[::4]


@pytest.mark.parametrize("through", ["noise", "codes"])
def test_walks_in_small_steps_have_the_same_ends(call, through):
    words = ("walk", FIRST, SECOND, "--steps", 6, "--through", through)
    straight, smooth = (call(*words, *more).stdout.splitlines() for more in ((), ("--smooth",)))
    assert len(smooth) == 6
    assert smooth[::5] == straight[::5]
    assert smooth != straight
    random = call("walk", "--random", 2, "--steps", 6, "--through", through, "--smooth")
    assert len(random.stdout.splitlines()) == 12


@pytest.mark.parametrize("through", ["noise", "codes"])
def test_an_unusable_pair_is_named_and_the_others_are_walked(call, through, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"{FIRST}\t{SECOND}\nalone\n{SECOND}\t{FIRST}\n")
    result = call("walk", path, "--through", through, "--steps", 3, code=3)
    assert f"{path}:2: 2 texts separated by tabs are expected, found 1" in result.stderr
    assert len(result.stdout.splitlines()) == 6
    emitted = call(
        *("walk", path, "--through", through, "--steps", 3, "--on-error", "emit"), code=3
    ).stdout.splitlines()
    assert emitted[3:6] == ["", "", ""]


# --- images ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image_run(tmp_path_factory):
    model = ImageARAE(
        (4, 3),
        code_size=6,
        noise_size=3,
        encoder_sizes=(12,),
        decoder_sizes=(12,),
        generator_sizes=(7,),
    )
    model.initialize(generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("runs") / "images"
    model.eval().save_pretrained(folder)
    return folder


def test_images_have_no_small_steps_and_no_sentences(image_run):
    call_program("latent", "walk", image_run, "--random", 2, "--smooth", code=2)


def test_images_are_walked_like_sentences(image_run, tmp_path):
    model, way = ImageARAE.from_pretrained(image_run), tmp_path / "way.png"
    grey = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    file = write(tmp_path / "images", idx(grey)).path
    words = ["latent", "walk", image_run, "--steps", 3, "--out", way]

    def shown():
        return imread(way)[::ZOOM, ::ZOOM, 0]

    call_program(*words, file, "--through", "codes")
    expected = walks(model, grey.reshape(4, -1), steps=3)
    np.testing.assert_allclose(shown(), grid(expected, image_shape=(4, 3), columns=3), atol=1 / 128)
    call_program("interpolate", image_run, file, "--steps", 3, "--out", tmp_path / "same.png")
    assert (tmp_path / "same.png").read_bytes() == way.read_bytes()
    through_noise = call_program(*words, file)
    assert "noise found for 4 codes" in through_noise.stderr
    call_program(*words, "--random", 2, "--seed", 3)
    noise = model.prior.draw_noise(4, generator=torch.Generator().manual_seed(3))
    ends = model.decode(model.prior(noise).detach())
    picture = grid(ends[[0, 2, 1, 3]], image_shape=(4, 3), columns=2)
    side = 3 + GAP
    np.testing.assert_allclose(shown()[:, :side], picture[:, :side], atol=1 / 128)
    refused = call_program(*words, "--random", 2, "--on-error", "emit", code=2)
    assert "--on-error is for text models" in refused.stderr
    alone = write(tmp_path / "one", idx(grey[:1])).path
    assert "one image, where two" in call_program(*words, alone, code=3).stderr


# --- arithmetic ------------------------------------------------------------------------------


@pytest.fixture
def sides(tmp_path):
    """Files of the two sides."""
    first, second = tmp_path / "with.txt", tmp_path / "without.jsonl"
    first.write_text("".join(f"{text}\n" for text in small.SENTENCES if "dog" in text))
    rows = ({"text": text} for text in small.SENTENCES if "dog" not in text)
    second.write_text(json_lines(rows))
    return ["--with", first, "--without", second]


def test_an_offset_of_two_files_changes_texts(call, model, sides):
    words = ["arithmetic", *sides, "-t", FIRST, "-t", SECOND]
    rows = rows_in(call(*words, "--output-format", "jsonl"))
    first, second = ([t for t in small.SENTENCES if ("dog" in t) is has] for has in (True, False))
    offset = model.encode(first).mean(dim=0) - model.encode(second).mean(dim=0)
    code = model.encode([FIRST, SECOND]) + offset
    assert [row["output"] for row in rows] == model.decode(code / code.norm(dim=1, keepdim=True))
    assert list(rows[0]) == ["text", "output", "precision", "unknown_words"]
    lines = call(*words)
    assert lines.stdout.splitlines() == [row["output"] for row in rows]
    far = call(*words, "--scale", 50).stdout
    assert far != lines.stdout


def test_matches_are_told_beside_the_controls(call, sides):
    words = ["arithmetic", *sides, "--match", "runs", "--temperature", 3, "--decodings", 20]
    result = call(*words, "-t", FIRST, "-t", SECOND, "--output-format", "jsonl")
    rows = rows_in(result)
    for row in rows:
        assert list(row) == [
            *("text", "output", "matches", "matches_without_offset"),
            *("matches_random_offset", "precision", "unknown_words"),
        ]
        assert 0 < row["matches"] <= 20
        assert "runs" in row["output"].split()
        assert 0 <= row["precision"] <= 100
    assert "matched: 2 of 2 texts, 20 decodings each at temperature 3" in result.stderr
    never = call(
        *words[:-6], "--match", "zebra", *words[-4:], "-t", FIRST, "--output-format", "jsonl"
    )
    assert rows_in(never)[0]["output"] is None
    assert rows_in(never)[0]["matches"] == 0
    one_by_one = call(
        *(*words, "--batch-size", 1, "--output-format", "jsonl", "-"),
        input=f"{FIRST}\n{SECOND}\n",
    )
    assert rows_in(one_by_one) == rows


def test_generated_sentences_are_measured_with_their_controls(call, sides, tmp_path):
    words = ["arithmetic", *sides, "--match", "runs", "--temperature", 2, "--decodings", 10]
    measured = json.loads(call(*words, "--count", 5, "--json").stdout)
    (content,) = measured["models"].values()
    assert content["temperature"] == 2
    assert content["tried_on_dev"] == []
    figures = content["transforms"]["runs"]
    for control in ("offset", "none", "random"):
        assert 0 <= figures[control]["match"] <= 100
    assert content["mean"]["offset"]["match"] == figures["offset"]["match"]
    assert len(figures["examples"]) == 3
    table = call(*words, "--count", 5).stdout
    assert re.search(r"^runs +\d", table, flags=re.MULTILINE)


def test_a_word_takes_its_sides_and_its_temperature_from_the_corpus(
    undisturbed, synthetic, tmp_path
):
    word = _frequent_word(synthetic)
    words = ["latent", "arithmetic", undisturbed, "--corpus", synthetic, "--word", word]
    words += ["--decodings", 3, "--count", 4, "--temperature", 0.5, "--temperature", 2.0]
    results = tmp_path / "results"
    result = call_program(*words, "--json", "--results", results, "--against", undisturbed)
    (content,) = json.loads(result.stdout)["models"].values()
    trials = content["tried_on_dev"]
    assert [trial["temperature"] for trial in trials] == [0.5, 2.0]
    best = max(trials, key=lambda trial: trial["merit"])
    assert content["temperature"] == best["temperature"]
    assert f"{word}: " in result.stderr
    written = json.loads((results / f"arithmetic-{undisturbed.name}.json").read_text())
    assert written["metrics"][f"{undisturbed.name}_{word}_offset_match"]["unit"] == "percent"
    assert written["corpus"]["name"] == "synthetic"
    assert f"--word={word}" in written["command"]


def _frequent_word(folder):
    corpus = Corpus(folder)
    return corpus.vocabulary.words[12]


def test_through_noise_sides_are_generated_sentences(call, model):
    counts = {}
    for text in model.sample(2000):
        for word in set(text.split()):
            counts[word] = counts.get(word, 0) + 1
    word = min(counts, key=lambda word: abs(counts[word] - 1000))
    result = call(
        *("arithmetic", "--word", word, "--through", "noise", "--temperature", 1),
        *("--decodings", 4, "-t", FIRST, "--output-format", "jsonl"),
    )
    assert rows_in(result)[0]["matches"] >= 0
    assert f"{word}: " in result.stderr
    missing = call(
        *("arithmetic", "--word", "zebra", "--through", "noise", "--temperature", 1, "-t", FIRST),
        code=1,
    )
    assert "generated sentences has the word 'zebra'" in missing.stderr


def test_a_word_that_the_corpus_lacks_is_named(undisturbed, synthetic):
    words = ["latent", "arithmetic", undisturbed, "--corpus", synthetic, "--word", "zzz"]
    result = call_program(*words, code=3)
    assert f"{synthetic}: no sentence of train has the word 'zzz'" in result.stderr


# --- neighbours ------------------------------------------------------------------------------


def test_neighbours_are_the_nearest_sentences_of_the_split(undisturbed, synthetic):
    corpus = Corpus(synthetic)
    dev = texts_of(corpus.split("dev"), corpus.vocabulary)
    words = ["latent", "neighbours", undisturbed, "--corpus", synthetic, "--split", "dev", "-k", 3]
    result = call_program(*words, "-t", dev[5], "--output-format", "jsonl")
    (row,) = rows_in(result)
    model = ARAE.from_pretrained(undisturbed)
    cosines = (model.encode(dev) @ model.encode([dev[5]])[0]).tolist()
    order = sorted(range(len(dev)), key=lambda at: -cosines[at])[:3]
    assert [near["row"] for near in row["neighbours"]] == order
    assert [near["text"] for near in row["neighbours"]] == [dev[at] for at in order]
    assert row["neighbours"][0]["cosine"] == pytest.approx(1, abs=1e-4)
    lines = call_program(*words, "-t", dev[5], "-t", dev[6]).stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].split("\t")[1] == dev[5]
    few = rows_in(call_program(*words, "-t", dev[5], "--limit", 2, "--output-format", "jsonl"))[0][
        "neighbours"
    ]
    assert sorted(near["row"] for near in few) == [0, len(dev) - 1]
    bad = call_program(*words, input=b"a man .\n\xff\n", code=3)
    assert "<stdin>:2: not UTF-8" in bad.stderr
    assert len(bad.stdout.splitlines()) == 3


# --- map -------------------------------------------------------------------------------------


def test_a_map_of_a_split_and_of_generated_sentences(undisturbed, synthetic, tmp_path):
    out = tmp_path / "maps"
    result = call_program(
        *("latent", "map", undisturbed, "--corpus", synthetic, "--count", 30, "--generated", 7),
        *("--out", out),
    )
    picture, page = result.stdout.splitlines()
    name = undisturbed.name
    assert [picture, page] == [str(out / f"map-{name}.png"), str(out / f"map-{name}.html")]
    data = _points(page)
    assert len(data["texts"]) == 37
    assert data["names"] == ["dev", "generated"]
    assert data["kinds"].count(1) == 7
    assert "37 sentences. Codes by PCA" in result.stderr


def _points(page):
    text = Path(page).read_text(encoding="utf-8")
    return json.loads(re.search(r'json">(.*?)</script>', text)[1])


def test_a_map_of_a_file_is_coloured_by_a_field(call, tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "maps"
    rows = [{"text": text, "animal": "yes" if "dog" in text else "no"} for text in small.SENTENCES]
    path.write_text(json_lines([*rows, {"text": "<script>x</script>", "animal": "no"}]))
    words = ["map", path, "--label-field", "animal", "--generated", 0, "--out", out]
    for method in ("pca", "tsne"):
        page = call(*words, "--method", method).stdout.splitlines()[1]
        assert _points(page)["names"] == ["no", "yes"]
    assert "<script>x" not in (out / "map-tiny.html").read_text()
    path.write_text('{"text": "a"}\n')
    result = call(*words, code=3)
    assert f"{path}:1: no field 'animal'" in result.stderr


# --- evaluate latent -------------------------------------------------------------------------


def test_a_code_space_is_measured_beside_anothers(
    undisturbed, synthetic, plain, tmp_path, monkeypatch
):
    quick = LanguageModelSettings(embedding_size=8, hidden_size=8, iterations=4, most_epochs=2)
    monkeypatch.setattr(kept_judges, "LanguageModelSettings", lambda: quick)
    words = ["evaluate", "latent", f"mine={undisturbed}", "--against", plain, "--smooth"]
    words += ["--corpus", synthetic, "--split", "dev", "--limit", 20, "--walks", 4]
    words += ["--steps", 5, "--swaps", 2]
    results, plots = tmp_path / "results", tmp_path / "plots"
    result = call_program(*words, "--json", "--results", results, "--plots", plots)
    report = json.loads(result.stdout)
    own, other = report["models"].values()
    assert list(report["models"]) == ["mine", plain.name]
    assert list(own["walks"]) == ["codes", "codes in small steps", "noise"]
    assert list(other["walks"]) == ["codes", "codes in small steps"]
    small, straight = own["walks"]["codes in small steps"], own["walks"]["codes"]
    assert small["largest"] <= straight["largest"]
    assert small["same_ends"] == straight["same_ends"]
    assert len(own["walks"]["noise"]["perplexity"]) == 5
    assert [row["swaps"] for row in own["swaps"]] == [0, 1, 2]
    assert own["swaps"][0]["nats_per_sentence"] > 0
    assert own["swaps"][1]["input_perplexity"] > 1
    assert len(own["curve"]) == 6
    assert other["curve"] == []
    assert 0 < own["dimensions"]["codes"]["effective"] <= own["dimensions"]["codes"]["size"] == 16
    written = json.loads((results / "latent-mine.json").read_text())
    assert "mine_swaps_2_perplexity" in written["metrics"]
    assert written["commit"]
    shown = [row["original"] for row in own["examples"]] + own["walks"]["codes"]["example"]
    assert shown, "some are shown to who asks"
    assert not [text for text in shown if json.dumps(text) in json.dumps(written)]
    page = (plots / "latent-mine.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert len(list(plots.glob("*.png"))) == 3
    table = call_program(*words, "--no-perplexity").stdout
    assert "swaps (Figure 4)" in table
    assert "perplexity" not in table
    alike = ["evaluate", "latent", f"mine={undisturbed}", "--against", f"mine={plain}"]
    assert "give them names, NAME=RUN" in call_program(*alike, code=2).stderr


# --- requests that cannot be answered --------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["walk", "a", "b", "--random", 2], "no sentences are expected"),
        (["walk", "a", "b", "c"], "two sentences"),
        (["walk", "a", "b", "--beam-size", 2], "needs --method beam"),
        (["arithmetic"], "the two sides are named by"),
        (["arithmetic", "--with", "a"], "both are needed"),
        (["arithmetic", "--word", "a", "--with", "a", "--without", "b"], "are named by"),
        (["arithmetic", "--word", "a", "--match", "b"], "a --word matches itself"),
        (["arithmetic", "--paper", "-t", "a"], "one --word"),
        (["arithmetic", "--with", "a", "--without", "b"], "--match WORD says"),
        (["map", "--label-field", "x"], "names a field of FILE"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_request_that_means_nothing_is_a_usage_error(call, words, message):
    assert message in call(*words, code=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["latent", "walk", "nowhere", "--random", "1"],
        ["latent", "neighbours", "nowhere", "-t", "a"],
        ["latent", "map", "nowhere"],
        ["latent", "arithmetic", "nowhere", "--word", "a"],
        ["evaluate", "latent", "nowhere"],
    ],
    ids=" ".join,
)
def test_a_missing_run_is_told_of_in_one_line(words):
    result = call_program(*words, code=2)
    assert "no trained model 'nowhere'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [["walk", "--random", "50000", "--through", "codes"], ["walk", "PAIRS", "--batch-size", "8"]],
)
def test_a_reader_that_has_enough_is_no_failure(run_folder, words, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"{FIRST}\t{SECOND}\n" * 1000)
    words = [pairs if word == "PAIRS" else word for word in words]
    with start("latent", words[0], run_folder, *words[1:]) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "words",
    [["latent", "walk"], ["latent", "arithmetic"], ["latent", "map"], ["evaluate", "latent"]],
    ids=" ".join,
)
def test_help_comes_without_torch(words):
    program = (
        "import sys\nfrom arae_toolkit.recipes.cli import main\n"
        f"try:\n    main({[*words, '--help']!r})\n"
        "finally:\n    print('torch' in sys.modules or 'tokenizers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
