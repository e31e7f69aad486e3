from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest
import small_rewriter
from click.testing import CliRunner

from arae_toolkit.data.vocabulary import MOST_WORDS, UNKNOWN
from arae_toolkit.recipes.cli import main
from arae_toolkit.recipes.shared.rows import MAX_CHARACTERS
from arae_toolkit.storage.paths import run_folder
from arae_toolkit.transfer.detokenization.detokenize import natural_text, readable_text
from arae_toolkit.transfer.model import TransferModel

PROGRAM = "from arae_toolkit.recipes.cli import main; main(prog_name='arae-toolkit')"
ADDED = ["transferred", "to", "attribute_probability", "content_bleu", "nats_per_token"]
TEXTS = [
    "The food was bad, and I'm sad.",
    "the staff did n't care !",
    "WE PAID $20 FOR IT.",
    "is this zorb “good”?",
    "Great place, really",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_rewriter.save_model(tmp_path_factory.mktemp("runs") / "rewriter")


@pytest.fixture(scope="module")
def model(folder):
    return TransferModel.from_pretrained(folder)


@pytest.fixture
def call(folder):
    """Run ``transfer``; RUN is given by this function, and where to unless asked for."""

    def invoke(*arguments, run=folder, code=0, **settings):
        words = ["transfer", str(run), *map(str, arguments)]
        if "--to" not in words:
            words += ["--to", "positive"]
        result = CliRunner().invoke(main, words, prog_name="arae-toolkit", **settings)
        assert result.exit_code == code, result.output
        return result

    return invoke


def json_row(content=TEXTS[0], /, field="text", **others):
    return json.dumps({field: content, **others})


def json_rows(texts=TEXTS, **settings):
    return "".join(f"{json_row(text, **settings)}\n" for text in texts)


def rows_in(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


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
        }
        for text, answer in zip(texts, answers, strict=True)
    ]


# --- answers ---------------------------------------------------------------------------------


def test_rows_keep_their_order_and_fields_and_get_the_answer(call, model):
    result = call(input=json_rows(id="7é", to="mine", label=None))
    assert result.stderr == ""
    expected = expected_rows(model)
    assert len({row["transferred"] for row in expected}) > 2, "the model is too dull to test with"
    for row, text, answer in zip(rows_in(result), TEXTS, expected, strict=True):
        assert list(row) == ["text", "id", "to", "label", *(a for a in ADDED if a != "to")]
        assert row == {"text": text, "id": "7é", "label": None, **answer}
        assert all(len(f"{row[name]:.9g}") <= 11 for name in ADDED[2:])


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


def test_lines_are_answered_by_texts_alone(call, model):
    content = "".join(f"{text}\n" for text in TEXTS)
    result = call("--format", "lines", input=content)
    assert result.stdout.splitlines() == [row["transferred"] for row in expected_rows(model)]
    assert call("--output-format", "lines", input=json_rows()).stdout == result.stdout
    as_json = call("--format", "lines", "--output-format", "jsonl", input=content)
    assert as_json.stdout == call(input=json_rows()).stdout


def test_a_text_of_several_lines_is_answered_by_one(call):
    result = call("--output-format", "lines", input=json_rows(["The food\nwas\r\nbad."]))
    assert len(result.stdout.splitlines()) == 1


def test_arguments_file_archive_and_stdin_give_the_same_bytes(call, tmp_path):
    content = json_rows()
    expected = call(input=content).stdout_bytes
    plain, packed = tmp_path / "texts.txt", tmp_path / "texts.jsonl.gz"
    plain.write_text(content)
    packed.write_bytes(gzip.compress(content.encode()))
    assert call("-", input=content).stdout_bytes == expected
    assert call(plain).stdout_bytes == expected
    assert call(packed).stdout_bytes == expected
    arguments = [word for text in TEXTS for word in ("--text", text)]
    assert call(*arguments).stdout_bytes == expected


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
def test_the_batch_size_changes_nothing_beyond_rounding(call, batch_size):
    content = json_rows(TEXTS * 3)
    expected = rows_in(call("--candidates", 3, input=content))
    rows = rows_in(call("--candidates", 3, "--batch-size", batch_size, input=content))
    for row, other in zip(rows, expected, strict=True):
        assert row["transferred"] == other["transferred"]
        for name in ADDED[2:]:
            assert row[name] == pytest.approx(other[name], rel=1e-4)


