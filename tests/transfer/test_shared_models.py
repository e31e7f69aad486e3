"""Models that several threads share, that are copied, pickled, and used in forked processes."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import small
import small_transfer

from arae_toolkit.models.arae import ARAE
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.transfer.model import TransferModel

TEXTS = [f"the {noun} is {word} ." for noun in ("food", "place") for word in ("good", "bad")] * 3


@pytest.fixture(scope="module")
def uses(tmp_path_factory):
    """Return models by name, each with what asks it about one text."""
    folder = tmp_path_factory.mktemp("models")
    transfer = TransferModel.from_pretrained(small_transfer.save_model(folder / "transfer"))
    target = transfer.attributes[1]
    arae = ARAE.from_pretrained(small.save_model(folder / "arae"))
    pairs = NLIModel.from_pretrained(small.save_pair_model(folder / "pairs", 1, 2))
    return {
        "transfer": (transfer, lambda m, text: m.transfer([text], [target])),
        "arae": (arae, lambda m, text: m.decode(m.encode([text]))),
        "pairs": (pairs, lambda m, text: m.probabilities([(text, "a man")]).tolist()),
    }


every_model = pytest.mark.parametrize("name", ["transfer", "arae", "pairs"])


@every_model
def test_threads_get_the_answers_of_one_call_after_the_other(uses, name):
    model, ask = uses[name]
    alone = [ask(model, text) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda text: ask(model, text), TEXTS)) == alone


def pickled(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - our own


@every_model
@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
def test_copies_after_use_answer_alike(uses, name, again):
    model, ask = uses[name]
    before = ask(model, TEXTS[0])
    assert ask(again(model), TEXTS[0]) == before


FORK = """
import multiprocessing, sys, torch
torch.set_num_threads(4)
from arae_toolkit import ARAE
model = ARAE.from_pretrained(sys.argv[1])
texts = ["two dogs sleep in the sun ."] * 400
torch.rand(600, 600) @ torch.rand(600, 600)
torch.rand(1000, 3000).exp().sum()
model.encode(texts)
def part(index):
    torch.rand(1000, 3000).exp().sum()
    return len(model.encode(texts))
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(sum(pool.map_async(part, range(4)).get(timeout=30)))
"""


def test_a_forked_process_does_not_wait_for_its_parents_threads(tmp_path):
    folder = small.save_model(tmp_path / "arae")
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(folder)]
    environment = {"OMP_NUM_THREADS": "4", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=90, check=False
    )
    assert done.stdout == "1600\n", done.stderr
