/* SPDX-License-Identifier: Apache-2.0
 * dice.c: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
 */
#include "dice.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

static struct {
    uint64_t seed, state[DICE_END];
    enum dice now;
} dice;

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void dice_begin(const char *seed)
{
    random_bytes(&dice.seed, sizeof dice.seed);
    dice.seed &= INT64_MAX;
    if (seed && *seed) {
        dice.seed = strtoull(seed, NULL, 10);
    }
    for (unsigned i = 0; i < DICE_END; i++) {
        dice.state[i] = dice.seed + i;
        dice.state[i] = next(&dice.state[i]);
    }
}

uint64_t dice_seed(void)
{
    return dice.seed;
}

void dice_take(enum dice d)
{
    dice.now = d;
}

void dice_turn(uint64_t number)
{
    dice.now = DICE_TURN;
    dice.state[DICE_TURN] = dice.seed ^ number << 20;
    dice.state[DICE_TURN] = next(&dice.state[DICE_TURN]);
}

uint32_t dice_below(uint32_t limit)
{
    must(limit > 0);
    return (uint32_t)((next(&dice.state[dice.now]) >> 32) * limit >> 32);
}

void dice_bytes(void *p, size_t n)
{
    for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
        uint64_t x = next(&dice.state[dice.now]);
        memcpy((char *)p + at, &x, n - at < sizeof x ? n - at : sizeof x);
    }
}

struct lease_id dice_lease(void)
{
    struct lease_id l;
    dice_bytes(&l, sizeof l);
    return l;
}
