"""Counter-based numbers: published words, laws of what is made of them, the same in any company and on any device."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scoregap.networks import draws
from scoregap.networks.draws import Draws

WORD = 2**64 - 1
# key, counter -> the next four words of 64 bits, by the implementation of Squares in randomgen 2.5.1
PUBLISHED = {
    (0xC58EFD154CE32F6D, 0): (0x8352D81514C3F20F, 0x4D645C710DEA443C, 0x5F664B34B649CC78, 0x5502129EF0E4B900),
    (0xC58EFD154CE32F6D, 2**40 + 3): (0xD0CF671B991DB93B, 0xC2066CABCB1FA05A, 0xFFB0E23EDE5B75FF, 0xAEE9EE98E70C4095),
    (0x548C9DECBCE65297, 0): (0x36D88366CEE633A5, 0x944716E00E60DFAA, 0xC8A8F4E0678654BF, 0x35CC666AAB11C80D),
    (0x548C9DECBCE65297, 2**40 + 3): (0xDE2B10F9ACE8C90B, 0xFCCD560AD3A93325, 0x69FDBB7400C0DEAB, 0x99D9D771E5804E7),
    (0xA218BFE6DF2C5407, 0): (0x5528E442709716E3, 0x597A425F89474DDA, 0xC6F3B9E75B553983, 0xDE1A2395442B458),
    (0xA218BFE6DF2C5407, 2**40 + 3): (0x5A2DB07C1DBA4D7, 0xA9EE905780E3106A, 0x7312DCD8F7959543, 0xA8790B87926068C8),
}


def signed(words):
    """Words of 64 bits as torch holds them."""
    return torch.from_numpy(np.array(words, np.uint64).view(np.int64))


def unsigned(tensor):
    return [int(word) & WORD for word in tensor.flatten()]


def squares(counter, key):
    """The five rounds in whole numbers without bound."""
    y = counter * key & WORD
    z, x = (y + key) & WORD, y
    for add in (y, z, y):
        x = (x * x + add) & WORD
        x = (x >> 32 | x << 32) & WORD
    t = (x * x + z) & WORD
    x = (t >> 32 | t << 32) & WORD
    return t ^ ((x * x + y) & WORD) >> 32


@pytest.mark.parametrize(("key", "counter"), PUBLISHED)
def test_words_are_the_published_ones(key, counter):
    assert unsigned(draws.squares(torch.arange(counter, counter + 4), signed([key]))) == list(PUBLISHED[key, counter])


@given(key=st.integers(0, WORD), counter=st.integers(0, WORD))
def test_words_are_those_of_whole_numbers_without_bound(key, counter):
    assert unsigned(draws.squares(signed([counter]), signed([key]))) == [squares(counter, key)]


@given(seed=st.integers(0, WORD), stream=st.sampled_from(["noise", "point", "level"]))
@settings(max_examples=50)
def test_keys_are_odd_and_their_halves_have_no_digit_twice(seed, stream):
    key = draws.key_of(seed, stream)
    digits = f"{key:016x}"
    assert key % 2 == 1
    assert len(set(digits[:8])) == len(set(digits[8:])) == 8
    assert key == draws.key_of(seed, stream) != draws.key_of(seed + 1, stream)
    assert key != draws.key_of(seed, stream + "s")


@pytest.mark.parametrize("in_turn", [True, False])
@pytest.mark.parametrize("count", [1, 2, 31, 64, 1000, 2 * draws.CHUNK + 7])
def test_normal_numbers_are_those_of_box_and_muller_in_float64(count, in_turn):
    """Of every word, wherever it lies in a part that is made at once. The share and the angle that are transformed are
    float32, of whole numbers by operations that all devices round alike."""
    numbers, first, steps = Draws([3, 4]), 7, 3
    numbers.in_turn = in_turn
    found = numbers.normals("noise", first, steps, count, [1, 0]).double().numpy()
    width = draws.padded(-(-count // 2))
    for row, seed in enumerate((4, 3)):
        counters = np.arange(first * width, (first + steps) * width, dtype=np.uint64)
        words = draws.squares(signed(counters), signed([draws.key_of(seed, "noise")])).numpy().view(np.uint64)
        share = ((words >> np.uint64(33)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-31)
        angle = (words & np.uint64(2**32 - 1)).astype(np.uint32).view(np.int32).astype(np.float32)
        angle = (angle * np.float32(2 * np.pi / 2**32)).astype(float)
        radius = np.sqrt(-2 * np.log(share.astype(float)))
        both = np.stack([radius * np.cos(angle), radius * np.sin(angle)]).reshape(2, steps, width)
        expected = both.swapaxes(0, 1).reshape(steps, 2 * width)[:, :count]
        assert np.abs(found[:, row] - expected).max() < draws.TOLERANCE / 2


@pytest.mark.parametrize("kind", ["normals", "uniforms", "places"])
def test_numbers_follow_from_seed_stream_and_step_alone(kind):
    """Not from companions, nor from how many steps are drawn at once, nor from where a sequence is begun."""

    def of(seeds, first, steps, stream="noise"):
        numbers, members = Draws(seeds), range(len(seeds))
        if kind == "normals":
            return numbers.normals(stream, first, steps, 100, members)
        if kind == "uniforms":
            return numbers.uniforms(stream, first, steps, 100)
        return torch.stack([numbers.places(stream, first, steps, 100, 1000, i) for i in members], 1)

    whole = of([5, 6, 7], 0, 12)
    assert whole.shape == (12, 3, 100)
    for i, seed in enumerate((5, 6, 7)):
        assert torch.equal(of([seed], 0, 12)[:, 0], whole[:, i])
        assert torch.equal(of([seed, 9], 5, 3)[:, 0], whole[5:8, i])
    assert not torch.equal(of([5], 0, 12, "other")[:, 0], whole[:, 0])
    numbers = whole.flatten(0, 1)
    assert len(torch.unique(numbers, dim=0)) == 36  # of no two members and no two steps


@pytest.mark.parametrize("chunk", [2**24, 2**7, 1])
def test_all_members_at_once_as_on_a_card_or_one_after_another(chunk, monkeypatch):
    monkeypatch.setattr(draws, "CARD_CHUNK", chunk)
    numbers, other = Draws([1, 2, 3]), Draws([1, 2, 3])
    other.in_turn = False
    assert torch.equal(numbers.uniforms("level", 4, 3, 7), other.uniforms("level", 4, 3, 7))
    torch.testing.assert_close(
        numbers.normals("noise", 4, 3, 99, [0, 2]), other.normals("noise", 4, 3, 99, [0, 2]),
        rtol=0, atol=draws.TOLERANCE,
    )  # fmt: skip


def test_uniform_numbers_are_uniform():
    found = Draws([1, 2]).uniforms("level", 0, 64, 500).double().numpy()
    assert found.min() >= 0
    assert found.max() < 1
    assert stats.kstest(found.ravel(), "uniform").pvalue > 1e-3
    assert stats.chisquare(np.histogram(found, 256, (0, 1))[0]).pvalue > 1e-3


def test_normal_numbers_are_normal():
    found = Draws([1, 2]).normals("noise", 0, 64, 4096, [0, 1]).double().numpy().ravel()
    n = len(found)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        spread = np.sqrt(math.prod(range(1, 2 * power, 2)) - moment**2)  # of that power of a normal number
        assert abs((found**power).mean() - moment) < 4 * spread / np.sqrt(n)
    assert stats.kstest(found, "norm").pvalue > 1e-3
    beyond = (np.abs(found) > 4).sum()
    assert stats.binomtest(int(beyond), n, 2 * stats.norm.sf(4)).pvalue > 1e-3
    assert np.isfinite(found).all()


def test_the_extreme_words_make_finite_numbers():
    words = signed([0, 2**31, 2**32 - 1, 2**33 - 1, 2**63, WORD])
    radius, angle = draws.box_muller(words)
    assert torch.isfinite(radius).all()
    assert 0 <= radius.min() <= radius.max() < 6.7
    assert angle.abs().max() <= math.pi * (1 + 1e-6)


@pytest.mark.parametrize("of", ["members", "steps", "entries", "halves", "streams"])
def test_numbers_are_independent(of):
    """Correlations of neighbours, and of their squares, are within chance."""
    numbers = Draws([1, 2])
    found = numbers.normals("noise", 0, 64, 4096, [0, 1]).double().numpy()
    one, two = {
        "members": (found[:, 0], found[:, 1]),
        "steps": (found[:-1], found[1:]),
        "entries": (found[..., :-1], found[..., 1:]),
        "halves": (found[..., :2048], found[..., 2048:]),  # cosines and sines of the same words
        "streams": (found, numbers.normals("point", 0, 64, 4096, [0, 1]).double().numpy()),
    }[of]
    for power in (1, 2):
        correlation = np.corrcoef(one.ravel() ** power, two.ravel() ** power)[0, 1]
        assert abs(correlation) < 4 / np.sqrt(one.size)


@pytest.mark.parametrize("among", [1, 2, 7, 1000, 2**31])
def test_places_have_equal_chances(among):
    found = Draws([3]).places("point", 0, 32, 1000, among, 0).numpy()
    assert found.shape == (32, 1000)
    assert found.min() >= 0
    assert found.max() < among
    bins = min(among, 50)
    counts = np.histogram(found, bins, (0, among))[0]
    if bins > 1:
        chances = np.diff(np.ceil(np.linspace(0, among, bins + 1))) / among
        assert stats.chisquare(counts, chances * found.size).pvalue > 1e-3


def test_generators_follow_from_seed_stream_and_step():
    numbers = Draws([3, 4])
    first = numbers.generator("point", 32, 0).random(5)
    np.testing.assert_array_equal(first, Draws([9, 3]).generator("point", 32, 1).random(5))
    others = [
        numbers.generator("point", 64, 0), numbers.generator("point", 32, 1), numbers.generator("noise", 32, 0)
    ]  # fmt: skip
    assert not any(np.array_equal(first, other.random(5)) for other in others)


@pytest.mark.gpu
def test_a_card_draws_the_same():
    here, there = Draws([1, 2, 3]), Draws([1, 2, 3], "cuda")
    assert torch.equal(here.uniforms("level", 5, 40, 77), there.uniforms("level", 5, 40, 77).cpu())
    assert torch.equal(here.places("point", 5, 40, 77, 10**9, 1), there.places("point", 5, 40, 77, 10**9, 1).cpu())
    ours, theirs = (one.normals("noise", 5, 40, 10001, [0, 2]).cpu() for one in (here, there))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=draws.TOLERANCE)
