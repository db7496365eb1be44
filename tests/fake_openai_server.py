"""A server that speaks OpenAI's protocol, without a model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Streams pieces per request, by its seed: five that name it unless `text` says others; `status` is answered instead."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.num_dropped = 0
        self.status = 200
        self.pause_seconds = 0.0
        self.text: Callable[[int], Sequence[str]] = lambda seed: [f"{seed}/{number} " for number in range(5)]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(
                    200, json.dumps({"object": "list", "data": [{"id": "the-model", "object": "model"}]}).encode()
                )

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append({"path": self.path, **request})
                if outer.status != 200:
                    self._send(outer.status, b'{"error": {"message": "maximum context length is 9"}}')
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for data in outer.events(request):
                        line = f"data: {data}\n\n".encode()
                        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                        time.sleep(outer.pause_seconds)
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    outer.num_dropped += 1

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def events(self, request: dict[str, Any]) -> Iterator[str]:
        is_chat = "messages" in request
        base = {"id": "x", "created": 1, "model": "the-model", "object": "chunk"}
        pieces = self.text(request["seed"])
        for number, text in enumerate(pieces, start=1):
            end = "length" if number == len(pieces) else None
            piece = {"delta": {"content": text}} if is_chat else {"text": text}
            yield json.dumps({**base, "choices": [{"index": 0, "finish_reason": end, **piece}]})
        usage = {"completion_tokens": 11, "prompt_tokens": 3, "total_tokens": 14}
        yield json.dumps({**base, "choices": [], "usage": usage})
        yield "[DONE]"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
