"""The rules that judge the paper's claims, and the list of these claims."""

from functools import partial
from pathlib import Path

import pytest

from arae_toolkit.recipes.reproduce.plain_systems import SYSTEMS
from arae_toolkit.reports.paper import claims
from arae_toolkit.reports.paper.claims import CLAIMS, claims_block
from arae_toolkit.reports.paper.verdicts import (
    Claim,
    Measure,
    Verdict,
    alike,
    at_least,
    at_most,
    before_tuning,
    below_all,
    each_reaching,
    fewer_rows,
    judge,
    on_sphere,
    pairs_reaching,
    reaching,
    remedied,
    rising,
    times,
    verdicts,
)
from arae_toolkit.reports.results import read_results
from arae_toolkit.reports.tables.generation import row_name

RESULTS = Path(__file__).parents[2] / "results"
LOW, HIGH = Measure("AE", "table9", "ae", 59.3), Measure("ARAE", "table9", "arae", 73.4)
LATER = Measure("ARAE", "table10", "arae")


def results_of(ae, arae, *, rows=1000, details=()):
    """Return results of two metrics, each a mean with its spread or ``None``."""
    metrics = {
        name: {"value": value, "spread": spread, "unit": "percent"}
        for name, (value, spread) in {"ae": ae, "arae": arae}.items()
    }
    corpus = {"name": "tiny", "rows": rows, "sha256": "ab"}
    result = {"metrics": metrics, "seeds": [0, 1, 2], "corpus": corpus, "details": dict(details)}
    return {"table9": result}


def verdict_of(rule, ae, arae, *, measures=(LOW, HIGH), unless=None, **more):
    claim = Claim("Table 9", "more often", rule, measures, unless)
    return judge(claim, results_of(ae, arae, **more))


@pytest.mark.parametrize(
    ("ae", "arae", "holds", "why"),
    [
        ((24.0, 0.3), (46.0, 0.4), True, "apart by 22.00, spread 0.50"),
        ((46.0, 0.3), (24.0, 0.4), False, "the other way round by 22.00, spread 0.50"),
        ((46.0, 0.3), (46.5, 0.4), False, "apart by 0.50, within the spread of 0.50"),
        ((46.0, 0.3), (46.6, 0.4), True, "apart by 0.60, spread 0.50"),
        ((46.5, 0.3), (46.0, 0.4), False, "apart by -0.50, within the spread of 0.50"),
        ((46.0, None), (46.6, 0.5), False, "apart by 0.60, within the spread of 0.71"),
    ],
)
def test_an_order_counts_if_it_is_larger_than_the_spread_over_seeds(ae, arae, holds, why):
    found = verdict_of(rising, ae, arae)
    assert found.verdict == (Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED)
    assert found.why == why
    assert not found.one_seed


def test_without_any_spread_the_order_decides_and_the_verdict_says_so():
    assert str(verdict_of(rising, (24.0, None), (24.1, None))) == "reproduced, one seed"
    assert str(verdict_of(rising, (24.1, None), (24.0, None))) == "not reproduced, one seed"


def test_every_step_of_a_longer_order_has_to_hold():
    third = Measure("again", "table9", "ae")
    found = verdict_of(rising, (1.0, 0.1), (2.0, 0.1), measures=(LOW, HIGH, third))
    assert found.verdict == Verdict.NOT_REPRODUCED
    assert found.why == "ARAE against again: the other way round by 1.00, spread 0.14"
    found = verdict_of(below_all, (1.0, 0.1), (2.0, 0.1), measures=(LOW, HIGH, HIGH))
    assert found.verdict == Verdict.REPRODUCED
    found = verdict_of(below_all, (1.0, 0.1), (2.0, 0.1), measures=(LOW, HIGH, LOW))
    assert found.why == "AE against AE: apart by 0.00, within the spread of 0.14"


