"""A server on the loopback that answers what a test tells it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager


def http(status, headers, body):
    """Write a whole HTTP/1.1 reply with its length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def stream_bytes(recording):
    """Write a recorded stream as the bytes of its body."""
    joiner = recording.get("joiner", "\n")
    return (joiner.join(recording["lines"]) + joiner).encode()


@asynccontextmanager
async def loopback(handler):
    """Serve on a free port; handler gets request line, headers and body and writes the reply."""
    failures = []

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                raw = dict(line.split(": ", 1) for line in lines)
                headers["_raw"] = raw
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await handler(first, headers, body, writer)
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            failures.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if hasattr(server, "close_clients"):
            server.close_clients()
        assert not failures, failures
