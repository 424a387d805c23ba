"""What can go wrong, and what each failure means for the exit code.

    CostplanError
    ├── InputError      exit 3   one or more faults in what a person wrote
    ├── InfeasibleError exit 4   no plan keeps every limit
    ├── LimitError      exit 5   the solver stopped before it had a plan
    ├── ProviderError   exit 6   a model's provider refused or failed
    └── CheckError      exit 7   a check that the caller asked for did not hold

Libraries raise these; the command line alone catches them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file a person wrote: where, what, and what to do."""

    message: str
    """What is wrong, in one clause: "unknown key 'modle'"."""
    file: str = ""
    """The file as the person named it; empty when the fault is in no file."""
    path: str = ""
    """Where in the document: "classes[0].modle"; empty when not inside one."""
    line: int | None = None
    """Line, counted from 1."""
    column: int | None = None
    """Column, counted from 1."""
    source: str = ""
    """The line of the file, without its line end; empty when there is none to show."""
    width: int = 1
    """How many characters the caret line marks."""
    advice: str = ""
    """What to do: "did you mean 'models'?"; empty when the message says it."""

    @property
    def order(self) -> tuple[str, int, int, str]:
        """Key that sorts faults in file order."""
        return (self.file, self.line or 0, self.column or 0, self.path)


class CostplanError(Exception):
    """A failure that costplan explains; anything else is a bug."""

    exit_code = 1


class InputError(CostplanError):
    """Everything found wrong with the input, in file order."""

    exit_code = 3

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults, each one once, in file order."""
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.order))
        super().__init__("; ".join(fault.message for fault in self.faults))


class InfeasibleError(CostplanError):
    """No plan keeps every limit."""

    exit_code = 4


class LimitError(CostplanError):
    """The solver ran out of time before it had any plan."""

    exit_code = 5


class ProviderError(CostplanError):
    """A provider refused, failed or answered as something it should not be."""

    exit_code = 6


class CheckError(CostplanError):
    """A check that the caller asked for did not hold."""

    exit_code = 7
