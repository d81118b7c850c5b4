/* SPDX-License-Identifier: Apache-2.0
 * load.c: packs from a directory, each after the packs it needs. The only file of detect/ that
 * opens files. Called by the `postern detect` command. What can go wrong: a pack that is not
 * there, is too large, or needs itself.
 */
#include "detect/detect.h"
#include "sys/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { PACK_OCTETS_MAX = 8 * 1024 * 1024, DEPTH_MAX = 8, NEEDS_MAX = 16 };

static int is_pack(const struct dirent *e)
{
    return e->d_name[0] != '.' && str_ends_nocase(str_c(e->d_name), STR(".pack"));
}

/* A name that no pack has: those that there are. */
static void tell_of_packs(const char *directory, struct str name, struct buf *problems)
{
    struct dirent **list = NULL;
    int found = scandir(directory, &list, is_pack, alphasort);
    (void)!buf_printf(problems, "%s: there is no pack " STR_FMT " here", directory, STR_ARG(name));
    for (int i = 0; i < found; i++) {
        struct str one = str_c(list[i]->d_name);
        (void)!buf_printf(problems, "%s" STR_FMT, i == 0 ? ", only " : ", ",
                          STR_ARG(str_slice(one, 0, one.n - 5)));
        free(list[i]);
    }
    free(list);
    (void)!buf_add(problems, STR("\n"));
}

static int load_one(struct detect_packs *p, const char *directory, struct str name, unsigned depth,
                    struct buf *problems)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(PACK_OCTETS_MAX);
    struct str needs[NEEDS_MAX];
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/" STR_FMT ".pack", directory, STR_ARG(name));
    if (detect_packs_has(p, name)) {
        return 0;
    }
    if (depth == DEPTH_MAX || n < 0 || (size_t)n >= sizeof path ||
        str_find(name, '/', 0) < name.n) {
        (void)!buf_printf(problems,
                          "%s: packs that need one another in a circle, or a name that is none\n",
                          path);
        return -EINVAL;
    }
    int r = file_read(path, &text);
    if (r == -ENOENT) {
        tell_of_packs(directory, name, problems);
        return -EINVAL;
    }
    if (r < 0) {
        (void)!buf_printf(problems, "%s: cannot be read: %s\n", path, strerror(-r));
        return -EINVAL;
    }
    size_t count = detect_pack_needs(buf_str(&text), needs, NEEDS_MAX);
    for (size_t i = 0; i < count; i++) {
        r = load_one(p, directory, needs[i], depth + 1, problems);
        if (r < 0) {
            return r;
        }
    }
    return detect_packs_add(p, buf_str(&text), path, problems);
}

int detect_packs_load(struct detect_packs *p, const char *directory, const char *const *names,
                      size_t n, struct buf *problems)
{
    struct dirent **list = NULL;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = load_one(p, directory, str_c(names[i]), 0, problems);
    }
    if (n > 0) {
        return r;
    }
    int found = scandir(directory, &list, is_pack, alphasort);
    if (found <= 0) {
        (void)!buf_printf(problems, "%s: there are no packs here (files that end in .pack)\n",
                          directory);
        r = -EINVAL;
    }
    for (int i = 0; i < found; i++) {
        struct str name = str_c(list[i]->d_name);
        r = r < 0 ? r : load_one(p, directory, str_slice(name, 0, name.n - 5), 0, problems);
        free(list[i]);
    }
    free(list);
    return r;
}
