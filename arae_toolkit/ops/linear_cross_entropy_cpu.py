"""Linear cross-entropy on a CPU: chunks of rows, whose scores are passed over once.

The scores' gradient is used while the chunk is in cache, and nothing but the small gradients is
saved for the backward pass. Beside its three matrix products a chunk costs one pass, which turns
scores into exponentials:

- Exponentials are not brought into range by the maximum first: they are hardly ever out of it.
  Where their sums tell that they were, the chunk is done again with the maximum taken off.
- The table has more columns than the weights, for the bias and for ones. Through them the first
  product adds the bias, the second sums the exponentials, and the third gives the bias's gradient.
- Not the exponentials are divided by their sums, but what they are multiplied by.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The most rows of a chunk. Its scores should stay in the cache; in bfloat16 products are so quick
# that to sum up the table's gradient less often is worth more.
CHUNK_ROWS = {torch.float32: 256, torch.bfloat16: 704}
# Rows of a chunk, and words and columns of the table, are filled up to multiples. In bfloat16 the
# CPU's kernels are compiled for every shape they meet, and kept, which costs time and memory; and
# their tiles are 32 numbers wide.
ROW_MULTIPLE = {torch.float32: 1, torch.bfloat16: 64}
WORD_MULTIPLE = {torch.float32: 1, torch.bfloat16: 64}
COLUMN_MULTIPLE = {torch.float32: 4, torch.bfloat16: 32}
WORDS_AT_ONCE = 1024
"""Words whose scores are computed at once: by a whole vocabulary the library multiplies slower."""
# The bias of a word that is none. Not infinite: it is multiplied by its exponential, which is 0.
NO_WORD = -1e30
# Between these a sum of exponentials is as precise as any: none overflowed, and none that matters
# vanished.
LEAST_SUM, GREATEST_SUM = 1e-15, 1e25


def gradients_on_cpu(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype,
    ignored: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :data:`~arae_toolkit.ops.linear_cross_entropy.Gradients`."""
    count, size = hidden.shape
    table = _table(weight, bias, dtype)
    rows, starts = chunks(count, most=CHUNK_ROWS[dtype], multiple=ROW_MULTIPLE[dtype])
    states, answers, counts = _padded_rows(hidden, targets, table, rows * len(starts), ignored)
    total = torch.zeros((), device=hidden.device)
    state_gradient = torch.empty(states.shape, device=hidden.device)
    table_gradient = torch.empty(table.shape, device=hidden.device)
    if not starts:
        table_gradient.zero_()
    # A buffer of this size would otherwise be mapped and unmapped for every chunk.
    scores = table.new_empty(rows, len(table))
    for start in starts:
        chunk = slice(start, start + rows)
        nats, factor, gradient = _one_chunk(states[chunk], answers[chunk], table, scores, size=size)
        total += nats.mul_(counts[chunk]).sum()
        factor *= counts[chunk]
        torch.mul(gradient, factor, out=state_gradient[chunk])
        scaled = (states[chunk] * factor).to(dtype)
        if dtype is not torch.float32:
            product = scores.t() @ scaled
            (table_gradient.add_ if start else table_gradient.copy_)(product)
        elif start:
            table_gradient.addmm_(scores.t(), scaled)
        else:
            torch.mm(scores.t(), scaled, out=table_gradient)
    return total, state_gradient[:count].to(hidden.dtype), table_gradient[: len(weight)]


