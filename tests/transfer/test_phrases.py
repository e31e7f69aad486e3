import pickle
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from small_infilling import CPU, LEARNED, V, asked, drawn, network, scores, told

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN, Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.model_folder import load_model_folder
from arae_toolkit.transfer.infilling.phrases import PREFIX, PhraseTable, phrase_edits
from arae_toolkit.transfer.infilling.rewriter import Infilling
from arae_toolkit.transfer.infilling.search import InfillingSearch
from arae_toolkit.transfer.infilling.settings import WITH_PHRASES, Search
from arae_toolkit.transfer.infilling.training import train_infilling
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.scorer.scorer import Scorer

SENTENCES = drawn(300, seed=3, longest=7)
LABELS = np.random.default_rng(3).integers(-1, 3, len(SENTENCES))
LONGEST = 3


@pytest.fixture(scope="module")
def table():
    sentences = pack(SENTENCES, vocab_size=V, labels=LABELS)
    return PhraseTable.of(sentences, longest=LONGEST)


def standing(before, after, attribute):
    """Every phrase between two words, counted one by one."""
    found = Counter()
    for sentence, label in zip(SENTENCES, LABELS, strict=True):
        words = [EOS, *sentence]
        for start in range(1, len(words)):
            for stop in range(start + 1, min(start + LONGEST, len(words) - 1) + 1):
                phrase = tuple(words[start:stop])
                if label == attribute and (words[start - 1], words[stop]) == (before, after):
                    found[phrase] += not {UNKNOWN, EOS} & {*phrase}
    return +found


def test_phrases_are_those_between_two_words(table):
    words = [EOS, UNKNOWN, *range(4, V, 5)]
    every = 0
    for before, after, attribute in product(words, words, range(3)):
        between = table.between(before, after, attribute)
        found = dict(zip(between.phrases, between.counts.tolist(), strict=True))
        assert found == standing(before, after, attribute)
        every += len(found)
    assert every > 100
    assert table.between(EOS, EOS, 0) is table.between(EOS, EOS, 0)


def test_a_copy_is_made_without_what_is_kept_for_later(table):
    before = len(pickle.dumps(table))
    found = table.between(5, 6, 0)
    assert len(pickle.dumps(table)) == before
    again = pickle.loads(pickle.dumps(table))  # noqa: S301  # our own bytes
    assert again.between(5, 6, 0).phrases == found.phrases


def test_a_table_is_kept_as_tensors(table):
    again = PhraseTable.from_tensors(table.tensors)
    assert again.longest == LONGEST
    for name, tensor in table.tensors.items():
        assert torch.equal(tensor, again.tensors[name])
    assert tuple(SENTENCES[0]) in again and (4, 4, 4, 4, 4, EOS) not in again
    with pytest.raises(KeyError):
        PhraseTable.from_tensors({PREFIX + "tokens": table.tensors[PREFIX + "tokens"]})
    cut = {**table.tensors, PREFIX + "labels": table.tensors[PREFIX + "labels"][1:]}
    with pytest.raises(ValueError, match="300 sentences and 299 labels"):
        PhraseTable.from_tensors(cut)


def test_an_edit_puts_a_phrase_where_words_mark_others(table):
    random = np.random.default_rng(0)
    marks, of_others = random.normal(size=(2, V)).astype(np.float32)
    of_others = of_others.clip(min=0)
    usage = random.normal(size=(V, 5)).astype(np.float32)
    how = {"marks": marks, "of_others": of_others, "usage": usage}
    every = 0
    for source in map(tuple, drawn(40, seed=8, longest=8)):
        found = phrase_edits(source, 1, table, ways=4, most=10**6, **how)
        assert len(set(found)) == len(found)
        assert phrase_edits(source, 1, table, ways=4, most=3, **how) == found[:3]
        for edit in found:
            every += 1
            assert edit not in table and edit != source and edit[-1] == EOS
            assert any(
                is_edit(source, edit, start, stop, of_others) for start, stop in parts(source)
            )
    assert every > 200
    assert (
        phrase_edits((5, 6, EOS), 1, table, ways=4, most=9, **{**how, "of_others": 0 * marks}) == []
    )


def parts(words):
    """The parts of a sentence that a phrase may stand for."""
    for start in range(len(words) - 1):
        for stop in range(start + 1, min(start + LONGEST, len(words) - 1) + 1):
            if UNKNOWN not in words[start:stop]:
                yield start, stop


def is_edit(source, edit, start, stop, of_others):
    """Whether an edit is the source but for a phrase in place of one part."""
    behind = len(source) - stop
    if edit[:start] != source[:start] or edit[-behind:] != source[stop:]:
        return False
    phrase = edit[start : len(edit) - behind]
    before = source[start - 1] if start else EOS
    return bool(of_others[list(source[start:stop])].any()) and phrase in standing(
        before, source[stop], 1
    )


