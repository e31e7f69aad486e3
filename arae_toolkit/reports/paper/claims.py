"""The claims of the paper's sections 5 to 9, its tables and figures: each with what judges it.

Names of files and of metrics are made in one place each, by the functions at the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from arae_toolkit.reports.markdown import Results
from arae_toolkit.reports.paper.verdicts import (
    Claim,
    Measure,
    alike,
    at_least,
    at_most,
    before_tuning,
    below_all,
    each_reaching,
    fewer_rows,
    on_sphere,
    pairs_reaching,
    reaching,
    remedied,
    rising,
    times,
    verdicts,
)
from arae_toolkit.reports.tables import generation, nli, transfer
from arae_toolkit.reports.tables.latent import PAPER_OFFSETS, PAPER_SWAPS
from arae_toolkit.reports.tables.sensitivity import SENSITIVITY

LM, AE, ARAE = "language model, T=1", "AE, fitted Gaussian", "ARAE"
AAE, VAE, REAL, TANH = "AAE, N(0, I)", "VAE", "train, copied whole", "ARAE, tanh generator"
CRITIC = "ARAE, critic alone"
"""Names of rows, as the files of results have them."""
TABLE3 = ("accuracy ngrams", "source_bleu", "forward_perplexity", "reverse_perplexity")
"""Measures in the order of :data:`~arae_toolkit.reports.tables.transfer.TABLE3`."""


def generated(row: str, measure: str) -> Measure:
    """Return a measure of Table 1's rows."""
    title = {REAL: "real", CRITIC: CRITIC}.get(row, row.partition(",")[0])
    at = {"reverse_perplexity": 0, "forward_perplexity": 1}.get(measure)
    papers = generation.PAPER.get(row.partition(", T=")[0], (None, None))
    return Measure(title, "table1", f"{row}, {measure}", None if at is None else papers[at])


def digits(row: str, measure: str) -> Measure:
    """Return a measure of Figure 2's rows."""
    return Measure(row, "figure2", f"{row}, {measure}")


def transferred(system: str, measure: str, file: str = "table3") -> Measure:
    """Return a measure of a system of Table 3 or 4, all directions together."""
    figures = transfer.TABLE3.get(system, ()) if file == "table3" else ()
    papers = figures[TABLE3.index(measure)] if figures and measure in TABLE3 else None
    metric = transfer.metric_name(system, "overall", measure)
    return Measure(transfer.title_of(system), file, metric, papers)


def both_kept(system: str) -> Measure:
    """Return the root of transfer times BLEU, of which the paper gives both factors."""
    accuracy, bleu, *_ = transfer.TABLE3[system]
    return replace(transferred(system, "combined"), papers=round((accuracy * bleu) ** 0.5, 1))


def said(system: str, question: str) -> Measure:
    """Return what people say of a system's transfers."""
    title = transfer.title_of(system)
    papers = transfer.PEOPLE[system][question]
    return Measure(title, transfer.PEOPLES, f"{system}, {question}", papers)


def inferred(labels: str, start: str) -> Measure:
    """Return an accuracy of Table 5."""
    metric = nli.cell_name(labels, start, "test")
    papers = nli.TABLE5[start][labels]
    return Measure(nli.TITLES[start].partition(" ")[0], "table5", metric, papers)


def course(row: str, measure: str, title: str = "", minus: str = "") -> Measure:
    """Return a measure of Figure 3, at the end of training."""
    taken = f"{row}, {minus}" if minus else ""
    return Measure(title or row.partition(",")[0], "figure3", f"{row}, {measure}", minus=taken)


def swapped(row: str, swaps: int, measure: str = "nats_per_sentence") -> Measure:
    """Return a measure of Figure 4 after some swaps."""
    title = row.partition(",")[0]
    nats = PAPER_SWAPS.get(title) if measure == "nats_per_sentence" else None
    papers = None if nats is None else nats[swaps]
    return Measure(title, "figure4", f"{row}, {swaps} swaps, {measure}", papers)


def offset(word: str, measure: str, control: str = "offset") -> Measure:
    """Return a measure of Figure 5 for a word, or ``mean`` for that over all words."""
    title = measure if control == "offset" else f"{measure}, {control} offset"
    figures = dict(zip(("match", "precision"), PAPER_OFFSETS.get(word, ()), strict=False))
    papers = figures.get(measure)
    return Measure(
        title.replace("none", "no"), "figure5", f"{ARAE}, {word}, {control}, {measure}", papers
    )


def read(source: str, question: str, file: str = "readings") -> Measure:
    """Return what both readers of a blind reading say, percent."""
    return Measure(source, file, f"{source}, {question}, both")


