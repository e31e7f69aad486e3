"""The infilling rewriter: masks what marks an attribute and fills in what marks another."""

from __future__ import annotations

from collections.abc import Sequence

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import Precision, dtype_of
from arae_toolkit.models.folder_schema import network_of
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.transfer.infilling.network import InfillingNetwork
from arae_toolkit.transfer.infilling.search import InfillingSearch
from arae_toolkit.transfer.infilling.settings import Search
from arae_toolkit.transfer.infilling.token_scoring import TokenScorer
from arae_toolkit.transfer.infilling.word_similarity import usage, with_endings
from arae_toolkit.transfer.rewriter import Sentence

_CHUNK = 128  # sentences rewritten together


class Infilling:
    """A :class:`~arae_toolkit.transfer.rewriter.Rewriter` that changes words of the sentence.

    What it proposes is found by :class:`~arae_toolkit.transfer.infilling.search.InfillingSearch`.

    Args:
        network: Trained; put into evaluation mode.
        vocabulary: Words and tokenizer.
        attributes: A names.
        search: What is tried.
        precision: Of the matrix products. ``bf16`` is about twice as quick on a CPU that has it. A
            few sentences in a hundred then come out otherwise than in ``fp32``, and one in some
            hundreds otherwise beside others than alone.
    """

    def __init__(
        self,
        network: InfillingNetwork,
        vocabulary: Vocabulary,
        attributes: Sequence[str],
        *,
        search: Search | None = None,
        precision: Precision = "fp32",
    ) -> None:
        self.network, self.vocabulary = network.eval(), vocabulary
        self.attributes, self.search = tuple(attributes), search or Search()
        self.scorer = TokenScorer(
            network,
            self.search,
            dtype=dtype_of(precision),
            directions=with_endings(usage(network), vocabulary.words, weight=self.search.endings),
        )
        self._searching = InfillingSearch(self.scorer, self.search)

    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return what the search has found for each sentence, the best first.

        Where fewer than ``count`` were found, the last is repeated. The strength weighs the target
        against few edits: at 0 sentences stay as they are. Nothing is drawn.
        """
        del seed
        proposals: list[list[Sentence]] = [[] for _ in sentences]
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            found = self._searching.candidates(
                [sentences[row] for row in rows],
                [targets[row] for row in rows],
                strength=strength,
            )
            for row, candidates in zip(rows, found, strict=True):
                own = [list(candidate.words) for candidate in candidates[:count]]
                proposals[row] = own + [list(own[-1]) for _ in range(count - len(own))]
        return proposals

    @classmethod
    def from_content(cls, content: ModelFolder, *, precision: Precision = "fp32") -> Infilling:
        """Return the rewriter of a model folder."""
        assert content.vocabulary is not None, "a text model has a vocabulary"
        labels = content.config["labels"]
        network = network_of(
            InfillingNetwork,
            *(len(content.vocabulary), len(labels)),
            arguments=content.config["model"],
            tensors=content.tensors,
        )
        device = content.tensors["word_bias"].device
        return cls(network.to(device), content.vocabulary, labels, precision=precision)