@pytest.mark.parametrize(
    ("rule", "measures", "ae", "holds"),
    [
        (partial(alike, percent=10), (LOW,), 65.0, True),  # of 59.3
        (partial(alike, percent=10), (LOW,), 66.0, False),
        (partial(alike, percent=10), (LOW, HIGH), 91.0, True),  # of 100
        (partial(alike, percent=10), (LOW, HIGH), 111.0, False),
        (partial(reaching, percent=90), (LOW,), 54.0, True),
        (partial(reaching, percent=90), (LOW,), 53.0, False),
        (partial(reaching, percent=90), (LOW, HIGH), 89.0, False),
        (partial(each_reaching, percent=90), (LOW, HIGH), 54.0, True),  # 100 of 73.4
        (partial(each_reaching, percent=90), (HIGH, LOW), 53.0, False),
        (partial(times, factor=2), (LOW, HIGH), 50.0, True),
        (partial(times, factor=2), (LOW, HIGH), 51.0, False),
        (partial(at_most, limit=50), (LOW,), 50.0, True),
        (partial(at_most, limit=50), (LOW,), 51.0, False),
        (partial(at_least, limits=[50]), (LOW,), 50.0, True),
        (partial(at_least, limits=[50]), (LOW,), 49.0, False),
        (partial(at_least, limits=[50, 100]), (LOW, HIGH), 50.0, True),
        (partial(at_least, limits=[50, 101]), (LOW, HIGH), 50.0, False),
        (partial(pairs_reaching, percent=50), (LOW, HIGH), 50.0, True),
        (partial(pairs_reaching, percent=50), (LOW, HIGH, HIGH, HIGH), 49.0, False),
        (partial(pairs_reaching, percent=50), (HIGH, HIGH, LOW, HIGH), 49.0, False),
    ],
)
def test_levels_are_held_against_the_paper_or_each_other(rule, measures, ae, holds):
    found = verdict_of(rule, (ae, 1.0), (100.0, 1.0), measures=measures)
    assert found.verdict == (Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED)


def test_what_is_missing_is_not_measured_yet():
    found = verdict_of(rising, (1.0, None), (2.0, None), measures=(LOW, LATER))
    assert (found.verdict, found.why) == (Verdict.NOT_MEASURED, "no `results/table10.json`")
    asked = Measure("ARAE", "transfer-ratings", "arae-10, transfer")
    found = verdict_of(rising, (1.0, None), (2.0, None), measures=(LOW, asked))
    assert str(found) == "needs people"
    found = verdict_of(
        rising, (1.0, None), (2.0, None), measures=(LOW, Measure("VAE", "table9", "vae"))
    )
    assert (found.verdict, found.why) == (
        Verdict.NOT_MEASURED,
        "no `vae` in `results/table9.json`",
    )


def test_a_measure_can_be_a_difference_of_two():
    less = Measure("ARAE less AE", "table9", "arae", minus="ae")
    claim = Claim("Table 9", "more", partial(at_least, limits=[22]), [less])
    results = results_of((24.0, 3.0), (46.0, 4.0))
    assert judge(claim, results).verdict == Verdict.REPRODUCED
    assert "ARAE less AE 22.0 ± 5.0 % (3 seeds)" in verdicts([claim], results)
    missing = Measure("ARAE less VAE", "table9", "arae", minus="vae")
    found = judge(Claim("Table 9", "more", rising, [missing, HIGH]), results)
    assert found.why == "no `vae` in `results/table9.json`"


def test_what_was_learned_from_less_text_is_not_comparable():
    unless = partial(fewer_rows, file="table9", rows=1001, of="all of it")
    found = verdict_of(partial(alike, percent=10), (59.3, 1.0), (1.0, 1.0), unless=unless)
    assert str(found) == "not comparable"
    assert found.why == "trained on 1,000 rows, the paper on all of it"
    found = verdict_of(
        partial(alike, percent=10),
        (59.3, 1.0),
        (1.0, 1.0),
        measures=[LOW],
        unless=unless,
        rows=1001,
    )
    assert found.verdict == Verdict.REPRODUCED