def chunks(rows: int, *, most: int, multiple: int = 1) -> tuple[int, range]:
    """Return the rows of a chunk, and where chunks start: as equal as can be."""
    size = up_to(-(-rows // -(-rows // most)), multiple) if rows else 1
    return size, range(0, rows, size)


def up_to(number: int, multiple: int) -> int:
    """Return the least multiple that is no less than a number."""
    return -(-number // multiple) * multiple


def _table(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the weights (V, H) with more columns: the bias, ones, and zeros to a round number.

    Below them stand words that are none, to a round number as well.
    """
    vocab_size, size = weight.shape
    columns = up_to(size + 2, COLUMN_MULTIPLE[dtype])
    words = up_to(vocab_size, WORD_MULTIPLE[dtype])
    table = torch.empty(words, columns, dtype=dtype, device=weight.device)
    table[:vocab_size, :size] = weight
    table[:vocab_size, size] = bias
    table[vocab_size:, :size] = 0
    table[vocab_size:, size] = NO_WORD
    table[:, size + 1] = 1
    table[:, size + 2 :] = 0
    return table


def _padded_rows(
    hidden: Tensor, targets: Tensor, table: Tensor, rows: int, ignored: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return states (M, K), targets (M,), and 1 where a row counts and 0 where not, (M, 1).

    Args:
        hidden: Shape (N, H).
        targets: Shape (N,).
        table: From :func:`_table`. Shape (V, K).
        rows: M, at least N. Rows beyond N do not count.
        ignored: Nor do those with this target.
    """
    count, size = hidden.shape
    states = table.new_zeros(rows, table.shape[1])
    states[:count, :size] = hidden
    states[:, size] = 1
    answers = targets.new_zeros(rows)
    answers[:count] = targets
    counts = torch.zeros(rows, 1, device=hidden.device)
    counts[:count, 0] = 1 if ignored is None else (targets != ignored).float()
    return states, answers, counts


def _one_chunk(
    states: Tensor, answers: Tensor, table: Tensor, scores: Tensor, *, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the answers' nats, and their gradients with respect to the states, less a factor.

    Args:
        states: Shape (M, K). Where exponentials were out of range, what is taken off the scores is
            written beside the table's ones.
        answers: Shape (M,).
        table: Shape (V, K).
        scores: Overwritten with the nats' gradients with respect to the scores, less the factor:
            the exponentials, and at the answer minus the sum of the others. Shape (M, V).
        size: H.

    Returns:
        The nats (M, 1); the factor that is left out, (M, 1); the gradients (M, K), whose first H
        columns are of use.
    """
    places = torch.arange(len(answers), device=answers.device) * len(table) + answers
    of_answers = _exponentials(states, table, scores, places)
    gradient = (scores @ table).float()
    total = gradient[:, size + 1] + of_answers.exp()
    if not bool(((total > LEAST_SUM) & (total < GREATEST_SUM)).all()):
        write_scores(states, table, out=scores)
        states[:, size + 1] = -scores.amax(dim=1)
        of_answers = _exponentials(states, table, scores, places)
        gradient = (scores @ table).float()
        total = gradient[:, size + 1] + of_answers.exp()
    others = gradient[:, size + 1].clone()
    scores.view(-1).index_copy_(0, places, -others.to(scores.dtype))
    gradient.addcmul_(others[:, None], table[answers], value=-1)
    return (total.log() - of_answers)[:, None], total.reciprocal()[:, None], gradient


def write_scores(states: Tensor, table: Tensor, *, out: Tensor, bias: Tensor | None = None) -> None:
    """Multiply states by a table of words on a CPU.

    Args:
        states: Shape (M, K).
        table: Shape (V, K).
        out: Overwritten with the product, (M, V).
        bias: Added to each row. Shape (V,).
    """
    # In bfloat16 kernels are compiled for every shape they meet, and quick at any size.
    most = WORDS_AT_ONCE if out.dtype is torch.float32 else max(1, len(table))
    for start in range(0, len(table), most):
        words = slice(start, start + most)
        if bias is None:
            torch.mm(states, table[words].t(), out=out[:, words])
        else:
            torch.addmm(bias[words], states, table[words].t(), out=out[:, words])


def _exponentials(states: Tensor, table: Tensor, scores: Tensor, places: Tensor) -> Tensor:
    """Write the exponentials of the scores, 0 at the answers, whose scores are returned.

    Args:
        states: Shape (M, K).
        table: Shape (V, K).
        scores: Overwritten. Shape (M, V).
        places: Of the answers among all scores. Shape (M,).

    Returns:
        Shape (M,), float32.
    """
    write_scores(states, table, out=scores)
    # Not by gather() and scatter_(): in bfloat16 they copy the whole tensor.
    flat = scores.view(-1)
    of_answers = flat[places].float()
    scores.exp_()
    flat.index_fill_(0, places, 0.0)
    return of_answers
