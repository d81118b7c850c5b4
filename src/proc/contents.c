/* SPDX-License-Identifier: Apache-2.0
 * contents.c: reads the packs that content blocks name, each once, and compiles their expressions.
 */
#include "proc/contents.h"

#include <stdlib.h>

enum { PACKS_MAX = 32 };

static size_t pack_names(const struct conf *c, const char **names, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_contents; i++) {
        for (size_t k = 0; k < c->contents[i].packs.n; k++) {
            bool known = false;
            for (size_t j = 0; j < n; j++) {
                known |= strcmp(names[j], c->contents[i].packs.v[k]) == 0;
            }
            if (!known && n < max) {
                names[n++] = c->contents[i].packs.v[k];
            }
        }
    }
    return n;
}

static int read_expressions(struct contents *i, struct buf *problems)
{
    const struct conf *c = i->conf;
    char problem[200];
    i->when = err_calloc(c->n_contents + 1, sizeof *i->when);
    for (size_t k = 0; k < c->n_contents; k++) {
        if (!c->contents[k].when) {
            continue;
        }
        i->when[k] = detect_expression_new(i->packs, str_c(c->contents[k].when), problem, sizeof problem);
        if (!i->when[k]) {
            (void)!buf_printf(problems, "content \"%s\": when: %s\n", c->contents[k].name, problem);
            return -EINVAL;
        }
    }
    return 0;
}

int contents_new(const struct conf *c, struct buf *problems, struct contents **ret)
{
    const char *names[PACKS_MAX];
    struct contents *k = err_calloc(1, sizeof *k);
    size_t n = pack_names(c, names, PACKS_MAX);
    int r = 0;
    k->conf = c;
    if (n > 0) {
        k->packs = detect_packs_new();
        r = detect_packs_load(k->packs, c->inspection.packs, names, n, problems);
        r = r < 0 ? r : read_expressions(k, problems);
    }
    if (r < 0) {
        contents_free(k);
        return r;
    }
    *ret = k;
    return 0;
}

void contents_free(struct contents *k)
{
    if (k) {
        for (size_t i = 0; k->when && i < k->conf->n_contents; i++) {
            detect_expression_free(k->when[i]);
        }
        free(k->when);
        if (k->packs) {
            detect_packs_free(k->packs);
        }
        free(k);
    }
}
