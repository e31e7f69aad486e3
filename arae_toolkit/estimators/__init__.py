"""scikit-learn estimators: sentence encoder, pair classifier, text transfer."""

from arae_toolkit.estimators.nli_classifier import NLIClassifier
from arae_toolkit.estimators.sentence_encoder import SentenceEncoder
from arae_toolkit.estimators.text_transfer import TextTransfer

__all__ = ["NLIClassifier", "SentenceEncoder", "TextTransfer"]
