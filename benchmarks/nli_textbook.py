"""Labelling pairs in a program of one's own: the library against a plain torch classifier.

The plain one has the same weights, tokenizer and precision, and reads premises and hypotheses with
``nn.LSTM`` as they come, a call of it for each side. Both label the pairs of the corpus's test
split, in calls of 64 and one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import click
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from arae_toolkit.benchmarks.common import (
    Measured,
    Setting,
    number,
    program,
    rate_metrics,
    ratios,
)
from arae_toolkit.benchmarks.nli_prediction import test_pairs
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.vocabulary import PAD, Vocabulary
from arae_toolkit.errors import ToolkitError
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.nli.networks import VectorClassifier
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.recipes.nli.options import load_nli_model
from arae_toolkit.reports.results import summarise

BATCH_SIZE = 64


@program(
    "nli_textbook",
    "runs/nli-tiny --corpus corpora/snli",
    "tiny --count 3840 --threads 1",
    takes=("corpus", "device", "threads"),
)
@click.argument("run")
@number("--count", 1_920, "Pairs a run.")
@number("--one-by-one", 100, "Pairs a run of the versions that label each by itself.")
@number("--rounds", 7, "Runs of each version.", least=2)
def main(
    here: Setting, corpus: Corpus, *, run: str, count: int, one_by_one: int, rounds: int
) -> Measured:
    """Measure how many pairs a second the classifier of RUN labels beside one of plain torch."""
    model = load_nli_model(run, here.device.type)
    plain = PlainClassifier.of(model).to(here.device)
    pairs = test_pairs(corpus, count)
    alone = pairs[:one_by_one]

    def labels(predict: Callable[[Sequence[Pair]], list[str]]) -> list[str]:
        calls = [pairs[at : at + BATCH_SIZE] for at in range(0, count, BATCH_SIZE)]
        return [label for call in calls for label in predict(call)]

    def each(predict: Callable[[Sequence[Pair]], list[str]]) -> list[str]:
        return [predict([pair])[0] for pair in alone]

    both = {"library": model.predict, "textbook": plain.predict}
    found = [labels(predict) for predict in both.values()]  # and both have run once
    found_alone = [each(predict) for predict in both.values()]
    works = {}
    for name, predict in both.items():
        works[f"{name}, calls of {BATCH_SIZE}"] = here.rate(partial(labels, predict), count)
        works[f"{name}, one by one"] = here.rate(partial(each, predict), len(alone))
    numbers = here.alternate(works, rounds=rounds)
    metrics = rate_metrics(numbers, "pairs/s")
    for way in (f"calls of {BATCH_SIZE}", "one by one"):
        metrics[f"library over textbook, {way}"] = ratios(
            numbers[f"library, {way}"], numbers[f"textbook, {way}"]
        )
    same = [100 * sum(map(str.__eq__, *sides)) / len(sides[0]) for sides in (found, found_alone)]
    metrics["same labels"] = summarise([min(same)], "percent")
    details = {"count": count, "one_by_one": len(alone), "pairs_per_second": numbers}
    details |= {"model": model.arguments, "batch_size": BATCH_SIZE}
    return metrics, details


class PlainClassifier(nn.Module):
    """A classifier of pairs as most people would write it: maximum or last state of an LSTM.

    Args:
        vocabulary: Words and tokenizer.
        labels: Their names.
        bidirectional: Whether there are two directions, and a sentence's vector is the maximum over
            its states; else it is the last state, of norm sqrt(Z).
        embedding_size: E.
        code_size: Z.
        hidden_size: Of the perceptron.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        *,
        bidirectional: bool,
        embedding_size: int,
        code_size: int,
        hidden_size: int,
    ) -> None:
        super().__init__()
        self.vocabulary, self.labels, self.bidirectional = vocabulary, labels, bidirectional
        self.embedding = nn.Embedding(len(vocabulary), embedding_size, padding_idx=PAD)
        self.lstm = nn.LSTM(
            *(embedding_size, code_size // (1 + bidirectional)),
            batch_first=True,
            bidirectional=bidirectional,
        )
        self.hidden = nn.Linear(4 * code_size, hidden_size)
        self.output = nn.Linear(hidden_size, len(labels))
        self.eval()

    @classmethod
    def of(cls, model: NLIModel) -> PlainClassifier:
        """Return one with the weights of a model.

        Raises:
            ToolkitError: If the model is none that a single LSTM's vectors are compared in.
        """
        network = model.networks[0]
        if not isinstance(network, VectorClassifier) or len(model.networks) > 1:
            raise ToolkitError("a model of one network of kind paper or bilstm-max is needed")
        encoder = network.encoder
        both = isinstance(encoder, BiLSTMEncoder)
        plain = cls(
            model.vocabulary,
            model.labels,
            bidirectional=both,
            **{key: model.arguments[key] for key in ("embedding_size", "code_size", "hidden_size")},
        )
        with torch.no_grad():
            lstms = (
                [encoder.forward_lstm, encoder.backward_lstm]
                if isinstance(encoder, BiLSTMEncoder)
                else [encoder.lstm]
            )
            for own, lstm in zip(plain.lstm.all_weights, lstms, strict=True):
                for weight, value in zip(own, lstm.all_weights[0], strict=True):
                    weight.copy_(value)
        plain.embedding.load_state_dict(encoder.embedding.state_dict())
        plain.hidden.load_state_dict(network.hidden.state_dict())
        plain.output.load_state_dict(network.output.state_dict())
        return plain

    @torch.no_grad()
    def predict(self, pairs: Sequence[Pair]) -> list[str]:
        """Return the likeliest label of each pair."""
        first, second = (self._vectors([pair[side] for pair in pairs]) for side in (0, 1))
        features = torch.cat([first, second, (first - second).abs(), first * second], dim=1)
        likeliest = self.output(self.hidden(features).relu()).argmax(dim=1)
        return [self.labels[index] for index in likeliest.tolist()]

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        """Return the vector of each text. Shape (B, Z)."""
        sentences = [torch.tensor(ids) for ids in self.vocabulary.encode_batch(texts)]
        lengths = torch.tensor([len(sentence) for sentence in sentences])
        words = self.embedding(
            pad_sequence(sentences, batch_first=True, padding_value=PAD).to(
                self.embedding.weight.device
            )
        )
        if len(texts) == 1:  # nothing is padded, and unpacked is quicker
            states, (last, _) = self.lstm(words)
        else:
            packed = pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
            outputs, (last, _) = self.lstm(packed)
            states, _ = pad_packed_sequence(outputs, batch_first=True, padding_value=-math.inf)
        if self.bidirectional:
            highest: Tensor = states.amax(dim=1)
            return highest
        return nn.functional.normalize(last[0], dim=1) * math.sqrt(last.shape[2])


if __name__ == "__main__":
    main()
