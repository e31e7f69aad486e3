"""What a page shows of plain models, of text and of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.storage.html_page import heading, note, picture, table, texts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts
    from arae_toolkit.evaluation.image_grid import Picture
    from arae_toolkit.evaluation.text_model import TextModelFigures
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.models.image_arae import ImageARAE

Sections = dict[str, list[str]]

RECONSTRUCTION = {
    "nats_per_sentence": "nats per sentence",
    "nats_per_token": "nats per token",
    "perplexity": "perplexity per token",
    "token_accuracy": "tokens right, percent",
    "exact": "sentences restored exactly, percent",
    "bleu": "BLEU to the sentence",
    "word_errors": "word errors, percent",
    "sentences": "sentences",
}
CODE_SPACE = {
    "code_norm": "mean norm of codes",
    "generated_norm": "mean norm of generated codes",
    "code_variance": "summed variance of codes",
    "generated_variance": "summed variance of generated codes",
    "neighbour_cosine": "cosine of codes of near neighbours",
    "random_cosine": "cosine of codes of random pairs",
    "mean_distance": "distance of the means of codes and generated codes",
}
STEPS, WALKS, EXAMPLES, QUERIES, NEIGHBOURS = 7, 3, 6, 4, 4
SEARCHED_ROWS = 20_000
PICTURE_SAMPLES = 60


def text_sections(
    folder: Path,
    corpus: Corpus | None,
    device: torch.device,
    *,
    count: int,
    samples: int,
    seed: int,
) -> tuple[Sections, TextModelFigures | None]:
    """Return what there is to show of a text model, and its figures if its corpus is at hand.

    Args:
        folder: Of the run.
        corpus: The one that it was trained on, if that is at hand.
        device: Where to compute.
        count: Samples shown.
        samples: Samples that are counted.
        seed: Draws them.
    """
    from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts
    from arae_toolkit.evaluation.text_model import measure_text_model
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nn.priors import NoCodePrior

    model = ARAE.from_pretrained(folder, device=device)
    known = None if corpus is None else CorpusTexts(corpus)
    figures = None
    sections: Sections = {}
    if corpus is not None:
        figures = measure_text_model(
            model, corpus, samples=samples, seed=seed, note=say, progress=progress
        )
        sections["Figures"] = _figures(figures)
    shown, sections["Samples"] = _samples(model, folder, known, corpus, count=count, seed=seed)
    if isinstance(model.prior, NoCodePrior):
        return sections, figures
    sections["Walks"] = _walks(model, known, shown, seed=seed)
    if corpus is not None:
        sections["Reconstructions"] = _reconstructions(model, corpus)
        sections["Neighbours"] = _neighbours(model, corpus, shown[:QUERIES])
    sections["Priors"] = _priors(model, folder)
    return sections, figures


def image_sections(
    folder: Path, corpus: Corpus | None, device: torch.device, *, seed: int
) -> Sections:
    """Return what there is to show of an image model."""
    from arae_toolkit.data.image_batches import PixelStore
    from arae_toolkit.evaluation.image_grid import picture_bytes
    from arae_toolkit.evaluation.reconstruction import measure_images
    from arae_toolkit.models.image_arae import ImageARAE
    from arae_toolkit.recipes.generate.images import draw_samples, reconstructions_of

    model = ImageARAE.from_pretrained(folder, device=device)
    drawn = draw_samples(
        model, folder, count=PICTURE_SAMPLES, seed=seed, prior="own", start_scale=None
    )
    sections: Sections = {"Samples": [picture(picture_bytes([drawn]), "images from the prior")]}
    if corpus is None:
        return sections
    found: dict[str, Mapping[str, Any]] = {}
    there = [name for name in ("dev", "test") if name in corpus.manifest["splits"]]
    for name in there:
        store = PixelStore(corpus.pixels(name), device=device)
        found[name] = vars(measure_images(model, store))
    names = {
        "nats_per_image": "nats per image",
        "nats_per_pixel": "nats per pixel",
        "pixel_accuracy": "pixels right, percent",
        "images": "images",
    }
    sections = {"Figures": [_by_split(names, found)], **sections}
    pixels = corpus.pixels(there[-1])
    sections["Walks"] = [
        note("From one held-out image to another, through codes."),
        picture(picture_bytes([_image_walks(model, pixels)]), "walks"),
    ]
    sections["Reconstructions"] = [
        note("Held-out images, each above what comes out of its code."),
        picture(picture_bytes([reconstructions_of(model, pixels)]), "images and reconstructions"),
    ]
    return sections


def _image_walks(model: ImageARAE, pixels: npt.NDArray[np.uint8]) -> Picture:
    """Return rows of images, each a way from one image to the next through codes."""
    from arae_toolkit.evaluation.image_grid import grid
    from arae_toolkit.recipes.generate.images import WALKS as ROWS
    from arae_toolkit.recipes.shared.walks import WalkOptions

    code = model.encode(pixels[: min(2 * ROWS, len(pixels) // 2 * 2)])
    codes = WalkOptions(steps=STEPS).between(model, code[::2], code[1::2]).codes
    return grid(model.decode(codes.flatten(0, 1)), image_shape=model.image_shape, columns=STEPS)


def _figures(figures: TextModelFigures) -> list[str]:
    """Return the tables of what was measured."""
    drawn = f"{len(figures.drawn):,}"
    blocks = [heading("Reconstruction"), _by_split(RECONSTRUCTION, figures.reconstruction)]
    if figures.swapped_nats:
        rows = [[number, nats] for number, nats in enumerate(figures.swapped_nats)]
        blocks += [
            heading("Words swapped in what is encoded"),
            table(["swaps", "nats per sentence, dev"], rows),
            note(
                f"The originals' nats (Figure 4 of the paper), over {figures.swapped:,} sentences; "
                f"{figures.too_short:,} are too short."
            ),
        ]
    if figures.code_space:
        rows_of_space: list[list[object]] = [
            [title, figures.code_space.get(key)] for key, title in CODE_SPACE.items()
        ]
        if figures.dimensions:
            rows_of_space += [
                ["effective dimensions of the codes", figures.dimensions["effective"]],
                ["dimensions of a code", figures.dimensions["size"]],
            ]
        blocks += [heading("Code space, dev (Figure 3)"), table(["", "value"], rows_of_space)]
    blocks += [
        heading("Samples"),
        table(
            ["", "percent"],
            [
                [f"distinct among {drawn}", figures.distinct],
                ["training sentences, word for word", figures.copied],
            ],
        ),
    ]
    return blocks


def _by_split(titles: Mapping[str, str], found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [title, *(measures.get(key) for measures in found.values())]
        for key, title in titles.items()
    ]
    return table(["", *found], rows) if found else ""


def _samples(
    model: ARAE,
    folder: Path,
    known: CorpusTexts | None,
    corpus: Corpus | None,
    *,
    count: int,
    seed: int,
) -> tuple[list[str], list[str]]:
    """Return new sentences of the model's own prior, and those of each prior as blocks."""
    from arae_toolkit.errors import ToolkitError
    from arae_toolkit.evaluation.text_model import new_sentences
    from arae_toolkit.priors.folder import fitted_names, own_prior_name, prior_named

    shown: list[str] = []
    blocks = []
    for name in ("own", *fitted_names(folder)):
        try:
            prior = None if name == "own" else prior_named(name, folder, model, corpus)
        except ToolkitError as error:
            blocks.append(note(f"prior {name}: {error}"))
            continue
        found, left_out = new_sentences(model, count, known, seed=seed, prior=prior)
        if name == "own":
            shown = found
        title = f"the model's own ({own_prior_name(model)})" if name == "own" else name
        told = "" if known is None else f"; left out because they stand in the corpus: {left_out:,}"
        blocks += [
            heading(f"Prior: {title}"),
            note(f"The first {len(found):,}, seed {seed}, none picked{told}."),
            texts(found, numbered=True),
        ]
    return shown, blocks


