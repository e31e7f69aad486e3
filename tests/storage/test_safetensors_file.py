"""Tensors in files: what is equal is written in equal bytes."""

import os

import torch

from arae_toolkit.storage.safetensors_file import load_tensors, read_metadata, save_tensors


def test_equal_tensors_are_written_in_equal_bytes(tmp_path):
    """Whatever order the library that writes them has put the entries of the header in."""
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"wörter": shared, "again": shared, "odd": torch.ones(3, dtype=torch.int64)}
    metadata = {f"key {number}": f'"{number}" \n ü \x7f \x01' for number in range(9)}
    path = tmp_path / "tensors.safetensors"
    written = set()
    for _ in range(5):
        save_tensors(path, tensors, metadata=metadata)
        written.add(path.read_bytes())
    assert len(written) == 1
    read, told = load_tensors(path)
    assert {key: told[key] for key in metadata} == metadata
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_tensors_lie_in_folders_whose_names_are_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9") / "tensors.safetensors"
    path.parent.mkdir()
    save_tensors(path, {"a": torch.ones(2)}, metadata={"kind": "x"})
    read, told = load_tensors(path)
    assert torch.equal(read["a"], torch.ones(2))
    assert told["kind"] == read_metadata(path)["kind"] == "x"
