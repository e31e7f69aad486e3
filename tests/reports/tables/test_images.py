"""Figure 2 as a table, from results of a few numbers."""

from arae_toolkit.reports.results import summarise
from arae_toolkit.reports.tables.images import figure2

BUDGET = {"kind": "image", "epochs": 3.0, "hidden_size": 16, "code_size": 8}


def test_a_row_for_each_model_beside_real_images():
    metrics = {
        "real test, confidence": summarise([0.95], "probability"),
        "ARAE, confidence": summarise([0.8, 0.9], "probability"),
        "ARAE, frechet": summarise([6.0, 8.0], "squared distance"),
        "classifier_accuracy": summarise([92.0], "percent"),
    }
    result = {
        "seeds": [0, 1],
        "corpus": {"name": "mnist", "rows": 55_000, "sha256": "0"},
        "metrics": metrics,
        "details": {"count": 500, "cells": {"real test": [], "ARAE": []}, "budget": BUDGET},
    }
    lines = figure2(result).splitlines()
    assert lines[2].startswith("| real test | 0.95 |")
    assert lines[3].startswith("| ARAE | 0.85 ± ")
    assert "500 images of each model, 2 seeds, on mnist" in lines[-1]
    assert "names 92.0 % of the test images" in lines[-1]
