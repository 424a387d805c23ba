"""What an answer says: its number, its letter, its JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation, localcontext

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NUMBER = re.compile(
    r"(?<![\w.])[+\-\u2212]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?"
    r"|(?<![\w.])[+\-\u2212]?\.\d+"
)
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
_SAID = re.compile(r"(?i)\b(?:final\s+)?answer(?:\s+is|\s*[:=])(?:\s+is)?[:\s*_]*")
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def number(value: object) -> Decimal | None:
    """Read a number or a text that is one: "1,234.5", "$12", "40%", "3/4"; None for all else."""
    if isinstance(value, bool):
        return None
    text = str(value).strip().replace("\u2212", "-").strip("$€£%*_ ").removesuffix(".")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    try:
        above, slash, below = text.partition("/")
        with localcontext(prec=60):
            found = Decimal(above) / Decimal(below) if slash else Decimal(text)
    except (InvalidOperation, ArithmeticError):
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 1000 else None


def last_number(answer: str) -> Decimal | None:
    """Find the number that an answer gives.

    The answer itself, else what is boxed last, else what follows "answer is" last, else the last
    number in it.
    """
    whole = number(answer)
    if whole is not None:
        return whole
    boxed = _BOXED.findall(answer)
    if boxed and (found := number(boxed[-1])) is not None:
        return found
    said = list(_SAID.finditer(answer))
    if said:
        after = _NUMBER.search(answer, said[-1].end())
        if after:
            return number(after.group())
    numbers = _NUMBER.findall(answer)
    return number(numbers[-1]) if numbers else None


def letter(target: object, choices: Sequence[str]) -> str | None:
    """Give the letter that a target names, by letter or by the text of a choice."""
    text = str(target).strip()
    if choices and text in choices:
        return LETTERS[choices.index(text)]
    allowed = LETTERS[: len(choices)] if choices else LETTERS
    bare = text.strip("().*_ ").upper()
    return bare if len(bare) == 1 and bare in allowed else None


def chosen(answer: str, choices: Sequence[str]) -> str | None:
    """Find the letter that an answer chooses; None where it chooses none, or it is not clear.

    The answer itself, else what is boxed last, else what follows "answer is" last, else a letter
    that begins the last or the first line as "B)" or "(B)".
    """
    whole = letter(answer, choices)
    if whole is not None:
        return whole
    boxed = _BOXED.findall(answer)
    if boxed:
        inside = re.sub(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}", r"\1", boxed[-1])
        if (found := letter(inside, choices)) is not None:
            return found
    for said in reversed(list(_SAID.finditer(answer))):
        after = re.match(r"[(\[*]*([A-Za-z])(?![A-Za-z'])", answer[said.end() :])
        if after and (found := letter(after.group(1), choices)) is not None:
            return found
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]) if lines else ():
        begins = re.match(r"[*_]*(?:\(([A-Za-z])\)|\b([A-Z])[).:](?!\w))", line)
        if begins and (found := letter(begins.group(1) or begins.group(2), choices)) is not None:
            return found
    return None


def as_object(target: object) -> object:
    """Read a target that is a JSON object or a text of one; None for a text that is neither."""
    if not isinstance(target, str):
        return target
    try:
        return json.loads(target)
    except (ValueError, RecursionError):
        return None


def last_object(answer: str) -> dict[str, object] | None:
    """Find the JSON object that an answer gives: the last one at the outermost level."""
    fenced = _FENCED.findall(answer)
    for text in [*reversed(fenced), answer]:
        found, at, decoder = None, text.find("{"), json.JSONDecoder()
        while at >= 0:
            try:
                value, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                end = at + 1
            else:
                found = value if isinstance(value, dict) else found
            at = text.find("{", end)
        if found is not None:
            return found
    return None


_KEPT_MARKS = frozenset("%#")


def normal_form(text: str) -> str:
    """Fold case, widths and accents' spellings; drop marks, but keep signs and decimal points.

    Symbols stay, for "C++" is not "C" and "-5" is not "5".
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2212", "-")
    folded = re.sub(r"(?<=\d),(?=\d{3}\b)", "", folded)
    kept = []
    for place, char in enumerate(folded):
        category = unicodedata.category(char)
        before = folded[place - 1] if place else " "
        after = folded[place + 1 : place + 2]
        in_number = after.isdigit() and (
            (char == "." and before.isdigit()) or (char == "-" and not before.isalnum())
        )
        symbol = category[0] == "S" and category != "Sk"
        if category[0] in "LNM" or symbol or char in _KEPT_MARKS or in_number:
            kept.append(char)
        elif char not in "'\u2019":
            kept.append(" ")
    return " ".join("".join(kept).split())
