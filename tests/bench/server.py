"""A small language client for figures: starts `belljar lsp`, and takes the time of its answers."""

import json
import os
import select
import subprocess
import time


class Client:
    def __init__(self, machine, belljar, home):
        self.buffer = b""
        self.next_id = 1
        self.started = time.perf_counter()
        self.process = machine.popen(
            [belljar, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.capabilities = self.request("initialize", {
            "processId": os.getpid(),
            "rootUri": f"file://{home}",
            "capabilities": {
                "window": {"workDoneProgress": True},
                "textDocument": {
                    "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}},
                    "publishDiagnostics": {"versionSupport": True},
                },
            },
        })
        self.initialized_after = time.perf_counter() - self.started
        self.notify("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def read(self, deadline):
        """The next message, or None when the deadline is over."""
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if found:
                length = int(next(l for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")).split(b":")[1])
                if len(rest) >= length:
                    self.buffer = rest[length:]
                    message = json.loads(rest[:length])
                    if "method" in message and "id" in message:  # the server asks: progress may be made, and the like
                        self.send({"id": message["id"], "result": None})
                    return message
            left = deadline - time.perf_counter()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise SystemExit("the server ended")
            self.buffer += chunk

    def request(self, method, params, patience=30):
        number, self.next_id = self.next_id, self.next_id + 1
        self.send({"id": number, "method": method, "params": params})
        deadline = time.perf_counter() + patience
        while (message := self.read(deadline)) is not None:
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
        raise SystemExit(f"{method}: no answer in {patience} s")

    def wait_for(self, wanted, patience):
        deadline = time.perf_counter() + patience
        while (message := self.read(deadline)) is not None:
            if wanted(message):
                return message
        return None

    def open(self, uri, text, language="python"):
        self.notify("textDocument/didOpen", {
            "textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}
        })

    def close(self):
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
