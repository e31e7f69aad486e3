import contextlib
import os
import signal
import subprocess

import numpy as np
import pytest
import small
import torch
from command_line import call as call_program
from command_line import json_lines, rows_in, start

from arae_toolkit import ARAE
from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.models.image_arae import ImageARAE

TEXTS = ["a man sleeps .", "two dogs run in the park", "the woman sees a zebra"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A model folder with random weights, so large that other codes give other sentences."""
    vocabulary = Vocabulary.build(
        ["a man sleeps on the bench .", "two dogs run in the park .", "the woman plays a guitar ."],
        size=50,
    )
    model = ARAE(
        vocabulary,
        max_length=6,
        embedding_size=8,
        code_size=6,
        hidden_size=12,
        noise_size=4,
        generator_sizes=(8,),
        code_gain=8.0,
    )
    model.initialize(generator=torch.Generator().manual_seed(1), bound=3.0)
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(run_folder):
    return ARAE.from_pretrained(run_folder)


@pytest.fixture
def call(run_folder):
    """Run a command on the model; its first argument, RUN, is given by this function."""

    return lambda command, *words, **settings: call_program(command, run_folder, *words, **settings)


# --- sample ----------------------------------------------------------------------------------


def test_sample_writes_the_sentences_of_the_model(call, model):
    result = call("sample", "--count", 700, "--seed", 5)
    assert result.stdout.splitlines() == model.sample(700, seed=5)
    assert result.stderr == ""
    assert call("sample", "--count", 700, "--seed", 6).stdout != result.stdout


def test_sample_hands_the_search_settings_on(call, model):
    settings = ["--method", "sample", "--temperature", 2, "--top-k", 9, "--top-p", 0.9]
    decoding = Decoding(method="sample", temperature=2.0, top_k=9, top_p=0.9)
    assert call("sample", *settings).stdout.splitlines() == model.sample(10, decoding=decoding)
    beam = call("sample", "--method", "beam", "--beam-size", 3).stdout.splitlines()
    assert beam == model.sample(10, decoding=Decoding(method="beam", beam_size=3))


def test_sample_computes_in_the_precision_asked_for(call, run_folder, model):
    rounded = ARAE.from_pretrained(run_folder, precision="bf16").sample(700)
    assert call("sample", "-n", 700, "--precision", "bf16").stdout.splitlines() == rounded
    assert rounded != model.sample(700)


def test_sample_as_jsonl_numbers_the_sentences(call, model):
    rows = rows_in(call("sample", "--count", 600, "--seed", 5, "--format", "jsonl"))
    assert [row["text"] for row in rows] == model.sample(600, seed=5)
    assert [row["index"] for row in rows] == list(range(600))
    assert {row["seed"] for row in rows} == {5}


def test_unique_samples_are_the_distinct_ones_in_the_order_they_are_drawn(call, model):
    result = call("sample", "--count", 30, "--unique")
    sentences = result.stdout.splitlines()
    assert len(set(sentences)) == len(sentences) == 30
    drawn = list(dict.fromkeys(model.sample(300, batch_size=30)))
    assert sentences == drawn[:30]


def test_the_best_of_several_draws_is_kept(call, model):
    best = call("sample", "--count", 40, "--seed", 5, "--best-of", 4).stdout.splitlines()
    assert best == model.sample(40, seed=5, best_of=4)
    assert best != model.sample(40, seed=5)
    assert call("sample", "--count", 7, "--seed", 5, "--best-of", 4).stdout.splitlines() == best[:7]
    usual = call("sample", "--count", 9, "--best-of", 1).stdout
    assert usual == call("sample", "--count", 9).stdout
    assert "--best-of" in call("sample", "--best-of", 0, code=2).stderr


def test_the_best_of_several_draws_is_for_text_models(tmp_path):
    sizes = {"encoder_sizes": (6,), "decoder_sizes": (6,), "generator_sizes": (6,)}
    model = ImageARAE((4, 3), code_size=5, noise_size=3, **sizes)
    model.save_pretrained(tmp_path / "images")
    words = ("sample", tmp_path / "images", "--out", tmp_path / "x.png", "--best-of", 4)
    (told,) = [line for line in call_program(*words, code=2).stderr.splitlines() if "Error" in line]
    assert "--best-of is for text models" in told
    assert not (tmp_path / "x.png").exists()


def test_a_language_model_s_likeliest_sentence_is_told_to_be_one(tmp_path):
    """Without a code there is nothing that could make the next one another."""
    small.model(small.vocabulary(), prior="none").save_pretrained(tmp_path)
    result = call_program("sample", tmp_path, "--count", "3")
    assert len(set(result.stdout.splitlines())) == 1
    assert result.stderr == (
        "arae-toolkit: note: a language model has one likeliest sentence; --method sample draws "
        "others\n"
    )
    for more in (("--method", "sample"), ("--count", "1")):
        assert call_program("sample", tmp_path, *more).stderr == ""


def test_no_sample_is_no_output(call):
    assert call("sample", "--count", 0).stdout == ""


# --- reconstruct -----------------------------------------------------------------------------


def test_reconstruct_answers_lines_with_lines(call, model, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    result = call("reconstruct", path)
    assert result.stdout.splitlines() == model.reconstruct(TEXTS)
    assert len(set(result.stdout.splitlines())) == 3, "the model is too dull to test with"
    assert result.stderr == ""
    beam = call("reconstruct", path, "--method", "beam", "--beam-size", 4)
    decoding = Decoding(method="beam", beam_size=4)
    assert beam.stdout.splitlines() == model.reconstruct(TEXTS, decoding=decoding)


def test_reconstruct_adds_to_the_fields_of_jsonl(call, model, tmp_path):
    path = tmp_path / "in.jsonl"
    given = [{"id": number, "caption": text} for number, text in enumerate(TEXTS)]
    path.write_text(json_lines(given))
    rows = rows_in(call("reconstruct", path, "--text-field", "caption"))
    nats, tokens = model.nats(TEXTS)
    for row, before, answer in zip(rows, given, model.reconstruct(TEXTS), strict=True):
        assert list(row) == [*before, "reconstruction", "nats", "tokens", "unknown_words"]
        assert {**row, **before, "reconstruction": answer} == row
    assert [row["nats"] for row in rows] == pytest.approx(nats, rel=1e-5)
    assert [row["tokens"] for row in rows] == tokens == [5, 7, 6]
    words = model.vocabulary
    unknown = [words.encode(text).count(UNKNOWN) for text in TEXTS]
    assert [row["unknown_words"] for row in rows] == unknown


@pytest.mark.parametrize("row_format", ["lines", "jsonl"])
def test_encode_takes_the_same_texts_from_anywhere(call, tmp_path, row_format):
    rows = "".join(f"{text}\n" for text in TEXTS)
    content = rows if row_format == "lines" else json_lines({"text": text} for text in TEXTS)
    path = tmp_path / "in.data"
    path.write_text(content)
    form = ["--format", row_format]
    by_file = call("encode", path, *form).stdout_bytes
    assert by_file
    assert call("encode", *form, input=content).stdout_bytes == by_file
    texts = [word for text in TEXTS for word in ("--text", text)]
    assert call("encode", *texts, *form).stdout_bytes == by_file


# --- interpolate -----------------------------------------------------------------------------


def test_interpolate_writes_a_line_for_each_step(call, model):
    walk = model.interpolate(TEXTS[0], TEXTS[1], steps=4)
    result = call("interpolate", TEXTS[0], TEXTS[1], "--steps", 4)
    assert result.stdout.splitlines() == walk
    assert [walk[0], walk[-1]] == model.reconstruct(TEXTS[:2])


@pytest.mark.parametrize("row_format", ["lines", "jsonl"])
def test_interpolate_takes_the_same_pair_from_anywhere(call, tmp_path, row_format):
    first, second = TEXTS[:2]
    as_json = row_format == "jsonl"
    content = (
        json_lines([{"first": first, "second": second}]) if as_json else f"{first}\t{second}\n"
    )
    path = tmp_path / "pairs"
    path.write_text(content)
    form = ["--format", row_format]
    by_argument = call("interpolate", first, second, *form).stdout_bytes
    assert by_argument
    assert call("interpolate", path, *form).stdout_bytes == by_argument
    assert call("interpolate", *form, input=content).stdout_bytes == by_argument


def test_interpolate_adds_the_steps_to_the_fields_of_jsonl(call, model, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json_lines([{"id": 1, "first": TEXTS[0], "second": TEXTS[2]}, {"id": 2}]))
    good, bad = rows_in(call("interpolate", path, "--on-error", "emit", code=3))
    walk = model.interpolate(TEXTS[0], TEXTS[2], steps=5)
    assert good == {
        "id": 1,
        "first": TEXTS[0],
        "second": TEXTS[2],
        "steps": walk,
        "unknown_words": 2,
    }
    assert bad == {"id": 2, "error": "no field 'first'; the fields here are 'id'"}
    as_lines = call("interpolate", path, "--on-error", "emit", "--output-format", "lines", code=3)
    assert as_lines.stdout.splitlines() == [*walk, *[""] * 5]


# --- encode ----------------------------------------------------------------------------------


def test_encode_writes_codes_with_six_digits(call, model):
    rows = rows_in(call("encode", *(word for text in TEXTS for word in ("-t", text))))
    assert [row["text"] for row in rows] == TEXTS
    np.testing.assert_allclose([row["code"] for row in rows], model.encode(TEXTS), rtol=1e-5)
    assert max(len(f"{abs(number):.9g}") for row in rows for number in row["code"]) <= 12


def test_encode_writes_an_array_in_the_order_of_the_rows(call, model, tmp_path):
    out = tmp_path / "codes.npy"
    texts = [*TEXTS, TEXTS[0] + " ."]
    content = "".join(f"{text}\n" for text in texts)
    result = call("encode", "--out", out, "--batch-size", 2, input=content)
    assert result.stdout == ""
    codes = np.load(out)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, model.encode(texts), atol=1e-6)


def test_an_array_holds_nan_for_a_row_let_out_in_its_place(call, model, tmp_path):
    out = tmp_path / "codes.npy"
    content = f"{TEXTS[0]}\n\n{TEXTS[1]}\n"
    call("encode", "--out", out, "--on-error", "emit", code=3, input=content)
    codes = np.load(out)
    assert np.isnan(codes).all(axis=1).tolist() == [False, True, False]
    call("encode", "--out", out, code=3, input=content)
    np.testing.assert_allclose(np.load(out), model.encode(TEXTS[:2]), atol=1e-6)


def test_an_array_of_a_failed_request_is_not_written(call, tmp_path):
    out = tmp_path / "codes.npy"
    call("encode", "--out", out, "--on-error", "fail", code=3, input=f"{TEXTS[0]}\n\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_an_array_is_written_where_a_link_leads(call, tmp_path, there):
    array, link = tmp_path / "array.npy", tmp_path / "link.npy"
    if there:
        array.write_bytes(b"earlier")
    link.symlink_to(array)
    call("encode", "--out", link, input=f"{TEXTS[0]}\n")
    assert link.readlink() == array
    assert np.load(array).shape[0] == 1


def test_a_pipe_is_not_replaced_by_an_array(call, tmp_path):
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)
    result = call("encode", "--out", pipe, code=1, input=f"{TEXTS[0]}\n")
    assert result.stderr.endswith(f"error: {pipe}: is a folder, pipe or device; name a file\n")
    assert pipe.is_fifo()


def test_longer_and_unknown_words_are_answered_and_longer_texts_are_told_of(call):
    content = "unheard man\na man sleeps on the bench .\na man sleeps on the\n"
    result = call("encode", input=content)
    assert [row["unknown_words"] for row in rows_in(result)] == [1, 0, 0]
    assert "texts longer than the 6 words this model was trained on: 1" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_texts_without_a_known_word_have_no_answer_and_are_counted(call, tmp_path):
    content = "unheard words .\na man sleeps\n\u200b\n"
    told = (
        "arae-toolkit: warning: <stdin>: 2 of 3 texts are mostly unknown words, 2 of them "
        "entirely and so not answered\n"
    )
    encoded = call("encode", input=content)
    codes = [row["code"] for row in rows_in(encoded)]
    assert (codes[0], codes[2], encoded.stderr) == (None, None, told)
    assert codes[1] is not None
    out = tmp_path / "codes.npy"
    call("encode", "--out", out, input=content)
    assert np.isnan(np.load(out)).any(axis=1).tolist() == [True, False, True]
    lines = call("reconstruct", input=content)
    assert [bool(line) for line in lines.stdout.split("\n")] == [False, True, False, False]
    assert lines.stderr == told
    rows = rows_in(call("reconstruct", "--output-format", "jsonl", input=content))
    assert rows[0] == {
        "text": "unheard words .",
        "reconstruction": None,
        "nats": None,
        "tokens": None,
        "unknown_words": 2,
    }
    walk = call("interpolate", "unheard words", "a man sleeps", "--output-format", "jsonl")
    assert rows_in(walk)[0]["steps"] is None


# --- requests that cannot be answered --------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--top-k", 3], "--top-k needs --method sample"),
        (["sample", "--method", "sample", "--beam-size", 3], "--beam-size needs --method beam"),
        (["sample", "--temperature", 0], "--temperature"),
        (["reconstruct", "in.txt", "--text", "a"], "one of them is expected"),
        (["interpolate", "a", "b", "c"], "two sentences"),
        (
            ["interpolate", "only one sentence"],
            "is no file; a walk is from one sentence to another",
        ),
        (["interpolate", "a", "b", "--steps", 1], "--steps"),
        (["encode", "in.txt", "--out", "codes.json"], ".npy"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_that_means_nothing_is_a_usage_error(call, arguments, message):
    assert message in call(*arguments, code=2).stderr


@pytest.mark.parametrize("command", ["sample", "interpolate", "encode"])
def test_a_missing_run_is_told_of_in_one_line(command):
    result = call_program(command, "nowhere", input="a\tb\n", code=2)
    assert "no trained model 'nowhere'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_told_of_in_one_line(call):
    result = call("sample", "--device", "cuda", code=1)
    assert result.stderr.startswith("arae-toolkit: error: no CUDA device was found")


# --- the program in a pipe -------------------------------------------------------------------


def test_a_reader_that_has_enough_is_no_failure(run_folder):
    with start("sample", run_folder, "--count", 10**9) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_single_rows_are_answered_at_once_until_the_program_is_interrupted(run_folder, model):
    with start("reconstruct", run_folder, "--batch-size", 1, stdin=subprocess.PIPE) as process:
        for text in TEXTS:
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{model.reconstruct([text])[0]}\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "arae-toolkit: interrupted\n"
        assert process.wait() == 130
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def test_a_terminal_is_told_that_it_is_read_and_gets_its_answers_at_once(run_folder, model):
    controller, terminal = os.openpty()
    with start("reconstruct", run_folder, stdin=terminal) as process:
        os.close(terminal)
        assert process.stderr.readline().startswith("reading rows from the terminal")
        os.write(controller, f"{TEXTS[1]}\n".encode())
        assert process.stdout.readline() == f"{model.reconstruct([TEXTS[1]])[0]}\n"
        os.write(controller, b"\x04")  # Ctrl-D
        assert process.wait() == 0
    os.close(controller)
