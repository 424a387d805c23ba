"""Sending over HTTP: one attempt, timed, cancellable, with the key known to nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
)
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.keys import Key, Keys
from costplan.providers.reply import Reply
from costplan.providers.request import Request
from costplan.providers.served import check_served
from costplan.providers.wire import Adapter, Fold, Json, Seen, Wire, parse

if TYPE_CHECKING:
    import ssl

    import httpx

T = TypeVar("T")
CONNECT_S = 15.0
KEEPALIVE_S = 2.0
"""Servers of our own close an idle connection after 5 seconds; a call must not meet that, on a busy
machine either."""
DRAIN_S = 0.5
"""How long the end of a body may take once the terminal event is there."""
KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")
KEPT = frozenset(
    {
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "x-request-id",
        "request-id",
        "openai-processing-ms",
        "x-gemini-service-tier",
    }
)
"""Headers of a reply that are kept; everything else is dropped."""


class Client:
    """Sends requests of every protocol; as many at once as its callers start."""

    def __init__(self, *, environ: Mapping[str, str] | None = None) -> None:
        """Take keys from the environment, at send time."""
        self._keys = Keys(os.environ if environ is None else environ)
        self._free: dict[tuple[str, str], list[httpx.AsyncClient]] = {}
        self._all: list[httpx.AsyncClient] | None = None
        self._tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        """Show nothing of the environment."""
        return "Client()"

    async def __aenter__(self) -> Client:
        """Get ready; connections are made on use."""
        # httpcore logs every header that comes, and a server may echo a key there
        for name in ("httpcore", "httpx"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._all = []
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        opened, self._all = self._all or [], None
        self._free = {}
        for http in opened:
            await http.aclose()

    @contextmanager
    def _connection(self, url: str) -> Iterator[httpx.AsyncClient]:
        """Lend a client of one connection, the one to this host that was used last.

        A pool of n connections looks at all of them for every call, which costs more than the
        call itself from about sixteen on; so each has a pool to itself.
        """
        free = self._free.setdefault(urlsplit(url)[:2], [])
        http = free.pop() if free else self._open()
        try:
            yield http
        finally:
            free.append(http)

    def _open(self) -> httpx.AsyncClient:
        import httpx

        if self._all is None:
            raise RuntimeError("the client is not open; use 'async with'")
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        http = httpx.AsyncClient(
            limits=httpx.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S
            ),
            verify=self._tls,
            headers={"user-agent": "costplan", "accept-encoding": "identity"},
            follow_redirects=False,
        )
        self._all.append(http)
        return http

    async def send(self, adapter: Adapter, request: Request, key_env: str | None = None) -> Reply:
        """Make one attempt.

        Raises CallError; its message, its body and its traceback hold no key.
        """
        wire = adapter.encode(request)
        exchange = Exchange(adapter, request, self._key(key_env))
        return await self._run(
            lambda http: exchange.run(http, wire), wire, request.timeout_s, key_env
        )

    async def fetch(
        self, adapter: Adapter, wire: Wire, key_env: str | None = None, *, timeout_s: float = 30.0
    ) -> Json:
        """Make a free request, and give its JSON. Raises CallError as send does."""
        key = self._key(key_env)
        return await self._run(
            lambda http: fetch(http, adapter, wire, key, timeout_s), wire, timeout_s, key_env
        )

    def _key(self, key_env: str | None) -> Key:
        key = Key(self._keys, key_env)
        if key.fault:
            raise CallError(FaultKind.AUTH, key.fault)
        return key

    async def _run(
        self,
        work: Callable[[httpx.AsyncClient], Awaitable[T]],
        wire: Wire,
        timeout_s: float,
        key_env: str | None,
    ) -> T:
        """Do work on a connection; whatever goes wrong becomes a CallError."""
        try:
            with self._connection(wire.url) as http:
                async with asyncio.timeout(timeout_s):
                    return await work(http)
        except CallError:
            raise
        except TimeoutError:
            error, charge = FaultKind.TIMEOUT, Charge.POSSIBLE
            message = f"no end of the reply within {timeout_s:g} s"
        except Exception as other:
            error, charge, message = _sort(other)
            message = self._key(key_env).hide(message)
        # raised here, where no library's frame with the request's headers hangs on the traceback
        raise CallError(error, message, charge=charge)


class Exchange:
    """One request and its reply."""

    def __init__(self, adapter: Adapter, request: Request, key: Key) -> None:
        """Start the clock when it runs."""
        self._adapter = adapter
        self._request = request
        self._key = key
        self._first: dict[Seen, float] = {}

    async def run(self, http: httpx.AsyncClient, wire: Wire) -> Reply:
        """Send and read to the end."""
        import httpx

        request = self._request
        timeout = httpx.Timeout(
            connect=min(CONNECT_S, request.timeout_s),
            read=request.timeout_s,
            write=min(60.0, request.timeout_s),
            pool=None,
        )
        sent_at = datetime.now(UTC)
        self._began = time.perf_counter()
        async with http.stream(
            wire.method,
            wire.url,
            headers=dict(wire.headers),
            content=_json(wire),
            auth=self._key.auth(wire),
            timeout=timeout,
        ) as response:
            headers = _kept(response.headers, self._key)
            if response.status_code != 200:
                raise await failure(response, headers, self._adapter, self._key)
            body, total_s = await self._body(response)
        answer = self._adapter.decode(request, body, headers)
        check_served(request, answer)
        return Reply(
            answer=answer,
            sent_at=sent_at,
            total_s=total_s,
            first_reasoning_s=self._first.get(Seen.REASONING),
            first_visible_s=self._first.get(Seen.VISIBLE),
            headers=headers,
            raw=body,
        )

    async def _body(self, response: httpx.Response) -> tuple[Json, float]:
        """Read the reply, as a stream where it is one; gives it with the seconds it took."""
        kind = response.headers.get("content-type", "")
        if not (self._request.stream and ("event-stream" in kind or "ndjson" in kind)):
            text = self._key.hide((await response.aread()).decode("utf-8", "replace"))
            total_s = time.perf_counter() - self._began
            return parse(text), total_s
        fold = self._adapter.fold()
        cut = _sse if "event-stream" in kind else _ndjson
        events = cut(response, self._key.hide)
        async with aclosing(events) as stream:
            ended_s = await self._read(stream, fold)
        return fold.body(), ended_s

    async def _read(self, events: AsyncIterator[tuple[str, str]], fold: Fold) -> float:
        """Feed every event; gives the seconds to the terminal one, or to the end."""
        async for event, data in events:
            seen = fold.feed(event, data)
            if seen is not Seen.NOTHING and seen not in self._first:
                self._first[seen] = time.perf_counter() - self._began
            if fold.done:
                break
        ended_s = time.perf_counter() - self._began
        if fold.done:
            await _drain(events)
        return ended_s


def _json(wire: Wire) -> bytes:
    """Write the body; everything beyond ASCII is escaped, so that no text can break it."""
    try:
        return json.dumps(wire.body, allow_nan=False).encode("ascii")
    except (TypeError, ValueError):
        raise CallError(
            FaultKind.BAD_REQUEST, "the request holds a value that JSON cannot"
        ) from None


async def failure(
    response: httpx.Response, headers: Mapping[str, str], adapter: Adapter, key: Key
) -> CallError:
    """Read an error; one that is cut or no JSON still counts by its status."""
    try:
        text = key.hide((await response.aread()).decode("utf-8", "replace"))
    except Exception:
        text = ""
    try:
        body = parse(text)
    except CallError:
        body = {"message": " ".join(text.split())[:200]}
    return adapter.classify(response.status_code, body, headers)


async def fetch(
    http: httpx.AsyncClient, adapter: Adapter, wire: Wire, key: Key, timeout_s: float
) -> Json:
    """Make one plain request and give its JSON."""
    response = await http.request(
        wire.method,
        wire.url,
        headers=dict(wire.headers),
        content=_json(wire) if wire.body else None,
        auth=key.auth(wire),
        timeout=timeout_s,
    )
    if response.status_code != 200:
        raise await failure(response, _kept(response.headers, key), adapter, key)
    return parse(key.hide(response.content.decode("utf-8", "replace")))


async def _drain(events: AsyncIterator[tuple[str, str]]) -> None:
    """Read the rest of a body, so that the connection can be used again; nothing can fail."""
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in events:
                pass
    except Exception:
        return


async def _sse(
    response: httpx.Response, hide: Callable[[str], str]
) -> AsyncGenerator[tuple[str, str]]:
    """Cut server-sent events."""
    from httpx_sse import EventSource

    response.encoding = "utf-8"
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            if event.data:
                yield event.event, hide(event.data)


async def _ndjson(
    response: httpx.Response, hide: Callable[[str], str]
) -> AsyncGenerator[tuple[str, str]]:
    """Cut lines at the byte \\n, and nowhere else."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield "", hide(line.decode("utf-8", "replace"))
    if rest.strip():
        yield "", hide(rest.decode("utf-8", "replace"))


def _kept(headers: httpx.Headers, key: Key) -> dict[str, str]:
    """Keep the headers that are of use."""
    return {
        name: key.hide(value)
        for name, value in headers.items()
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }


def _sort(error: Exception) -> tuple[FaultKind, Charge, str]:
    """Say what a library's exception means for the call and for the bill."""
    import httpx

    what = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return FaultKind.UNREACHABLE, Charge.NONE, f"no connection ({what})"
    if isinstance(error, httpx.TimeoutException):
        return FaultKind.TIMEOUT, Charge.POSSIBLE, f"the provider fell silent ({what})"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return FaultKind.BAD_REQUEST, Charge.NONE, f"the request cannot be sent ({what})"
    if isinstance(error, httpx.HTTPError | httpx.StreamError):
        return FaultKind.BROKEN_STREAM, Charge.POSSIBLE, f"the connection broke ({what})"
    raise error
