"""Models that the tests of several commands ask, written once."""

import pytest


@pytest.fixture(scope="session")
def pair_model(tmp_path_factory):
    import small_pairs  # which loads torch, not to be loaded before the threads are set

    return small_pairs.save_model(tmp_path_factory.mktemp("runs") / "pairs")
