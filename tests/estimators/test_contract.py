"""What scikit-learn asks of every estimator."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from arae_toolkit.estimators import NLIClassifier, SentenceEncoder, TextTransfer

ESTIMATORS = [NLIClassifier(), SentenceEncoder(), TextTransfer()]
with warnings.catch_warnings():
    # It leaves out what fits on numbers, and with it all that is asked below.
    warnings.simplefilter("ignore", SkipTestWarning)
    every_check = parametrize_with_checks(ESTIMATORS)


@every_check
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
    ],
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_obey_scikit_learns_checks(check, estimator):
    check(type(estimator).__name__, estimator)
