"""The two versions of training that are compared, set up alike: the library and the textbook."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.benchmarks.textbook import PaddedSentences, Sizes, Textbook
from arae_toolkit.config.overrides import with_value
from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.models.arae import ARAE
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.pretraining.experiment import ModelName, new_model


def library_training(
    here: Setting,
    corpus: Corpus,
    config: Config,
    *,
    precision: Precision,
    seed: int,
    cuda_graphs: bool = True,
    ranks: Ranks = ALONE,
    kind: ModelName = "arae",
) -> tuple[ARAE, Algorithm]:
    """Return a fresh model of the library and its training, set up as ``pretrain`` does."""
    config = with_value(config, "training.seed", seed)
    store = TokenStore(corpus.split("train"), device=here.device)
    model = new_model(corpus, config, kind=kind).to(here.device)
    assert isinstance(model, ARAE), "a text corpus"
    algorithm = Algorithm(
        model, config, store, precision=precision, cuda_graphs=cuda_graphs, ranks=ranks
    )
    return model, algorithm


def preset_of(corpus: Corpus, name: str, batch_size: int) -> Config:
    """Return a preset for a corpus, with another batch size."""
    return with_value(preset(name, corpus=corpus.name), "training.batch_size", batch_size)


def in_order(algorithm: Algorithm) -> Callable[[], object]:
    """Return a function that runs the next iteration each time, from the first on."""
    turns = count()
    return lambda: algorithm.iteration(next(turns))


def textbook_training(
    here: Setting,
    corpus: Corpus,
    *,
    batch_size: int,
    seed: int,
    kind: type[Textbook] = Textbook,
) -> tuple[Textbook, Callable[[], object]]:
    """Return a fresh textbook model, and a function that trains it by its next iteration."""
    data = PaddedSentences(
        corpus.split("train"),
        max_length=corpus.max_length,
        batch_size=batch_size,
        device=here.device,
        seed=seed,
    )
    textbook = kind(len(corpus.vocabulary), device=here.device, sizes=Sizes(), seed=seed)
    batches = data.epochs()
    return textbook, lambda: textbook.iteration(next(batches), data)


class TextbookModel:
    """The textbook's autoencoder as a model of the library, so that both are evaluated alike.

    Args:
        textbook: In training.
        corpus: For its vocabulary.
    """

    def __init__(self, textbook: Textbook, corpus: Corpus) -> None:
        sizes = textbook.sizes
        self.textbook = textbook
        self.model = ARAE(
            corpus.vocabulary,
            max_length=corpus.max_length,
            embedding_size=sizes.embedding,
            code_size=sizes.code,
            hidden_size=sizes.hidden,
            code_gain=sizes.code_gain,
            prior="fitted",
        ).to(textbook.device)

    def current(self) -> ARAE:
        """Return the model with the weights of this moment."""
        self.model.encoder.load_state_dict(self.textbook.encoder.state_dict())
        self.model.decoder.load_state_dict(self.textbook.decoder.state_dict())
        return self.model
