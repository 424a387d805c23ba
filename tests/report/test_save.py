"""Files are written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from costplan.domain.errors import InputError
from costplan.report.save import check_free, save


def names(folder):
    """Names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_usual_rights_and_nothing_else(tmp_path):
    """The file has the content and the rights of any new file; no draft is left."""
    save(tmp_path / "a.csv", "é\r\n", force=False)
    assert (tmp_path / "a.csv").read_bytes() == "é\r\n".encode()
    (tmp_path / "b").write_text("")
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "b").stat().st_mode
    )
    assert names(tmp_path) == ["a.csv", "b"]


def test_a_file_that_is_there_is_kept(tmp_path):
    """Without force an existing file is refused, even one that came up meanwhile."""
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(InputError, match="is there already"):
        check_free([file], force=False)
    with pytest.raises(InputError, match="is there already"):
        save(file, "new", force=False)
    assert file.read_text() == "old"
    assert names(tmp_path) == ["a"]
    check_free([file], force=True)
    save(file, "new", force=True)
    assert file.read_text() == "new"


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    """When the disk is full, the old file stands and no draft is left."""
    file = tmp_path / "a"
    file.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(InputError, match="No space left"):
        save(file, "new", force=True)
    assert file.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_every_place_that_will_not_do_is_named_at_once(tmp_path):
    """Directories, doubled names and missing folders are one report."""
    places = [tmp_path, tmp_path / "a", tmp_path / "a", tmp_path / "no" / "b"]
    with pytest.raises(InputError) as caught:
        check_free(places, force=False)
    assert len(caught.value.faults) == 3


def test_devices_are_written_to():
    """A device is written to, not replaced."""
    check_free([Path("/dev/null")], force=False)
    save(Path("/dev/null"), "x", force=False)
    assert Path("/dev/null").is_char_device()
