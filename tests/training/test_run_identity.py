import json
from pathlib import Path

import pytest

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.training.run_identity import LENGTH, check_folder, settings_identity

DEFAULTS = settings_identity(Config())


def _saved(folder: Path, run: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"run": run}), encoding="utf-8")
    return path


def test_a_run_saved_before_a_setting_existed_had_its_default(tmp_path):
    old = {key: value for key, value in DEFAULTS.items() if key != "training.longest_sentence"}
    path = _saved(tmp_path, old)
    check_folder(path, DEFAULTS, defaults=DEFAULTS)
    shorter = settings_identity(with_overrides(Config(), ["longest_sentence=15"]))
    with pytest.raises(CheckpointMismatch, match="longest_sentence 0 there, 15 here"):
        check_folder(path, shorter, defaults=DEFAULTS)


def test_what_is_no_setting_has_no_default(tmp_path):
    """A folder without the corpus's fingerprint is not taken for a run on it."""
    path = _saved(tmp_path, DEFAULTS)
    with pytest.raises(CheckpointMismatch, match="corpus unset there, abc here"):
        check_folder(path, {"corpus": "abc", **DEFAULTS}, defaults=DEFAULTS)


@pytest.mark.parametrize("saved", ["there", "here"])
def test_a_run_that_transfers_is_no_run_that_does_not(tmp_path, saved):
    """Either way round, though the one has nothing that the other lacks but its task."""
    plain = {"model": "arae", **DEFAULTS}
    transfers = {**plain, "task": "transfer"}
    there, here = (transfers, plain) if saved == "there" else (plain, transfers)
    with pytest.raises(CheckpointMismatch, match=r"task .* there, .* here"):
        check_folder(_saved(tmp_path, there), here, defaults=DEFAULTS, besides=LENGTH)


def test_fingerprints_are_told_by_their_beginning(tmp_path):
    """Two of them in full are a message that nobody reads to its end."""
    path = _saved(tmp_path, {"corpus": "ab" * 32, **DEFAULTS})
    with pytest.raises(CheckpointMismatch, match=r"corpus abababababab there, cdcdcdcdcdcd here"):
        check_folder(path, {"corpus": "cd" * 32, **DEFAULTS}, defaults=DEFAULTS)


@pytest.mark.parametrize("run", [5, None, "text"])
def test_a_configuration_of_something_else_is_refused(tmp_path, run):
    """One line, whatever the file holds."""
    with pytest.raises(CheckpointMismatch, match="not the configuration of a run"):
        check_folder(_saved(tmp_path, run), DEFAULTS, defaults=DEFAULTS)


def test_an_empty_folder_is_free(tmp_path):
    """Nothing there, nothing refused."""
    check_folder(tmp_path / "config.json", DEFAULTS, defaults=DEFAULTS)
