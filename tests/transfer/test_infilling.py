import itertools
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from rapidfuzz.distance import Levenshtein
from small_runs import rows_of
from small_transfer import MARKERS

from arae_toolkit.data.samplers import BalancedSampler
from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN, Vocabulary
from arae_toolkit.errors import CheckpointMismatch, TrainingDiverged
from arae_toolkit.models.model_folder import load_model_folder, save_model_folder
from arae_toolkit.transfer.infilling.mask_filling import UNMASKED, Template, fill
from arae_toolkit.transfer.infilling.masking import mask_at_random, mask_for_infilling, with_masks
from arae_toolkit.transfer.infilling.network import (
    EMPTY,
    INFILLING,
    MASK,
    known_words,
    new_infilling_network,
)
from arae_toolkit.transfer.infilling.rewriter import Infilling
from arae_toolkit.transfer.infilling.search import InfillingSearch
from arae_toolkit.transfer.infilling.settings import (
    InfillingConfig,
    InfillingModelConfig,
    InfillingTrainingConfig,
    Search,
)
from arae_toolkit.transfer.infilling.token_scoring import (
    Positions,
    TokenScorer,
    gains_from_masking,
    margins,
    pseudo_likelihoods,
    region_costs,
)
from arae_toolkit.transfer.infilling.training import InfillingTraining, train_infilling
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.systems import BY_FOLDER_KIND

CPU = torch.device("cpu")
SIZES = InfillingModelConfig(embedding_size=24, hidden_size=20, attribute_size=8, channels=16)
QUICK = InfillingConfig(
    SIZES,
    InfillingTrainingConfig(
        **{"batch_size": 16, "epochs": 1, "rate": 5e-3, "warmup": 3, "softmax_samples": 9},
        **{"log_every": 5, "save_every": 7, "evaluate_every": 20},
    ),
)
LEARNED = replace(
    QUICK,
    training=replace(QUICK.training, batch_size=32, epochs=8, rate=1e-2, save_every=999),
)
V, A = 30, 3


def network(seed=1, *, vocab_size=V, attributes=A):
    """Return an untrained network, with weights large enough to tell sentences apart."""
    made = new_infilling_network(asdict(SIZES), vocab_size, attributes, seed=seed)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
        made.word_bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))
        made.counts.copy_(torch.from_numpy(random.integers(1, 50, (attributes, vocab_size))))
        made.counts[:, : UNKNOWN + 1] = 0
        made.salience.copy_(torch.from_numpy(random.normal(size=(attributes, vocab_size))))
        made.salience[:, : UNKNOWN + 1] = 0
    return made.eval()


def scores(made=None, **changes):
    """Return the words of a network with nothing favoured, unless asked for."""
    plain = Search(guidance=0.0, most_guidance=0.0, words=V, rarity=0.0, kinship=0.0)
    return TokenScorer(made or network(), replace(plain, **changes), dtype=torch.float32)


def drawn(count, *, seed=0, longest=9, least=UNKNOWN):
    """Return random sentences."""
    random = np.random.default_rng(seed)
    return [
        [*random.integers(least, V, random.integers(1, longest)).tolist(), EOS]
        for _ in range(count)
    ]


def told(count):
    return torch.arange(count) % A


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "infilling"
    train_infilling(corpus, LEARNED, folder, device=CPU)
    return folder


# --- what the network reads ------------------------------------------------------------------


def test_a_place_is_seen_from_all_words_but_its_own():
    made, sentence = network(), drawn(1, longest=10, seed=5)[0]
    for place in range(len(sentence) - 1):
        other = [*sentence[:place], 4 + (sentence[place] + 1) % 20, *sentence[place + 1 :]]
        around = [made.states(batch_of([one], device=CPU), told(1)) for one in (sentence, other)]
        same = (around[0].positions == around[1].positions).all(dim=2)[0]
        assert same.nonzero().flatten().tolist() == [place]
        gaps = (around[0].gaps == around[1].gaps).all(dim=2)[0]
        assert not gaps.any()


def test_a_gap_is_seen_as_a_word_put_there_would_be():
    made, sentence = network(), drawn(1, longest=10, seed=5)[0]
    around = made.states(batch_of([sentence], device=CPU), told(1))
    for gap in range(len(sentence)):
        longer = [*sentence[:gap], MASK, *sentence[gap:]]
        there = made.states(batch_of([longer], device=CPU), told(1)).positions[0, gap]
        assert torch.allclose(around.gaps[0, gap], there, atol=1e-6)


