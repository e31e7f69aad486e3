import json
import shutil

import pytest
import small_transfer
from click.testing import CliRunner
from command_line import call as call_program
from command_line import json_lines, rows_in

from arae_toolkit.data.vocabulary import MOST_WORDS, UNKNOWN
from arae_toolkit.recipes.cli import main
from arae_toolkit.transfer.detokenization.detokenize import natural_text, readable_text
from arae_toolkit.transfer.model import TransferModel

MEASURES = ["attribute_probability", "content_bleu", "nats_per_token", "fluency"]
ADDED = ["transferred", "to", *MEASURES, "unchanged", "refused", "unknown_words"]
TEXTS = [
    "The food was bad, and I'm sad.",
    "the staff did n't care !",
    "WE PAID $20 FOR IT.",
    "is this zorb “good”?",
    "Great place, really",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_transfer.save_model(tmp_path_factory.mktemp("runs") / "rewriter")


@pytest.fixture(scope="module")
def model(folder):
    return TransferModel.from_pretrained(folder)


@pytest.fixture
def call(folder):
    """Run ``transfer``; RUN is given by this function, and where to unless asked for."""

    def invoke(*words, run=folder, **settings):
        asked = () if "--to" in words else ("--to", "positive")
        return call_program("transfer", run, *words, *asked, **settings)

    return invoke


def json_rows(texts=TEXTS, field="text", **others):
    return json_lines({field: text, **others} for text in texts)


def expected_rows(model, texts=TEXTS, target="positive", **settings):
    """Return what the model writes, in the style of each text, with its scores."""

    def known(word):
        return model.vocabulary.id_of(word) != UNKNOWN

    readable = [readable_text(text, known) for text in texts]
    answers = model.transfer(readable, [target] * len(texts), **settings)
    return [
        {
            "transferred": natural_text(text, answer.text, known=known),
            "to": target,
            "attribute_probability": pytest.approx(answer.attribute_probability, rel=1e-4),
            "content_bleu": pytest.approx(answer.content_bleu, rel=1e-4),
            "nats_per_token": pytest.approx(answer.nats_per_token, rel=1e-4),
            "fluency": pytest.approx(answer.fluency, rel=1e-3, abs=1e-4),
            "unchanged": answer.unchanged,
            "refused": answer.refused,
            "unknown_words": answer.unknown_words,
        }
        for text, answer in zip(texts, answers, strict=True)
    ]


def test_rows_keep_their_order_and_fields_and_get_the_answer(call, model):
    result = call(input=json_rows(id="7é", to="mine", label=None))
    assert result.stderr == ""
    expected = expected_rows(model)
    assert len({row["transferred"] for row in expected}) > 2, "the model is too dull to test with"
    for row, text, answer in zip(rows_in(result), TEXTS, expected, strict=True):
        assert list(row) == [
            "text",
            "id",
            "to",
            "label",
            *("new_to" if a == "to" else a for a in ADDED),
        ]
        assert (row.pop("to"), row.pop("new_to")) == ("mine", answer.pop("to"))
        assert row == {"text": text, "id": "7é", "label": None, **answer}
        assert all(len(f"{row[name]:.9g}") <= 12 for name in MEASURES)


def test_answers_have_the_style_of_their_texts(call):
    natural, tokenized, shouted, *_ = [
        row["transferred"] for row in rows_in(call(input=json_rows()))
    ]
    assert natural[:1].isupper()
    assert " ," not in natural
    assert tokenized == " ".join(tokenized.lower().split())
    assert shouted == shouted.upper()


def test_the_field_can_be_named(call, model):
    result = call("--text-field", "review", input=json_rows(field="review", text="not this one"))
    assert [row["transferred"] for row in rows_in(result)] == [
        row["transferred"] for row in expected_rows(model)
    ]
    refused = call("--text-field", "review", input=json_rows(), code=3)
    assert "<stdin>:1: no field 'review'" in refused.stderr


def test_a_text_of_several_lines_is_answered_by_one(call):
    result = call("--output-format", "lines", input=json_rows(["The food\nwas\r\nbad."]))
    assert len(result.stdout.splitlines()) == 1


def test_the_batch_size_changes_no_candidate(call):
    content = json_rows(TEXTS * 3)
    expected = rows_in(call("--candidates", 3, input=content))
    rows = rows_in(call("--candidates", 3, "--batch-size", 2, input=content))
    assert [row["transferred"] for row in rows] == [row["transferred"] for row in expected]


def test_longer_texts_are_cut(call):
    result = call(input=json_rows(["the food was bad " * MOST_WORDS]))
    assert "read up to there: 1\n" in result.stderr


@pytest.mark.parametrize("text", ["zorb", "<unk>", "😀", "<eos> <pad>", "naïve ﬁancé…"])
def test_texts_of_unknown_words_are_given_back(call, text):
    result = call("--text", text)
    (row,) = rows_in(result)
    assert row["text"] == row["transferred"] == text
    assert list(row) == ["text", *ADDED]
    assert row["unchanged"]
    assert row["refused"] == 0
    assert row["unknown_words"] > 0
    assert result.stderr == (
        "arae-toolkit: warning: <arguments>: 1 of 1 texts are mostly unknown words, 1 of them "
        "entirely and so given back\n"
    )


def test_a_known_word_or_mark_is_enough_for_an_answer(call):
    rows = rows_in(call("--text", "zorb good zorb", "--text", "!!!"))
    assert [row["unknown_words"] for row in rows] == [2, 0]
    assert not any(row["unchanged"] for row in rows)


def test_rewritings_of_too_little_fluency_are_refused(call, model):
    content = json_rows()
    rows = rows_in(call("--candidates", 4, input=content))
    floor = sorted(row["fluency"] for row in rows)[2]
    result = call("--candidates", 4, "--min-fluency", floor + 1e-3, input=content)
    for row, free in zip(rows_in(result), rows, strict=True):
        if row["unchanged"]:
            assert (row["transferred"], row["refused"]) == (row["text"], 4)
        else:
            assert row["fluency"] > floor
            if free["fluency"] > floor:
                assert row["transferred"] == free["transferred"]
    given_back = sum(row["unchanged"] for row in rows_in(result))
    refused = call("--min-fluency", 100, input=content)
    assert [row["transferred"] for row in rows_in(refused)] == TEXTS
    assert "given back, because no rewriting was fluent enough: 5; see" in refused.stderr
    assert (f"fluent enough: {given_back};" in result.stderr) is (given_back > 0)
    assert call("--min-fluency", "nan", input=content, code=2).stderr


def test_the_floor_of_a_model_counts_unless_another_is_asked_for(call, folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "floor")
    content = {"min_fluency": 100.0, "weights": "of these"}
    (run / "scorer" / "fluency.json").write_text(json.dumps(content))
    rows = rows_in(call(run=run, input=json_rows()))
    assert all(row["unchanged"] and row["refused"] == 1 for row in rows)
    free = call("--min-fluency", "-inf", run=run, input=json_rows())
    assert free.stdout == call(input=json_rows()).stdout
    (run / "scorer" / "fluency.json").write_text('{"min_fluency": "x"}')
    damaged = call(run=run, input=json_rows(), code=4)
    assert "fluency.json: damaged (min_fluency must be a number)" in damaged.stderr


@pytest.mark.parametrize(
    ("asked", "targets"),
    [
        (["neutral", "negative"], ["neutral", "negative"]),
        (["all"], ["negative", "positive", "neutral"]),
        (["positive", "all", "positive"], ["positive", "negative", "neutral"]),
    ],
)
def test_a_row_is_written_for_each_target_in_order(call, model, asked, targets):
    options = [word for name in asked for word in ("--to", name)]
    rows = rows_in(call(*options, input=json_rows(id=1)))
    expected = {name: expected_rows(model, target=name) for name in targets}
    assert rows == [
        {"text": text, "id": 1, **expected[name][at]}
        for at, text in enumerate(TEXTS)
        for name in targets
    ]
    assert len({row["transferred"] for row in rows[: len(targets)]}) == len(targets)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("postive", "; did you mean 'positive'?"),
        ("xyz", ""),
        ("Neutral", "; did you mean 'neutral'?"),
    ],
)
def test_an_unknown_label_is_one_line_with_the_known_ones(call, folder, name, hint):
    result = call("--to", "positive", "--to", name, input=json_rows(), code=2)
    assert result.stdout == ""
    assert result.stderr == (
        f"arae-toolkit: error: {folder}: no label {name!r}; the model knows negative, positive, "
        f"neutral{hint}\n"
    )


