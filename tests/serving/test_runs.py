import itertools

import numpy as np
import pytest
import small
import small_serving
import small_transfer
import torch
from torch.nn import functional

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.priors import FittedGaussian
from arae_toolkit.serving.operations import OPERATIONS, RefusedRequest
from arae_toolkit.serving.runs import edits, unknown_words
from arae_toolkit.serving.text_run import GENERATED, TextRun, known_sentences
from arae_toolkit.transfer.detokenization.natural_text import transfer_natural

FIRST, SECOND = small.SENTENCES[1], small.SENTENCES[4]


def asked(run, name, **fields):
    """Return the answer to one request."""
    return all_asked(run, name, [fields])[0]


def all_asked(run, name, requests):
    """Return the answers to requests that are computed together."""
    checked = [OPERATIONS[name].checked({"run": "it", **fields}) for fields in requests]
    assert len({OPERATIONS[name].shared(fields) for fields in checked}) == 1
    for fields in checked:
        run.check(name, fields)
    return run.answers[name](checked)


@pytest.fixture(scope="module")
def text():
    return small_serving.text_run()


@pytest.fixture(scope="module")
def transfer(tmp_path_factory):
    return small_serving.transfer_run(tmp_path_factory.mktemp("runs") / "rewriter")


@pytest.fixture(scope="module")
def pairs():
    return small_serving.pair_run()


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "result"),
    [("a b c", "a x c"), ("a b", "x y a b"), ("", "a"), ("a", ""), ("a b c d", "b a d x")],
)
def test_edits_hold_both_texts_and_never_two_changes_in_a_row(source, result):
    found = edits(source, result)
    assert " ".join(part["from"] for part in found if part["from"]) == source
    assert " ".join(part["to"] for part in found if part["to"]) == result
    changed = [part["from"] != part["to"] for part in found]
    assert not any(one and other for one, other in itertools.pairwise(changed))


def test_unknown_words_are_those_that_a_vocabulary_lacks():
    texts = ["A zorb isn’t a Dog, zorb!", "a man runs ."]
    assert unknown_words(small.vocabulary(), texts) == [["zorb", "is", "n't", ",", "!"], []]


# --- transfer and pairs ----------------------------------------------------------------------


def test_a_text_is_rewritten_towards_every_label_as_by_the_command(transfer):
    text = small_transfer.REWRITTEN[0]
    (answer,) = asked(transfer, "transfer", texts=[text])["answers"]
    labels = list(small_transfer.ATTRIBUTES)
    assert [one["to"] for one in answer["rewritten"]] == labels
    expected = transfer_natural(transfer.model, [text] * len(labels), labels)
    assert [one["transferred"] for one in answer["rewritten"]] == [one.text for one in expected]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    for one, other in zip(answer["rewritten"], expected, strict=True):
        assert one["attribute_probability"] == pytest.approx(other.attribute_probability, rel=1e-4)
        assert one["edits"] == edits(text, other.text)


def test_requests_computed_together_are_answered_as_one_by_one(transfer, pairs, text):
    texts = [[text] for text in small_transfer.REWRITTEN[:2]]
    texts.append(list(small_transfer.REWRITTEN[2:4]))
    requests = [{"texts": own, "to": ["positive"]} for own in texts]
    together = all_asked(transfer, "transfer", requests)
    for request, answer in zip(requests, together, strict=True):
        alone = asked(transfer, "transfer", **request)
        assert [len(own["answers"]) for own in (alone, answer)] == [len(request["texts"])] * 2
        for one, other in zip(answer["answers"], alone["answers"], strict=True):
            assert one["text"] == other["text"]
            assert [a["transferred"] for a in one["rewritten"]] == [
                a["transferred"] for a in other["rewritten"]
            ]
    asking = [
        {"pairs": [{"premise": first, "hypothesis": second}]} for first, second in small.PAIRS[:3]
    ]
    for request, answer in zip(asking, all_asked(pairs, "pairs", asking), strict=True):
        assert answer["answers"] == [
            {**one, "probabilities": pytest.approx(one["probabilities"], rel=1e-4)}
            for one in asked(pairs, "pairs", **request)["answers"]
        ]
    ways = [{"first": FIRST, "second": SECOND}, {"first": SECOND, "second": small.SENTENCES[0]}]
    for request, answer in zip(ways, all_asked(text, "walk", ways), strict=True):
        assert answer["steps"] == asked(text, "walk", **request)["steps"]


