"""Systems of transfer are tuned alike, on dev, by what scores no table."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import small_transfer
import torch

from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.evaluation.text_overlap import corpus_bleu
from arae_toolkit.evaluation.transfer.evaluators import systems_judge
from arae_toolkit.recipes.reproduce.transfer import runs, tuning
from arae_toolkit.recipes.reproduce.transfer.options import TableChoices
from arae_toolkit.recipes.reproduce.transfer.runs import Sources
from arae_toolkit.recipes.reproduce.transfer.systems import chosen_systems
from arae_toolkit.recipes.reproduce.transfer.tuning import PILOT_SEED, tuned
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two labels, told by one word; systems see as many rows as judges would."""
    forms = {"train": "the {thing} is {word} .", "dev": "the {word} {thing} is ."}
    things = ("soup", "tea", "cake", "food", "place", "staff")
    rows = {
        split: [
            {"text": form.format(thing=thing, word=word), "label": label}
            for word, label in (("bad", "negative"), ("good", "positive"))
            for thing in things
        ]
        for split, form in forms.items()
    }
    return small_transfer.prepared_corpus(tmp_path_factory.mktemp("labelled"), rows)


def choices(*names, **changed):
    made = TableChoices(
        **{"systems": tuple(chosen_systems(names)), "seeds": 1, "seeds_of": (), "split": "dev"},
        **{"most": 0, "preset": "default", "changes": (), "scorer": None, "tune": True},
        **{"device": "cpu", "precision": "fp32", "out": None, "results": Path("results")},
    )
    return replace(made, **changed)


@pytest.fixture
def written(monkeypatch):
    """Have pilots write what their number says: as it was, wrong, right, or right and longer."""
    trained = []

    def train(system, seed, place, *, half, **_):
        assert (seed, half) == (PILOT_SEED, True)
        trained.append((place.name, system.changes))
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.safetensors").write_text(place.name)

    def outputs(system, place, sources, names, **_):
        number = int(place.name[-1])
        swapped = {"bad": "good", "good": "bad"}
        words = [[swapped.get(w, w) if number > 1 else w for w in t.split()] for t in sources.texts]
        if number == 1:
            return ["the ." for _ in words]
        return [" ".join(own + ["and", "so", "on"] * (number == 3)) for own in words]

    monkeypatch.setattr(tuning, "train_system", train)
    monkeypatch.setattr(tuning, "outputs_of", outputs)
    return trained


def test_each_system_gets_the_best_of_its_settings_on_dev(corpus, written, tmp_path):
    given = choices("arae-1", "arae-1@c8", "delete-and-replace")
    found, tunings = tuned(given, corpus, tmp_path, device=CPU)
    assert [*tunings] == ["arae-1", "delete-and-replace"]
    pilots = tunings["arae-1"].pilots
    assert [pilot.changes for pilot in pilots] == list(
        tuning.tried_for("arae", corpus.rows("train"))
    )
    sources = Sources.of(corpus, "dev")
    assert systems_judge(corpus).probabilities(sources.texts).argmax(axis=1).tolist() == (
        sources.labels
    )
    swapped = [
        t.replace("bad", "x").replace("good", "bad").replace("x", "good") for t in sources.texts
    ]
    bleu = corpus_bleu(swapped, [[text] for text in sources.texts]).score
    assert pilots[2].score == pytest.approx(math.sqrt(100 * bleu))
    assert pilots[0].score == 0
    assert pilots[2].score > pilots[3].score > pilots[0].score
    own = chosen_systems(("arae-1",))[0].changes
    assert [system.changes for system in found.systems] == [
        (*own, *pilots[2].changes), (*own, *pilots[2].changes), (),
    ]  # fmt: skip
    assert written[1] == ("arae-1-1", (*own, *pilots[1].changes))
    again = tuned(given, corpus, tmp_path, device=CPU)
    assert again == (found, tunings)


