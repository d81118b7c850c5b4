/* SPDX-License-Identifier: Apache-2.0
 * ladder.c: rungs in order.
 */
#include "policy/ladder.h"

#define LADDER_ROW(name, word, there, words, short_words) {word, {short_words, words}},
#define LADDER_ROWS(...)                                  LADDER_ROW(__VA_ARGS__)

static const struct {
    const char *word, *forecast[2]; /* in short, at length */
} kinds[CHANNEL_END] = {LADDER_CHANNELS(LADDER_ROWS)};

#define LADDER_BIT(name, word, there, ...) | ((there) ? 1u << CHANNEL_##name : 0)

uint32_t ladder_there(const struct conf *c)
{
    return 0u LADDER_CHANNELS(LADDER_BIT);
}

const char *channel_name(enum channel c)
{
    return c < CHANNEL_END ? kinds[c].word : "unknown";
}

const char *channel_forecast(enum channel c, bool at_length)
{
    return kinds[c < CHANNEL_END ? c : CHANNEL_DROP].forecast[at_length];
}

void ladder_of(const struct conf *c, const char *name, struct ladder_order *ret)
{
    const struct conf_ladder *l = conf_ladder_named(c, name);
    *ret = (struct ladder_order){0};
    for (size_t i = 0; l && i < l->channels.n && ret->n < LADDER_RUNGS_MAX; i++) {
        struct str word;
        int64_t patience;
        if (!conf_channel_parse(str_c(l->channels.v[i]), &word, &patience)) {
            continue;
        }
        for (enum channel k = CHANNEL_TLS; k < CHANNEL_END; k++) {
            if (str_eq(word, str_c(channel_name(k)))) {
                ret->rungs[ret->n].channel = k;
                ret->rungs[ret->n++].patience_ms = patience ? patience : LADDER_PATIENCE_MS;
            }
        }
    }
    if (c->portal.url && strcmp(name, LADDER_PORTAL_ONLY) == 0) {
        ret->rungs[0].channel = CHANNEL_PORTAL;
        ret->n = 1;
    }
    if (ret->n == 0) {
        ret->rungs[0].channel = CHANNEL_TLS;
        ret->rungs[1].channel = CHANNEL_PORTAL;
        ret->rungs[0].patience_ms = LADDER_PATIENCE_MS;
        ret->n = c->portal.url && strcmp(name, "default") == 0 ? 2 : 1;
    }
}

unsigned ladder_next(const struct ladder_order *l, unsigned from, uint32_t available,
                     bool by_transport)
{
    while (from < l->n && (!(available >> l->rungs[from].channel & 1) ||
                           (l->rungs[from].channel == CHANNEL_TLS && !by_transport))) {
        from++;
    }
    return from < l->n ? from : l->n;
}
