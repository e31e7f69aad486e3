"""What a page says of models of labelled data."""

import numpy as np
import pytest
import small_transfer
from command_line import call

from arae_toolkit.recipes.report.labelled import own_scores
from arae_toolkit.transfer.model import TransferModel


def test_a_target_need_only_be_the_likeliest_of_several_labels(tmp_path, monkeypatch):
    model = TransferModel.from_pretrained(small_transfer.save_model(tmp_path / "run"))
    sources = ["great place , really .", "we paid $ _num_ for it ."]
    answers = model.transfer(sources, ["positive"] * 2)
    shares = np.array([[0.3, 0.4, 0.3], [0.4, 0.3, 0.3]])  # negative, positive, neutral
    monkeypatch.setattr(model.scorer, "probabilities", lambda sentences: shares)
    transferred, bleu, _ = own_scores(model, sources, answers, "positive")
    assert transferred == 50
    assert bleu == pytest.approx(np.mean([answer.content_bleu for answer in answers]))
    copies = model.transfer(sources, ["positive"] * 2, min_fluency=float("inf"))
    assert own_scores(model, sources, copies, "negative")[2] == 100


def test_figures_of_a_transfer_model_are_another_commands(tmp_path):
    run = small_transfer.save_model(tmp_path / "run")
    done = call("report", run, "--results", tmp_path / "results", code=2)
    assert f"--results is of text models; {run} is of the kind transfer" in done.stderr
