"""YAML syntax errors in plain words."""

from __future__ import annotations

import yaml

from costplan.domain.errors import Fault

_WORDS: tuple[tuple[str, str, str], ...] = (
    ("nesting depth", "nested too deeply", ""),
    (
        "tab character",
        "a tab stands where spaces must",
        "indent with spaces",
    ),
    (
        "mapping values are not allowed",
        "a ':' stands where no key can be",
        "put text with a colon in quotes, and check the indentation and the line above",
    ),
    (
        "',' or ']'",
        "the list that starts with '[' is not closed",
        "separate its items by ',' and end it with ']'",
    ),
    (
        "',' or '}'",
        "what starts with '{' is not closed",
        "separate its keys by ',' and end it with '}'",
    ),
    (
        "unexpected end of stream",
        "the text in quotes is not closed",
        "end it with the same quote",
    ),
    (
        "expected key",
        "this line does not fit the indentation of the lines above",
        "align it with the key it belongs beside",
    ),
    (
        "<block end>",
        "this line does not fit the indentation of the lines above",
        "align it with the key or '-' it belongs beside",
    ),
    (
        "'-' indicator",
        "this line does not fit the list above",
        "start it with '-', or align it with the key it belongs beside",
    ),
    (
        "unknown escape",
        "a backslash in double quotes stands before a letter that has no meaning there",
        "use single quotes, or write '\\\\'",
    ),
    ("escape", "a backslash in double quotes is not followed by a known code", "use single quotes"),
    (
        "alphabetic or numeric",
        "'*' and '&' start an alias or an anchor here, but no name follows",
        "put text that starts with '*' or '&' in quotes",
    ),
    (
        "node content",
        "a value is missing here",
        "write a value, or put it in quotes when it starts with a special character",
    ),
    (
        "comment or line break",
        "after '|' or '>' the text starts on the next line",
        "put text that starts with '|' or '>' in quotes",
    ),
    ("indentation indicators", "after '|' or '>' the text starts on the next line", "use quotes"),
    (
        "incompatible YAML",
        "this version of YAML is not known",
        "remove the line that starts with '%YAML'",
    ),
    ("block sequence entries", "a '-' stands where no list can start", "start it on a new line"),
    ("could not find expected ':'", "a ':' is missing after this key", "write 'key: value'"),
    ("document start", "text stands outside the document", "check the indentation"),
    ("undefined tag handle", "the tag is not allowed", "put text that starts with '!' in quotes"),
)
_CANNOT_START = "cannot start any token"


def word_syntax_error(error: yaml.YAMLError, text: str, lines: list[str], file: str) -> Fault:
    """Say what a YAML syntax error means, where it is, and what to do."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if mark is None:
        return Fault(f"cannot be read as YAML: {problem}", file=file)
    line, column = _last_place(mark, lines)
    source = lines[line] if line < len(lines) else ""
    message, advice = _word(problem, source, column)
    opened: yaml.Mark | None = getattr(error, "context_mark", None)
    if opened is not None and (opened.line, opened.column) < (line, column) and "closed" in message:
        message += f"; it starts in line {opened.line + 1}, column {opened.column + 1}"
    return Fault(message, file, "", line + 1, column + 1, source, 1, advice)


def _last_place(mark: yaml.Mark, lines: list[str]) -> tuple[int, int]:
    # The end of the file is reported one line past the last; show the last line that has text.
    line, column = mark.line, mark.column
    if line >= len(lines) or (line == len(lines) - 1 and not lines[line]):
        line = min(line, len(lines) - 1)
        while line > 0 and not lines[line].strip():
            line -= 1
        column = len(lines[line])
    return line, column


def _word(problem: str, source: str, column: int) -> tuple[str, str]:
    if _CANNOT_START in problem:
        found = source[column : column + 1]
        if found == "\t" or source[:column].endswith("\t") or "\\t" in problem:
            return "a tab stands where spaces must", "indent with spaces"
        return f"text may not start with '{found}'", "put it in quotes"
    for part, message, advice in _WORDS:
        if part in problem:
            return message, advice
    return f"cannot be read as YAML: {problem}", ""
