"""A small labelled corpus of our own grammar, and instruments that are trained within a test."""

from itertools import islice
from pathlib import Path

from small_transfer import prepared_corpus

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep.synthetic.corpora import sentiment_sentences
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelNetwork,
    LanguageModelSettings,
)
from arae_toolkit.evaluation.transfer.bilstm_classifier import BiLSTMClassifierSettings
from arae_toolkit.evaluation.transfer.evaluators import EvaluatorSettings
from arae_toolkit.evaluation.transfer.ngram_classifier import NgramClassifierSettings

SIZES = {"train": 2_000, "dev": 120, "test": 80}
SETTINGS = EvaluatorSettings(
    ngrams=NgramClassifierSettings(longest=2),
    neural=BiLSTMClassifierSettings(
        embedding_size=12, state_size=16, batch_size=32, most_epochs=2, rate=0.02
    ),
    language_model=LanguageModelSettings(
        embedding_size=12,
        hidden_size=12,
        batch_size=32,
        most_epochs=2,
        rate=0.02,
        softmax_samples=20,
    ),
)


def labelled_corpus(folder: Path) -> Corpus:
    """Prepare the corpus in a folder: train, dev and test, negative and positive."""
    sentences = sentiment_sentences(sum(SIZES.values()), seed=3)
    return prepared_corpus(
        folder,
        {
            split: [{"text": row.text, "label": row.label} for row in islice(sentences, size)]
            for split, size in SIZES.items()
        },
    )


def equal_chances(vocabulary: Vocabulary) -> LanguageModel:
    """Return a language model that gives every word the same chance."""
    network = LanguageModelNetwork(len(vocabulary), embedding_size=3, hidden_size=3)
    for parameter in network.parameters():
        parameter.data.zero_()
    return LanguageModel(network.eval(), vocabulary, LanguageModelSettings(3, 3), 7.0)