def test_a_batch_equals_its_rows_and_padding_changes_nothing():
    made, sentences = network(), drawn(12)
    batch, attributes = batch_of(sentences, device=CPU), told(12)
    around, recognized = made.states(batch, attributes), made.classify(batch)
    for row, sentence in enumerate(sentences):
        alone, own = batch_of([sentence], device=CPU), attributes[row : row + 1]
        states = made.states(alone, own)
        size = len(sentence)
        assert torch.allclose(states.positions[0], around.positions[row, :size], atol=1e-5)
        assert torch.allclose(states.gaps[0], around.gaps[row, :size], atol=1e-5)
        assert torch.allclose(made.classify(alone)[0], recognized[row], atol=1e-5)


def test_the_recognizer_adds_up_what_words_say_with_their_neighbours():
    """Two sentences side by side, with hidden words of no account between, are a sum."""
    made = network()
    with torch.no_grad():
        made.seen.weight[MASK] = 0  # as padding
        for layer in (made.near, made.far, made.says):
            layer.bias.zero_()
    first, second = [5, 6, 7, MASK, MASK], [MASK, MASK, 8, 9]
    parts = [made.classify(batch_of([one], device=CPU)) for one in (first, second)]
    whole = made.classify(batch_of([[*first, *second]], device=CPU))
    assert torch.allclose(whole, parts[0] + parts[1], atol=1e-5)


# --- words hidden in training ----------------------------------------------------------------


def test_places_are_made_and_words_hidden():
    batch = batch_of([[5, 6, 7, EOS], [8, EOS]], device=CPU)
    hidden = torch.tensor([[False, True, False, False], [True, False, False, False]])
    gaps = torch.tensor([[True, False, True, False], [False, True, False, False]])
    part = with_masks(batch, hidden, gaps)
    expected = [[MASK, 5, MASK, MASK, 7, EOS], [MASK, MASK, EOS, PAD, PAD, PAD]]
    assert part.batch.tokens.tolist() == expected
    assert part.batch.lengths.tolist() == [6, 3]
    assert part.targets[part.masked].tolist() == [EMPTY, 6, EMPTY, 8, EMPTY]
    assert torch.equal(part.masked, part.batch.tokens == MASK)


def test_what_is_hidden_tells_the_sentence():
    """Round trip: targets put back and empty places closed, over many draws."""
    settings = replace(QUICK.training, empty=0.5)
    sentences, made = drawn(64), network()
    batch, labels = batch_of(sentences, device=CPU), told(64)
    part = mask_for_infilling(
        batch, labels, made.salience, settings, torch.Generator().manual_seed(3)
    )
    whole = torch.where(part.masked, part.targets, part.batch.tokens)
    for row, sentence in enumerate(sentences):
        length = int(part.batch.lengths[row])
        places = part.masked[row, :length] & (part.targets[row, :length] == EMPTY)
        assert whole[row, :length][~places].tolist() == sentence
        words = [word for word in sentence if word not in (UNKNOWN, EOS)]
        is_word_hidden = part.masked[row] & (part.targets[row] != EMPTY)
        assert is_word_hidden.any() == bool(words)
    assert (part.targets[part.masked] == EMPTY).any()
    assert not (part.asked & part.masked).any()
    assert (part.asked <= known_words(part.batch)).all()


def test_words_that_mark_the_sentences_own_attribute_are_hidden():
    salience = torch.zeros(2, V)
    salience[0, 5], salience[1, 6], salience[0, 7] = 9.0, 9.0, 0.6
    settings = replace(QUICK.training, share=0.0, beside=0.0, empty=0.0, asked=0.0)
    batch = batch_of([[5, 6, 7, 8, EOS]] * 400, device=CPU)
    labels = torch.arange(400) % 2
    part = mask_for_infilling(batch, labels, salience, settings, torch.Generator().manual_seed(0))
    own = part.masked[labels == 0].float().mean(dim=0)
    assert own[0] == 1 and own[1] == own[3] == own[4] == 0
    # The bound is drawn evenly between 0.3 and 3.
    assert own[2] == pytest.approx((0.6 - 0.3) / (3 - 0.3), abs=0.06)
    assert part.masked[labels == 1].float().mean(dim=0).tolist() == [0, 1, 0, 0, 0]