def test_longer_texts_are_cut_and_told_of(call):
    result = call(input=json_rows(["the food was bad " * MOST_WORDS, TEXTS[0]]))
    assert len(rows_in(result)) == 2
    assert result.stderr == (
        f"arae-toolkit: warning: <stdin>: texts longer than the {MOST_WORDS} words this model was "
        "trained on, read up to there: 1\n"
    )


@pytest.mark.parametrize("text", ["zorb", "<unk>", "😀", "?!", "<eos> <pad>", "naïve ﬁancé…", "I"])
def test_texts_of_unknown_words_are_answered(call, text):
    (row,) = rows_in(call("--text", text))
    assert row["text"] == text
    assert list(row) == ["text", *ADDED]


# --- targets ---------------------------------------------------------------------------------


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
    result = call("--to", "positive", "--to", name, input=json_rows(), code=3)
    assert result.stdout == ""
    assert result.stderr == (
        f"arae-toolkit: error: {folder}: no label {name!r}; the model knows negative, positive, "
        f"neutral{hint}\n"
    )


def test_a_label_may_be_called_all(call, tmp_path):
    run = small_rewriter.save_model(tmp_path / "run", attributes=("all", "none"))
    rows = rows_in(call("--to", "all", run=run, input=json_rows()))
    assert [row["to"] for row in rows] == ["all"] * len(TEXTS)


def test_a_target_must_be_given(folder):
    result = CliRunner().invoke(main, ["transfer", str(folder)], input=json_rows())
    assert result.exit_code == 2
    assert "Missing option '--to'" in result.stderr


# --- rewriting -------------------------------------------------------------------------------


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
        *(("--seed", "-1"), ("--format", "csv"), ("--batch-size", "0"), ("--precision", "8")),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(call, option):
    result = call(*option, input=json_rows(), code=2)
    assert option[0] in result.stderr


# --- unusable rows ---------------------------------------------------------------------------

BAD_ROWS = {
    "nonsense": "not JSON (Expecting value at character 1)",
    "[1]": "a list, where a JSON object is expected",
    '{"review": "a"}': "no field 'text'",
    '{"text": 7}': "field 'text' is a number, not a text",
    '{"text": ""}': "empty text",
    '{"text": " \\n"}': "empty text",
    '{"text": "a\\u0000"}': "NUL byte in text",
    '{"text": "\\ud800"}': "not UTF-8 (half a surrogate pair)",
    json_row("a" * (MAX_CHARACTERS + 1)): "text of 10,001 characters, at most 10,000",
}


@pytest.mark.parametrize("on_error", ["skip", "emit"])
def test_unusable_rows_are_named_and_no_other_row_is_lost(call, model, on_error):
    content = "".join(f"{bad}\n{json_row()}\n" for bad in BAD_ROWS)
    result = call("--on-error", on_error, "--batch-size", 3, code=3, input=content)
    for number, problem in enumerate(BAD_ROWS.values()):
        assert f"<stdin>:{2 * number + 1}: {problem}" in result.stderr
    assert (
        f"{len(BAD_ROWS)} of {2 * len(BAD_ROWS)} rows could not" in result.stderr.splitlines()[-1]
    )
    rows = rows_in(result)
    good = [row["transferred"] for row in rows if "error" not in row]
    assert good == [expected_rows(model)[0]["transferred"]] * len(BAD_ROWS)
    if on_error == "emit":
        problems = [row["error"] for row in rows[::2]]
        assert all(map(str.startswith, problems, BAD_ROWS.values()))
        assert rows[4] == {"review": "a", "to": "positive", "error": "no field 'text'"}
    else:
        assert len(rows) == len(BAD_ROWS)


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: row[:24])
def test_the_first_unusable_row_ends_a_request_that_asks_for_it(call, bad):
    content = f"{json_row()}\n{bad}\n{json_row()}\n"
    result = call("--on-error", "fail", code=3, input=content)
    assert len(rows_in(result)) == 1
    assert result.stderr.startswith(f"arae-toolkit: error: <stdin>:2: {BAD_ROWS[bad]}")
    assert len(result.stderr.splitlines()) == 1


