"""JSON lines of evaluation logs: every line a record or a counted fault."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.evals.answers import BadRecord
from costplan.ingest.head import open_text_bytes, truncated


def read_records(path: Path) -> Iterator[Mapping[str, Any] | BadRecord]:
    """Yield the object of each line, or what is wrong with the line.

    Raises InputError when a packed file is cut off.
    """
    try:
        with open_text_bytes(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                except UnicodeDecodeError:
                    yield BadRecord(str(path), number, "not UTF-8")
                    continue
                except (ValueError, RecursionError):
                    yield BadRecord(str(path), number, "not JSON")
                    continue
                if isinstance(record, dict):
                    yield record
                else:
                    yield BadRecord(str(path), number, "not an object")
    except EOFError as error:
        raise truncated(path) from error
    except (OSError, zlib.error) as error:
        raise InputError([Fault("cannot be read: broken or cut off", str(path))]) from error
