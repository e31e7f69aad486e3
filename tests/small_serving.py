"""Small served runs, and an application that serves them."""

from pathlib import Path

import pytest
import small
import small_transfer

pytest.importorskip("starlette", reason="the extra web is not installed")
pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("httpx2", reason="starlette's test client needs httpx2")

from starlette.testclient import TestClient

from arae_toolkit.models.arae import ARAE
from arae_toolkit.serving.application import application
from arae_toolkit.serving.request_queue import RequestQueue
from arae_toolkit.serving.runs import PairRun, TransferRun
from arae_toolkit.serving.text_run import KnownSentences, TextRun
from arae_toolkit.transfer.model import TransferModel

TOKEN, PORT = "a-token-of-tests", 8765
ADDRESS = f"http://127.0.0.1:{PORT}"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def text_run(model: ARAE | None = None) -> TextRun:
    """Return a text run whose corpus is the test sentences."""
    model = model or small.model(small.vocabulary()).eval()
    texts = list(small.SENTENCES)
    labels = ["short" if len(text) < 15 else "long" for text in texts]
    rows = [10 * row for row in range(len(texts))]
    return TextRun(model, sentences=KnownSentences("dev", rows, texts, labels, model.encode(texts)))


def transfer_run(folder: Path) -> TransferRun:
    """Return a transfer run, written into a folder first."""
    return TransferRun(TransferModel.from_pretrained(small_transfer.save_model(folder)))


def pair_run() -> PairRun:
    return PairRun(small.pair_model())


def client(runs, queue: RequestQueue | None = None, **settings) -> TestClient:
    """Return a client that brings the token, unless given other headers."""
    app = application(runs, queue or RequestQueue(), token=TOKEN, port=PORT)
    return TestClient(app, base_url=ADDRESS, **{"headers": BEARER, **settings})
