import numpy as np
import pytest
from sklearn.datasets import load_digits

from arae_toolkit.evaluation.image_samples import DigitClassifier, measure_samples

DIGITS = load_digits()
INK = DIGITS.data >= 8
LABELS = DIGITS.target.astype(np.int16)


@pytest.fixture(scope="module")
def classifier():
    return DigitClassifier(INK[:900], LABELS[:900])


def test_the_classifier_knows_digits_that_it_has_not_seen(classifier):
    assert classifier.accuracy(INK[900:], LABELS[900:]) > 85
    hidden = classifier.features(INK[:5])
    assert hidden.shape == (5, 128) and (hidden >= 0).all()


def test_real_images_are_plain_and_their_own_distance_is_nothing(classifier):
    found = measure_samples(INK[900:], INK[900:], classifier)
    assert found.frechet < 1e-3
    assert found.confidence > 0.9
    assert found.least_digit > 5
    assert sum(found.shares) == pytest.approx(100)


def test_one_digit_alone_and_noise_are_told_from_real_images(classifier):
    real = INK[900:]
    ones = measure_samples(INK[LABELS == 1], real, classifier)
    assert ones.least_digit < 2 and ones.shares[1] > 80
    noise = np.random.default_rng(0).random((400, 64)) < INK.mean()
    usual = measure_samples(real[400:800], real[:400], classifier)
    unlike = measure_samples(noise, real, classifier)
    assert min(ones.frechet, unlike.frechet) > 4 * usual.frechet
    assert unlike.confidence < usual.confidence - 0.1
    repeated = measure_samples(np.repeat(real[:1], 50, axis=0), real, classifier)
    assert repeated.distinct == 2
