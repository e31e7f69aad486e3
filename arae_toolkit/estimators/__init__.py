"""scikit-learn estimators over a model folder and over pairs of texts."""

from arae_toolkit.estimators.nli_classifier import NLIClassifier
from arae_toolkit.estimators.sentence_encoder import SentenceEncoder

__all__ = ["NLIClassifier", "SentenceEncoder"]
