/* SPDX-License-Identifier: Apache-2.0
 * map.c: open addressing with linear probing and backward-shift deletion; the hash is
 * SipHash-1-3 under a key drawn once per process. At most three quarters full.
 */
#include "base/map.h"
#include "base/random.h"

#include <stdlib.h>

struct slot {
    char *key; /* NULL: free */
    size_t n;
    uint64_t hash;
    void *value;
};

struct map {
    struct slot *slots;
    size_t cap; /* power of two */
    size_t used;
    size_t max;
};

static uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t map_hash(struct str key)
{
    static uint64_t secret[2];
    if (secret[0] == 0) {
        random_bytes(secret, sizeof secret);
        secret[0] |= 1;
    }
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575ULL,
        secret[1] ^ 0x646f72616e646f6dULL,
        secret[0] ^ 0x6c7967656e657261ULL,
        secret[1] ^ 0x7465646279746573ULL,
    };
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        uint64_t m;
        memcpy(&m, key.p + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)key.n << 56;
    for (size_t shift = 0; i < key.n; i++, shift += 8) {
        last |= (uint64_t)(unsigned char)key.p[i] << shift;
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(size_t max)
{
    struct map *m = err_calloc(1, sizeof *m);
    m->cap = 16;
    m->max = max;
    m->slots = err_calloc(m->cap, sizeof *m->slots);
    return m;
}

void map_free(struct map *m)
{
    if (!m) {
        return;
    }
    for (size_t i = 0; i < m->cap; i++) {
        free(m->slots[i].key);
    }
    free(m->slots);
    free(m);
}

static struct slot *map_find(const struct map *m, struct str key, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].key) {
        struct slot *s = &m->slots[i];
        if (s->hash == hash && s->n == key.n && (key.n == 0 || memcmp(s->key, key.p, key.n) == 0)) {
            return s;
        }
        i = (i + 1) & (m->cap - 1);
    }
    return &m->slots[i];
}

static int map_grow(struct map *m)
{
    struct slot *old = m->slots;
    size_t old_cap = m->cap;
    struct slot *slots = calloc(old_cap * 2, sizeof *slots);
    if (!slots) {
        return -ENOMEM;
    }
    m->slots = slots;
    m->cap = old_cap * 2;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].key) {
            *map_find(m, str_from(old[i].key, old[i].n), old[i].hash) = old[i];
        }
    }
    free(old);
    return 0;
}

int map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);
    struct slot *s = map_find(m, key, hash);
    if (s->key) {
        s->value = value;
        return 0;
    }
    if (m->used >= m->max) {
        return -ENOSPC;
    }
    if ((m->used + 1) * 4 > m->cap * 3) {
        int r = map_grow(m);
        if (r < 0) {
            return r;
        }
        s = map_find(m, key, hash);
    }
    *s = (struct slot){str_dup(key), key.n, hash, value};
    m->used++;
    return 0;
}

void *map_get(const struct map *m, struct str key)
{
    struct slot *s = map_find(m, key, map_hash(key));
    return s->key ? s->value : NULL;
}

void *map_take(struct map *m, struct str key)
{
    struct slot *s = map_find(m, key, map_hash(key));
    if (!s->key) {
        return NULL;
    }
    void *value = s->value;
    free(s->key);
    m->used--;
    size_t hole = (size_t)(s - m->slots);
    for (size_t i = (hole + 1) & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
        size_t home = m->slots[i].hash & (m->cap - 1);
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct slot){0};
    return value;
}

size_t map_len(const struct map *m)
{
    return m->used;
}

bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value)
{
    for (; *cursor < m->cap; (*cursor)++) {
        struct slot *s = &m->slots[*cursor];
        if (s->key) {
            *ret_key = str_from(s->key, s->n);
            *ret_value = s->value;
            (*cursor)++;
            return true;
        }
    }
    return false;
}
