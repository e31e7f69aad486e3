"""The corpus of the tests of transfer, prepared once."""

import pytest


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    import small_transfer  # which loads torch, not to be loaded before the threads are set

    return small_transfer.small_labelled_corpus(tmp_path_factory.mktemp("labelled"))
