/* SPDX-License-Identifier: Apache-2.0
 * renamed.c: settings that had another name in an earlier version. Called by conf.c between the
 * tree and the schema, so that everything behind it knows the new names alone.
 *
 * The old name goes on working, with a warning that names the new one. Where both are set, the
 * schema says that one setting is set twice.
 */
#include "base/err.h"
#include "conf/schema.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *block, *before, *name;
} renamed[] = {
    {"monitor", "first-look-time", "first-probe-time"},
    {"monitor", "look-life", "probe-lifetime"},
    {"monitor", "look-patience", "probe-patience"},
};

const char *conf_name_before(const struct conf_key *key)
{
    for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
        if (strcmp(renamed[i].block, key->block) == 0 && strcmp(renamed[i].name, key->name) == 0) {
            return renamed[i].before;
        }
    }
    return NULL;
}

static void rename_one(struct conf_word *word, const char *block, struct buf *problems)
{
    for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
        if (strcmp(renamed[i].block, block) == 0 && strcmp(renamed[i].before, word->text) == 0) {
            conf_warning(problems, word->at,
                         "%s is called %s now. The old name still works; write the new one",
                         renamed[i].before, renamed[i].name);
            free((char *)word->text);
            word->text = str_dup(str_c(renamed[i].name));
            return;
        }
    }
}

/* The statements of a block, and of the files included in it. */
static void rename_in(struct conf_node *parent, const char *block, struct buf *problems)
{
    for (struct conf_node *n = parent->children; n; n = n->next) {
        bool is_file = !n->words[0].at.file;
        if (!is_file) {
            rename_one(&n->words[0], block, problems);
        }
        if (n->has_block && (is_file || !*block)) {
            rename_in(n, is_file ? block : n->words[0].text, problems);
        }
    }
}

void conf_rename(struct conf_node *root, struct buf *problems)
{
    rename_in(root, "", problems);
}
