"""A small labelled corpus in which one word of a sentence tells its attribute; settings for it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from command_line import json_lines

from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.recipes.shared.progress import progress

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


def prepared_corpus(folder: Path, splits: Mapping[str, Iterable[Mapping[str, str]]]) -> Corpus:
    """Prepare a corpus of rows with ``text`` and ``label`` in a folder, split by split."""
    source = folder / "reviews"
    source.mkdir(parents=True)
    for split, content in splits.items():
        (source / f"{split}.jsonl").write_text(json_lines(content))
    own = source if len(splits) > 1 else source / "train.jsonl"
    options = PrepareOptions(label_field="label")
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
