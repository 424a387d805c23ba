"""Keys: read from the environment when a request is sent, shown nowhere, kept nowhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from costplan.providers.wire import Wire

if TYPE_CHECKING:
    import httpx

HIDDEN = "[key]"


class Keys:
    """Reads keys from the environment, and shows none of it in a traceback."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Remember where the keys are."""
        self._environ = environ

    def __repr__(self) -> str:
        """Show nothing."""
        return "Keys()"

    def get(self, name: str) -> str:
        """Give the key, empty where it is not set."""
        return self._environ.get(name, "").strip()


class Key:
    """Hands a key to the request and takes it out of everything that comes back."""

    __slots__ = ("_keys", "_name", "fault")

    def __init__(self, keys: Keys, name: str | None) -> None:
        """Remember where the key is, never the key; fault says why it cannot be used."""
        self._keys = keys
        self._name = name
        self.fault = ""
        if name is None:
            return
        value = keys.get(name)
        if not value:
            self.fault = f"the environment variable {name} is not set"
        elif not (value.isascii() and value.isprintable()):
            self.fault = f"the key in {name} has a character that no header may hold"

    def auth(self, wire: Wire) -> httpx.Auth | None:
        """Give what puts the key into the request while it is sent."""
        if self._name is None or not wire.key_header:
            return None
        import httpx

        keys, name = self._keys, self._name

        class _Auth(httpx.Auth):
            def auth_flow(
                self, request: httpx.Request
            ) -> Generator[httpx.Request, httpx.Response, None]:
                request.headers[wire.key_header] = wire.key_prefix + keys.get(name)
                yield request

        return _Auth()

    def hide(self, text: str) -> str:
        """Replace the key where a server echoes it."""
        value = self._keys.get(self._name) if self._name else ""
        return text.replace(value, HIDDEN) if value and value in text else text