@pytest.fixture(scope="module")
def rewriter(table):
    words = Vocabulary.build([" ".join(f"w{n}" for n in range(V - 4))], size=V)
    search = replace(WITH_PHRASES, unlike_weight=0.0, change_weight=0.2)
    how = {"arguments": {}, "phrases": table, "search": search}
    return Infilling(network(), words, ("a", "b", "c"), **how)


def test_proposals_hold_phrases_and_depend_on_nothing_else(rewriter):
    sentences = [[EOS], [UNKNOWN, EOS], [7, EOS], *drawn(30, seed=9)]
    targets = told(len(sentences)).tolist()
    together = asked(rewriter, sentences, targets, count=20)
    for source, own in zip(sentences, together, strict=True):
        for proposal in own:
            assert proposal[-1] == EOS and proposal.count(EOS) == 1 and PAD not in proposal
            assert proposal.count(UNKNOWN) == source.count(UNKNOWN)
    alone = [asked(rewriter, [s], [t])[0][0] for s, t in zip(sentences, targets, strict=True)]
    assert alone == [own[0] for own in together]
    assert asked(rewriter, sentences, targets, strength=0.0) == [[s] for s in sentences]
    plain = InfillingSearch(rewriter.scorer, rewriter.search)
    without = [own[0].words for own in plain.candidates(sentences, targets)]
    assert sum(list(one) != own for one, own in zip(without, alone, strict=True)) > 5


def test_the_reader_has_the_last_word(rewriter):
    sentences, targets = drawn(30, seed=11, longest=8, least=4), told(30).tolist()
    hated = 9
    read = []

    def reader(texts, attributes):
        assert set(attributes) <= {0, 1, 2} and len(attributes) == len(texts)
        read.extend(texts)
        return np.array([1e3 * list(text).count(hated) for text in texts])

    how = {"phrases": rewriter.phrases, "reader": reader}
    search = InfillingSearch(rewriter.scorer, rewriter.search, **how)
    own = search.candidates(sentences, targets)
    deaf = InfillingSearch(rewriter.scorer, rewriter.search, phrases=rewriter.phrases)
    before = deaf.candidates(sentences, targets)
    assert any(hated in one[0].words for one in before)
    assert not any(hated in one[0].words for one in own)
    for source, found in zip(sentences, own, strict=True):
        close = [one for one in found if one.close]
        assert found[: len(close)] == close and {one.words for one in close} <= {*read}
        assert tuple(source) in {one.words for one in close}
        costs = [search.cost(one) for one in close]
        assert costs == sorted(costs)


def test_what_is_easier_to_read_than_the_source_is_worth_something():
    search = InfillingSearch(scores(), Search(harder_weight=2.0, easier_weight=0.5))
    (plain,) = search.candidates([[5, 6, EOS]], [0])[0][:1]
    costs = [search.cost(replace(plain, harder=nats)) for nats in (-2.0, 0.0, 1.0)]
    assert np.diff(costs).tolist() == pytest.approx([1.0, 2.0])


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "phrases"
    config = replace(LEARNED, training=replace(LEARNED.training, epochs=1, longest_phrase=4))
    train_infilling(corpus, config, folder, device=CPU)
    return folder


def test_a_folder_keeps_its_phrases(trained, corpus, tmp_path):
    model = Infilling.from_pretrained(trained)
    assert model.phrases.longest == 4 and model.search == WITH_PHRASES
    train = corpus.split("train")
    assert model.phrases.tokens.tolist() == train.tokens.tolist()
    model.save_pretrained(tmp_path / "again")
    again = load_model_folder(tmp_path / "again").tensors
    for name, tensor in load_model_folder(trained).tensors.items():
        assert torch.equal(tensor, again[name])
    content = load_model_folder(trained)
    damaged = {k: v for k, v in content.tensors.items() if k != PREFIX + "labels"}
    with pytest.raises(CheckpointMismatch):
        Infilling.from_content(replace(content, tensors=damaged))
    assert not any(name.startswith(PREFIX) for name in network().state_dict())


def test_a_transfer_model_reads_by_its_scorer(trained, corpus):
    rewriter = Infilling.from_pretrained(trained)
    scorer = Scorer(len(corpus.vocabulary), attributes=rewriter.attributes, embedding_size=8)
    scorer.initialize(torch.Generator().manual_seed(0))
    read = []
    scorer.nats = lambda texts, values: read.append(len(texts)) or np.zeros(len(texts))
    model = TransferModel(rewriter, scorer)
    text = corpus.vocabulary.decode(corpus.split("dev")[0].tolist())
    (found,) = model.transfer([text], [rewriter.attributes[0]])
    assert found.text and sum(read) > 1
    rewriter.precision = "bf16"
    model.transfer([text], [rewriter.attributes[0]])
    assert len(read) == 2  # the reader stays when the search is made anew