def test_a_label_may_be_called_all(call, tmp_path):
    run = small_transfer.save_model(tmp_path / "run", attributes=("all", "none"))
    rows = rows_in(call("--to", "all", run=run, input=json_rows()))
    assert [row["to"] for row in rows] == ["all"] * len(TEXTS)


def test_a_target_must_be_given(folder):
    result = CliRunner().invoke(main, ["transfer", str(folder)], input=json_rows())
    assert result.exit_code == 2
    assert "Missing option '--to'" in result.stderr


def test_candidates_strength_and_seed_reach_the_model(call, model):
    options = ("--candidates", 5, "--strength", 0.4, "--seed", 3)
    expected = expected_rows(model, candidates=5, strength=0.4, seed=3)
    rows = rows_in(call(*options, input=json_rows()))
    assert [{name: row[name] for name in ADDED} for row in rows] == expected
    assert call(*options, input=json_rows()).stdout == call(*options, input=json_rows()).stdout
    assert rows != rows_in(call(input=json_rows()))


def test_a_lower_precision_moves_scores_a_little(call):
    full = rows_in(call(input=json_rows()))
    lower = rows_in(call("--precision", "bf16", input=json_rows()))
    assert [row["text"] for row in lower] == TEXTS
    nats = [[row["nats_per_token"] for row in rows] for rows in (full, lower)]
    assert nats[0] != nats[1]
    assert nats[0] == pytest.approx(nats[1], rel=0.05)