def test_words_hidden_at_random_are_a_share():
    sentences = [[5, UNKNOWN, 6, 7, 8, EOS]] * 2000
    batch = batch_of(sentences, device=CPU)
    hidden = mask_at_random(batch, share=0.2, generator=torch.Generator().manual_seed(0))
    share = (hidden.tokens == MASK).float().mean(dim=0)
    assert share[[0, 2, 3, 4]].tolist() == pytest.approx([0.2] * 4, abs=0.03)
    assert share[[1, 5]].tolist() == [0, 0]


# --- batches ---------------------------------------------------------------------------------


def test_batches_hold_as_many_rows_of_each_class():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], [100, 37, 5, 9])
    lengths = random.integers(2, 20, len(labels))
    sampler = BalancedSampler(lengths, labels, 3, batch_size=31, seed=4)
    assert sampler.batches_per_epoch == 10
    epoch = np.stack([sampler.at(iteration) for iteration in range(10)])
    assert epoch.shape == (10, 30)
    assert all(np.bincount(labels[rows]).tolist() == [10, 10, 10] for rows in epoch)
    counts = np.bincount(epoch.flatten(), minlength=len(labels))
    assert set(counts[labels == 0]) == {1}
    assert set(counts[labels == 1]) <= {2, 3}
    assert set(counts[labels == 2]) == {20}
    assert not np.array_equal(sampler.at(10), epoch[0])
    assert np.array_equal(sampler.at(3), epoch[3])  # as often as asked
    # Of like lengths: the spread in a batch is less than in all rows.
    long = BalancedSampler(lengths, np.zeros(151, dtype=int), 1, batch_size=10, seed=0)
    spreads = [np.std(lengths[long.at(iteration)]) for iteration in range(15)]
    assert np.mean(spreads) < 0.2 * np.std(lengths)


def test_a_class_without_rows_is_named():
    with pytest.raises(ValueError, match=r"batches of 8 cannot be balanced over \[2, 0\] rows"):
        BalancedSampler(np.array([3, 3]), np.array([0, 0]), 2, batch_size=8, seed=0)


# --- costs of words --------------------------------------------------------------------------


@torch.no_grad()
def test_costs_are_those_of_a_softmax_over_the_words_that_may_be_filled_in():
    made, sentence, target = network(), [5, 6, UNKNOWN, 29, EOS], 1
    made.counts[:, 29] = 0  # never filled in
    words = scores(made, words=20)
    frequent = made.counts.sum(dim=0).argsort(descending=True, stable=True)[:20].sort().values
    assert words.ids.tolist() == [EMPTY, *frequent.tolist()]
    [reading] = pseudo_likelihoods([sentence], [target], words, ways=4)
    around = made.states(batch_of([sentence], device=CPU), torch.tensor([target]))
    for kind, states in ((0, around.positions), (1, around.gaps)):
        for place, word in enumerate(sentence):
            if kind == 0 and word in (UNKNOWN, EOS):
                assert reading.costs[0, place] == 0
                continue
            predicted = made.predicted(states[:, place], torch.tensor([target]))[0]
            every = made.embedding.weight @ predicted + made.word_bias
            normalizer = every[words.ids].logsumexp(dim=0)
            standing = word if kind == 0 else EMPTY
            expected = float(normalizer - every[standing])
            assert reading.costs[kind, place] == pytest.approx(expected, abs=1e-4)
            beside = {sentence[place - 1] if place else EOS}
            beside.add(sentence[place + 1] if kind == 0 else word)
            order = sorted(
                (float(normalizer - every[w]), w)
                for w in words.ids.tolist()
                if w not in beside or w == EMPTY
            )[:4]
            assert reading.best[kind, place].tolist() == [w for _, w in order]
            costs = reading.best_costs[kind, place].tolist()
            assert costs == pytest.approx([nats for nats, _ in order], abs=1e-4)


