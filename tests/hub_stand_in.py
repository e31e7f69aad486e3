"""A stand-in of the Hugging Face Hub: the parts of its API that a model's folder goes through."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub(ThreadingHTTPServer):
    """Keeps repositories in memory; takes a commit with its files inline, gives them one by one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.tokens: set[str | None] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        files = self.server.repositories.get(name)
        if files is None:
            self._answer({"error": "none"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif parts[0] == "api" and parts[4:5] == ["tree"]:
            self._answer(
                [
                    {"type": "file", "path": path, "size": len(text), "oid": _oid(text)}
                    for path, text in files.items()
                ]
            )
        elif parts[0] == "api":
            siblings = [{"rfilename": path} for path in files]
            self._answer({"id": name, "modelId": name, "sha": "1" * 40, "siblings": siblings})
        else:
            text = files["/".join(parts[4:])]
            self._answer(text, 200, {"ETag": f'"{_oid(text)}"', "X-Repo-Commit": "1" * 40})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.tokens.add(self.headers.get("Authorization"))
        if self.path == "/api/repos/create":
            asked = json.loads(sent)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            name = name if "/" in name else f"someone/{name}"
            self.server.repositories.setdefault(name, {})
            self._answer({"url": f"{self.server.address}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(sent)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular"} for f in files]
            self._answer({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        else:
            name = "/".join(self.path.strip("/").split("/")[2:4])
            for line in sent.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    text = base64.b64decode(entry["value"]["content"])
                    self.server.repositories[name][entry["value"]["path"]] = text
            address = f"{self.server.address}/{name}/commit/{'1' * 40}"
            self._answer({"success": True, "commitUrl": address, "commitOid": "1" * 40})

    def _answer(self, content: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _oid(text: bytes) -> str:
    return hashlib.sha1(text).hexdigest()


@contextmanager
def running() -> Iterator[Hub]:
    """Serve on a port of this machine alone."""
    with Hub() as hub:
        thread = Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
