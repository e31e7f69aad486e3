import contextlib
import os
import shutil
import time
from pathlib import Path

import pytest

from arae_toolkit.data.corpus_checks import MANIFEST_VERSION
from arae_toolkit.data_prep import corpus_folder
from arae_toolkit.data_prep.corpus_folder import check_replaceable, prepared_manifest, written_whole
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.storage.atomic_files import mark_as_written, write_json
from arae_toolkit.storage.locks import locked


def write_corpus(folder, name="one", **more):
    manifest = {"version": MANIFEST_VERSION, "name": name, "splits": {}, **more}
    write_json(folder / "manifest.json", manifest)
    (folder / "train.tokens.npy").write_bytes(b"tokens")


@pytest.fixture
def earlier(tmp_path):
    """Write an earlier corpus; return its folder and check that it is unchanged, and alone."""
    folder = tmp_path / "corpus"
    write_corpus(folder)
    before = contents(folder)
    yield folder
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_appears_whole(tmp_path):
    folder = tmp_path / "new" / "corpus"
    with written_whole(folder) as temporary:
        write_corpus(temporary)
        assert not folder.exists()
        assert temporary.parent.parent == folder.parent
    assert prepared_manifest(folder)["name"] == "one"
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]


def test_an_earlier_folder_is_replaced(tmp_path):
    folder = tmp_path / "corpus"
    write_corpus(folder)
    with written_whole(folder) as temporary:
        write_corpus(temporary, more=1)
    assert prepared_manifest(folder)["more"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path, there):
    corpus, link = tmp_path / "elsewhere" / "corpus", tmp_path / "link"
    if there:
        corpus.mkdir(parents=True)
        write_corpus(corpus)
    link.symlink_to(corpus)
    check_replaceable(link, "one")
    with written_whole(link) as temporary:
        write_corpus(temporary, more=1)
    assert link.readlink() == corpus
    assert prepared_manifest(corpus)["more"] == 1
    assert [path.name for path in corpus.parent.iterdir()] == ["corpus"]
    assert [path.name for path in tmp_path.iterdir() if path != corpus.parent] == ["link"]


