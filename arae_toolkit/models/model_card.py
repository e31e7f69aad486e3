"""Model cards: what a published model is, what it learned from, its figures, how to use it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from arae_toolkit.storage.json_files import read_object

_TASKS = {
    "text": "an adversarially regularized autoencoder of sentences",
    "image": "an adversarially regularized autoencoder of binary images",
    "pairs": "a classifier of sentence pairs",
    "pair-ensemble": "a classifier of sentence pairs, the average of several seeds",
    "pair-encoder": "an encoder of sentences, pretrained on pairs without their labels",
}
_TRANSFER = "a model that rewrites sentences so that their label changes"
_USES = {
    "text": (
        "from arae_toolkit import ARAE",
        'model = ARAE.from_pretrained("{name}")',
        'code = model.encode(["a man is sleeping ."])',
        "model.decode(code), model.sample(5, seed=0)",
    ),
    "image": (
        "from arae_toolkit.models.image_arae import ImageARAE",
        'model = ImageARAE.from_pretrained("{name}")',
        "pictures = model.sample(5, seed=0)",
    ),
    "pairs": (
        "from arae_toolkit import NLIClassifier",
        'model = NLIClassifier.load("{name}")',
        'model.predict_proba([("two dogs run .", "animals are moving .")])',
    ),
    "pair-encoder": (
        "from arae_toolkit import SentenceEncoder",
        'model = SentenceEncoder("{name}").fit()',
        'model.transform(["a man is sleeping ."])',
    ),
}
_USES["pair-ensemble"] = _USES["pairs"]
_TRANSFER_USE = (
    "from arae_toolkit import TextTransfer",
    'model = TextTransfer.from_pretrained("{name}", to="{label}")',
    'model.transform(["the food was cold ."])',
)
_FIGURES = {  # of the metrics log's last row for dev
    "nats_per_sentence": "nats per sentence",
    "nats_per_token": "nats per token",
    "token_accuracy": "percent of tokens written back",
    "exact": "percent of sentences written back word for word",
    "transferred": "percent transferred, by the model's own classifier",
    "content_bleu": "content BLEU",
    "accuracy": "percent right",
}


def model_card(folder: Path, name: str, *, run: Path | None = None) -> str:
    """Return the Markdown of a model's card.

    Args:
        folder: Of the model.
        name: ``owner/name``, as users load it.
        run: The folder of its run, where its figures and settings are; ``None`` without one.
    """
    members = _members(folder)
    own = read_object(folder / "config.json")
    made = _made(run) | own
    first = read_object(members[0] / "config.json") if members else made
    kind = str(own.get("kind"))
    labels = first.get("labels") or dict(first.get("corpus") or {}).get("labels")
    labels = labels or dict(first.get("model") or {}).get("attributes") or []
    use = "\n".join(_USES.get(kind, _TRANSFER_USE))
    use = use.format(name=name, label=labels[-1] if labels else "")
    transfer = kind not in _TASKS
    parts = [
        "---\nlibrary_name: arae-toolkit\ntags:\n- arae-toolkit\n"
        f"- {'text-transfer' if transfer else kind}\n---",
        f"# {name.partition('/')[2]}",
        f"This is {_TASKS.get(kind, _TRANSFER)}, made with arae-toolkit "
        f"{first.get('toolkit', '')}".rstrip()
        + ".",
        "## Data",
        "\n".join(_data(first, labels)),
        "## Figures",
        "\n".join(_figures(run)) or "None were measured in the folder that this came from.",
        "## Use",
        f"```\npip install 'arae-toolkit[hub]'\n```\n\n```python\n{use}\n```",
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(kind, first)),
    ]
    if settings := list(_settings(first)):
        parts += ["## Settings", "\n".join(settings)]
    return "\n\n".join(parts) + "\n"


def _made(run: Path | None) -> dict[str, Any]:
    """Return what the configuration of a run says beside the model."""
    if run is None or not (run / "config.json").is_file():
        return {}
    return read_object(run / "config.json")


def _members(folder: Path) -> list[Path]:
    """Return the folders of the seeds that a model averages."""
    names = read_object(folder / "config.json").get("members", [])
    return [folder / name for name in names]


def _data(config: Mapping[str, Any], labels: list[str]) -> Iterator[str]:
    corpus = dict(config.get("corpus") or {})
    sha256 = corpus.get("sha256") or dict(config.get("run") or {}).get("corpus")
    yield f"- Corpus: {corpus.get('name', 'not recorded')}" + (
        f", prepared as sha256 `{sha256}`" if sha256 else ""
    )
    if labels and config.get("kind") not in ("text", "image"):
        yield f"- Labels: {', '.join(labels)}"
    if objective := config.get("objective"):
        yield f"- The encoder starts from: {objective}"
    if outside := dict(config.get("outside") or {}):
        how = "tuned with it" if outside["tuned"] else "frozen"
        whose = f"{outside['name']} ({outside['library']})"
        yield f"- With outside weights, {how}: {whose}; {outside['seen']}"
    vectors = dict(config.get("run") or {}).get("word_vectors", "none")
    if vectors != "none":
        yield f"- Word vectors of others were the start, sha256 of those used `{vectors}`"


def _figures(run: Path | None) -> Iterator[str]:
    """Yield a table: of all seeds of a classifier, or of the last evaluation on dev."""
    if run is None:
        return
    places = _members(run) if (run / "config.json").is_file() else []
    files = [place / "evaluation.json" for place in places or [run]]
    found = [read_object(path) for path in files if path.is_file()]
    rows: list[tuple[str, str, str]] = []
    if found:
        for split in found[0]:
            values = [float(one[split]["accuracy"]) for one in found if split in one]
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            rows.append((split, "percent right", f"{statistics.fmean(values):.2f}{spread}"))
            majority = float(found[0][split]["majority"])
            rows.append((split, "most frequent label alone", f"{majority:.2f}"))
    else:
        last = _last_dev(run / "metrics.jsonl")
        known = [(unit, last.get(name)) for name, unit in _FIGURES.items()]
        rows = [("dev", unit, f"{value:.2f}") for unit, value in known if value is not None]
    if not rows:
        return
    configs = [_made(place) for place in places or [run]]
    seeds = [dict(one.get("run") or {}).get("training.seed") for one in configs]
    named = ", ".join(str(seed) for seed in seeds if seed is not None)
    yield "| split | figure | value |\n|---|---|---|"
    yield from (f"| {split} | {figure} | {value} |" for split, figure, value in rows)
    if named:
        kind = "Seeds" if len(seeds) > 1 else "Seed"
        yield f"\n{kind} {named}" + ("; mean and sample deviation." if len(seeds) > 1 else ".")


def _last_dev(path: Path) -> dict[str, Any]:
    """Return the last evaluation on dev of a metrics log, an empty one without it."""
    if not path.is_file():
        return {}
    rows = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, RecursionError):  # a kill may have cut it short
            rows.append(json.loads(line))
    found = (row for row in reversed(rows) if isinstance(row, dict) and row.get("kind") == "dev")
    return next(found, {})


def _limits(kind: str, config: Mapping[str, Any]) -> Iterator[str]:
    yield "It knows the words and the kind of text that it was trained on, and no others."
    most = dict(config.get("model") or {}).get("max_length")
    if most:
        yield f"It was trained on sentences of at most {most} words."
    if kind == "delete-and-replace":
        yield "Its file holds sentences of its training corpus, which are looked up."
    elif kind not in ("pairs", "pair-ensemble", "pair-encoder"):
        yield "What it writes may be false, or unfit; nothing was filtered."
    if kind not in _TASKS:
        yield "Figures by the model's own classifier are higher than those by another's."
    yield "The data's own licence and biases hold for the model as well."


def _settings(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the run says of its settings that is no fingerprint."""
    given = dict(config.get("run") or {})
    shown = {name: value for name, value in given.items() if name != "corpus"}
    if shown:
        yield "```text"
        yield from (f"{name} = {value}" for name, value in shown.items())
        yield "```"
