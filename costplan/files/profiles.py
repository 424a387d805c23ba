"""Model profiles: one YAML file per model, named after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.profile import Profile
from costplan.files.checking import check
from costplan.files.suggestions import did_you_mean
from costplan.files.yaml_reader import read_document

SUFFIXES = (".yaml", ".yml")


def load_profile(path: Path | str) -> Profile:
    """Load one profile. Raises InputError with every fault of the file."""
    return check(read_document(path), Profile)


def load_profiles(directory: Path | str, names: Iterable[str] | None = None) -> dict[str, Profile]:
    """Load the profiles of a directory, or those named, in order of name.

    Raises InputError with every fault of every file, and when a name has no file.
    """
    paths = find_profiles(directory)
    wanted = list(paths) if names is None else sorted(set(names))
    faults = [_unknown(name, paths) for name in wanted if name not in paths]
    profiles = {}
    for name in wanted:
        if name in paths:
            try:
                profiles[name] = load_profile(paths[name])
            except InputError as error:
                faults += error.faults
    if faults:
        raise InputError(faults)
    return profiles


class ProfileFolder(Mapping[str, Profile]):
    """The profiles of a directory in order of name, each loaded when it is asked for.

    Raises InputError then, with every fault of its file.
    """

    def __init__(self, directory: Path | str) -> None:
        """List the files; as `find_profiles` otherwise."""
        self._paths = find_profiles(directory)
        self._loaded: dict[str, Profile] = {}

    def __getitem__(self, name: str) -> Profile:
        """Load a profile, once."""
        if name not in self._loaded:
            self._loaded[name] = load_profile(self._paths[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a profile, without loading it."""
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        """Name the profiles."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Count the profiles."""
        return len(self._paths)


def find_profiles(directory: Path | str) -> dict[str, Path]:
    """Find the profile files of a directory by model name, in order of name.

    Raises InputError when it is no directory, or when two files differ only in case or suffix.
    """
    folder = Path(directory)
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file())
    except OSError as error:
        message = f"profiles cannot be read from here: {error.strerror}"
        raise InputError([Fault(message, file=str(directory))]) from None
    return name_profiles(found)


def name_profiles(paths: Iterable[Path]) -> dict[str, Path]:
    """Name profile files after their models. Raises InputError when two have the same name."""
    named: dict[str, Path] = {}
    by_lower: dict[str, Path] = {}
    faults = []
    for path in paths:
        first = by_lower.setdefault(path.stem.lower(), path)
        if first is not path:
            message = f"this and {first} are profiles of the same model '{path.stem}'"
            faults.append(Fault(message, file=str(path), advice="keep one of them"))
        named[path.stem] = path
    if faults:
        raise InputError(faults)
    return named


def _unknown(name: str, paths: Mapping[str, Path]) -> Fault:
    advice = did_you_mean(name, paths, most=3) or "`costplan profiles` lists the models"
    return Fault(f"there is no profile of '{name}'", advice=advice)
