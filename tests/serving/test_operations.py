import json

import pytest

from arae_toolkit.serving.operations import (
    MOST_BODY_BYTES,
    MOST_CHARACTERS,
    MOST_TEXTS,
    OPERATIONS,
    RefusedRequest,
    openapi,
)

TRANSFER, WALK, PAIRS = (OPERATIONS[name] for name in ("transfer", "walk", "pairs"))


def test_defaults_are_put_in():
    fields = TRANSFER.checked({"run": "a", "texts": ["x"]})
    assert fields == {
        "run": "a",
        "texts": ["x"],
        "to": [],
        "candidates": 1,
        "strength": 1.0,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("operation", "content", "status", "problem"),
    [
        (TRANSFER, {"texts": ["x"]}, 400, "needs a field 'run'"),
        (TRANSFER, {"run": "a", "texts": "x"}, 400, "texts must be a list"),
        (TRANSFER, {"run": "a", "texts": []}, 400, "texts is empty"),
        (TRANSFER, {"run": "a", "texts": [" \n"]}, 400, r"texts\[0\] is empty"),
        (TRANSFER, {"run": "a", "texts": ["x", 3]}, 400, r"texts\[1\] must be a text"),
        (TRANSFER, {"run": "a", "texts": ["\ud800"]}, 400, "surrogate"),
        (TRANSFER, {"run": "a", "texts": ["a\0b"]}, 400, r"texts\[0\] holds a NUL"),
        (TRANSFER, {"run": "a", "texts": ["x"], "strength": 1e400}, 400, "from 0 to 4"),
        (TRANSFER, {"run": "a", "texts": ["x"], "candidates": 10**400}, 400, "from 1 to 16"),
        (TRANSFER, {"run": "a", "texts": ["x"], "candidates": True}, 400, "a whole number"),
        (TRANSFER, {"run": "a", "texts": ["x"], "candidates": 17}, 400, "from 1 to 16"),
        (TRANSFER, {"run": "a", "texts": ["x"], "candidate": 2}, 400, "has no field 'candidate'"),
        (TRANSFER, {"run": "a", "texts": ["x"] * (MOST_TEXTS + 1)}, 413, "33 entries, 32 are"),
        (TRANSFER, {"run": "a", "texts": ["x" * (MOST_CHARACTERS + 1)]}, 413, "2,001 characters"),
        (WALK, {"run": "a", "first": "x", "second": "y", "through": "air"}, 400, "codes, noise"),
        (PAIRS, {"run": "a", "pairs": [{"premise": "x"}]}, 400, "needs a field 'hypothesis'"),
    ],
)
def test_what_is_wrong_is_named(operation, content, status, problem):
    with pytest.raises(RefusedRequest, match=problem) as refused:
        operation.checked(content)
    assert refused.value.status == status


def test_the_largest_request_fits_into_a_body():
    text = "\U0001f600" * MOST_CHARACTERS  # two escapes of six characters each
    pairs = [{"premise": text, "hypothesis": text}] * 1
    assert PAIRS.checked({"run": "a", "pairs": pairs})
    escaped = json.dumps({"run": "a", "texts": ["é" * MOST_CHARACTERS] * MOST_TEXTS})
    assert len(escaped) < MOST_BODY_BYTES


def test_requests_that_differ_in_what_is_asked_alone_may_be_computed_together():
    one, other = ({"run": "a", "texts": [text]} for text in "xy")
    assert TRANSFER.shared(TRANSFER.checked(one)) == TRANSFER.shared(TRANSFER.checked(other))
    other["strength"] = 2
    assert TRANSFER.shared(TRANSFER.checked(one)) != TRANSFER.shared(TRANSFER.checked(other))
    other = {"run": "b", "texts": ["x"]}
    assert TRANSFER.shared(TRANSFER.checked(one)) != TRANSFER.shared(TRANSFER.checked(other))
    assert TRANSFER.size(TRANSFER.checked({"run": "a", "texts": ["x"] * 7})) == 7
    assert WALK.size(WALK.checked({"run": "a", "first": "x", "second": "y"})) == 1


def test_the_openapi_document_holds_what_there_is_with_its_limits():
    document = json.loads(json.dumps(openapi({"walk": ["snli", "own"]})))
    assert list(document["paths"]) == ["/api/runs", "/api/walk"]
    body = document["paths"]["/api/walk"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["run", "first", "second"]
    assert schema["properties"]["run"]["enum"] == ["snli", "own"]
    assert schema["properties"]["steps"]["maximum"] == 31
    assert schema["properties"]["first"]["maxLength"] == MOST_CHARACTERS
    responses = document["paths"]["/api/walk"]["post"]["responses"]
    assert set(responses) == {"200", "400", "403", "404", "413", "415", "429"}