def test_rarity_is_left_out_and_guidance_moves_the_choice_alone():
    made, sentence = network(), [5, 6, 7, EOS]
    plain = pseudo_likelihoods([sentence], [0], scores(made), ways=2)[0]
    rare = pseudo_likelihoods([sentence], [0], scores(made, rarity=1.0), ways=2)[0]
    own = made.counts.double()
    own = own / own.sum(dim=1, keepdim=True)
    frequency = 0.7 * own[0] + 0.3 * own.mean(dim=0) + 1 / made.counts.sum()
    saved = -frequency[[5, 6, 7]].log().numpy()
    assert plain.costs[0, :3] - rare.costs[0, :3] == pytest.approx(saved, abs=1e-4)
    assert np.allclose(plain.costs[1], rare.costs[1])  # nothing is not rare
    guided = pseudo_likelihoods(
        [sentence], [0], scores(made, guidance=99.0, most_guidance=99.0), ways=2
    )[0]
    assert np.array_equal(guided.costs, plain.costs)
    likely = made.salience[0].clone()
    likely[[6, *range(UNKNOWN + 1)]] = -9  # beside the first place
    assert guided.best[0, 0, 0] == likely.argmax()


def test_places_are_looked_at_in_parts():
    words, count = scores(), 300
    random = torch.Generator().manual_seed(0)
    around = torch.randn(count, 2 * SIZES.hidden_size, generator=random)
    standing = torch.randint(UNKNOWN, V, (count,), generator=random)
    eos = torch.full_like(standing, EOS)
    places = Positions(around, told(count), standing, eos, eos, standing)
    whole = words.score(places, ways=2)
    for start in range(0, count, 60):
        part = words.score(places.part(start, start + 60), ways=2)
        for one, all_of_them in zip(part, whole, strict=True):
            assert torch.allclose(one, all_of_them[start : start + 60], atol=1e-5)
    assert [len(one) for one in words.score(places.part(0, 0), ways=2)] == [0, 0, 0]


def test_a_region_costs_what_its_words_and_gaps_do():
    words, sentences = scores(rarity=0.5), drawn(20)
    targets = told(20).tolist()
    readings = pseudo_likelihoods(sentences, targets, words, ways=1)
    regions = [(min(1, len(s) - 1), len(s) - number % 2) for number, s in enumerate(sentences)]
    expected = [
        reading.costs[:, start:stop].sum()
        for reading, (start, stop) in zip(readings, regions, strict=True)
    ]
    found = region_costs(sentences, targets, regions, words)
    assert found == pytest.approx(expected, abs=1e-3)


@torch.no_grad()
def test_margins_and_what_hiding_gains():
    words, sentences = scores(), [[5, UNKNOWN, 7, EOS], [EOS], [8, EOS]]
    targets = [2, 0, 1]
    whole, gains = gains_from_masking(sentences, targets, words)
    assert whole == pytest.approx(margins(sentences, targets, words))
    logits = words.network.classify(batch_of([sentences[0]], device=CPU))[0]
    others = logits[:2].logsumexp(dim=0)
    assert whole[0] == pytest.approx(float(logits[2] - others), abs=1e-5)
    hidden = margins([[MASK, UNKNOWN, 7, EOS]], [2], words)
    assert gains[0][0] == pytest.approx(float(hidden[0] - whole[0]), abs=1e-5)
    assert [np.isfinite(own).tolist() for own in gains] == [
        [True, False, True, False],
        [False],
        [True, False],
    ]


# --- filling in ------------------------------------------------------------------------------


def test_one_place_is_filled_with_the_best_words():
    words, sentence = scores(), [5, 6, 7, EOS]
    [reading] = pseudo_likelihoods([sentence], [1], words, ways=3)
    template = Template([5, MASK, 7, EOS], [UNMASKED, 6, UNMASKED, UNMASKED], 1)
    [ways] = fill([template], words, ways=3)
    assert len(ways) == 3
    for filled, word, cost in zip(ways, reading.best[0, 1], reading.best_costs[0, 1], strict=True):
        middle = [] if word == EMPTY else [word]
        assert list(filled.words) == [5, *middle, 7, EOS]
        assert filled.nats == pytest.approx(cost, abs=1e-4)
        assert filled.changed == (word != 6)


