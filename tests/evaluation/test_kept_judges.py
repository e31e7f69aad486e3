from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation import kept_judges
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.locks import locked


def test_a_language_model_of_an_unlabelled_corpus_is_trained_once(synthetic, monkeypatch):
    quick = LanguageModelSettings(embedding_size=8, hidden_size=8, iterations=4, most_epochs=2)
    monkeypatch.setattr(kept_judges, "LanguageModelSettings", lambda: quick)
    corpus, notes = Corpus(synthetic), []
    first = kept_language_model(corpus, note=notes.append)
    again = kept_language_model(corpus, note=notes.append)
    before, after = notes
    rows = corpus.rows(corpus.judges_split)
    folder = kept_judges.default_folder(corpus) / "language-model"
    assert before == (
        f"language-model: learns {rows:,} sentences, at most 2 epochs of {rows // 128} iterations; "
        f"once for this corpus, and kept in {folder}"
    )
    assert after.startswith("language-model: trained in")
    texts = ["a man sleeps .", "a dog runs ."]
    assert first.read(texts).perplexity == again.read(texts).perplexity
    assert first.held_out_perplexity == again.held_out_perplexity > 1


class _Judge:
    def save(self, folder, run):
        write_json(folder / "config.json", {"run": run})
        (folder / "model.safetensors").touch()


HOW = {"load": lambda _: _Judge(), "make": _Judge, "length": "one sentence"}


def test_what_is_left_of_a_judge_that_was_killed_at_its_end_goes_when_it_is_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(kept_judges, "load_model_folder", lambda _: None)
    judge = tmp_path / "judge"
    for _ in range(2):
        kept_judges.kept(judge, {"corpus": "one"}, **HOW)
        assert sorted(p.name for p in judge.iterdir()) == ["config.json", "model.safetensors"]
        for name in (".lock", ".locked-by.json", ".config.json.0123456789ab.part"):
            (judge / name).touch()
    with locked(judge, "a training"):  # of another, which goes on
        kept_judges.kept(judge, {"corpus": "one"}, **HOW)
        assert (judge / ".config.json.0123456789ab.part").exists()


def test_what_is_left_of_a_judge_that_was_killed_goes_when_it_is_trained_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(kept_judges, "load_model_folder", lambda _: None)
    for name in (
        ".lock",
        ".model.safetensors.0123456789ab.part",
        "..locked-by.json.0123456789ab.part",
    ):
        (tmp_path / name).touch()  # a moment ago
    kept_judges.kept(tmp_path, {"corpus": "one"}, **HOW)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_what_is_to_be_trained_is_told_before_it_is(tmp_path):
    """And how long that is, so that whoever waits knows that it is once."""
    told = []

    def make():
        assert told == [f"judge: learns one sentence; once for this corpus, and kept in {judge}"]
        return _Judge()

    judge = tmp_path / "judge"
    kept_judges.kept(judge, {"corpus": "one"}, **{**HOW, "make": make}, note=told.append)
    assert len(told) == 2
