"""Names that logs give to models, matched with the profiles that price them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costplan.domain.profile import Profile

_REGION = re.compile(r"^(us|eu|apac|global|jp|au|us-gov)\.")
_VENDOR = re.compile(r"^(anthropic|meta|amazon|mistral|cohere|deepseek|openai|qwen|ai21)\.")
_VERSION = re.compile(r"-v\d+:\d+$|@\d{8}$|:\d+$|@default$")
_SWAPPED = re.compile(r"^claude-(\d)\.?(\d)?-(sonnet|haiku|opus)(.*)$")
_DATE = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


def plain_names(logged: str) -> tuple[str, ...]:
    """List what a logged name may be short for, most exact first.

    Takes off the route ("openrouter/openai/"), the region and vendor of Bedrock, version marks and
    dates, and writes "claude-4.5-sonnet" as Anthropic does.
    """
    bare = logged.strip().rpartition("/")[2].lower()
    bare = _VERSION.sub("", _VENDOR.sub("", _REGION.sub("", bare)))
    names = [logged.strip(), bare]
    if swapped := _SWAPPED.match(bare):
        major, minor, family, rest = swapped.groups()
        names.append(f"claude-{family}-{major}" + (f"-{minor}" if minor else "") + rest)
    if bare.startswith("claude-"):
        names.append(bare.replace(".", "-"))
    names += [_DATE.sub("", name) for name in names[1:]]
    return tuple(dict.fromkeys(names))


def find_profile(logged: str, profiles: Mapping[str, Profile]) -> str | None:
    """Find the profile of a logged model name; None when none is sure."""
    for name in plain_names(logged):
        if name in profiles:
            return name
        exact = [key for key, profile in profiles.items() if profile.model == name]
        if exact:
            return exact[0]
    for name in plain_names(logged):
        fits = [
            key
            for key, profile in profiles.items()
            if any(fnmatchcase(name, pattern) for pattern in profile.serves_as)
        ]
        if len(fits) == 1:
            return fits[0]
    return None
