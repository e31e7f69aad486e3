import pytest
import torch

from arae_toolkit.devices import (
    autocast_dtype,
    check_device_name,
    choose_device,
    has_bfloat16,
    keep_freed_memory,
    matrix_products,
)
from arae_toolkit.errors import ToolkitError

CPU = torch.device("cpu")


def test_a_named_device_is_taken():
    """The CPU is always there; a GPU that is not there is named in one line."""
    assert choose_device("cpu") == CPU
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
    else:
        assert choose_device("auto") == CPU
        with pytest.raises(ToolkitError, match="no CUDA device"):
            choose_device("cuda")


def test_a_processor_said_to_have_bfloat16_has_its_lstm():
    """The answer decides between two ways to compute: torch's LSTM must exist where it is yes."""
    if has_bfloat16(CPU):
        lstm = torch.nn.LSTM(4, 4, batch_first=True).to(torch.bfloat16)
        states, _ = lstm(torch.zeros(2, 3, 4, dtype=torch.bfloat16))
        assert states.dtype is torch.bfloat16
    assert not has_bfloat16(torch.device("meta"))


def test_the_precision_of_products_is_put_back():
    """On a CPU nothing changes at all."""
    before = torch.get_float32_matmul_precision()
    with matrix_products(CPU, "tf32"):
        assert torch.get_float32_matmul_precision() == before
    with matrix_products(torch.device("cuda"), "tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    with matrix_products(torch.device("cuda"), "fp32"):
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == before


def test_keeping_memory_can_be_asked_for_anywhere():
    """More than once, and on any system."""
    keep_freed_memory()
    keep_freed_memory()
    assert float(torch.ones(1000, 1000).sum()) == 1e6


@pytest.mark.parametrize("name", ["cuda:999", "mps"])
def test_a_device_that_is_not_there_is_answered_with_those_that_are(name):
    if name == "mps" and torch.backends.mps.is_available():
        return
    with pytest.raises(ToolkitError, match=f"there is no device {name}; use .* one of cpu"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "meta", "CPU", "cpu:0"])
def test_what_is_no_name_of_a_device_is_refused(name):
    with pytest.raises(ValueError, match="is not one of auto, cpu, cuda, cuda:N"):
        check_device_name(name)
    with pytest.raises(ValueError, match="is not one of"):
        choose_device(name)


def test_the_second_gpu_can_be_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("auto") == torch.device("cuda")
    with pytest.raises(ToolkitError, match="one of cpu, cuda:0, cuda:1"):
        choose_device("cuda:2")


def test_what_autocast_computes_in_is_known_under_every_torch(monkeypatch):
    """torch 2.3 has a function for each kind of device; autocast of the other does not count."""
    assert autocast_dtype("cpu") is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert autocast_dtype("cpu") is torch.bfloat16
        assert autocast_dtype("cuda") is None
    monkeypatch.delattr(torch, "get_autocast_dtype", raising=False)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda: False)
    monkeypatch.setattr(torch, "is_autocast_cpu_enabled", lambda: True)
    monkeypatch.setattr(torch, "get_autocast_cpu_dtype", lambda: torch.bfloat16)
    assert autocast_dtype("cpu") is torch.bfloat16
    assert autocast_dtype("cuda") is None
