"""A served text model: samples, reconstructions, walks, neighbours, and a map of its codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.corpus import Corpus, evenly_spread, texts_of
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.latent.maps import CodeMap, project
from arae_toolkit.latent.neighbours import encoded, nearest
from arae_toolkit.latent.smooth_walks import SmoothWay
from arae_toolkit.latent.spaces import has_noise, space_of
from arae_toolkit.latent.walks import StraightWay, sentences_of, walk
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.code_head import NoCodeEncoder
from arae_toolkit.nn.priors import Prior
from arae_toolkit.serving.operations import Fields, RefusedRequest
from arae_toolkit.serving.runs import Answers, are_read, divided, edits, unknown_words

ENCODED_ROWS = 2_048
GENERATED, SHOWN = 300, 700
"""Points of the map: generated sentences, and sentences of the corpus."""
KIND_OF_GENERATED = "generated"


@dataclass(frozen=True)
class KnownSentences:
    """Sentences of a corpus with their codes.

    Attributes:
        split: Where they stand.
        rows: The number of each in its split.
        texts: N of them.
        labels: Of each, where it has one.
        codes: Shape (N, Z).
    """

    split: str
    rows: list[int]
    texts: list[str]
    labels: list[str | None]
    codes: Tensor


def known_sentences(
    model: ARAE,
    corpus: Corpus,
    split: str,
    *,
    most: int,
    advance: Callable[[int], None] = lambda _: None,
) -> KnownSentences | None:
    """Return sentences evenly spread over a split, encoded; ``None`` if it has none.

    Args:
        model: It has codes.
        corpus: Where the split is.
        split: ``train``, ``dev`` or ``test``.
        most: So many at most.
        advance: Called with the number of sentences that were encoded.
    """
    sentences = corpus.split(split)
    if not len(sentences):
        return None
    rows = evenly_spread(len(sentences), most)
    chosen = sentences.at(rows)
    texts = texts_of(chosen, corpus.vocabulary)
    values = [-1] * len(rows) if chosen.labels is None else chosen.labels.tolist()
    labels = [corpus.labels[value] if value >= 0 else None for value in values]
    codes = encoded(model, texts, block_rows=ENCODED_ROWS, advance=advance)
    return KnownSentences(split, rows.tolist(), texts, labels, codes)


@dataclass(frozen=True)
class DrawnMap:
    """A map of codes.

    Attributes:
        projected: The map.
        codes: Of its points. Shape (N, Z).
        texts: Of its points.
        kinds: Of its points: labels, splits or ``generated``.
    """

    projected: CodeMap
    codes: Tensor
    texts: list[str]
    kinds: list[str]

    def point(self, row: int) -> Fields:
        """Return what is known of a point."""
        x, y = self.projected.points[row].tolist()
        return {"x": x, "y": y, "text": self.texts[row], "kind": self.kinds[row]}


class TextRun:
    """A text model.

    Args:
        model: An ARAE, an AE or its other kin; of a language model only samples can be had.
        sentences: Of its corpus, which neighbours are searched in and the map shows.
        priors: By name, others to sample from than its own.
    """

    def __init__(
        self,
        model: ARAE,
        *,
        sentences: KnownSentences | None = None,
        priors: Mapping[str, Prior] | None = None,
    ) -> None:
        self.model, self.sentences = model, sentences
        self.priors: dict[str, Prior | None] = {"own": None, **(priors or {})}
        answers: Answers = {"samples": self.samples}
        if not isinstance(model.encoder, NoCodeEncoder):
            on_map = {"map": self.map, "place": self.place, "sentence-at": self.sentence_at}
            answers = {"walk": self.walk, **answers, "reconstruct": self.reconstruct, **on_map}
            if sentences is not None:
                answers = {**answers, "neighbours": self.neighbours}
        self.answers = answers

    def described(self) -> Fields:
        """Return what it can be moved through, sampled from and searched in, and examples."""
        known = self.sentences
        examples = known.texts[:: max(1, len(known.texts) // 8)] if known else self.model.sample(8)
        return {
            "kind": "text",
            "through": ["codes", "noise"] if has_noise(self.model) else ["codes"],
            "priors": list(self.priors),
            "searched": {"split": known.split, "sentences": len(known.texts)} if known else None,
            "examples": list(dict.fromkeys(filter(None, examples))),
        }

    def check(self, operation: str, fields: Fields) -> None:
        """Refuse priors that there are not, and noise where the model has none."""
        if operation == "samples" and fields["prior"] not in self.priors:
            names = ", ".join(self.priors)
            raise RefusedRequest(f"no prior {fields['prior']!r:.80}; there are {names}")
        if fields.get("through") == "noise" and not has_noise(self.model):
            raise RefusedRequest("this model has no noise to walk through; walk through codes")

    def samples(self, requests: list[Fields]) -> list[Fields]:
        """Return new sentences."""
        return [
            {
                "samples": self.model.sample(
                    request["count"],
                    seed=request["seed"],
                    decoding=Decoding(request["method"], temperature=request["temperature"]),
                    prior=self.priors[request["prior"]],
                )
            }
            for request in requests
        ]

    def reconstruct(self, requests: list[Fields]) -> list[Fields]:
        """Return texts after a way through their codes."""
        texts = _texts(requests)
        found = zip(
            texts,
            self.model.reconstruct(texts),
            *self.model.nats(texts),
            unknown_words(self.model.vocabulary, texts),
            are_read(self.model.vocabulary, texts),
            strict=True,
        )
        answers = [
            {
                "text": text,
                "reconstruction": result if is_read else None,
                "nats": nats if is_read else None,
                "tokens": tokens if is_read else None,
                "unknown_words": unknown,
                "edits": edits(text, result) if is_read else [],
            }
            for text, result, nats, tokens, unknown, is_read in found
        ]
        return divided(answers, requests, "texts")

    def walk(self, requests: list[Fields]) -> list[Fields]:
        """Return the sentences on the way between two."""
        asked = requests[0]
        steps = asked["steps"]
        ends = [request[name] for name in ("first", "second") for request in requests]
        first, second = self.model.encode(ends).split(len(requests))
        space = space_of(self.model, asked["through"])
        form = asked["interpolation"]
        way = SmoothWay(self.model, steps, form) if asked["smooth"] else StraightWay(steps, form)
        found = walk(space, first, second, way)
        answers = []
        ways = zip(sentences_of(self.model, found.codes), found.distance.tolist(), strict=True)
        for row, (own, distances) in enumerate(ways):
            answer: Fields = {
                "steps": [
                    {"text": text, "edits": edits(own[max(0, at - 1)], text)}
                    for at, text in enumerate(own)
                ],
                "unknown_words": unknown_words(
                    self.model.vocabulary, [f"{requests[row]['first']} {requests[row]['second']}"]
                )[0],
            }
            if asked["through"] == "noise":
                answer["found"] = [
                    {"distance": distance, "reconstruction": text}
                    for distance, text in zip(distances, (own[0], own[-1]), strict=True)
                ]
            answers.append(answer)
        return answers

    def neighbours(self, requests: list[Fields]) -> list[Fields]:
        """Return the sentences of the corpus whose codes lie nearest."""
        known = self.sentences
        assert known is not None, "no such operation without a corpus"
        texts = _texts(requests)
        found = nearest(self.model.encode(texts), known.codes, count=requests[0]["count"])
        answers = [
            {
                "text": text,
                "unknown_words": unknown,
                "neighbours": [
                    {
                        "text": known.texts[row],
                        "cosine": cosine,
                        "row": known.rows[row],
                        "label": known.labels[row],
                    }
                    for row, cosine in zip(rows, cosines, strict=True)
                ],
            }
            for text, rows, cosines, unknown in zip(
                texts,
                found.rows.tolist(),
                found.cosines.tolist(),
                unknown_words(self.model.vocabulary, texts),
                strict=True,
            )
        ]
        return divided(answers, requests, "texts")

    def map(self, requests: list[Fields]) -> list[Fields]:
        """Return the points of the map."""
        drawn = self.drawn_map
        answer = {
            "explained": drawn.projected.explained,
            "kinds": list(dict.fromkeys(drawn.kinds)),
            "points": [drawn.point(row) for row in range(len(drawn.texts))],
        }
        return [answer] * len(requests)

    def place(self, requests: list[Fields]) -> list[Fields]:
        """Return where texts lie on the map."""
        texts = _texts(requests)
        places = self.drawn_map.projected.place(self.model.encode(texts).numpy(force=True))
        unknown = unknown_words(self.model.vocabulary, texts)
        answers = [
            {"text": text, "x": x, "y": y, "unknown_words": words}
            for text, (x, y), words in zip(texts, places.tolist(), unknown, strict=True)
        ]
        return divided(answers, requests, "texts")

    def sentence_at(self, requests: list[Fields]) -> list[Fields]:
        """Return the sentences at places of the map."""
        drawn, space = self.drawn_map, space_of(self.model, "codes")
        places = np.array([(request["x"], request["y"]) for request in requests])
        distances = np.linalg.norm(drawn.projected.points[None] - places[:, None], axis=2)
        rows = distances.argmin(axis=1)
        moved = drawn.projected.moved(drawn.codes[rows].numpy(force=True), places)
        codes = space.codes(torch.as_tensor(moved, dtype=torch.float32, device=self.model.device))
        return [
            {"text": text, "nearest": drawn.point(row)}
            for text, row in zip(self.model.decode(codes), rows.tolist(), strict=True)
        ]

    @cached_property
    def drawn_map(self) -> DrawnMap:
        """The map, drawn when it is first asked for, and by one thread."""
        generator = torch.Generator(self.model.device).manual_seed(0)
        codes = [self.model.prior.sample(GENERATED, generator=generator)]
        texts, kinds = self.model.decode(codes[0]), [KIND_OF_GENERATED] * GENERATED
        known = self.sentences
        if known is not None:
            rows = evenly_spread(len(known.texts), SHOWN).tolist()
            codes.append(known.codes[rows])
            texts = [*texts, *(known.texts[row] for row in rows)]
            kinds = [*kinds, *(known.labels[row] or known.split for row in rows)]
        together = torch.cat(codes)
        projected = project(together.numpy(force=True), method="pca")
        return DrawnMap(projected, together, texts, kinds)


def _texts(requests: Sequence[Fields]) -> list[str]:
    return [text for request in requests for text in request["texts"]]