def test_a_score_is_found_again_unless_what_was_written_is_other(corpus, written, tmp_path):
    tuned(choices("ae"), corpus, tmp_path, device=CPU)
    kept = tmp_path / "pilots" / "ae-2" / tuning.FILE
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "score": 1.5}))
    _, tunings = tuned(choices("ae"), corpus, tmp_path, device=CPU)
    assert tunings["ae"].pilots[2].score == 1.5
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "outputs": "others"}))
    _, tunings = tuned(choices("ae"), corpus, tmp_path, device=CPU)
    assert tunings["ae"].pilots[2].score > 1.5


def test_what_the_user_or_the_system_has_settled_is_not_varied(corpus, written, tmp_path):
    given = choices("denoising", "arae-10", changes=("epochs=3",))
    _, tunings = tuned(given, corpus, tmp_path, device=CPU)
    assert tunings["denoising"].pilots == ()
    assert [pilot.changes for pilot in tunings["arae-10"].pilots] == [
        ("word_drop=0",), ("word_drop=0.2",),
    ]  # fmt: skip
    assert tuned(choices("ae", tune=False), corpus, tmp_path, device=CPU)[1] == {}


def test_a_small_corpus_is_trained_on_for_more_epochs():
    for kind, of_many in (("arae", "epochs=5"), ("cross-aligned", "epochs=1")):
        many, few = (tuning.tried_for(kind, rows) for rows in (tuning.FEW, tuning.FEW - 1))
        assert [changes[0] for changes in (many[0], few[0])] == [of_many, "epochs=10"]
        assert len(many) == len(few) == 4
        assert [changes[1] for changes in many] == [changes[1] for changes in few]
    assert tuning.tried_for("delete-and-replace", 10) == ((),)


def test_a_row_may_have_a_preset_of_its_own(corpus):
    of_table, of_row = chosen_systems(("arae-1", "paper-2018@s2"))
    settings = [
        runs.system_settings(one, 3, corpus=corpus, choices=choices()) for one in (of_table, of_row)
    ]
    assert [made.training.critic_steps for made in settings] == [3, 5]
    assert settings[1] == replace(
        preset("paper-2018", corpus=corpus.name, transfer=True),
        training=replace(settings[1].training, seed=3),
    )
    given = choices("paper-2018")
    assert tuned(given, corpus, Path("nowhere"), device=CPU)[1]["paper-2018"].pilots == ()


def test_a_pilot_that_diverges_scores_nothing(corpus, written, monkeypatch, tmp_path):
    train = tuning.train_system

    def diverging(system, seed, place, **how):
        if place.name == "ae-2":
            raise TrainingDiverged("nats are not finite")
        train(system, seed, place, **how)

    monkeypatch.setattr(tuning, "train_system", diverging)
    _, tunings = tuned(choices("ae"), corpus, tmp_path, device=CPU)
    assert tunings["ae"].pilots[2].score == 0
    assert tunings["ae"].chosen == tuning.tried_for("ae", corpus.rows("train"))[3]


@pytest.mark.parametrize("score", [None, "good", {}, float("nan"), ...])
def test_a_score_that_is_none_is_made_again(corpus, written, tmp_path, score):
    _, expected = tuned(choices("ae"), corpus, tmp_path, device=CPU)
    kept = tmp_path / "pilots" / "ae-2" / tuning.FILE
    content = json.loads(kept.read_text())
    content.pop("score")
    kept.write_text(json.dumps(content if score is ... else {**content, "score": score}))
    assert tuned(choices("ae"), corpus, tmp_path, device=CPU)[1] == expected


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("ae", small_transfer.changed(epochs=3, batch_size=4), 5),  # 3 batches an epoch
        ("ae", small_transfer.changed(iterations=7), 4),
        ("cross-aligned", CrossAlignedConfig(), 1),
    ],
)
def test_a_pilot_has_half_of_the_iterations(corpus, kind, settings, expected):
    assert isinstance(settings, Config | CrossAlignedConfig)
    assert runs._halved(kind, settings, corpus).training.iterations == expected
