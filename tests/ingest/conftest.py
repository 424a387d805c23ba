from __future__ import annotations

import json
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "reference" / "formats"


@pytest.fixture(scope="session")
def formats() -> Path:
    if not SHARED.is_dir():
        pytest.skip("shared reference data is not beside the repository")
    return SHARED


@pytest.fixture
def write_lines(tmp_path):
    def write(name, records):
        path = tmp_path / name
        lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


def spend_row(number: int, **changes: object) -> dict[str, object]:
    """One LiteLLM spend row; keyword arguments replace its values."""
    clock = f"2026-10-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
    row: dict[str, object] = {
        "request_id": f"req-{number}",
        "call_type": "acompletion",
        "startTime": clock + "Z",
        "endTime": clock + ".5Z",
        "model": "openai/gpt-5-mini",
        "model_group": "mini",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "spend": 0.000125,
        "status": "success",
        "cache_hit": "None",
        "request_tags": ["task:triage"],
        "metadata": {
            "usage_object": {
                "prompt_tokens_details": {"cached_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 30},
            }
        },
        "messages": [{"role": "user", "content": "SECRET PROMPT"}],
    }
    return row | changes


@pytest.fixture
def spend():
    return spend_row
