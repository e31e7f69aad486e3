"""What a page shows of models of labelled data: those that transfer, and classifiers of pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.storage.html_page import heading, note, table

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.transfer.model import TransferModel, Transferred

Sections = dict[str, list[str]]

MEASURED_ROWS, EXAMPLES, PAIRS = 400, 8, 10
EVALUATION = "evaluation.json"
MEASURES = {
    "accuracy": "accuracy, percent",
    "nats_per_pair": "nats per pair",
    "calibration_error": "calibration error, percent",
    "majority": "most frequent label, percent",
    "pairs": "pairs",
}


def transfer_sections(folder: Path, corpus: Corpus | None, device: torch.device) -> Sections:
    """Return what there is to show of a model that transfers: it needs its corpus."""
    from arae_toolkit.data.corpus import evenly_spread, texts_of
    from arae_toolkit.transfer.labelled_corpus import labelled_part
    from arae_toolkit.transfer.model import TransferModel

    model = TransferModel.from_pretrained(folder, device=device)
    if corpus is None or sorted(corpus.labels) != sorted(model.attributes):
        return {}
    split = labelled_part(corpus).split("dev")
    chosen = split.at(evenly_spread(len(split), MEASURED_ROWS))
    sources, labels = texts_of(chosen, corpus.vocabulary), chosen.labels
    if labels is None or not sources:
        return {}
    rows: list[list[object]] = []
    blocks: list[str] = []
    for target in model.attributes:
        kept = [
            (text, corpus.labels[label])
            for text, label in zip(sources, labels.tolist(), strict=True)
            if corpus.labels[label] != target
        ]
        if not kept:
            continue
        texts = [text for text, _ in kept]
        answers = model.transfer(texts, [target] * len(texts))
        rows.append([target, len(texts), *own_scores(model, texts, answers, target)])
        few = evenly_spread(len(kept), EXAMPLES).tolist()
        shown = [[*kept[row], answers[row].text, answers[row].attribute_probability] for row in few]
        blocks += [
            heading(f"Towards {target}"),
            table(["text", "label", "rewritten", "probability"], shown, texts=True),
        ]
    head = ["towards", "sentences", "transferred, percent", "BLEU to the source", "copied, percent"]
    return {
        "Figures": [
            table(head, rows),
            note(
                "On sentences of dev, by the model's own classifier, which has chosen among its "
                "answers; 'arae-toolkit evaluate transfer' asks judges that have seen no system."
            ),
        ],
        "Rewritten sentences": [
            note("Sentences of dev, evenly spread, none picked, and the target's probability."),
            *blocks,
        ],
    }


def own_scores(
    model: TransferModel, sources: Sequence[str], answers: Sequence[Transferred], target: str
) -> tuple[float, float, float]:
    """Return what a model says of its answers: no evaluators are asked.

    Returns:
        The percent whose likeliest label is the target, as the log of a training counts them; the
        mean BLEU of an answer to its source; and the percent that are their source, word by word.
    """
    from arae_toolkit.evaluation.text_overlap import copy_rate

    texts = [answer.text for answer in answers]
    likeliest = model.scorer.probabilities(model.vocabulary.encode_batch(texts)).argmax(axis=1)
    return (
        100 * float((likeliest == model.value_of(target)).mean()),
        sum(answer.content_bleu for answer in answers) / len(answers),
        copy_rate(texts, sources),
    )


def pair_sections(
    folder: Path, members: Mapping[str, Path], corpus: Corpus | None, device: torch.device
) -> Sections:
    """Return what there is to show of a classifier of pairs, or of an ensemble."""
    from arae_toolkit.nli.model import NLIModel

    model = NLIModel.from_pretrained(folder, device=device)
    figures: list[str] = []
    for name, place in members.items():
        measured = _evaluation(place)
        if measured and name:
            figures.append(heading(name))
        if measured:
            rows = [
                [title, *(found.get(key) for found in measured.values())]
                for key, title in MEASURES.items()
            ]
            figures.append(table(["", *measured], rows))
        for split, found in measured.items():
            if "confusion" not in found:
                continue
            counts = zip(model.labels, found["confusion"], strict=True)
            figures += [
                note(f"Pairs of {split} by their label (rows) and the label given (columns):"),
                table(["", *model.labels], [[label, *row] for label, row in counts]),
            ]
    sections = {"Figures": figures}
    if corpus is not None and corpus.manifest.get("pairs", {}).get("dev"):
        sections["Pairs"] = _pairs(model, corpus)
    return sections


def _evaluation(folder: Path) -> dict[str, Any]:
    """Return what a training has measured by split, nothing where it has not or that is damaged."""
    try:
        found = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {split: figures for split, figures in found.items() if isinstance(figures, dict)}


def _pairs(model: Any, corpus: Corpus) -> list[str]:
    """Return some pairs of dev with their label and what the model says."""
    from arae_toolkit.data.corpus import PackedSentences, evenly_spread, texts_of

    pairs = corpus.pairs("dev")
    sentences = PackedSentences(pairs.tokens, pairs.offsets)  # two for each label
    rows = evenly_spread(len(pairs) // 2, PAIRS)
    premises, hypotheses = (
        texts_of(sentences.at(2 * rows + side), corpus.vocabulary) for side in (0, 1)
    )
    found = model.probabilities(list(zip(premises, hypotheses, strict=True)))
    labels = corpus.pair_labels("dev")[rows].tolist()
    lines = [
        [
            premise,
            hypothesis,
            corpus.labels[label] if label >= 0 else None,
            model.labels[int(shares.argmax())],
            float(shares.max()),
        ]
        for premise, hypothesis, label, shares in zip(
            premises, hypotheses, labels, found, strict=True
        )
    ]
    return [
        note("Pairs of dev, evenly spread, none picked."),
        table(["premise", "hypothesis", "label", "given", "probability"], lines, texts=True),
    ]
