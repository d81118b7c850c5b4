/* SPDX-License-Identifier: Apache-2.0
 * late_store.c: see late_store.h. A linear congruential generator, so that a seed is one run.
 */
#include "late_store.h"
#include "store/engine.h"
#include "store/sqlite_priv.h"

#include <stdlib.h>

static struct {
    uint64_t state;
    unsigned reads_fail, commits_fail; /* in a hundred */
    unsigned n_failed;
} late;

static unsigned late_below(unsigned n)
{
    late.state = late.state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(late.state >> 33) % n;
}

static size_t late_next(struct store *s, size_t n)
{
    return late_below(3) == 0 ? n : late_below((unsigned)n);
}

static enum store_result late_read(struct store *s, const struct store_query *q,
                                   const struct store_rows *rows)
{
    bool fails = late_below(100) < late.reads_fail;
    late.n_failed += fails;
    if (fails && late_below(2) == 0) {
        return STORE_RETRY;
    }
    enum store_result r = store_embedded.read(s, q, rows);
    return fails ? STORE_RETRY : r;
}

static enum store_result late_commit(struct store *s)
{
    if (s->open_batch && late_below(100) < late.commits_fail) {
        late.n_failed++;
        s->batch_failed = true;
        s->batch_result = STORE_FULL;
    }
    return store_embedded.commit(s);
}

static bool late_told(struct store *s)
{
    return late_below(2) == 0;
}

static const struct store_engine late_engine = {
    .next = late_next,
    .read = late_read,
    .commit = late_commit,
    .told = late_told,
};

void late_use(struct store *s, uint64_t seed)
{
    late.state = seed;
    late.reads_fail = late.commits_fail = late.n_failed = 0;
    store_use_engine(s, &late_engine);
}

void late_begin(struct store *s)
{
    const char *seed = getenv("POSTERN_LATE");
    if (seed) {
        late_use(s, strtoull(seed, NULL, 10));
    }
}

void late_fail(unsigned reads, unsigned commits)
{
    late.reads_fail = reads;
    late.commits_fail = commits;
}

unsigned late_failed(void)
{
    return late.n_failed;
}
