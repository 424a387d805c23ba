"""The real Envoy AI Gateway, with the real Envoy, in front of a server that records."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import yaml
from litellm_proxy import Recorder

ENVOY_VERSION = "1.40.0"
"""Name under which the program looks for the Envoy that it is given."""
WAIT_S = 90
SPEAKS = {"anthropic": "Anthropic"}
"""API schema of a backend; OpenAI's for the others."""


def find_programs() -> tuple[str, str] | None:
    """Find gateway and Envoy: COSTPLAN_AIGW and COSTPLAN_ENVOY name them, else the path."""
    gateway = os.environ.get("COSTPLAN_AIGW") or shutil.which("aigw")
    envoy = os.environ.get("COSTPLAN_ENVOY") or shutil.which("envoy")
    return (gateway, envoy) if gateway and envoy else None


def add_backends(text: str, port: int, recorder: Recorder) -> str:
    """Add to written routes what they need: a gateway, and every provider at the recorder."""
    routes = list(yaml.safe_load_all(text))
    names = sorted(
        {
            ref["name"]
            for route in routes
            for rule in route["spec"]["rules"]
            for ref in rule["backendRefs"]
        }
    )
    gateway = "gateway.networking.k8s.io/v1"
    made = [
        {
            "apiVersion": gateway, "kind": "GatewayClass", "metadata": {"name": "tried"},
            "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        },
        {
            "apiVersion": gateway, "kind": "Gateway",
            "metadata": {"name": "ai-gateway", "namespace": "default"},
            "spec": {
                "gatewayClassName": "tried",
                "listeners": [{"name": "http", "protocol": "HTTP", "port": port}],
            },
        },
    ]  # fmt: skip
    for name in names:
        meta = {"name": name, "namespace": "default"}
        ref = {"name": name, "kind": "Backend", "group": "gateway.envoyproxy.io"}
        address = {"address": "127.0.0.1", "port": recorder.server.server_port}
        made += [
            {
                "apiVersion": "aigateway.envoyproxy.io/v1beta1", "kind": "AIServiceBackend",
                "metadata": meta,
                "spec": {"schema": {"name": SPEAKS.get(name, "OpenAI")}, "backendRef": ref},
            },
            {
                "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend",
                "metadata": meta, "spec": {"endpoints": [{"ip": address}]},
            },
        ]  # fmt: skip
    return yaml.safe_dump_all([*routes, *made])


class EnvoyGateway:
    """A running gateway on written routes."""

    def __init__(self, programs: tuple[str, str], text: str, folder: Path, recorder: Recorder):
        """Start it, and wait until it routes."""
        gateway, envoy = programs
        port, admin = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{port}"
        (folder / "config.yaml").write_text(add_backends(text, port, recorder))
        place = folder / "data" / "envoy-versions" / ENVOY_VERSION / "bin"
        place.mkdir(parents=True)
        (place / "envoy").symlink_to(Path(envoy).resolve())
        self.log = folder / "gateway.log"
        # Its sockets live in the runtime folder, whose path must be short.
        self.runtime = Path(os.path.realpath("/tmp")) / f"costplan-aigw-{port}"
        self.runtime.mkdir()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [gateway, "run", str(folder / "config.yaml"), f"--admin-port={admin}"],
                env={
                    "PATH": os.environ["PATH"], "HOME": str(folder),
                    "ENVOY_VERSION": ENVOY_VERSION,
                    "AIGW_DATA_HOME": str(folder / "data"),
                    "AIGW_RUNTIME_DIR": str(self.runtime),
                },
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> bool:
        """Wait until it answers; False where it ended instead."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                return False
            try:
                if self.ask("nobody").status_code == 404:
                    return True
            except httpx.TransportError:
                pass
            time.sleep(0.3)
        raise TimeoutError(self.log.read_text()[-2000:])

    def ask(self, model: str, path: str = "/v1/chat/completions", **more: object) -> httpx.Response:
        """Ask for a public name."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        return httpx.post(self.url + path, json=body, timeout=20, trust_env=False)

    def close(self) -> None:
        """Stop it and its Envoy, which are a process group of their own."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                continue
        shutil.rmtree(self.runtime, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