@pytest.mark.parametrize(
    "option",
    [
        *(
            ("--candidates", "0"),
            ("--strength", "-1"),
            ("--strength", "nan"),
            ("--strength", "inf"),
        ),
        *(("--seed", "-1"), ("--format", "xml"), ("--batch-size", "0"), ("--precision", "8")),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(call, option):
    result = call(*option, input=json_rows(), code=2)
    assert option[0] in result.stderr


def test_an_unusable_row_is_let_out_once_for_each_target(call):
    targets = ("--to", "positive", "--to", "negative", "--on-error", "emit")
    rows = rows_in(call(*targets, code=3, input='{"id": 1}\n' + json_rows(TEXTS[:1])))
    assert [(row["to"], "error" in row) for row in rows] == [
        *(("positive", True), ("negative", True)),
        *(("positive", False), ("negative", False)),
    ]
    lines = call(*targets, "--format", "lines", code=3, input="The food\n\nThe staff\n")
    assert [bool(line) for line in lines.stdout.splitlines()] == [
        *[True] * 2,
        *[False] * 2,
        *[True] * 2,
    ]
    assert "<stdin>:2: empty text" in lines.stderr


def test_a_model_without_its_scorer_is_one_line(call, tmp_path):
    run = small_transfer.save_model(tmp_path / "damaged")
    (run / "scorer" / "config.json").unlink()
    result = call(run=run, input=json_rows(), code=4)
    assert result.stderr.startswith(f"arae-toolkit: error: {run}")
    assert len(result.stderr.splitlines()) == 1


def test_help_names_every_label(call):
    assert "--to all" in call_program("transfer", "--help").stdout


def test_a_label_that_a_row_has_is_a_target_like_others_and_help_says_so(call, model):
    """With several --to as with all: answers can be counted off, whatever stands in the rows."""
    told = " ".join(call_program("transfer", "--help").stdout.split())
    assert "A label in the rows is not read: a text that has LABEL already is rewritten too" in told
    for asked, targets in ((["positive", "negative"], ["positive", "negative"]), (["all"], None)):
        options = [word for name in asked for word in ("--to", name)]
        rows = rows_in(call(*options, input=json_rows(label="positive")))
        wanted = list(targets or model.attributes)
        assert [row["to"] for row in rows] == wanted * len(TEXTS)
