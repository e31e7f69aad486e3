import contextlib
import functools
import gzip
import hashlib
import http.server
import threading
import zipfile
from pathlib import Path

import pytest
from source_files import no_progress

from arae_toolkit.data_prep.readers import downloads
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree, find_source
from arae_toolkit.errors import DataError
from arae_toolkit.storage import paths
from arae_toolkit.storage.atomic_files import sha256_of_file


def find(name, source=None, report=lambda _: None, progress=no_progress):
    return find_source(name, source=source, report=report, progress=progress)


def content_of(name):
    return gzip.compress(b"content") if name.endswith(".gz") else b"content"


def make_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content_of(name))


def make_archive(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content_of(name))


@pytest.mark.parametrize("name", ["train.txt", "deep/er/train.txt.gz"])
def test_files_are_found_wherever_they_lie(tmp_path, name):
    make_files(tmp_path, name, "other.txt", ".hidden/train.txt")
    tree = SourceTree(tmp_path)
    file = tree.need("train.txt")
    assert file.name == "train.txt"
    assert tree.relative(file) == name
    with file.open() as stream:
        assert stream.read() == b"content"


@pytest.mark.parametrize("member", ["snli/train.txt", "train.txt.gz"])
@pytest.mark.parametrize("root", ["", "all.zip"])
def test_files_are_found_inside_an_archive(tmp_path, member, root):
    make_archive(tmp_path / "all.zip", "__MACOSX/snli/._train.txt", "__MACOSX/train.txt", member)
    tree = SourceTree(tmp_path / root)
    file = tree.need("train.txt")
    assert tree.relative(file) == f"all.zip/{member}"
    assert str(file) == f"{tmp_path}/all.zip/{member}"
    assert file.sha256() == sha256_of_file(tmp_path / "all.zip")
    with file.open() as stream:
        assert stream.read() == b"content"


def test_a_plain_file_comes_before_a_compressed_one_before_an_archive(tmp_path):
    make_archive(tmp_path / "a.zip", "rows.txt")
    make_files(tmp_path, "deep/rows.txt", "rows.txt.gz")
    assert SourceTree(tmp_path).need("rows.txt").path == tmp_path / "deep/rows.txt"
    (tmp_path / "deep/rows.txt").unlink()
    assert SourceTree(tmp_path).need("rows.txt").path == tmp_path / "rows.txt.gz"
    assert [file.path.name for file in SourceTree(tmp_path).matching("r*.txt")] == ["rows.txt.gz"]


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path}: no train\.txt here"):
        SourceTree(tmp_path).need("train.txt")
    (tmp_path / "train.txt").mkdir()
    file = SourceTree(tmp_path).need("train.txt")
    with pytest.raises(DataError, match=r"train\.txt: a folder, where a file"), file.open():
        pass
    with pytest.raises(DataError, match=r"train\.txt: a folder, where a file"):
        file.sha256()


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(DataError, match=r"all\.zip: damaged or truncated archive"):
        SourceTree(tmp_path)


def test_what_the_user_points_to_is_taken(tmp_path):
    assert find("snli", source=tmp_path) == tmp_path
    with pytest.raises(DataError, match=r"nowhere: no such file or folder; check --source"):
        find("snli", source=tmp_path / "nowhere")


def test_sources_are_looked_for_in_the_variable_then_in_the_cache(tmp_path, monkeypatch):
    kept = paths.cache_folder() / "sources" / "yelp"
    kept.mkdir(parents=True)
    monkeypatch.setenv(paths.SOURCES_VARIABLE, str(tmp_path))
    assert find("yelp") == kept
    (tmp_path / "yelp").mkdir()
    assert find("yelp") == tmp_path / "yelp"


def not_found(name, *parts):
    """Check that one line says what was tried and how to supply a corpus; return its folder."""
    with pytest.raises(DataError) as raised:
        find(name)
    message = str(raised.value)
    kept = paths.cache_folder() / "sources" / name
    said = f"corpus {name} not found", "--source", f"$ARAE_SOURCES/{name}", str(kept)
    assert all(part in message for part in (*said, *parts))
    assert "\n" not in message
    assert len(message) < 900
    return kept


@pytest.mark.parametrize("name", ["yelp", "yahoo"])
def test_a_corpus_that_may_not_be_redistributed_says_how_to_supply_it(name):
    not_found(name, "no download")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve two files as the download of SNLI; return the folder they lie in."""
    folder = tmp_path / "served"
    make_files(folder, "one.txt", "two.txt.gz")
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        files = {
            f"{address}/{path.name}": sha256_of_file(path) for path in sorted(folder.iterdir())
        }
        monkeypatch.setitem(downloads.DOWNLOADS, "snli", files)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield folder
        server.shutdown()
        thread.join()


def test_a_download_is_checked_shown_and_kept(served):
    shown, reported = {}, []

    @contextlib.contextmanager
    def progress(description, total=None):
        def advance(n=1):
            shown[description][0] += n

        shown[description] = [0, total]
        yield advance

    folder = find("snli", report=reported.append, progress=progress)
    assert folder == paths.cache_folder() / "sources" / "snli"
    assert sorted(path.name for path in folder.iterdir()) == ["one.txt", "two.txt.gz"]
    sizes = {f"{path.name} (bytes)": path.stat().st_size for path in served.iterdir()}
    assert shown == {name: [size, size] for name, size in sizes.items()}
    assert "downloaded and checked" in reported[0]
    (served / "one.txt").unlink()
    assert find("snli") == folder  # nothing is fetched again


def test_a_file_that_is_not_the_expected_one_is_refused(served):
    (served / "two.txt.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"does not match|hash"):
        find("snli")
    assert not (paths.cache_folder() / "sources" / "snli").exists()


def test_without_network_one_line_says_what_was_tried(monkeypatch):
    unreachable = "http://127.0.0.1:9/snli_1.0.zip"
    monkeypatch.setitem(downloads.DOWNLOADS, "snli", {unreachable: hashlib.sha256().hexdigest()})
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    kept = not_found("snli", unreachable)
    assert list(kept.parent.iterdir()) == []


def test_every_download_has_an_https_address_and_a_sum():
    for files in downloads.DOWNLOADS.values():
        for url, sha256 in files.items():
            assert url.startswith("https://")
            assert len(bytes.fromhex(sha256)) == 32


def test_a_file_is_its_own_source(tmp_path):
    make_files(tmp_path, "rows.txt.gz")
    tree = SourceTree(tmp_path / "rows.txt.gz")
    assert tree.files == [SourceFile(tmp_path / "rows.txt.gz")]
    assert tree.relative(tree.files[0]) == "rows.txt.gz"
    with pytest.raises(DataError, match="no such file"):
        SourceTree(Path(tmp_path, "none"))
