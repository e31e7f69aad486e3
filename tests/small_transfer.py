"""A small labelled corpus in which one word of a sentence tells its attribute; settings for it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from command_line import json_lines

from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.data_prep.synthetic.corpora import sentiment_sentences
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelNetwork,
    LanguageModelSettings,
)
from arae_toolkit.evaluation.transfer.bilstm_classifier import BiLSTMClassifierSettings
from arae_toolkit.evaluation.transfer.evaluators import EvaluatorSettings
from arae_toolkit.evaluation.transfer.fasttext_classifier import FastTextClassifierSettings
from arae_toolkit.evaluation.transfer.ngram_classifier import NgramClassifierSettings
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import LATENT
from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER, Scorer

MARKERS = {"good": ("great", "lovely", "tasty"), "bad": ("awful", "nasty", "bland")}
SUBJECTS = ("food", "soup", "cake", "room", "staff", "coffee", "bread", "bar", "menu", "table")
VERBS = ("was", "is", "looks", "seems")
ENDS = (".", "!", "today .", "again .", "here .")


def rows() -> list[dict[str, str]]:
    """Return every sentence of the grammar, with its label."""
    return [
        {"text": f"the {subject} {verb} {marker} {end}", "label": label}
        for label, markers in MARKERS.items()
        for marker in markers
        for subject in SUBJECTS
        for verb in VERBS
        for end in ENDS
    ]


def prepared_corpus(
    folder: Path,
    splits: Mapping[str, Iterable[Mapping[str, str]]],
    *,
    judges_share: float = 0.0,
) -> Corpus:
    """Prepare a corpus of rows with ``text`` and ``label`` in a folder, split by split.

    It is so small that systems and judges learn from the same rows, unless a share is given.
    """
    source = folder / "reviews"
    source.mkdir(parents=True)
    for split, content in splits.items():
        (source / f"{split}.jsonl").write_text(json_lines(content))
    own = source if len(splits) > 1 else source / "train.jsonl"
    options = PrepareOptions(label_field="label", judges_share=judges_share, test_share=0.0)
    out = folder / "corpus"
    return Corpus(prepare_corpus(str(own), out=out, options=options, report=str, progress=progress))


def small_labelled_corpus(folder: Path) -> Corpus:
    """Prepare the corpus in a folder."""
    return prepared_corpus(folder, {"train": rows()})


SIZES = ModelConfig(
    embedding_size=32,
    code_size=32,
    hidden_size=48,
    noise_size=8,
    code_gain=5.7,
    generator_sizes=(32,),
    critic_sizes=(32,),
    classifier_sizes=(32,),
)
QUICK = Config(
    SIZES,
    TrainingConfig(
        batch_size=32,
        epochs=2,
        warmup=10,
        adversarial_weight=0.1,
        adversarial_warmup=20,
        attribute_warmup=20,
        critic_steps=1,
        log_every=5,
        save_every=7,
        evaluation_sentences=40,
    ),
)
"""Two epochs of some 30 iterations."""


def changed(**training: Any) -> Config:
    """Return these settings with some of the training's changed."""
    return replace(QUICK, training=replace(QUICK.training, **training))


ATTRIBUTES = ("negative", "positive", "neutral")
REWRITTEN = (
    "the food was bad , and i 'm sad .",
    "the staff did n't care !",
    "great place , really .",
    "we paid $ _num_ for it .",
    "is this `` good '' ?",
)


def save_model(
    folder: Path, *, attributes: tuple[str, ...] = ATTRIBUTES, seed: int = 7, **entries: Any
) -> Path:
    """Write a model folder with its scorer, and further entries of its configuration; return it."""
    vocabulary = Vocabulary.build(REWRITTEN, size=100)
    generator = torch.Generator().manual_seed(seed)
    model = TransferAutoencoder(
        len(vocabulary),
        attributes=attributes,
        max_length=12,
        embedding_size=12,
        code_size=10,
        hidden_size=14,
        noise_size=5,
        generator_sizes=(11,),
        classifier_sizes=(13,),
        code_gain=3.0,
    )
    model.initialize(generator=generator, bound=0.9)
    save_model_folder(
        folder,
        config={"kind": LATENT, "model": model.arguments, **entries},
        vocabulary=vocabulary,
        tensors=model.state_dict(),
    )
    scorer = Scorer(
        len(vocabulary), attributes=attributes, embedding_size=8, hidden_size=9, filters=6
    )
    scorer.initialize(generator)
    scorer.save_pretrained(folder / SCORER_FOLDER, vocabulary)
    return folder


EVALUATED = {"train": 2_000, "dev": 120, "test": 80}
EVALUATORS = EvaluatorSettings(
    ngrams=NgramClassifierSettings(longest=2),
    neural=BiLSTMClassifierSettings(
        embedding_size=12, state_size=16, batch_size=32, most_epochs=2, rate=0.02
    ),
    fasttext=FastTextClassifierSettings(
        hash_size=500, batch_size=32, most_epochs=2, rates=(0.01, 0.03)
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
    sentences = sentiment_sentences(sum(EVALUATED.values()), seed=3)
    return prepared_corpus(
        folder,
        {
            split: [{"text": row.text, "label": row.label} for row in islice(sentences, size)]
            for split, size in EVALUATED.items()
        },
    )


def equal_chances(vocabulary: Vocabulary) -> LanguageModel:
    """Return a language model that gives every word the same chance."""
    network = LanguageModelNetwork(len(vocabulary), embedding_size=3, hidden_size=3)
    for parameter in network.parameters():
        parameter.data.zero_()
    return LanguageModel(network.eval(), vocabulary, LanguageModelSettings(3, 3), 7.0)
