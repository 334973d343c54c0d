# mypy: disable-error-code="no-untyped-def"
"""Chance in compiled loops, from a state drawn from the caller's Generator.

The generator is xoshiro256++ (Blackman and Vigna, ACM Transactions on Mathematical Software 47 (2021)
36). Its state is an array of four words that every kernel advances, and keeps in registers meanwhile.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.argument_checks import check_rng

# Numba's cache looks only at the file a function stands in. The kernels here are inlined into those of
# other files, which would go on with the old code: after an edit touch those files, or clear the caches
# (__pycache__/*.nbi).

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
_LOW = np.uint64(0xFFFFFFFF)


def random_state(rng: np.random.Generator) -> np.ndarray:
    """State of the compiled loops' generator, drawn from `rng`."""
    return check_rng(rng).integers(2**64, size=4, dtype=np.uint64)


def derive_state(state: np.ndarray, number: int) -> np.ndarray:
    """The state that draw `number` of many starts from, whoever makes it and in whatever order."""
    seed = np.random.SeedSequence(state.tolist(), spawn_key=(number,))
    return seed.generate_state(4, np.uint64)


def split_state(state: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """A state for each key, shape (n, 4), from one: what is drawn for a key does not depend on others.

    By the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), whose output seeds xoshiro.
    """
    # Products and sums modulo 2^64.
    mixed = state + (keys.astype(np.uint64)[:, np.newaxis] + ONE) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    states: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return states


@numba.njit(nogil=True, cache=True, inline="always")
def next_bits(state):
    """64 random bits, and the state after them."""
    s0, s1, s2, s3 = state
    mixed = s0 + s3
    bits = ((mixed << np.uint64(23)) | (mixed >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return bits, (s0, s1, s2, s3)


@numba.njit(nogil=True, cache=True, inline="always")
def below(size, state):
    """An integer below ``size < 2**32``, unbiased (Lemire, ACM TOMACS 29 (2019) 3)."""
    bits, state = next_bits(state)
    product = (bits >> np.uint64(32)) * size
    if (product & _LOW) < size:
        least = (np.uint64(2**32) - size) % size
        while (product & _LOW) < least:
            bits, state = next_bits(state)
            product = (bits >> np.uint64(32)) * size
    return product >> np.uint64(32), state


@numba.njit(nogil=True, cache=True, inline="always")
def bernoulli_word(numerator, denominator, state):
    """64 bits, each set with probability ``numerator / denominator`` exactly; the latter below 2**63.

    A bit is set where a random binary fraction lies below that of the probability: digit by digit, until
    every lane's has differed.
    """
    if numerator >= denominator:
        return ALL, state
    word, undecided, rest = np.uint64(0), ALL, numerator
    while undecided and rest:
        rest <<= ONE
        bits, state = next_bits(state)
        if rest >= denominator:
            rest -= denominator
            word |= undecided & ~bits
            undecided &= bits
        else:
            undecided &= ~bits
    return word, state
