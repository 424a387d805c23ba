"""The real LiteLLM proxy in front of a server that records what arrives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

CALLBACK = """
import json, os
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload


class Rows(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        row = get_logging_payload(kwargs, response_obj, start_time, end_time)
        with open(os.environ["ROWS"], "a") as out:
            out.write(json.dumps(row, default=str) + "\\n")


rows = Rows()
"""
REPLIES = {
    "messages": {
        "id": "m", "type": "message", "role": "assistant", "model": "claude",
        "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    },
    "generateContent": {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP",
             "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15
        },
    },
    "completions": {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt",
        "choices": [
            {"index": 0, "finish_reason": "stop",
             "message": {"role": "assistant", "content": "ok"}}
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    },
}  # fmt: skip


def find_proxy() -> str | None:
    """Find the proxy: COSTPLAN_LITELLM names its executable, else the one on the path."""
    return os.environ.get("COSTPLAN_LITELLM") or shutil.which("litellm")


class Recorder:
    """Answers like the vendors and keeps what was asked."""

    def __init__(self) -> None:
        """Start on a free port."""
        self.seen: list[tuple[str, dict]] = []
        self.failing: set[str] = set()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(size) or b"{}")
                recorder.seen.append((self.path, body))
                failed = body.get("model") in recorder.failing
                end = self.path.partition("?")[0]
                kind = next((k for k in REPLIES if end.endswith(k)), "completions")
                said = {"error": {"message": "down", "type": "server_error"}}
                data = json.dumps(said if failed else REPLIES[kind]).encode()
                self.send_response(500 if failed else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """A running proxy on a written configuration."""

    def __init__(self, executable: str, text: str, folder: Path, recorder: Recorder) -> None:
        """Start it with every vendor's address at the recorder, and wait until it answers."""
        content = yaml.safe_load(text)
        for model in content["model_list"]:
            vendor = model["litellm_params"]["model"].partition("/")[0]
            base = recorder.url + ("/v1" if vendor in ("openai", "openrouter") else "")
            model["litellm_params"]["api_base"] = base
        content["router_settings"]["num_retries"] = 0
        content["litellm_settings"]["callbacks"] = ["rows_callback.rows"]
        (folder / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        (folder / "rows_callback.py").write_text(CALLBACK)
        self.rows_path = folder / "rows.jsonl"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        keys = ("OPENAI", "ANTHROPIC", "GEMINI", "OPENROUTER")
        env = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_PROXY"))}
        env |= {f"{key}_API_KEY": "k" for key in keys}
        env |= {
            "LITELLM_MASTER_KEY": "sk-test", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "ROWS": str(self.rows_path), "NO_PROXY": "*", "PYTHONPATH": str(folder),
        }  # fmt: skip
        self.log = (folder / "proxy.log").open("w")
        self.process = subprocess.Popen(
            [executable, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port),
             "--telemetry", "False"],
            cwd=folder, env=env, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False,
            headers={"authorization": "Bearer sk-test"},
        )  # fmt: skip
        self._wait(folder)

    def _wait(self, folder: Path) -> None:
        until = time.monotonic() + 180
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if self.client.get("/health/liveliness").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.5)
        raise AssertionError((folder / "proxy.log").read_text()[-3000:])

    def ask(self, model: str, **more: object) -> httpx.Response:
        """Ask for a public name."""
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
        return self.client.post("/v1/chat/completions", json=body)

    def rows(self, at_least: int) -> list[dict]:
        """Read the spend rows once there are so many."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.rows_path.exists():
                lines = self.rows_path.read_text().splitlines()
                if len(lines) >= at_least:
                    return [json.loads(line) for line in lines]
            time.sleep(0.2)
        raise AssertionError("the spend rows did not come")

    def close(self) -> None:
        """Stop the proxy and its children."""
        self.client.close()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        self.log.close()
