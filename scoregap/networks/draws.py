"""Random numbers of training: functions of a key and a counter, the same on a CPU and on a GPU.

(seeds of the members, name of a stream, step) -> uniform and normal numbers and places, with leading dimensions step
and member

Nothing is remembered: what a member draws at a step follows from its seed and the number of the step, whoever its
companions are, wherever training was stopped, and on whatever it runs. Words of 64 bits are Squares' (Widynski,
"Squares: a fast counter-based RNG", arXiv:2004.06278, the version of 64 bits), in torch's integers, which wrap. A key
is made for every seed and stream; the counter is (step, place in the step).

Uniform numbers and places are the same bits everywhere. Normal ones are Box and Muller's of the two halves of a word,
in float32: logarithms and sines of different devices differ in the last bits, so normal numbers of the same word differ
by up to TOLERANCE.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

TOLERANCE = 4e-6  # between devices, of normal numbers, which are below 6.7; tested against float64
CHUNK = 2**15  # words that a CPU makes at once: they stay in its caches
CARD_CHUNK = 2**24  # and a card: half a dozen times 128 MB
LANES = 32  # words of a step are a multiple of these: entries beyond whole vectors may be rounded in another way
LOW = 2**32 - 1  # the lower half of a word


class Draws:
    """The numbers of an ensemble. seeds: one per member, whole and not negative."""

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu"):
        self.seeds, self.device = list(seeds), torch.device(device)
        self.in_turn = self.device.type == "cpu"  # members, and CHUNK words of each
        self._keys: dict[tuple[str, tuple[int, ...]], torch.Tensor] = {}

    def keys(self, stream: str, members: Sequence[int]) -> torch.Tensor:
        """(members, 1) int64 keys of a stream, which are copied to the device once."""
        place = stream, tuple(members)
        if place not in self._keys:
            keys = np.array([key_of(self.seeds[i], stream) for i in members], np.uint64).view(np.int64)
            self._keys[place] = torch.from_numpy(keys)[:, None].to(self.device)
        return self._keys[place]

    def uniforms(self, stream: str, first: int, steps: int, count: int) -> torch.Tensor:
        """`count` numbers from 0 to 1 of every member at each of the steps, (steps, members, count) float64, that torch
        has rounded to float32: one in 3e7 is 1."""
        out = self._empty(steps, len(self.seeds), padded(count), dtype=torch.float64)
        for place, words in self._words(stream, first, steps, out.shape[2], range(len(self.seeds))):
            out[place] = _upper(words, 11) * 2.0**-53
        return out[..., :count]

    def places(self, stream: str, first: int, steps: int, count: int, among: int, member: int) -> torch.Tensor:
        """`count` places among so many, at most 2^31, of a member at each of the steps, (steps, count) int64."""
        out = self._empty(steps, 1, padded(count), dtype=torch.int64)
        for place, words in self._words(stream, first, steps, out.shape[2], [member]):
            out[place] = (_upper(words, 32) * among) >> 32
        return out[:, 0, :count]

    def normals(self, stream: str, first: int, steps: int, count: int, members: Sequence[int]) -> torch.Tensor:
        """`count` standard normal numbers of these members at each of the steps, (steps, members, count) float32."""
        width = padded(-(-count // 2))
        out = self._empty(steps, len(members), 2, width, dtype=torch.float32)
        for (rows, which, columns), words in self._words(stream, first, steps, width, members):
            radius, angle = box_muller(words)
            torch.mul(radius, angle.cos(), out=out[rows, which, 0, columns])
            torch.mul(radius, angle.sin_(), out=out[rows, which, 1, columns])
        return out.flatten(2)[..., :count]

    def generator(self, stream: str, first: int, member: int) -> np.random.Generator:
        """A generator of numpy for a member from a step on, for what draws by one: likewise of key and counter."""
        return np.random.Generator(np.random.Philox(key=key_of(self.seeds[member], stream), counter=first << 192))

    def _empty(self, *shape: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=self.device)

    def _words(self, stream: str, first: int, steps: int, width: int, members: Sequence[int]) -> Iterator:
        """Words of (steps, members, width) part by part: (places in it, words there).

        On a CPU a part is of one member alone, and of the same shape in any company: so are its bits, then.
        """
        keys, count = self.keys(stream, members), len(members)
        most = CHUNK if self.in_turn else max(width, CARD_CHUNK // count)
        rows, columns = max(1, most // width), min(width, most)
        groups = [slice(i, i + 1) for i in range(count)] if self.in_turn else [slice(0, count)]
        for group in groups:
            for row in range(0, steps, rows):
                some = torch.arange(first + row, first + min(steps, row + rows), device=self.device)
                for column in range(0, width, columns):
                    end = min(width, column + columns)
                    counters = some[:, None, None] * width + torch.arange(column, end, device=self.device)
                    yield (slice(row, row + len(some)), group, slice(column, end)), squares(counters, keys[group])


def padded(count: int) -> int:
    """The words of a step that needs `count` of them."""
    return -(-count // LANES) * LANES


def squares(counters: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Words of 64 bits of counters and keys, int64 tensors that broadcast: Widynski's five rounds."""
    y = counters * keys
    z, x, half = y + keys, torch.empty_like(y), torch.empty_like(y)
    _swap(torch.addcmul(y, y, y, out=x), half)
    _swap(torch.addcmul(z, x, x, out=x), half)
    _swap(torch.addcmul(y, x, x, out=x), half)
    found = torch.addcmul(z, x, x)
    torch.bitwise_left_shift(found, 32, out=x)
    x.bitwise_or_(torch.bitwise_right_shift(found, 32, out=half).bitwise_and_(LOW))
    torch.addcmul(y, x, x, out=x)
    return found.bitwise_xor_(x.bitwise_right_shift_(32).bitwise_and_(LOW))


def _swap(x: torch.Tensor, half: torch.Tensor) -> None:
    """The halves of words change places."""
    torch.bitwise_right_shift(x, 32, out=half)
    x.bitwise_left_shift_(32).bitwise_or_(half.bitwise_and_(LOW))


def _upper(words: torch.Tensor, without: int) -> torch.Tensor:
    """Words without their lowest bits, as numbers that are not negative: a shift keeps the sign."""
    return (words >> without) & (2 ** (64 - without) - 1)


def box_muller(words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Radius and angle in the plane of two standard normal numbers, float32, of words.

    The radius is of 31 bits of the upper half, so that it is below 6.7, which one in 5e9 would pass; the angle of the
    lower half, a signed number.
    """
    share = _upper(words, 33).float().add_(0.5).mul_(2.0**-31)
    angle = words.to(torch.int32).float().mul_(2 * math.pi / 2**32)
    return share.log_().mul_(-2).sqrt_(), angle


def key_of(seed: int, stream: str) -> int:
    """A key of Squares: an odd number whose upper eight hexadecimal digits differ, and its lower eight, as its author
    asks of keys."""
    rng = np.random.default_rng([seed, *stream.encode()])
    upper, last = rng.permutation(16)[:8], rng.choice(np.arange(1, 16, 2))
    lower = rng.permutation(np.delete(np.arange(16), last))[:7]
    key = 0
    for digit in (*upper, *lower, last):
        key = 16 * key + int(digit)
    return key
