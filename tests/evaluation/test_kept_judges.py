from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation import kept_judges
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModelSettings


def test_a_language_model_of_an_unlabelled_corpus_is_trained_once(synthetic, monkeypatch):
    quick = LanguageModelSettings(embedding_size=8, hidden_size=8, iterations=4, most_epochs=2)
    monkeypatch.setattr(kept_judges, "LanguageModelSettings", lambda: quick)
    corpus, notes = Corpus(synthetic), []
    first = kept_language_model(corpus, note=notes.append)
    again = kept_language_model(corpus, note=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("language-model: trained in")
    texts = ["a man sleeps .", "a dog runs ."]
    assert first.read(texts).perplexity == again.read(texts).perplexity
    assert first.held_out_perplexity == again.held_out_perplexity > 1
