"""The API as a program and a browser meet it, within the process."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import small
import small_serving
from small_serving import ADDRESS, BEARER, PORT, TOKEN

from arae_toolkit.serving.application import PAGE, application
from arae_toolkit.serving.operations import MOST_BODY_BYTES
from arae_toolkit.serving.request_queue import RequestQueue

WALK = {"run": "text", "first": small.SENTENCES[1], "second": small.SENTENCES[4]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "rewriter"
    return {
        "text": small_serving.text_run(),
        "rewriter": small_serving.transfer_run(folder),
        "pairs": small_serving.pair_run(),
    }


@pytest.fixture(scope="module")
def queue():
    queue = RequestQueue()
    yield queue
    queue.close()


@pytest.fixture
def client(runs, queue):
    return small_serving.client(runs, queue)


@pytest.fixture
def stranger(runs, queue):
    """A client without the token."""
    return small_serving.client(runs, queue, headers={}, follow_redirects=False)


# --- who may ask -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/api/runs", "/page/page.js", "/page/nothing", "/x"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer é".encode()},
        {"cookie": f"arae-toolkit-{PORT}=wrong"},
        {"cookie": f"arae-toolkit-1={TOKEN}"},
        {"cookie": 'a="; ='},
    ],
)
def test_without_the_token_nothing_is_answered(stranger, path, headers):
    answer = stranger.get(path, headers=headers)
    assert answer.status_code == 403
    assert "token is wrong or missing" in answer.text
    assert TOKEN not in answer.text
    assert stranger.get(f"{path}?token=wrong", headers=headers).status_code == 403


def test_nothing_is_computed_without_the_token(stranger):
    assert stranger.post("/api/walk", json=WALK).status_code == 403


def test_the_printed_address_leads_to_the_page_and_leaves_a_cookie(stranger):
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.post("/api/walk", json=WALK).status_code == 200


def test_the_token_leads_to_no_other_host(stranger):
    answer = stranger.get(f"{ADDRESS}//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1.evil.example"])
def test_a_name_that_others_gave_this_address_is_refused(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", "localhost:9000"])
def test_names_of_this_machine_are_fine(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_page_from_elsewhere_may_not_ask_even_with_the_cookie(stranger, origin):
    stranger.cookies.set(f"arae-toolkit-{PORT}", TOKEN)
    assert stranger.post("/api/walk", json=WALK, headers={"origin": origin}).status_code == 403
    own = stranger.post("/api/walk", json=WALK, headers={"origin": ADDRESS})
    assert own.status_code == 200


def test_a_form_of_another_page_cannot_ask_either(client):
    answer = client.post(
        "/api/walk", content=json.dumps(WALK), headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/", "/docs", "/api/runs", "/page/page.js", "/nothing"])
def test_every_answer_forbids_scripts_and_addresses_of_others(client, path):
    policy = client.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


# --- what is there ---------------------------------------------------------------------------


def test_only_what_the_runs_can_do_is_shown(runs, queue):
    client = small_serving.client({"pairs": runs["pairs"]}, queue)
    known = client.get("/api/runs").json()
    assert [run["can"] for run in known["runs"]] == [["pairs"]]
    assert list(known["operations"]) == ["pairs"]
    assert list(client.get("/openapi.json").json()["paths"]) == ["/api/runs", "/api/pairs"]
    answer = client.post("/api/walk", json=WALK)
    assert answer.status_code == 404
    assert "there are pairs" in answer.json()["error"]


def test_every_operation_answers_what_the_document_shows(client):
    """With the fewest fields of its schema, filled by its limits."""

    def example(schema):
        if "enum" in schema:
            return schema["enum"][0]
        if schema["type"] == "object":
            needed = {name: schema["properties"][name] for name in schema["required"]}
            return {name: example(own) for name, own in needed.items()}
        if schema["type"] == "array":
            return [example(schema["items"])]
        return "a dog runs ." if schema["type"] == "string" else schema["minimum"] / 1e6

    document = client.get("/openapi.json").json()
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "get":
                assert client.get(path).status_code == 200
                continue
            content = operation["requestBody"]["content"]["application/json"]["schema"]
            answer = client.post(path, json=example(content))
            assert answer.status_code == 200, (path, answer.text)
            assert answer.json()
            asked += 1
    assert asked == 9


def test_the_page_asks_for_nothing_from_elsewhere():
    files = {path.name: path.read_text(encoding="utf-8") for path in PAGE.iterdir()}
    assert {"index.html", "docs.html", "page.css", "page.js"} <= set(files)
    for name, text in files.items():
        addresses = text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in addresses, name
        assert "https://" not in addresses, name
        assert "innerHTML" not in text, name
        assert "<style" not in text, name
        assert " style=" not in text, name


@pytest.mark.parametrize("path", ["/page/../runs.py", "/page/%2e%2e/runs.py", "/page/..%2fruns.py"])
def test_no_other_file_is_to_be_had(client, path):
    assert client.get(path).status_code == 404


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content", "status", "problem"),
    [
        ("/api/walk", "{", 400, "no JSON object"),
        ("/api/walk", "[]", 400, "no JSON object"),
        ("/api/walk", '{"run": NaN}', 400, "NaN"),
        ("/api/walk", "[" * 100_000, 400, "no JSON object"),
        ("/api/walk", b"\xff", 400, "no JSON object"),
        ("/api/walk", json.dumps({**WALK, "steps": 1}), 400, "from 2 to 31"),
        ("/api/walk", json.dumps({**WALK, "run": "pairs"}), 404, "'pairs' cannot do this; walk"),
        (
            "/api/walk",
            json.dumps({**WALK, "run": "yelp"}),
            404,
            "'yelp' is none of the runs text, rewriter, pairs; walk can be asked of text",
        ),
        ("/api/walk", json.dumps({**WALK, "first": "x" * 3000}), 413, "3,000 characters"),
        ("/api/walk", " " * (MOST_BODY_BYTES + 1), 413, "more than 1,048,576 bytes"),
        ("/api/nothing", "{}", 404, "no run here can do 'nothing'"),
        (
            "/api/transfer",
            json.dumps({"run": "rewriter", "texts": ["x"], "to": ["y"]}),
            400,
            "label",
        ),
    ],
)
def test_a_bad_request_says_what_is_wrong(client, path, content, status, problem):
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert problem in answer.json()["error"]


def test_a_body_of_unknown_length_is_bounded_as_well(client):
    pieces = (b" " * 65_536 for _ in range(2 + MOST_BODY_BYTES // 65_536))
    answer = client.post("/api/walk", content=pieces, headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_who_goes_away_within_a_body_is_no_failure_of_ours(runs, queue):
    """A closed tab would else be a traceback in the server's terminal."""
    app = application(runs, queue, token=TOKEN, port=PORT)
    head = {"host": f"127.0.0.1:{PORT}", "content-type": "application/json", **BEARER}
    scope = {
        "type": "http", "method": "POST", "path": "/api/walk", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in head.items()],
    }  # fmt: skip
    received = iter(
        [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent = []

    async def receive():
        return next(received)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 400


def test_other_methods_are_refused(client):
    assert client.get("/api/walk").status_code == 405
    assert client.delete("/api/runs").status_code == 405


def test_a_failure_of_ours_is_told_without_its_inside(runs):
    class Failing:
        def __init__(self, run):
            self.run = run
            self.answers = {"walk": self.fail}

        def described(self):
            return self.run.described()

        def check(self, operation, fields):
            pass

        def fail(self, requests):
            raise RuntimeError("secret of the inside")

    queue = RequestQueue()
    client = small_serving.client(
        {"text": Failing(runs["text"])}, queue, raise_server_exceptions=False
    )
    answer = client.post("/api/walk", json=WALK)
    queue.close()
    assert answer.status_code == 500
    assert "secret" not in answer.text


# --- many at once ----------------------------------------------------------------------------


def test_texts_come_back_as_they_were_sent(client):
    text = '<script>alert("1")</script> & é \u2028'
    answer = client.post("/api/reconstruct", json={"run": "text", "texts": [text]})
    assert answer.json()["answers"][0]["text"] == text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_each_of_many_threads_gets_its_own_answer(client):
    texts = [f"{sentence} {word}" for sentence in small.SENTENCES for word in ("dog", "man", "sun")]
    alone = {}
    for text in texts:
        answer = client.post("/api/reconstruct", json={"run": "text", "texts": [text]})
        alone[text] = answer.json()["answers"][0]["reconstruction"]
    with ThreadPoolExecutor(12) as pool:
        content = [{"run": "text", "texts": [text]} for text in texts]
        answers = list(pool.map(lambda own: client.post("/api/reconstruct", json=own), content))
    for text, answer in zip(texts, answers, strict=True):
        assert answer.status_code == 200
        (one,) = answer.json()["answers"]
        assert (one["text"], one["reconstruction"]) == (text, alone[text])


def test_more_than_can_wait_are_told_to_come_again(runs):
    queue = RequestQueue(most_waiting=1)
    client = small_serving.client(runs, queue)
    started, go = threading.Event(), threading.Event()

    def hold(contents):
        started.set()
        assert go.wait(30)
        return contents

    held = queue.submit("held", hold, 0)
    assert started.wait(30)
    waiting = queue.submit("held", hold, 1)
    answer = client.post("/api/walk", json=WALK)
    go.set()
    assert (held.result(30), waiting.result(30)) == (0, 1)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "1 requests are waiting" in answer.json()["error"]
    assert client.post("/api/walk", json=WALK, headers=BEARER).status_code == 200
    queue.close()
