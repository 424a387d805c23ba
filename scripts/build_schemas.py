"""Write the JSON Schemas of docs/schemas again; `--check` only says which are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from costplan.cli.schema import Kind, make_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def main() -> int:
    """Write every schema, or with --check leave with 1 when one is stale."""
    stale = []
    for kind in Kind:
        path = FOLDER / f"{kind}.schema.json"
        text = make_schema(kind)
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(path)
            if "--check" not in sys.argv[1:]:
                path.write_text(text, "utf-8")
    for path in stale:
        print(f"{'stale' if '--check' in sys.argv[1:] else 'written'}: {path.name}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
