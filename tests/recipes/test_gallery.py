"""``evaluate gallery``, and the sentences that it must not show."""

import json

import pytest
import small
from command_line import call

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.latent.pairs import MORE_PAIRS, PAIRS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.recipes.evaluate.novel import NamedRun, NovelTexts, walks
from arae_toolkit.recipes.shared.generation_systems import ChosenPrior, System
from arae_toolkit.reports.gallery import KNOWN, gallery, gallery_block
from arae_toolkit.reports.results import read_results, summarise, write_result

SOURCE = NamedRun("ARAE", "somewhere", "own", None)
NEW = ["zebras zebras zebras .", "a zebra zebras .", "zebras of a zebra of a man ."]


@pytest.fixture(scope="module")
def corpus(synthetic):
    return Corpus(synthetic)


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("runs") / "dull"
    small.model(corpus.vocabulary).save_pretrained(folder)
    return folder


def rows(corpus, split, count):
    return texts_of(corpus.split(split), corpus.vocabulary)[:count]


def system_of(*texts):
    """A system that writes these texts in each block."""

    def write(sizes, **_):
        for _ in sizes:
            yield list(texts)

    return System("made up", "text", write, [ChosenPrior("own")], 0, "ab", None)


def test_no_sentence_of_any_split_is_a_new_one(corpus):
    novel = NovelTexts(corpus)
    for split in corpus.manifest["splits"]:
        if corpus.rows(split):
            assert novel.without(rows(corpus, split, 20)) == [None] * min(20, corpus.rows(split))
    assert novel.without([NEW[0], *rows(corpus, "train", 1)]) == [NEW[0], None]


def test_samples_of_the_corpus_are_passed_over_and_counted(corpus):
    known = rows(corpus, "train", 3)
    system = system_of(known[0], NEW[0], known[1], NEW[0], known[2], *NEW[1:])
    novel = NovelTexts(corpus)
    found = novel.samples(SOURCE, system, 3, seed=0)
    assert (found.texts, found.left_out) == ([NEW[0], NEW[0], NEW[1]], 3)
    found = novel.samples(SOURCE, system, 3, seed=0, distinct=True)
    assert (found.texts, found.left_out) == (NEW, 3)
    found = novel.samples(SOURCE, system_of(*known), 3, seed=0)
    assert (found.texts, found.left_out) == ([], 3)


def test_a_walk_is_that_of_latent_walk(run):
    model = ARAE.from_pretrained(run)
    first, second = PAIRS[0]
    (way,) = walks(model, [PAIRS[0]], through="codes", steps=4, seed=0)
    assert way == model.interpolate(first, second, steps=4)
    words = ("latent", "walk", run, first, second, "--steps", 4, "--through", "noise")
    (way,) = walks(model, [PAIRS[0]], through="noise", steps=4, seed=0)
    assert way == call(*words).stdout.splitlines()


def test_pairs_are_ten_of_our_own():
    pairs = [*PAIRS, *MORE_PAIRS]
    assert len(PAIRS) == len(MORE_PAIRS) == 5
    assert len({text for pair in pairs for text in pair}) == 20


def test_a_gallery_has_samples_walks_and_variations_of_each_run(run, corpus, tmp_path):
    words = ("--corpus", corpus.folder, "--results", tmp_path, "--device", "cpu")
    more = ("--count", 5, "--steps", 3, "--name", "small", "--seed", 3)
    given = (f"ARAE={run}", f"{run}@t1", f"{run}@best4")
    result = call("evaluate", "gallery", *given, *words, *more)
    written = read_results(tmp_path)["gallery-small"]
    assert result.stdout == f"{gallery(written)}\n"
    runs = written["details"]["runs"]
    assert list(runs) == ["ARAE", "dull@t1", "dull@best4"]
    greedy, drawn, best = runs.values()
    assert best["samples"] == ARAE.from_pretrained(run).sample(5, seed=3, best_of=4)
    assert (best["best_of"], "best_of" in greedy) == (4, False)
    assert "5 samples, the likeliest words, the best of 4 draws each, prior own" in result.stdout
    assert greedy["samples"] == ARAE.from_pretrained(run).sample(100, seed=3)[:5]
    assert len(drawn["samples"]) == 5
    assert drawn["samples"] != greedy["samples"]
    assert drawn["temperature"] == 1
    assert list(greedy["walks"]) == ["codes", "codes, in small steps", "noise"]
    for ways in greedy["walks"].values():
        assert [(way["from"], way["to"]) for way in ways] == [*PAIRS, *MORE_PAIRS]
        assert {len(way["steps"]) for way in ways} == {3}
    assert {len(several["drawn"]) for several in greedy["variations"]} == {4}
    assert written["metrics"]["ARAE, steps through noise in the corpus"]["value"] == 0
    assert written["seeds"] == [3]
    command = " ".join(["arae-toolkit evaluate gallery", *given])
    assert written["command"].startswith(f"{command} --")
    assert str(tmp_path) not in written["command"]


def test_two_runs_of_a_name_are_refused(run, corpus, tmp_path):
    words = ("--corpus", corpus.folder, "--results", tmp_path)
    result = call("evaluate", "gallery", run, run, *words, code=2)
    assert "NAME=RUN" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_page_shows_a_mark_in_place_of_each_sentence_of_the_corpus(tmp_path):
    assert "No gallery" in gallery_block({})
    share = summarise([25.0], "percent")
    names = ("samples", "steps through codes", "variations")
    shown = {
        "kind": "text",
        "prior": "flow",
        "temperature": None,
        "samples": ["one .", "two ."],
        "samples_left_out": 7,
        "walks": {"codes": [{"from": "a", "to": "b", "steps": ["here .", None]}]},
        "variations": [{"text": "a", "drawn": [None, "there ."]}],
    }
    write_result(
        tmp_path,
        "gallery-x",
        command="arae-toolkit evaluate gallery x",
        corpus={"name": "tiny", "rows": 12, "sha256": "ab"},
        seeds=[0],
        device="cpu",
        seconds=1,
        metrics={f"X, {name} in the corpus": share for name in names},
        details={"runs": {"X": shown}, "temperatures": [0.5, 1.0]},
    )
    text = gallery_block(read_results(tmp_path))
    assert "The first 2 samples, the likeliest words, prior flow; left out because they" in text
    assert "in the corpus: 7 (" in text
    assert "```text\none .\ntwo .\n```" in text
    assert f"a -> b\n    here .\n    {KNOWN}\n" in text
    assert f"a\n    {KNOWN}\n    there .\n" in text
    assert json.dumps(text).count("25.0 %") == 3