def test_an_unknown_label_and_too_much_work_are_refused(transfer):
    with pytest.raises(RefusedRequest, match="did you mean 'positive'"):
        asked(transfer, "transfer", texts=["x"], to=["positiv"])
    with pytest.raises(RefusedRequest, match="are 1,536, 512 are the most") as refused:
        asked(transfer, "transfer", texts=["x"] * 32, candidates=16)
    assert refused.value.status == 413


def test_a_pair_gets_its_label_and_the_probability_of_each(pairs):
    read = small.PAIRS[:3]
    requested = [{"premise": first, "hypothesis": second} for first, second in read]
    answers = asked(pairs, "pairs", pairs=requested)["answers"]
    expected = pairs.model.probabilities(read)
    for answer, scores in zip(answers, expected, strict=True):
        assert list(answer["probabilities"]) == list(small.LABELS)
        np.testing.assert_allclose(list(answer["probabilities"].values()), scores, rtol=1e-5)
        assert answer["label"] == small.LABELS[scores.argmax()]


def test_of_a_text_of_unknown_words_nothing_is_said(pairs, text):
    both = [{"premise": "a boy eats .", "hypothesis": word} for word in ("zebras", "a man runs")]
    unread, read = asked(pairs, "pairs", pairs=both)["answers"]
    assert (unread["label"], unread["probabilities"]) == (None, None)
    assert unread["unknown_words"] == ["zebras"]
    assert read["label"] in small.LABELS
    (nothing,) = asked(text, "reconstruct", texts=["zebras"])["answers"]
    assert nothing == {
        **{"text": "zebras", "reconstruction": None, "nats": None, "tokens": None, "edits": []},
        "unknown_words": ["zebras"],
    }


# --- text models -----------------------------------------------------------------------------


def test_what_a_text_model_can_do_goes_by_what_it_has(text):
    everything = {"walk", "samples", "reconstruct", "neighbours", "map", "place", "sentence-at"}
    assert set(text.answers) == everything
    assert text.described()["through"] == ["codes", "noise"]
    alone = TextRun(text.model)
    assert set(alone.answers) == everything - {"neighbours"}
    assert len(alone.described()["examples"]) > 1
    plain = TextRun(small.model(small.vocabulary(), prior="fitted").eval())
    assert plain.described()["through"] == ["codes"]
    with pytest.raises(RefusedRequest, match="no noise"):
        asked(plain, "walk", first="x", second="y", through="noise")
    language_model = TextRun(small.model(small.vocabulary(), prior="none").eval())
    assert set(language_model.answers) == {"samples"}
    assert language_model.described()["examples"]


def test_a_walk_through_codes_is_that_of_the_model(text):
    answer = asked(text, "walk", first=FIRST, second=SECOND, steps=5)
    steps = [step["text"] for step in answer["steps"]]
    assert steps == text.model.interpolate(FIRST, SECOND, steps=5)
    assert len(set(steps)) > 2, "the model is too dull to test with"
    for before, step in zip(steps, answer["steps"][1:], strict=False):
        assert step["edits"] == edits(before, step["text"])
    assert "found" not in answer


@pytest.mark.parametrize("through", ["codes", "noise"])
def test_a_walk_in_small_steps_has_the_same_ends(text, through):
    ways = [
        {"first": FIRST, "second": SECOND, "steps": 6, "through": through, "smooth": smooth}
        for smooth in (False, True)
    ]
    straight, smooth = (
        [step["text"] for step in asked(text, "walk", **way)["steps"]] for way in ways
    )
    assert smooth[::5] == straight[::5]
    assert smooth != straight
    with pytest.raises(RefusedRequest, match="smooth must be true or false"):
        asked(text, "walk", first=FIRST, second=SECOND, smooth=1)


def test_a_walk_through_noise_tells_what_was_found(text):
    answer = asked(text, "walk", first=FIRST, second=SECOND, steps=3, through="noise")
    assert [end["reconstruction"] for end in answer["found"]] == [
        answer["steps"][0]["text"],
        answer["steps"][-1]["text"],
    ]
    assert all(0 < end["distance"] < 2 for end in answer["found"])


def test_samples_are_those_of_the_command(text):
    requests = [{"count": 3}, {"count": 4, "seed": 1, "method": "sample", "temperature": 0.7}]
    answers = all_asked(text, "samples", requests)
    assert answers[0]["samples"] == text.model.sample(3)
    assert len(answers[1]["samples"]) == 4