T1, T3, T4, T5 = "6.1, Table 1", "6.2, Table 3", "6.2, Table 4", "6.3, Table 5"
F2, F3, F4, F5 = "6.1, Figure 2", "7, Figure 3", "7, Figure 4", "7, Figure 5"
REVERSE, FORWARD, OTHER = "reverse_perplexity", "forward_perplexity", "accuracy ngrams"
BLEU, ONE, TEN, CROSS = "source_bleu", "arae-1", "arae-10", "cross-aligned"
SNLI = partial(fewer_rows, rows=500_000, of="all of SNLI (543,000 pairs)")
YELP = partial(fewer_rows, rows=440_000, of="all of Yelp's split (444,000)")
NEIGHBOURS = "neighbour_cosine"
GENERATORS = ((ARAE, "our default"), (TANH, "tanh, as in the paper"))
NEAR = partial(alike, percent=10)
JUDGE = "by n-grams in place of fastText"
READ = "read blind, by language models and not people; the paper shows examples"
SAMPLES_READ = ("readings", "readings-best", "readings-pressed")
WALKS_READ = ("readings", "readings-pressed")
"""Readings of the ARAE's samples, and of its straight walks."""
SHORTER = "trained for four epochs, the AE for ten"
BESIDE = "ours has noise that stays and a flow beside the critic"
OTHER_FAULT = ", and by a critic that was given one label at a time"
AGAIN3 = partial(before_tuning, file="table3", fault=OTHER_FAULT)
AGAIN5 = partial(before_tuning, file="table5")
LEAST_BLEU = 20
"""BLEU to the input that a rewritten sentence has to have; the paper has 20.18 at least."""
HALF = partial(at_least, limits=[50] * len(WALKS_READ))
MOVED = partial(at_least, limits=[50, LEAST_BLEU])