def test_the_surest_place_is_filled_first_and_then_seen():
    """Oracle: by hand, one word after the other."""
    words = scores()
    template = Template([MASK, 5, MASK, MASK, EOS], [8, UNMASKED, EMPTY, 9, UNMASKED], 2)
    [ways] = fill([template], words, ways=1)
    now, nats, changed = list(template.words), 0.0, 0
    originals = list(template.originals)
    while MASK in now:
        [reading] = pseudo_likelihoods([now], [2], words, ways=1)
        places = [place for place, word in enumerate(now) if word == MASK]
        place = min(places, key=lambda place: reading.best_costs[0, place, 0])
        word = int(reading.best[0, place, 0])
        nats += float(reading.best_costs[0, place, 0])
        changed += word != originals[place]
        now[place : place + 1] = [word] if word != EMPTY else []
        originals[place : place + 1] = [UNMASKED] if word != EMPTY else []
    assert list(ways[0].words) == now
    assert ways[0].nats == pytest.approx(nats, abs=1e-3)
    assert ways[0].changed == changed


def test_templates_are_filled_alike_together_and_alone():
    words = scores()
    random = np.random.default_rng(2)
    templates = []
    for number, sentence in enumerate(drawn(30, least=4)):
        hidden = random.random(len(sentence)) < 0.5
        hidden[-1], hidden[0] = False, True
        templates.append(
            Template(
                np.where(hidden, MASK, sentence).tolist(),
                np.where(hidden, sentence, UNMASKED).tolist(),
                number % A,
            )
        )
    together = fill(templates, words, ways=2)
    alone = [fill([template], words, ways=2)[0] for template in templates]
    assert [[f.words for f in own] for own in together] == [[f.words for f in own] for own in alone]
    assert all(len(filled.words) > 1 for own in together for filled in own)


# --- protocol --------------------------------------------------------------------------------


def asked(model, sentences, targets, *, count=1, strength=1.0, seed=0):
    return model.propose(sentences, targets, count=count, strength=strength, seed=seed)


@pytest.fixture
def untrained():
    words = Vocabulary.build([" ".join(f"w{n}" for n in range(V - 4))], size=V)
    assert len(words) == V
    # Random words are used like no other, so every change would be one too many.
    search = Search(unlike_weight=0.0)
    return Infilling(network(), words, ("a", "b", "c"), search=search)


def test_the_first_proposal_depends_on_nothing_else(untrained):
    sentences = drawn(40)
    targets = told(40).tolist()
    alone = [asked(untrained, [s], [t])[0][0] for s, t in zip(sentences, targets, strict=True)]
    together = asked(untrained, sentences, targets, count=6, seed=3)
    assert [own[0] for own in together] == alone
    assert alone != sentences
    order = np.random.default_rng(0).permutation(40)
    shuffled = asked(untrained, [sentences[i] for i in order], [targets[i] for i in order], count=6)
    assert [together[i] for i in order] == shuffled


def test_every_proposal_is_a_sentence(untrained):
    sentences = [[EOS], [UNKNOWN, EOS], [7, EOS], *drawn(40, seed=9)]
    targets = told(len(sentences)).tolist()
    for source, own in zip(sentences, asked(untrained, sentences, targets, count=30), strict=True):
        assert len(own) == 30
        for proposal in own:
            assert proposal[-1] == EOS and proposal.count(EOS) == 1
            assert PAD not in proposal and MASK not in proposal
            assert proposal.count(UNKNOWN) == source.count(UNKNOWN)
            assert len(proposal) > 1 or source == [EOS]
    assert asked(untrained, [], []) == []


def test_strength_goes_from_nothing_to_much(untrained):
    sentences = drawn(30, longest=8, least=4)
    targets = told(30).tolist()
    assert asked(untrained, sentences, targets, strength=0.0) == [[s] for s in sentences]
    changed = [
        sum(
            Levenshtein.distance(source, own[0])
            for source, own in zip(
                sentences, asked(untrained, sentences, targets, strength=strength), strict=True
            )
        )
        for strength in (0.1, 1.0, 4.0)
    ]
    assert changed[0] < changed[1] < changed[2]


def test_what_was_read_comes_first_and_costs_rise(untrained):
    search = InfillingSearch(scores(untrained.network), Search())
    for own in search.candidates(drawn(20), told(20).tolist()):
        read_ones = [one for one in own if one.close]
        assert own[: len(read_ones)] == read_ones
        costs = [search.cost(one) for one in read_ones]
        assert costs == sorted(costs)
        assert len({one.words for one in own}) == len(own)


# --- training --------------------------------------------------------------------------------


def new_training(corpus, config=QUICK):
    made = new_infilling_network(asdict(config.model), len(corpus.vocabulary), len(corpus.labels))
    made.salience.fill_(0.1)
    return InfillingTraining(made, config.training, corpus.split("train"), device=CPU)


