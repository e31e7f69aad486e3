import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import splits_of

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers import yelp
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError

lines = st.lists(
    st.text(st.characters(exclude_characters="\n\r\0\ufeff", codec="utf-8")), min_size=1
)


@settings(max_examples=25)
@given(negative=lines, positive=lines)
def test_sentences_come_back_with_the_label_of_their_file(tmp_path_factory, negative, positive):
    folder = tmp_path_factory.getbasetemp()
    files = []
    for label, texts in enumerate((negative, positive)):
        path = folder / f"sentiment.{label}.gz"
        path.write_bytes(gzip.compress("".join(text + "\n" for text in texts).encode()))
        files.append(SourceFile(path))
    assert list(yelp.read_sentences(files, RowLog())) == [
        *(Sentence(text, "negative") for text in negative),
        *(Sentence(text, "positive") for text in positive),
    ]


def test_the_splits_of_shen_et_al(tmp_path):
    for split in ("train", "dev", "test"):
        for label in (0, 1):
            (tmp_path / f"sentiment.{split}.{label}").write_text(f"{split} {label} .\n")
    assert yelp.rows(SourceTree(tmp_path), PrepareOptions()).labels == ("negative", "positive")
    assert splits_of(yelp, tmp_path) == {
        split: [Sentence(f"{split} 0 .", "negative"), Sentence(f"{split} 1 .", "positive")]
        for split in ("train", "dev", "test")
    }


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "sentiment.train.0").write_text("bad .\n")
    with pytest.raises(DataError, match=r"no sentiment\.train\.1 here"):
        splits_of(yelp, tmp_path)
