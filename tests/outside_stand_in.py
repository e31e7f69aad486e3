"""A stand-in of a model of sentence-transformers: small, of random weights, without the library."""

import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from arae_toolkit.interop import sentence_transformers as bridge

ENTRIES = 97
CARD = "---\ndatasets:\n- gooaq\n- snli\n---\n\n# stand-in\n"


class Averaging(nn.Module):
    """Texts to the mean of their words' embeddings, which are found by a checksum."""

    def __init__(self, size: int = 12, seed: int = 0) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(ENTRIES, size, mode="mean")
        self.dropout = nn.Dropout(0.2)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.embedding.weight.normal_(generator=generator)

    def preprocess(self, texts: list[str]) -> dict[str, Any]:
        rows = [[zlib.crc32(word.encode()) % ENTRIES for word in text.split()] for text in texts]
        starts = torch.tensor([0, *(len(row) for row in rows)][:-1]).cumsum(0)
        numbers = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
        return {"input_ids": numbers, "offsets": starts, "modality": "text"}

    def forward(self, features: dict[str, Any]) -> dict[str, Tensor]:
        means = self.embedding(features["input_ids"], features["offsets"])
        return {"sentence_embedding": self.dropout(means)}


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the bridge read and write stand-ins in place of the library's models."""

    def load(name: str, *, device: torch.device) -> Averaging:
        tensors = load_file(Path(name) / "model.safetensors")
        model = Averaging(size=tensors["embedding.weight"].shape[1])
        model.load_state_dict(tensors)
        return model.to(device).eval()

    monkeypatch.setattr(bridge, "load_model", load)
    monkeypatch.setattr(bridge, "save_model", save)
    monkeypatch.setattr(bridge, "dimensions_of", lambda model: model.embedding.embedding_dim)


def save(model: nn.Module, folder: Path) -> None:
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text('{"architectures": ["Averaging"]}')