def test_what_a_setting_decides_is_not_comparable():
    near = partial(alike, percent=10)
    sphere = partial(on_sphere, file="figure9", row="ARAE")
    for norm, verdict in ((1.0, "not comparable"), (1.04, "reproduced")):
        norms = {f"ARAE, {side}_norm": {"value": norm} for side in ("code", "generated")}
        results = results_of((1.0, 0.0), (1.0, 0.0)) | {"figure9": {"metrics": norms}}
        assert (
            judge(Claim("Figure 9", "alike", near, (LOW, HIGH), sphere), results).verdict == verdict
        )
    unless = partial(remedied, file="table9", row="VAE")
    assert verdict_of(near, (1.0, 0.0), (1.0, 0.0), unless=unless).verdict == "reproduced"
    rows = {"VAE": {"changes": ["free_bits=0.02"]}}
    found = verdict_of(near, (1.0, 0.0), (1.0, 0.0), unless=unless, details={"rows": rows})
    assert found.why == "ours has free_bits=0.02, which are there to prevent that"


def test_what_was_measured_before_the_rule_is_to_be_measured_again():
    again = partial(before_tuning, file="table9", fault=", and wrongly")
    claim = Claim("Table 9", "more often", rising, (LOW, HIGH), again=again)
    found = judge(claim, results_of((1.0, None), (2.0, None)))
    assert (str(found), found.why) == (
        "to be measured again",
        "from before all rows were tuned alike, and wrongly",
    )
    tuned = results_of((1.0, None), (2.0, None), details={"tuning": {}})
    assert judge(claim, tuned).verdict == Verdict.REPRODUCED


def test_the_table_has_a_row_a_claim_with_both_figures_and_the_reason():
    claim = Claim("Table 9", "more often", rising, (LOW, HIGH), note="by another judge")
    text = verdicts([claim, claim], results_of((24.0, None), (46.0, 0.6)))
    assert text.startswith(
        "2 claims: 2 reproduced, 0 not reproduced, 0 not comparable, "
        "0 not measured yet, 0 to be measured again, 0 needs people.\n"
    )
    row = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert row == [
        "Table 9",
        "more often",
        "59.3 / 73.4",
        "AE 24.0 %; ARAE 46.0 ± 0.6 % (3 seeds)",
        "reproduced",
        "apart by 22.00, spread 0.85; by another judge",
    ]


def test_claims_name_rows_that_the_tables_have():
    rows = {
        row_name(system.title, temperature, alone=len(system.temperatures) == 1)
        for system in SYSTEMS.values()
        for temperature in system.temperatures
    }
    assert {claims.LM, claims.AE, claims.ARAE, claims.AAE, claims.VAE} <= rows  # TANH: of figure3's


def test_claims_are_distinct_and_the_papers_own_order_holds_in_its_figures():
    assert len({(claim.place, claim.claim, str(claim.measures)) for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        papers = [measure.papers for measure in claim.measures]
        if claim.rule is rising and None not in papers:
            assert papers == sorted(papers), claim.claim
        if claim.rule is below_all:
            assert papers[0] == min(papers), claim.claim
    assert {claim.place.rpartition(" ")[2] for claim in CLAIMS if "Table" in claim.place} == {
        *"12345"
    }
    assert {claim.place.rpartition(" ")[2] for claim in CLAIMS if "Figure" in claim.place} == {
        *"2345"
    }


def test_the_measured_tables_are_found_in_the_files_of_results():
    found = {
        claim.measures[0].file: judge(claim, read_results(RESULTS)).verdict for claim in CLAIMS
    }
    assert Verdict.NOT_MEASURED not in {found["table3"], found["table4-titles"], found["table5"]}


def test_a_claim_without_results_stands_in_the_table():
    assert claims_block({}).startswith(f"{len(CLAIMS)} claims: 0 reproduced, 0 not reproduced, 0 ")