CLAIMS: Sequence[Claim] = (
    Claim(
        *("5", "a VAE with a Gaussian prior ignores its code: words swapped change nothing"),
        *(NEAR, [swapped(VAE, 0), swapped(VAE, 4)]),
        unless=partial(remedied, file="figure4", row=VAE),
    ),
    Claim(
        *("5", "an AAE with a Gaussian prior repeats itself: few of its samples are distinct"),
        *(partial(at_most, limit=50), [generated(AAE, "distinct_sentences")]),
    ),
    Claim(
        *(F2, "digits made from noise look like digits: as plain to a classifier as real ones"),
        *(
            partial(reaching, percent=90),
            [digits(ARAE, "confidence"), digits("real test", "confidence")],
        ),
    ),
    Claim(
        *(F2, "they cover the data: the rarest digit is at least half as frequent as in real ones"),
        *(
            partial(reaching, percent=50),
            [digits(ARAE, "least_digit"), digits("real test", "least_digit")],
        ),
    ),
    Claim(
        *("6.1, App. C", "sentences made from noise read well: half as often as real ones or more"),
        *(
            partial(pairs_reaching, percent=50),
            [read(who, "sample", file) for file in SAMPLES_READ for who in (ARAE, "real")],
        ),
        note=READ,
    ),
    Claim(
        *(T1, "real text teaches more of the language than any model's samples"),
        *(below_all, [generated(row, REVERSE) for row in (REAL, ARAE, LM, AE)]),
    ),
    Claim(
        *(T1, "an ARAE's samples teach more than a language model's (reverse perplexity)"),
        *(rising, [generated(ARAE, REVERSE), generated(LM, REVERSE)]),
    ),
    Claim(
        *(T1, "... and more than an AE's"),
        *(rising, [generated(ARAE, REVERSE), generated(AE, REVERSE)]),
        note=BESIDE,
    ),
    Claim(
        *(T1, "... and more than an AE's, with the critic alone"),
        *(rising, [generated(CRITIC, REVERSE), generated(AE, REVERSE)]),
        note=SHORTER,
    ),
    Claim(
        *(T1, "an AE's samples teach less than a language model's"),
        *(rising, [generated(LM, REVERSE), generated(AE, REVERSE)]),
    ),
    Claim(
        *(T1, "a language model's samples are more fluent than an ARAE's (forward perplexity)"),
        *(rising, [generated(LM, FORWARD), generated(ARAE, FORWARD)]),
    ),
    Claim(
        *(T1, "... and an ARAE's more than an AE's"),
        *(rising, [generated(ARAE, FORWARD), generated(AE, FORWARD)]),
        note=BESIDE,
    ),
    Claim(
        *(T1, "... and an ARAE's more than an AE's, with the critic alone"),
        *(rising, [generated(CRITIC, FORWARD), generated(AE, FORWARD)]),
        note=SHORTER,
    ),
    Claim(
        *(
            "6.1",
            "an AAE with a fixed prior covers badly: twice an AE's reverse perplexity or more",
        ),
        *(partial(times, factor=2), [generated(AE, REVERSE), generated(AAE, REVERSE)]),
    ),
    Claim(
        *(T1, "an ARAE's reverse perplexity, within 10 %"),
        *(NEAR, [generated(ARAE, REVERSE)]),
        unless=partial(SNLI, file="table1"),
    ),
    Claim(
        *("6.2, Table 2", "an ARAE changes the sentiment and keeps the rest better than Cross-AE"),
        *(rising, [both_kept(CROSS), both_kept(ONE)]),
        again=AGAIN3,
        note="√(transfer · BLEU); the paper shows examples, its figures are Table 3's",
    ),
    Claim(
        *(T3, "the critic makes sentiment change more often than in an AE"),
        *(rising, [transferred("ae", OTHER), transferred(ONE, OTHER)]),
        again=AGAIN3,
        note=JUDGE,
    ),
    Claim(
        *(T3, "... the more so, the greater its weight λ(1)"),
        *(rising, [transferred(ONE, OTHER), transferred(TEN, OTHER)]),
        again=AGAIN3,
        note=JUDGE,
    ),
    Claim(
        *(T3, "at λ(1) = 1 an ARAE changes sentiment less often than Cross-AE"),
        *(rising, [transferred(ONE, OTHER), transferred(CROSS, OTHER)]),
        again=AGAIN3,
        note=JUDGE,
    ),
    Claim(
        *(T3, "at λ(1) = 10 it changes sentiment more often than Cross-AE"),
        *(rising, [transferred(CROSS, OTHER), transferred(TEN, OTHER)]),
        again=AGAIN3,
        note=JUDGE,
    ),
    Claim(
        *(T3, "the critic makes what is written less like the original, the more so at λ(1) = 10"),
        *(rising, [transferred(system, BLEU) for system in (TEN, ONE, "ae")]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "an ARAE keeps more of the original than Cross-AE, at either weight"),
        *(rising, [transferred(system, BLEU) for system in (CROSS, TEN, ONE)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "the critic makes transfers more fluent than an AE's (forward perplexity)"),
        *(rising, [transferred(ONE, FORWARD), transferred("ae", FORWARD)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "... the more so, the greater its weight λ(1)"),
        *(rising, [transferred(TEN, FORWARD), transferred(ONE, FORWARD)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "an ARAE's transfers are more fluent than Cross-AE's"),
        *(rising, [transferred(ONE, FORWARD), transferred(CROSS, FORWARD)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "an ARAE's transfers represent the data better than Cross-AE's (reverse)"),
        *(rising, [transferred(system, REVERSE) for system in (ONE, TEN, CROSS)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "... and a little worse than an AE's"),
        *(rising, [transferred("ae", REVERSE), transferred(ONE, REVERSE)]),
        again=AGAIN3,
    ),
    Claim(
        *(T3, "share of sentences whose sentiment an ARAE with λ(1) = 10 changes, within 10 %"),
        *(NEAR, [transferred(TEN, OTHER)]),
        unless=partial(YELP, file="table3"),
        note=JUDGE,
    ),
    Claim(
        *(
            T3,
            "people see the other sentiment more often in an ARAE's transfers than in Cross-AE's",
        ),
        *(rising, [said(CROSS, "transfer"), said(TEN, "transfer")]),
    ),
    Claim(
        *(T3, "people find an ARAE's transfers as similar to the original as Cross-AE's"),
        *(NEAR, [said(TEN, "similarity"), said(CROSS, "similarity")]),
    ),
    Claim(
        *(T3, "people find an ARAE's transfers more natural than Cross-AE's"),
        *(rising, [said(CROSS, "naturalness"), said(TEN, "naturalness")]),
    ),
    *(
        Claim(
            *(
                T4,
                f"{part} are rewritten for other topics: a judge names these in half or more, "
                f"BLEU of {LEAST_BLEU} is kept",
            ),
            *(
                MOVED,
                [transferred(ONE, measure, f"table4-{part}") for measure in (OTHER, BLEU)],
            ),
            again=partial(before_tuning, file=f"table4-{part}", fault=OTHER_FAULT),
            note="the paper shows examples",
        )
        for part in ("titles", "replies")
    ),
    *(
        Claim(
            *(T5, f"{labels} labels: {claim}"),
            *(rising, [inferred(labels, below), inferred(labels, above)]),
            again=AGAIN5,
        )
        for labels in ("medium", "small", "tiny")
        for below, above, claim in (
            ("supervised", "ae", "an AE of unlabelled text helps a classifier"),
            ("ae", "arae", "the critic helps further"),
        )
    ),
    Claim(
        *(T5, "accuracy from 28,000 labels and an ARAE, within 10 %"),
        *(NEAR, [inferred("tiny", "arae")]),
        unless=partial(SNLI, file="table5"),
    ),
    *(
        Claim(
            *(F3, f"left: generated codes get the norm of codes, within 10 % ({words})"),
            *(
                NEAR,
                [course(row, "generated_norm", "generated"), course(row, "code_norm", "codes")],
            ),
            unless=partial(on_sphere, file="figure3", row=row),
        )
        for row, words in GENERATORS
    ),
    *(
        Claim(
            *(
                F3,
                f"middle: generated codes get the summed variance of codes, within 10 % ({words})",
            ),
            *(
                NEAR,
                [
                    course(row, "generated_variance", "generated"),
                    course(row, "code_variance", "codes"),
                ],
            ),
            unless=partial(on_sphere, file="figure3", row=row),
        )
        for row, words in GENERATORS
    ),
    Claim(
        *(F3, "right: codes of edit neighbours lie closer in an ARAE than in an AE"),
        *(rising, [course(row, NEIGHBOURS) for row in (AE, ARAE)]),
    ),
    Claim(
        *(F3, "right: ... and do so, too, beyond what random pairs have in common"),
        *(rising, [course(row, NEIGHBOURS, minus="random_cosine") for row in (AE, ARAE)]),
        note="ours: cosine of edit neighbours less that of random pairs",
    ),
    Claim(
        *(F3, "right: ... and come closer in early rounds of training"),
        *(
            rising,
            [
                course(ARAE, f"first {NEIGHBOURS}", "first", minus="first random_cosine"),
                course(ARAE, NEIGHBOURS, "last", minus="random_cosine"),
            ],
        ),
        note="less random pairs; first measured after an epoch",
    ),
    Claim(
        *(F4, "without swaps an AE gives the sentence back better (nats)"),
        *(rising, [swapped(AE, 0), swapped(ARAE, 0)]),
    ),
    *(
        Claim(
            *(
                F4,
                f"after {swaps} swap{'s'[: swaps - 1]} an ARAE is likelier to write the original",
            ),
            *(rising, [swapped(ARAE, swaps), swapped(AE, swaps)]),
        )
        for swaps in (1, 2, 3, 4)
    ),
    Claim(
        *(F4, "right: of swapped words an ARAE makes more natural sentences (perplexity, 2 swaps)"),
        *(rising, [swapped(ARAE, 2, "perplexity"), swapped(AE, 2, "perplexity")]),
    ),
    Claim(
        *("7, App. D", "ways between sentences lead through sentences: half of them all the way"),
        *(HALF, [read(ARAE, "walk sentences", file) for file in WALKS_READ]),
        note=READ,
    ),
    Claim(
        *("7, App. D", "... and change little by little: half of them without a jump"),
        *(HALF, [read(ARAE, "walk smooth", file) for file in WALKS_READ]),
        note=READ,
    ),
    *(
        Claim(
            *(F5, f"an offset vector brings in *{word}* and keeps the rest: nine tenths as well"),
            *(
                partial(each_reaching, percent=90),
                [offset(word, "match"), offset(word, "precision")],
            ),
        )
        for word in PAPER_OFFSETS
    ),
    Claim(
        *(F5, "... more often than the word comes by itself, among 100 drawn sentences"),
        *(rising, [offset("mean", "match", "none"), offset("mean", "match")]),
        note="mean over the words; the paper does not tell how often that is",
    ),
    Claim(
        *(F5, "... and more often than a random offset brings it"),
        *(rising, [offset("mean", "match", "random"), offset("mean", "match")]),
        note="mean over the words; the paper does not tell how often that is",
    ),
    Claim(
        *("9", "sensitive to its settings: random ones are worse by a quarter or more"),
        *(
            partial(times, factor=1.25),
            [
                Measure("preset", SENSITIVITY, "unvaried reverse-perplexity"),
                Measure("median of trials", SENSITIVITY, "median reverse-perplexity"),
            ],
        ),
        note="reverse perplexity on dev, five settings varied at once, four epochs",
    ),
)
"""In the order of the paper."""


def claims_block(results: Results) -> str:
    """Return the table of claims with our verdicts, in Markdown."""
    return verdicts(CLAIMS, results)
