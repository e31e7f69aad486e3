"""Models that the tests of several commands ask, written once."""

import pytest


@pytest.fixture(scope="session")
def pair_model(tmp_path_factory):
    import small  # which loads torch, not to be loaded before the threads are set

    return small.save_pair_model(tmp_path_factory.mktemp("runs") / "pairs")
