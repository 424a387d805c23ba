"""Marking by the user's own command: exit code 0 is right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.probe.grade import Mark, considered
from costplan.probe.graders import Command
from costplan.probe.questions import Question

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
"""Variables that the command sees; keys of providers are not among them."""


async def mark_by_command(
    question: Question, answer: str, folder: Path, environ: Mapping[str, str] | None = None
) -> Mark:
    """Run the question's command with the answer on standard input.

    The command and all it started are killed at the time limit or when the caller is cancelled.
    Raises InputError when it cannot be started.
    """
    grader = question.grader
    if not isinstance(grader, Command):
        raise TypeError("the question is not marked by a command")
    text = considered(grader, answer).encode("utf-8", "surrogatepass")
    given = os.environ if environ is None else environ
    with tempfile.TemporaryDirectory(prefix="costplan-") as room:
        file = Path(room) / "answer.txt"
        file.write_bytes(text)
        target = question.target
        said = target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)
        process = await _start(
            grader,
            folder,
            {
                **{name: given[name] for name in PASSED_ON if name in given},
                "COSTPLAN_ANSWER": str(file),
                "COSTPLAN_TARGET": said.replace("\0", ""),
                "COSTPLAN_QUESTION_ID": question.id.replace("\0", ""),
            },
            question,
        )
        try:
            async with asyncio.timeout(grader.time_limit_s):
                await process.communicate(text)
        except TimeoutError:
            return Mark(0.0, f"the command took longer than {grader.time_limit_s:g} s")
        finally:
            await _end(process)
    code = process.returncode
    if code == 0:
        return Mark(1.0)
    return Mark(0.0, f"exit code {code}" if code is None or code > 0 else f"signal {-code}")


async def _start(
    grader: Command, folder: Path, environ: Mapping[str, str], question: Question
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *grader.run,
            cwd=folder,
            env=dict(environ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        message = f"the grader's command '{grader.run[0]}' cannot be started: {error}"
        fault = Fault(message, path=f"{question.task_class}/{question.id}", line=question.line)
        raise InputError([fault]) from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the command's whole group, what it left behind included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
