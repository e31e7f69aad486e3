"""scikit-learn estimators: over a model folder, over pairs of texts, and over labelled texts."""

from arae_toolkit.estimators.nli_classifier import NLIClassifier
from arae_toolkit.estimators.sentence_encoder import SentenceEncoder
from arae_toolkit.estimators.text_transfer import TextTransfer

__all__ = ["NLIClassifier", "SentenceEncoder", "TextTransfer"]
