/* SPDX-License-Identifier: Apache-2.0
 * contents.c: reads the packs that content blocks name, each once, and compiles their expressions.
 */
#include "proc/contents.h"
#include "conf/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
        i->when[k] =
            detect_expression_new(i->packs, str_c(c->contents[k].when), problem, sizeof problem);
        if (!i->when[k]) {
            return conf_problem(problems, conf_place_of(c->contents[k].node, "when"),
                                "content \"%s\": when: %s", c->contents[k].name, problem);
        }
    }
    return 0;
}

/* The pack of the directory whose name is nearly that; "" none. */
static void nearly(const char *directory, const char *name, char *dst, size_t size)
{
    DIR *d = opendir(directory);
    dst[0] = '\0';
    for (struct dirent *e; d && (e = readdir(d));) {
        struct str file = str_c(e->d_name);
        if (str_ends_nocase(file, STR(".pack")) &&
            str_distance(str_slice(file, 0, file.n - 5), str_c(name)) <= 2) {
            str_copy_cut(str_slice(file, 0, file.n - 5), dst, size);
        }
    }
    if (d) {
        closedir(d);
    }
}

/* Each pack that a content block names is there: said at its line, which the loader does not
 * know. */
static int find_packs(const struct conf *c, struct buf *problems)
{
    int r = 0;
    for (size_t i = 0; i < c->n_contents; i++) {
        for (size_t k = 0; k < c->contents[i].packs.n; k++) {
            const char *name = c->contents[i].packs.v[k];
            char path[4096], meant[64];
            snprintf(path, sizeof path, "%s/%s.pack", c->inspection.packs, name);
            if (access(path, F_OK) == 0 || strchr(name, '/')) {
                continue;
            }
            nearly(c->inspection.packs, name, meant, sizeof meant);
            r = conf_problem(problems, conf_place_of(c->contents[i].node, "pack"),
                             "content \"%s\": there is no pack %s in %s. %s%s%s",
                             c->contents[i].name, name, c->inspection.packs,
                             *meant
                                 ? "Did you mean "
                                 : "Another directory is named by inspection { packs DIRECTORY; }",
                             meant, *meant ? "?" : "");
        }
    }
    return r;
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
        r = find_packs(c, problems);
        r = r < 0 ? r : detect_packs_load(k->packs, c->inspection.packs, names, n, problems);
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