def _walks(model: ARAE, known: CorpusTexts | None, ends: list[str], *, seed: int) -> list[str]:
    """Return walks between new sentences, through codes and through noise where there is any."""
    from arae_toolkit.latent.spaces import has_noise
    from arae_toolkit.recipes.shared.walks import WalkOptions

    distinct = list(dict.fromkeys(ends))
    pairs = list(zip(distinct[::2], distinct[1::2], strict=False))[:WALKS]
    if not pairs:
        return []
    told = "" if known is None else "; what stands in the corpus is set in italics"
    blocks = [note(f"From one of the samples to another{told}.")]
    for through in ("codes", "noise") if has_noise(model) else ("codes",):
        code = model.encode([text for pair in pairs for text in pair])
        way = WalkOptions(steps=STEPS, through=through, seed=seed)
        codes = way.between(model, code[::2], code[1::2]).codes
        blocks.append(heading(f"Through {through}"))
        for walk in codes:
            lines = model.decode(walk)
            blocks.append(texts(lines, marked=known.hold(lines) if known else ()))
    return blocks


def _reconstructions(model: ARAE, corpus: Corpus) -> list[str]:
    """Return some held-out sentences with what comes out of their codes."""
    originals = _spread(corpus, "dev", EXAMPLES)
    rows = list(zip(originals, model.reconstruct(originals), strict=True)) if originals else []
    return [
        note("Sentences of dev, evenly spread, and what is written out of their codes."),
        table(["sentence", "reconstruction"], rows, texts=True),
    ] * bool(rows)


def _neighbours(model: ARAE, corpus: Corpus, queries: list[str]) -> list[str]:
    """Return the training sentences whose codes lie nearest to those of some samples."""
    from arae_toolkit.latent.neighbours import nearest

    searched = _spread(corpus, "train", SEARCHED_ROWS)
    if not queries or not searched:
        return []
    found = nearest(model.encode(queries), model.encode(searched), count=NEIGHBOURS)
    blocks = [
        note(f"Training sentences ({len(searched):,} searched) whose codes lie nearest by cosine.")
    ]
    for query, rows, cosines in zip(
        queries, found.rows.tolist(), found.cosines.tolist(), strict=True
    ):
        near = [[cosine, searched[row]] for cosine, row in zip(cosines, rows, strict=True)]
        blocks += [heading(query), table(["cosine", "sentence"], near, texts=True)]
    return blocks


def _priors(model: ARAE, folder: Path) -> list[str]:
    """Return the priors that the run can be sampled from."""
    from arae_toolkit.priors.listing import priors_of

    rows = [[one.name, one.kind, one.nats_gained, one.problem] for one in priors_of(folder, model)]
    gained = "nats a code gained over a Gaussian"
    return [table(["prior", "kind", gained, "problem"], rows, texts=True)]


def _spread(corpus: Corpus, split: str, count: int) -> list[str]:
    """Return sentences of a split, evenly spread over it."""
    from arae_toolkit.data.corpus import evenly_spread, texts_of

    if split not in corpus.manifest["splits"]:
        return []
    sentences = corpus.split(split)
    return texts_of(sentences.at(evenly_spread(len(sentences), count)), corpus.vocabulary)