@pytest.mark.parametrize("failure", [DataError("bad row"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure_leaves_the_earlier_folder(earlier, failure):
    with pytest.raises(type(failure)), written_whole(earlier) as temporary:
        write_corpus(temporary, more=1)
        raise failure


def test_a_process_killed_between_the_two_renames_is_made_good(earlier):
    with written_whole(earlier) as temporary:
        workplace = shutil.copytree(temporary.parent, earlier.parent / ".corpus.killed_1.part")
        left = contents(earlier)
        write_corpus(temporary)
    earlier.rename(workplace / "old")  # what such a process leaves
    assert contents(workplace / "old") == left
    check_replaceable(earlier, "one")


def test_what_a_living_process_has_moved_aside_is_its_own(earlier):
    """It holds the lock, and is about to put another folder in the place."""
    with written_whole(earlier) as temporary:
        earlier.rename(temporary.parent / "old")
        with pytest.raises(ToolkitError, match="a preparation is going on there"):
            check_replaceable(earlier, "one")
        (temporary.parent / "old").rename(earlier)
        write_corpus(temporary)


def test_a_folder_that_cannot_be_replaced_stays(earlier, monkeypatch):
    rename = type(earlier).rename

    def failing(path, target):
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(type(earlier), "rename", failing)
    with (
        pytest.raises(ToolkitError, match="cannot be replaced"),
        written_whole(earlier) as temporary,
    ):
        write_corpus(temporary, more=1)


def test_leftovers_of_a_process_killed_long_ago_are_removed(tmp_path):
    old, new = tmp_path / ".corpus.abcdefgh.part", tmp_path / ".corpus.ijklmnop.part"
    own = tmp_path / ".corpus.own_file.part"
    for left in (old, new, own):
        left.mkdir()
        (left / "train.tokens.npy").touch()
    for left in (old, new):
        (left / corpus_folder.MARK).touch()
    long_ago = time.time() - 2 * corpus_folder.ABANDONED_SECONDS
    for left in (old, own):
        os.utime(left, (long_ago, long_ago))
    with written_whole(tmp_path / "corpus"):
        pass
    assert not old.exists()
    assert new.exists()  # it may belong to a process that runs now
    assert own.exists()  # it has no mark


def test_leftovers_of_a_process_killed_minutes_ago_are_removed(tmp_path):
    killed, waits, lives = (
        tmp_path / f".corpus.{name}.part" for name in ("aaaaaaaa", "bbbbbbbb", "cccccccc")
    )
    minutes_ago = time.time() - 300
    with contextlib.ExitStack() as open_files:
        for left in (killed, waits, lives):
            left.mkdir()
            mark = open_files.enter_context((left / corpus_folder.MARK).open("wb"))
            if left == lives:
                assert mark_as_written(mark.fileno())
        for left in (killed, lives):
            os.utime(left, (minutes_ago, minutes_ago))
        with written_whole(tmp_path / "corpus"):
            pass
    assert [left.exists() for left in (killed, waits, lives)] == [False, True, True]


def test_an_empty_leftover_is_of_a_process_killed_before_its_mark_or_behind_it(tmp_path):
    killed, new = tmp_path / ".corpus.k9pktk2j.part", tmp_path / ".corpus.z8pktk2j.part"
    own = tmp_path / ".corpus.of mine.part"
    minutes_ago = time.time() - 300
    for left in (killed, new, own):
        left.mkdir()
        if left != new:
            os.utime(left, (minutes_ago, minutes_ago))
    with written_whole(tmp_path / "corpus"):
        pass
    assert [left.exists() for left in (killed, new, own)] == [False, True, True]


def test_leftovers_of_a_process_killed_behind_its_end_go_when_the_corpus_is_looked_at(tmp_path):
    corpus = tmp_path / "corpus"
    write_corpus(corpus)
    killed, lives = tmp_path / ".corpus.k9pktk2j.part", tmp_path / ".corpus.z8pktk2j.part"
    minutes_ago = time.time() - 300
    for left in (killed, lives):
        left.mkdir()
        (left / corpus_folder.MARK).touch()
    os.utime(killed, (minutes_ago, minutes_ago))
    check_replaceable(corpus, "one")
    assert [left.exists() for left in (killed, lives)] == [False, True]
    killed.mkdir()
    os.utime(killed, (minutes_ago, minutes_ago))
    with locked(tmp_path, "a preparation", name="corpus"):  # of another, which goes on
        check_replaceable(corpus, "one")
        assert killed.exists()


def test_what_was_moved_aside_for_a_corpus_whose_name_goes_on_is_not_put_in_this_ones_place(
    tmp_path,
):
    left = tmp_path / ".corpus.v2.k9pktk2j.part"
    write_corpus(left / "old")
    (left / corpus_folder.MARK).touch()
    minutes_ago = time.time() - 300
    os.utime(left, (minutes_ago, minutes_ago))
    check_replaceable(tmp_path / "corpus", "one")
    assert not (tmp_path / "corpus").exists()
    check_replaceable(tmp_path / "corpus.v2", "one")
    assert (tmp_path / "corpus.v2").is_dir() and not left.exists()


def test_a_removal_that_is_killed_leaves_the_mark_to_the_last(tmp_path, monkeypatch):
    left = tmp_path / ".corpus.k9pktk2j.part"
    (left / "new").mkdir(parents=True)
    (left / "a").touch()
    (left / corpus_folder.MARK).touch()
    remove = os.unlink
    order = []

    def noted(path, *rest, **more):
        order.append(Path(path).name)
        remove(path, *rest, **more)

    monkeypatch.setattr(os, "unlink", noted)
    minutes_ago = time.time() - 300
    os.utime(left, (minutes_ago, minutes_ago))
    with written_whole(tmp_path / "corpus"):
        assert not left.exists()
    assert next(name for name in order if name in ("a", corpus_folder.MARK)) == "a"


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", [".corpus.previous", ".corpus.x.part", ".corpus.abcdefgh.part"])
def test_a_folder_of_the_users_own_beside_the_corpus_is_left_alone(tmp_path, there, name):
    own = tmp_path / name
    own.mkdir()
    (own / "thesis.txt").write_text("years of work")
    if there:
        write_corpus(tmp_path / "corpus")
    check_replaceable(tmp_path / "corpus", "one")
    with written_whole(tmp_path / "corpus") as temporary:
        write_corpus(temporary, more=1)
    assert (own / "thesis.txt").read_text() == "years of work"
    assert prepared_manifest(tmp_path / "corpus")["more"] == 1


def test_a_prepared_folder_is_as_open_as_the_users_mask_says(tmp_path):
    before = os.umask(0o077)
    try:
        with written_whole(tmp_path / "corpus"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "corpus").stat().st_mode & 0o777 == 0o700


def test_nothing_or_an_empty_folder_or_the_same_corpus_may_be_replaced(tmp_path):
    check_replaceable(tmp_path / "none", "one")
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty", "one")
    with written_whole(tmp_path / "empty") as temporary:
        write_corpus(temporary)
    check_replaceable(tmp_path / "empty", "one")
    write_corpus(tmp_path / "older", version=0)
    check_replaceable(tmp_path / "older", "one")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("thesis.txt", b"", "exists and is no prepared corpus"),
        ("manifest.json", b"{", "is no prepared corpus"),
        ("manifest.json", b"[]", "is no prepared corpus"),
        ("manifest.json", b"\xff", "is no prepared corpus"),
        ("manifest.json", b'{"name": "two", "splits": {}}', "holds the corpus 'two', not 'one'"),
    ],
)
def test_anything_else_is_never_overwritten(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{problem}.*choose another --out"):
        check_replaceable(tmp_path, "one")


def test_a_corpus_with_other_files_is_never_overwritten(tmp_path):
    write_corpus(tmp_path)
    (tmp_path / "notes.txt").touch()
    problem = "also holds 'notes.txt', which is not part of a corpus.*choose another --out"
    with pytest.raises(DataError, match=problem):
        check_replaceable(tmp_path, "one")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="a file, where the corpus folder should be"):
        check_replaceable(tmp_path / "file", "one")
    with (
        pytest.raises(ToolkitError, match=r"cannot write here .*; choose another --out"),
        written_whole(tmp_path / "file" / "corpus"),
    ):
        pass


def test_only_a_manifest_of_this_version_counts(tmp_path):
    assert prepared_manifest(tmp_path) is None
    write_corpus(tmp_path, version=MANIFEST_VERSION + 1)
    assert prepared_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_text("[]")
    assert prepared_manifest(tmp_path) is None


@pytest.mark.parametrize("mask", [0o077, 0o022])
def test_the_processes_mask_says_who_may_read(tmp_path, mask):
    before = os.umask(mask)
    try:
        with written_whole(tmp_path / "corpus") as temporary:
            write_corpus(temporary)
    finally:
        os.umask(before)
    assert (tmp_path / "corpus").stat().st_mode & 0o777 == 0o777 & ~mask


def test_two_preparations_of_one_folder(tmp_path):
    with written_whole(tmp_path / "corpus") as temporary:
        write_corpus(temporary)
        told = pytest.raises(ToolkitError, match=r"a preparation is going on there \(process \d+")
        with told, written_whole(tmp_path / "corpus"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
