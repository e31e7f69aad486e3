"""Kernels in Triton's language; importing this needs Triton, which comes with torch for CUDA."""

from __future__ import annotations

import triton
import triton.language as tl


# Sampled softmaxes have another number of words in each batch: one kernel serves them all.
@triton.jit(do_not_specialize=["words"])  # type: ignore[untyped-decorator]
def softmax_less_one_hot(  # type: ignore[no-untyped-def]
    scores,
    answers,
    nats,
    words,
    stride,
    ignored,
    BLOCK: tl.constexpr,  # noqa: N803
):
    """Write, for one row, the nats of its answer and, over its scores, the gradient of them.

    The running maximum and sum are those of an online softmax: scores are read once for both, and
    once more, from a cache by then, for the gradient.
    """
    row = tl.program_id(0).to(tl.int64)
    scores += row * stride
    answer = tl.load(answers + row)
    places = tl.arange(0, BLOCK)
    start = 0
    if answer == ignored:
        tl.store(nats + row, 0.0)
        while start < words:
            here = start + places
            tl.store(scores + here, tl.zeros([BLOCK], tl.float32), mask=here < words)
            start += BLOCK
    else:
        top = tl.full([BLOCK], float("-inf"), tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
        while start < words:
            here = start + places
            values = tl.load(scores + here, mask=here < words, other=float("-inf")).to(tl.float32)
            higher = tl.maximum(top, values)
            # Where nothing was read yet, -inf less -inf is no number.
            nothing = higher == float("-inf")
            kept = tl.where(nothing, 0.0, tl.exp(top - higher))
            total = total * kept + tl.where(nothing, 0.0, tl.exp(values - higher))
            top = higher
            start += BLOCK
        highest = tl.max(top, axis=0)
        total = tl.sum(total * tl.exp(top - highest), axis=0)
        of_all = highest + tl.log(total)
        tl.store(nats + row, of_all - tl.load(scores + answer).to(tl.float32))
        tl.debug_barrier()  # the answer's score is read before it is overwritten
        start = 0
        while start < words:
            here = start + places
            values = tl.load(scores + here, mask=here < words, other=float("-inf")).to(tl.float32)
            surplus = tl.exp(values - of_all) - tl.where(here == answer, 1.0, 0.0)
            tl.store(scores + here, surplus, mask=here < words)
            start += BLOCK