def test_an_iteration_moves_every_weight_and_leaves_no_gradient(corpus):
    made = new_training(corpus, replace(QUICK, training=replace(QUICK.training, warmup=0)))
    before = {name: value.clone() for name, value in made.network.named_parameters()}
    scalars = made.iteration(0)
    assert set(scalars) >= {"nats_per_word", "recognition_nats_per_sentence", "share_recognized"}
    for name, value in made.network.named_parameters():
        assert not torch.equal(value, before[name]), name
        assert value.grad is None, name


def test_words_that_cost_far_more_than_guessing_are_named(corpus):
    made = new_training(corpus)
    guessing = np.log(len(corpus.vocabulary))
    assert made.problem({"nats_per_word": 2.9 * guessing}) is None
    assert "nats_per_word is" in made.problem({"nats_per_word": 3.1 * guessing})


def test_a_rate_far_too_high_stops_the_run(corpus, tmp_path):
    config = replace(QUICK, training=replace(QUICK.training, rate=1e4, warmup=0, clip_norm=0.0))
    with pytest.raises(TrainingDiverged, match="try a lower rate"):
        train_infilling(corpus, config, tmp_path, device=CPU)


# --- learning --------------------------------------------------------------------------------


def test_hidden_words_and_attributes_are_learned(trained):
    rows = [row for row in rows_of(trained) if row["kind"] == "dev"]
    first, last = rows[0], rows[-1]
    assert last["nats_per_hidden_word"] < 0.7 * first["nats_per_hidden_word"]
    assert last["nats_per_hidden_word_misled"] > last["nats_per_hidden_word"] + 0.5
    assert last["recognized"] == 100


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_planted_marker_is_flipped_and_the_rest_stays(trained, precision):
    model = BY_FOLDER_KIND[INFILLING].load(load_model_folder(trained), precision)
    assert model.attributes == ("bad", "good") or model.attributes == ("good", "bad")
    texts, targets = [], []
    for number, (noun, verb, end) in enumerate(
        itertools.product(("food", "staff", "bar"), ("was", "looks"), (".", "today ."))
    ):
        label, to = ("good", "bad")[:: (-1) ** number]
        texts.append(f"the {noun} {verb} {MARKERS[label][number % 3]} {end}".split())
        targets.append(to)
    sentences = model.vocabulary.encode_batch([" ".join(text) for text in texts])
    values = [model.attributes.index(to) for to in targets]
    for text, to, own in zip(texts, targets, asked(model, sentences, values), strict=True):
        result = model.vocabulary.decode(own[0]).split()
        assert [*result[:3], *result[4:]] == [*text[:3], *text[4:]]
        assert result[3] in MARKERS[to]


# --- round trip ------------------------------------------------------------------------------


def test_a_saved_model_proposes_the_same(trained, tmp_path):
    content = load_model_folder(trained)
    sizes = content.config["model"]
    made = new_infilling_network(sizes, len(content.vocabulary), len(content.config["labels"]))
    made.load_state_dict(content.tensors)
    model = Infilling(made, content.vocabulary, content.config["labels"])
    save_model_folder(
        tmp_path, config=content.config, vocabulary=model.vocabulary, tensors=made.state_dict()
    )
    again = BY_FOLDER_KIND[INFILLING].load(load_model_folder(tmp_path), "fp32")
    assert again.attributes == model.attributes
    sentences = model.vocabulary.encode_batch(["the cake is nasty !", "soup today", "lovely"])
    for target in (0, 1):
        first, second = (asked(m, sentences, [target] * 3, count=5) for m in (model, again))
        assert first == second
    saved = load_model_folder(tmp_path)
    for name, value in model.network.state_dict().items():
        assert torch.equal(saved.tensors[name], value), name


def test_weights_of_other_sizes_are_refused_by_the_name_of_their_folder(trained, tmp_path):
    content = load_model_folder(trained)
    smaller = {**content.config, "model": {**content.config["model"], "hidden_size": 4}}
    save_model_folder(
        tmp_path, config=smaller, vocabulary=content.vocabulary, tensors=content.tensors
    )
    with pytest.raises(CheckpointMismatch, match=f"{tmp_path}: weights and config disagree"):
        TransferModel.from_pretrained(tmp_path)
