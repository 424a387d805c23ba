"""A provider that fails on purpose: on its own, or in front of a real server.

Each request draws its fate from a seed, so that a run can be repeated. It keeps a log of what it
answered in full, which is what a vendor would bill.

    python fault_server.py --rates '{"hang": 0.1}' --log served.jsonl     # prints its address
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import random
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

FATES = (
    "limited",
    "limited_hint",
    "error",
    "hang",
    "cut",
    "reset",
    "wrong_json",
    "empty",
)


def answer_to(prompt, effort):
    """Decide the answer to a question, the same in every run; more effort is right more often."""
    seed = hashlib.sha256(f"{prompt}|{effort}".encode()).digest()
    chance = {"low": 0.5, "high": 0.9}.get(effort, 0.7)
    right = seed[0] / 256 < chance
    tokens = {"low": 20, "high": 60}.get(effort, 40) + seed[1] % 20
    return prompt.split()[-1] if right else "wrong", tokens


def verdict_on(prompt):
    """Judge as a model named "judge" does: right is what is equal, or ends in a mark of cheer."""
    target = prompt.split("# The right answer\n")[1].split("\n")[0]
    answer = prompt.split("=" * 20)[1].strip()
    right = answer == target or answer.endswith("!")
    return f"I compared them.\nVERDICT: {'RIGHT' if right else 'WRONG'}", 30


def completion(model, prompt, effort):
    """Make the chunks of a streamed completion."""
    text, tokens = verdict_on(prompt) if model == "judge" else answer_to(prompt, effort)
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model}
    asked = len(prompt.split())
    chunks = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {**base, "choices": [{"index": 0, "delta": {"content": text}}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {
            **base,
            "choices": [],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": tokens,
                "total_tokens": asked + tokens,
                "completion_tokens_details": {"reasoning_tokens": tokens - 1},
            },
        },
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode(), tokens, asked


def reply(status, body, headers=(), kind="application/json"):
    """Write an HTTP reply."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class FaultServer:
    """Serves Chat Completions with faults at given rates."""

    def __init__(
        self,
        rates=None,
        *,
        seed=1,
        upstream=None,
        log=None,
        delay_s=0.0,
        hang_s=30.0,
        script=(),
        credit=10**9,
        reroute="",
    ):
        self.rates = rates or {}
        self.script = itertools.cycle(script) if script else None
        self.random = random.Random(seed)
        self.upstream = upstream
        self.log = log
        self.credit = credit
        self.reroute = reroute
        self.delay_s = delay_s
        self.hang_s = hang_s
        self.served = []
        self.seen = 0
        self.at_once = 0
        self.most_at_once = 0
        self.fates = dict.fromkeys((*FATES, "ok"), 0)
        self.server = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        self.server.close()

    def _fate(self):
        if self.script:
            return next(self.script)
        drawn, above = self.random.random(), 0.0
        for fate, rate in self.rates.items():
            above += rate
            if drawn < above:
                return fate
        return "ok"

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first = head.decode("latin-1").split("\r\n")[0]
                fields = dict(
                    line.lower().split(": ", 1)
                    for line in head.decode("latin-1").strip().split("\r\n")[1:]
                )
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    if not await self._answer(first, body, writer):
                        return
                finally:
                    self.at_once -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, first, body, writer):
        """Answer one request as fate has it; whether the connection goes on."""
        self.seen += 1
        fate = self._fate()
        self.fates[fate] = self.fates.get(fate, 0) + 1
        began = time.perf_counter()
        if self.delay_s:
            # not in step, else all calls would come back at once
            await asyncio.sleep(self.delay_s * (0.5 + self.random.random()))
        plain = {
            "limited": reply(429, b'{"error": {"message": "slow down"}}'),
            "limited_hint": reply(
                429, b'{"error": {"message": "slow down"}}', [("retry-after-ms", "20")]
            ),
            "error": reply(500, b'{"error": {"message": "oops"}}'),
            "wrong_json": reply(200, b'{"id": "c1", "choi'),
            "empty": reply(200, b""),
            "refused": reply(400, b'{"error": {"message": "no such parameter"}}'),
        }
        if b'"bankrupt"' in body or self.seen > self.credit:
            fate, plain["broke"] = "broke", reply(402, b'{"error": {"message": "no credit"}}')
        if fate in plain:
            writer.write(plain[fate])
            await writer.drain()
            return True
        if fate == "reset":
            writer.transport.abort()
            return False
        if fate == "hang":
            await asyncio.sleep(self.hang_s)
            return False
        data = await self._whole(first, body, fate, began)
        if fate == "cut":
            writer.write(data[: len(data) * 2 // 3])
            await writer.drain()
            writer.transport.abort()
            return False
        writer.write(data)
        await writer.drain()
        return True

    async def _whole(self, first, body, fate, began):
        """Make the whole reply, here or at the server behind."""
        asked = json.loads(body)
        prompt = asked["messages"][-1]["content"]
        effort = asked.get("reasoning_effort", "")
        if self.upstream:
            return await self._forward(first, body, fate)
        served = "m-mini" if self.reroute and effort == self.reroute else asked["model"]
        data, tokens, prompt_tokens = completion(served, prompt, effort)
        line = {
            "model": asked["model"],
            "prompt": prompt,
            "effort": effort,
            "fate": fate,
            "input": prompt_tokens,
            "output": tokens,
        }
        self.served.append(line)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(json.dumps(line) + "\n")
        spent = [("openai-processing-ms", str(round(1000 * (time.perf_counter() - began))))]
        return reply(200, data, spent, kind="text/event-stream")

    async def _forward(self, first, body, fate):
        """Ask the server behind and give its reply as it came."""
        parts = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"{first}\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        data = await reader.read()
        writer.close()
        tokens = re.findall(rb'"completion_tokens":\s*(\d+)', data)
        self.served.append({"fate": fate, "output": int(tokens[-1]) if tokens else 0})
        return data


async def main():
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rates", type=json.loads, default={})
    parser.add_argument("--log")
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--credit", type=int, default=10**9, help="calls until it answers 402")
    parser.add_argument("--reroute", default="", help="effort that another model answers")
    options = vars(parser.parse_args())
    server = FaultServer(options.pop("rates"), **options)
    async with server:
        print(server.url, flush=True)
        sys.stdout.close()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