def test_an_unusable_row_is_let_out_once_for_each_target(call):
    targets = ("--to", "positive", "--to", "negative", "--on-error", "emit")
    rows = rows_in(call(*targets, code=3, input=f'{{"id": 1}}\n{json_row()}\n'))
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


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_input_is_an_error(call, content):
    result = call(input=content, code=3)
    assert result.stderr == "arae-toolkit: error: <stdin>: empty, there is no row to work on\n"


# --- models ----------------------------------------------------------------------------------


def test_a_run_is_found_by_its_name(call, model):
    small_rewriter.save_model(run_folder("yelp"))
    result = call(run="yelp", input=json_rows())
    assert [row["transferred"] for row in rows_in(result)] == [
        row["transferred"] for row in expected_rows(model)
    ]


def test_a_missing_run_names_the_place_and_the_command_that_makes_one(call):
    result = call(run="yelp", input=json_rows(), code=1)
    assert len(result.stderr.splitlines()) == 1
    assert str(run_folder("yelp") / "config.json") in result.stderr
    assert "'arae-toolkit pretrain yelp'" in result.stderr


def test_a_missing_file_is_met_before_the_model_is_loaded(call, tmp_path):
    result = call(tmp_path / "no.jsonl", run="nowhere", code=3)
    assert result.stderr == f"arae-toolkit: error: {tmp_path}/no.jsonl: no such file\n"


@pytest.mark.parametrize("damage", ["cut", "no weights", "another kind", "no scorer"])
def test_a_damaged_model_is_one_line(call, tmp_path, damage):
    run = small_rewriter.save_model(tmp_path / "damaged")
    weights, config = run / "model.safetensors", run / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "another kind":
        config.write_text(config.read_text().replace('"transfer"', '"pairs"'))
    else:
        (run / "scorer" / "config.json").unlink()
    result = call(run=run, input=json_rows(), code=4)
    assert result.stderr.startswith(f"arae-toolkit: error: {run}")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


# --- the program -----------------------------------------------------------------------------


def test_help_starts_with_examples_and_without_torch():
    program = (
        "import sys\nfrom arae_toolkit.recipes.cli import main\n"
        "try:\n    main(['transfer', '--help'], prog_name='arae-toolkit')\n"
        "finally:\n    print('torch' in sys.modules or 'tokenizers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
    examples = done.stdout[done.stdout.index("Examples:") : done.stdout.index("Options:")]
    assert examples.count("arae-toolkit transfer ") >= 4
    assert "--to all" in examples


def start(*arguments, **streams):
    command = [sys.executable, "-c", PROGRAM, "transfer", *map(str, arguments)]
    return subprocess.Popen(command, text=True, **streams)


def test_the_answers_to_a_batch_are_out_before_more_rows_are_read(folder, model):
    expected = [row["transferred"] for row in expected_rows(model)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    options = ("--to", "positive", "--batch-size", 2, "--output-format", "lines")
    with start(folder, *options, **pipes) as process:
        for _ in range(3):
            process.stdin.write(json_rows(TEXTS[:2]))
            process.stdin.flush()
            assert [process.stdout.readline().strip() for _ in range(2)] == expected[:2]
        process.stdin.write(json_rows(TEXTS[2:3]))
        out, errors = process.communicate()
    assert out.splitlines() == expected[2:3]
    assert (process.returncode, errors) == (0, "")


def test_a_reader_that_has_enough_is_no_failure(folder, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text(json_rows() * 5_000)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with start(folder, path, "--to", "all", env=buffered, **pipes) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
