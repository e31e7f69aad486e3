"""How fast this machine multiplies, copies, and takes one LSTM step: what the limits rest on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.benchmarks.roofline.arithmetic import Product
from arae_toolkit.devices import matrix_products

SQUARE = {"cpu": 2048, "cuda": 8192}
"""Side of the product that shows a device's matrix rate: large enough to fill it."""
ROUND_SIZE = 64
"""LSTMs are measured with their own number of units and with the next multiple of this."""
SLICE_ROWS, SLICE_COLUMNS = 160, 1024
COPY_BYTES = 128 * 2**20
CHAIN_STEPS, IN_A_ROW = 64, 16
FEW_INPUTS = 8  # fewer, and cuDNN copies the weights at every call


Measured = tuple[tuple[int, int, int], torch.dtype]
"""Rows, inner and columns of a product, and its precision."""


class MatrixRates:
    """Measures products of given shapes in several ways and remembers the fastest times.

    A limit must not rest on a slow way: on a CPU, a large product is often faster in slices that
    stay in its caches, and with one factor or another lying transposed in memory.

    Args:
        setting: The clock and the device.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.fastest: dict[Measured, float] = {}
        """Seconds of a product in the fastest of all ways."""
        self.at_once: dict[Measured, float] = {}
        """Seconds of a product as one call with both factors as they are."""

    def measure(
        self, products: Iterable[Product], dtype: torch.dtype, *, at_once: bool = False
    ) -> None:
        """Measure every shape (again): the limit is what the machine can do at its best.

        Float32 factors are rounded to TF32 where a device can: cuDNN's LSTM rounds them unless it
        is told not to, so a limit without would be one that can be beaten.

        Args:
            products: What is measured; each shape once.
            dtype: Of the reduced products.
            at_once: Leave out all ways but the one call.
        """
        with matrix_products(self.setting.device, "tf32"):
            self._measure(products, dtype, at_once=at_once)

    def _measure(
        self, products: Iterable[Product], dtype: torch.dtype, *, at_once: bool = False
    ) -> None:
        for key in sorted({_key(product, dtype) for product in products}, key=str):
            whole, *others = _ways(self.setting, *key)
            seconds = fastest_in_a_row(self.setting, whole)
            self.at_once[key] = min(seconds, self.at_once.get(key, seconds))
            if not at_once:
                best = min([seconds, *(fastest_in_a_row(self.setting, way) for way in others)])
                self.fastest[key] = min(best, self.fastest.get(key, best))

    def limit_seconds(
        self, products: Iterable[Product], dtype: torch.dtype, *, at_once: bool = False
    ) -> float:
        """Return the time that these products take by themselves."""
        measured = self.at_once if at_once else self.fastest
        return sum(measured[_key(product, dtype)] * product.times for product in products)

    def table(self) -> dict[str, float]:
        """Return the measured rates in GFLOP/s by shape and precision."""
        return {
            f"{rows} x {inner} x {columns}, {str(dtype).removeprefix('torch.')}": round(
                2e-9 * rows * inner * columns / seconds, 2
            )
            for ((rows, inner, columns), dtype), seconds in self.fastest.items()
        }

    def square_rate(self, dtype: torch.dtype) -> float:
        """Return the rate of a large square product, in floating-point operations a second."""
        side = SQUARE[self.setting.device.type]
        square = Product("square", side, side, side, reduced=True)
        self._measure([square], dtype)
        return square.flops / self.fastest[square.shape, dtype]


def _key(product: Product, dtype: torch.dtype) -> Measured:
    return product.shape, dtype if product.reduced else torch.float32


def _ways(
    setting: Setting, shape: tuple[int, int, int], dtype: torch.dtype
) -> list[Callable[[], object]]:
    """Return ways to compute a product of this shape; the first is one call, as it is."""
    rows, inner, columns = shape
    device = setting.device
    first = torch.randn(rows, inner, device=device).to(dtype)
    plain = torch.randn(inner, columns, device=device).to(dtype)
    transposed = plain.t().contiguous().t()
    result = torch.empty(rows, columns, device=device, dtype=dtype)

    def in_slices(second: Tensor, most_rows: int, most_columns: int) -> Callable[[], object]:
        slices = [
            (left, right, out)
            for left, wide in zip(first.split(most_rows), result.split(most_rows), strict=True)
            for right, out in zip(
                second.split(most_columns, dim=1), wide.split(most_columns, dim=1), strict=True
            )
        ]

        def multiply() -> None:
            for left, right, out in slices:
                torch.mm(left, right, out=out)

        return multiply

    cuts = [(rows, columns)]
    if device.type == "cpu":
        cuts += [(SLICE_ROWS, columns)] * (rows > SLICE_ROWS)
        cuts += [(rows, SLICE_COLUMNS)] * (columns > SLICE_COLUMNS)
    return [in_slices(second, *cut) for cut in cuts for second in (plain, transposed)]


def fastest(setting: Setting, work: Callable[[], object]) -> float:
    """Return the seconds of ``work``: the best of some trials, each long enough to be timed."""

    def repeat(count: int) -> None:
        for _ in range(count):
            work()

    repeat(2)
    once = setting.seconds(lambda: repeat(1))
    count = max(1, round(setting.trial_seconds / max(once, 1e-6)))
    return min(setting.seconds(lambda: repeat(count)) / count for _ in range(setting.trials))


def fastest_in_a_row(setting: Setting, work: Callable[[], object]) -> float:
    """Return the seconds of ``work`` among others like it.

    On CUDA several are replayed as one captured graph, so that no time is lost between them: a
    program that captures its steps, as the library does, must not be faster than its limit.
    """
    if setting.device.type != "cuda":
        return fastest(setting, work)
    return fastest(setting, _captured(setting, work, times=IN_A_ROW)) / IN_A_ROW


def _captured(setting: Setting, work: Callable[[], object], *, times: int) -> Callable[[], None]:
    """Return the replay of a captured graph in which ``work`` is done so many times."""
    device = setting.device
    stream = torch.cuda.Stream(device)
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize(device)
    # Not torch.cuda.graph(), which would also empty the memory cache of what is timed in between.
    with torch.cuda.stream(stream):
        work()  # a capture needs what it captures to have run before
        stream.synchronize()
        graph.capture_begin()
        try:
            for _ in range(times):
                work()
        finally:
            graph.capture_end()
    torch.cuda.synchronize(device)
    return graph.replay


def copy_rate(setting: Setting) -> float:
    """Return the measured bandwidth of the memory, in bytes a second, reads and writes together."""
    source = torch.zeros(COPY_BYTES // 4, device=setting.device)
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / fastest(setting, lambda: target.copy_(source))


def step_seconds(setting: Setting, *, rows: int, size: int, dtype: torch.dtype) -> float:
    """Return the seconds of one step of an LSTM in a long chain with nothing else around it.

    The product (B, H) x (H, 4H) and the gates, in the faster of two ways: operation by operation,
    and through torch's own LSTM with few inputs; each with H units, and with H filled up to a round
    number. On CUDA all run inside a captured graph, so that no time is lost between the operations.

    Args:
        setting: The clock and the device.
        rows: B.
        size: H.
        dtype: Of the products.
    """
    ways = (_written_out, _through_lstm)
    sizes = {size, -(-size // ROUND_SIZE) * ROUND_SIZE}
    with matrix_products(setting.device, "tf32"):
        return min(
            _chain_seconds(setting, way(setting, rows, units, dtype))
            for way in ways
            for units in sorted(sizes)
        )


@torch.no_grad()
def _chain_seconds(setting: Setting, chain: Callable[[], object]) -> float:
    """Return the seconds of a step of a chain of :data:`CHAIN_STEPS`."""
    if setting.device.type == "cuda":
        with contextlib.suppress(RuntimeError):  # what cannot be captured is timed as it is
            chain = _captured(setting, chain, times=1)
    return fastest(setting, chain) / CHAIN_STEPS


def _written_out(
    setting: Setting, rows: int, size: int, dtype: torch.dtype
) -> Callable[[], object]:
    """Return a chain of steps as a product and the gates."""
    on_cuda = setting.device.type == "cuda"
    weight = torch.randn(size, 4 * size, device=setting.device).to(dtype) / size
    # CUDA has one operation for all gates in either precision; a CPU computes them in float32.
    kept = dtype if on_cuda else torch.float32
    inputs = torch.zeros(rows, 4 * size, device=setting.device, dtype=kept)
    start = torch.zeros(rows, size, device=setting.device, dtype=kept)

    def step(hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        gates = torch.mm(hidden.to(dtype), weight).to(kept)
        if on_cuda:
            hidden, cell, _ = torch.ops.aten._thnn_fused_lstm_cell(gates, inputs, cell)
            return hidden, cell
        enter, keep, candidate, leave = gates.chunk(4, dim=1)
        cell = cell.mul(keep.sigmoid_()).addcmul_(enter.sigmoid_(), candidate.tanh_())
        return cell.tanh().mul_(leave.sigmoid_()), cell

    def chain() -> None:
        hidden = cell = start
        for _ in range(CHAIN_STEPS):
            hidden, cell = step(hidden, cell)

    return chain


def _through_lstm(
    setting: Setting, rows: int, size: int, dtype: torch.dtype
) -> Callable[[], object]:
    """Return a chain of steps as one call of torch's LSTM."""
    lstm = nn.LSTM(FEW_INPUTS, size).to(device=setting.device, dtype=dtype).eval()
    inputs = torch.zeros(CHAIN_STEPS, rows, FEW_INPUTS, device=setting.device, dtype=dtype)
    return lambda: lstm(inputs)
