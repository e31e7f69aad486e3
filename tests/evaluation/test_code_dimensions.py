import pytest
import torch

from arae_toolkit.evaluation.code_dimensions import measure_dimensions


def test_equal_variances_use_all_dimensions():
    codes = torch.cat([torch.eye(4), -torch.eye(4)])
    found = measure_dimensions(codes)
    assert (found.active, found.size) == (4, 4)
    assert found.effective == pytest.approx(4)


def test_dimensions_do_not_depend_on_the_axes_but_for_the_active_ones():
    codes = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    codes[:, 3:] *= 0.001
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))
    first, turned = measure_dimensions(codes), measure_dimensions(codes @ turn)
    assert first.effective == pytest.approx(turned.effective, abs=1e-3)
    assert 2.8 < first.effective <= 3
    assert (first.active, turned.active) == (3, 6)


def test_codes_that_are_all_equal_use_none():
    found = measure_dimensions(torch.ones(5, 3))
    assert (found.active, found.effective) == (0, 0)
    with pytest.raises(ValueError, match="1 codes"):
        measure_dimensions(torch.ones(1, 3))