def test_samples_may_come_from_a_fitted_prior(text):
    prior = FittedGaussian(code_size=text.model.code_size)
    run = TextRun(text.model, priors={"narrow": prior.eval()})
    assert run.described()["priors"] == ["own", "narrow"]
    drawn = asked(run, "samples", count=5, prior="narrow")["samples"]
    assert drawn == text.model.sample(5, prior=prior)
    with pytest.raises(RefusedRequest, match="no prior 'wide'; there are own, narrow"):
        asked(run, "samples", prior="wide")


def test_a_text_is_reconstructed_with_what_it_costs(text):
    answer = asked(text, "reconstruct", texts=[FIRST, "a zorb runs ."])["answers"]
    assert answer[0]["reconstruction"] == text.model.reconstruct([FIRST])[0]
    nats, tokens = text.model.nats([FIRST, "a zorb runs ."])
    assert [one["nats"] for one in answer] == pytest.approx(nats, rel=1e-5)
    assert [one["tokens"] for one in answer] == tokens
    assert answer[1]["unknown_words"] == ["zorb"]


def test_a_sentence_of_the_corpus_is_its_own_nearest(text):
    (answer,) = asked(text, "neighbours", texts=[small.SENTENCES[2]], count=3)["answers"]
    first, *others = answer["neighbours"]
    assert (first["text"], first["row"], first["label"]) == (small.SENTENCES[2], 20, "long")
    assert first["cosine"] == pytest.approx(1, abs=1e-5)
    assert len(others) == 2
    assert others[0]["cosine"] >= others[1]["cosine"]
    everything = asked(text, "neighbours", texts=["a dog"], count=50)["answers"][0]
    assert len(everything["neighbours"]) == len(small.SENTENCES)


def test_the_map_holds_generated_sentences_and_those_of_the_corpus(text):
    drawn = asked(text, "map")
    assert drawn["kinds"][0] == "generated"
    assert set(drawn["kinds"][1:]) == {"short", "long"}
    kinds = [point["kind"] for point in drawn["points"]]
    assert kinds.count("generated") == GENERATED
    assert {point["text"] for point in drawn["points"][GENERATED:]} == set(small.SENTENCES)
    assert 0 < drawn["explained"] <= 100


def test_a_sentence_lies_where_the_map_shows_it(text):
    points = {point["text"]: point for point in asked(text, "map")["points"][GENERATED:]}
    for answer in asked(text, "place", texts=list(small.SENTENCES))["answers"]:
        point = points[answer["text"]]
        assert (answer["x"], answer["y"]) == pytest.approx((point["x"], point["y"]), abs=1e-4)


def test_at_a_dot_stands_what_its_code_says_and_elsewhere_what_a_moved_one_does(text):
    point = asked(text, "map")["points"][GENERATED]
    at_dot = asked(text, "sentence-at", x=point["x"], y=point["y"])
    assert at_dot["text"] == text.model.reconstruct([point["text"]])[0]
    assert at_dot["nearest"] == point
    far = asked(text, "sentence-at", x=point["x"] + 0.7, y=point["y"] - 0.7)
    drawn = text.drawn_map
    row = [drawn.point(row) for row in range(len(drawn.texts))].index(far["nearest"])
    place = np.array([[point["x"] + 0.7, point["y"] - 0.7]])
    moved = drawn.projected.moved(drawn.codes[[row]].numpy(), place)
    np.testing.assert_allclose(drawn.projected.place(moved), place, atol=1e-6)
    code = functional.normalize(torch.tensor(moved, dtype=torch.float32), dim=1)
    assert text.model.decode(code) == [far["text"]]


def test_known_sentences_are_spread_over_their_split(synthetic):
    corpus = Corpus(synthetic)
    model = ARAE(corpus.vocabulary, max_length=10, embedding_size=8, code_size=8, hidden_size=8)
    done = []
    found = known_sentences(model.eval(), corpus, "dev", most=4, advance=done.append)
    assert found.rows[0] == 0
    assert found.rows[-1] == corpus.rows("dev") - 1
    assert (len(found.texts), found.codes.shape, sum(done)) == (4, (4, 8), 4)
    assert set(found.labels) == {None}
    everything = known_sentences(model, corpus, "dev", most=10**6)
    assert len(everything.texts) == corpus.rows("dev")
