"""A small labelled corpus of our own grammar, and instruments that are trained within a test."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.data_prep.synthetic.corpora import sentiment_sentences
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.evaluation.transfer.bilstm_classifier import BiLSTMClassifierSettings
from arae_toolkit.evaluation.transfer.evaluators import EvaluatorSettings
from arae_toolkit.evaluation.transfer.ngram_classifier import NgramClassifierSettings
from arae_toolkit.recipes.shared.progress import progress

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
    source = folder / "reviews"
    source.mkdir(parents=True)
    sentences = sentiment_sentences(sum(SIZES.values()), seed=3)
    for split, size in SIZES.items():
        lines = [
            json.dumps({"text": row.text, "label": row.label}) for row in islice(sentences, size)
        ]
        (source / f"{split}.jsonl").write_text("\n".join(lines))
    return Corpus(
        prepare_corpus(
            str(source),
            out=folder / "prepared",
            options=PrepareOptions(label_field="label"),
            report=lambda line: None,
            progress=progress,
        )
    )
