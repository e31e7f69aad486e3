"""``report`` on small runs of every kind."""

import json
import re

import pytest
import small
import small_transfer
from command_line import call, json_lines
from safetensors.torch import load_file

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nli.model import save_ensemble


def sections_of(page):
    """Return the titles of a page's sections, each with what stands in it."""
    assert "http:" not in page
    assert "https:" not in page
    parts = re.findall(r"<section.*?<h2>(.*?)</h2>(.*?)</section>", page, flags=re.DOTALL)
    return dict(parts)


def lines_of(section):
    return re.findall(r"<li.*?>(.*?)</li>", section)


@pytest.fixture(scope="module")
def text_page(undisturbed, synthetic, tmp_path_factory):
    out = tmp_path_factory.mktemp("pages") / "page.html"
    words = ("report", undisturbed, "--corpus", synthetic, "--count", 5, "--samples", 20)
    done = call(*words, "--out", out, "--device", "cpu", "--results", out.parent / "results")
    assert done.stdout == f"{out}\n"
    return out


def test_a_text_run_shows_all_there_is(text_page, undisturbed, synthetic):
    sections = sections_of(text_page.read_text())
    assert list(sections) == [
        *("How it was made", "Settings", "Training", "Figures", "Samples", "Walks"),
        *("Reconstructions", "Neighbours", "Priors", "Sizes"),
    ]
    made, corpus = sections["How it was made"], Corpus(synthetic)
    assert "arae-toolkit pretrain synthetic --preset faithful" in made
    assert corpus.sha256 in made
    assert f"<dd>{corpus.rows('train'):,}</dd>" in made
    assert "<dt>device</dt><dd>cpu</dd>" in made
    assert "training.epochs" in sections["Settings"]
    assert sections["Training"].count("<svg") >= 7
    samples = lines_of(sections["Samples"])
    model = ARAE.from_pretrained(undisturbed)
    assert len(samples) == 5
    assert set(samples) <= set(model.sample(100))
    assert sections["Walks"].count("Through ") == 2
    last = json.loads((undisturbed / "metrics.jsonl").read_text().splitlines()[-1])
    assert f'<td dir="auto">{last["nats_per_sentence"]:,.2f}</td>' in sections["Figures"]
    weights = load_file(undisturbed / "model.safetensors").values()
    numbers = sum(tensor.numel() for tensor in weights)
    assert f"{numbers:,}" in sections["Sizes"]


def test_figures_of_a_page_are_a_file_of_results_as_well(text_page, undisturbed):
    (path,) = (text_page.parent / "results").iterdir()
    result = json.loads(path.read_text())
    assert path.name == f"pretraining-{undisturbed.name}.json"
    assert result["details"]["samples_drawn"] == 20
    assert result["command"].startswith("arae-toolkit pretrain synthetic")


def test_without_its_corpus_a_page_shows_less_and_says_so(tmp_path):
    run = small.save_model(tmp_path / "run")
    done = call("report", run, "--count", 3)
    assert "shows less without it" in done.stderr
    page = (run / "report.html").read_text()
    assert "not at hand" in page
    sections = sections_of(page)
    assert list(sections) == ["How it was made", "Training", "Samples", "Walks", "Priors", "Sizes"]
    assert len(lines_of(sections["Samples"])) == 3
    assert "No log lies in the folder" in sections["Training"]
    done = call("report", run, "--results", tmp_path / "results", code=2)
    assert "--results needs the corpus; name it with --corpus" in done.stderr


def test_a_language_model_has_samples_and_no_walks(synthetic, tmp_path):
    run = tmp_path / "lm"
    small.model(Corpus(synthetic).vocabulary, prior="none").save_pretrained(run)
    call("report", run, "--corpus", synthetic, "--samples", 10, "--count", 4)
    sections = sections_of((run / "report.html").read_text())
    assert len(lines_of(sections["Samples"])) == 4
    assert not {"Walks", "Neighbours", "Settings"} & set(sections)


def test_an_image_run_shows_pictures(tmp_path):
    corpus, run = tmp_path / "digits", tmp_path / "run"
    call("prepare", "digits", "--out", corpus)
    shape = Corpus(corpus).manifest["image_shape"]
    ImageARAE(shape, code_size=4, encoder_sizes=[5], decoder_sizes=[5]).save_pretrained(run)
    call("report", run, "--corpus", corpus)
    page = (run / "report.html").read_text()
    assert page.count("data:image/png;base64,iVBOR") == 3
    assert "nats per image" in sections_of(page)["Figures"]


def test_a_run_that_transfers_shows_rewritten_sentences(tmp_path):
    evil = "<b>awful</b>"
    rows = [
        {"text": f"{row['text']}", "label": evil if row["label"] == "bad" else "good"}
        for row in small_transfer.rows()
    ]
    corpus = small_transfer.prepared_corpus(tmp_path, {"train": rows})
    run = small_transfer.save_model(tmp_path / "run", attributes=(evil, "good"))
    call("report", run, "--corpus", corpus.folder)
    page = (run / "report.html").read_text()
    assert evil not in page
    sections = sections_of(page)
    assert "Towards &lt;b&gt;awful" in sections["Rewritten sentences"]
    assert "transferred, percent" in sections["Figures"]


def test_classifiers_show_their_confusions_seed_by_seed(synthetic, tmp_path):
    run = tmp_path / "nli"
    for number, seed in enumerate(("seed-0", "seed-1")):
        small.pair_model(number + 1).save_pretrained(run / seed)
        confusion = [[31 + number, 2, 3], [4, 5, 6], [7, 8, 9]]
        measured = {"dev": {"accuracy": 50.0 + number, "pairs": 75, "confusion": confusion}}
        (run / seed / "evaluation.json").write_text(json.dumps(measured))
        rows = [{"kind": "dev", "iteration": n, "epoch": n, "accuracy": 40.0} for n in (1, 2)]
        (run / seed / "metrics.jsonl").write_text(json_lines(rows))
    save_ensemble(run, ["seed-0", "seed-1"])
    call("report", run, "--corpus", synthetic)
    sections = sections_of((run / "report.html").read_text())
    for number, seed in enumerate(("seed-0", "seed-1")):
        assert f"<h3>{seed}</h3>" in sections["Figures"]
        assert f"<h3>{seed}</h3>" in sections["Sizes"]
        assert f">{31 + number}</td>" in sections["Figures"]
    assert "hypothesis" in sections["Pairs"]
    assert "seed-1 dev" in sections["Training"]


def test_any_other_model_shows_what_every_folder_knows(tmp_path):
    folder = small_transfer.save_model(tmp_path / "run") / "scorer"
    done = call("report", folder)
    assert "does not name its corpus" in done.stderr
    assert list(sections_of((folder / "report.html").read_text())) == [
        *("How it was made", "Training", "Sizes"),
    ]


def test_a_page_is_a_page(tmp_path):
    told = call("report", tmp_path, "--out", tmp_path / "page.pdf", code=2).stderr
    assert "written as .html" in told
