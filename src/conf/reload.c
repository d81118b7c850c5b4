/* SPDX-License-Identifier: Apache-2.0
 * reload.c: what differs between two configurations, setting by setting as the schema table has them, and which of it only a
 * start of posternd puts in force. Called by posternd for a reload.
 *
 * What is not in `by_start` here is in force once every process has confirmed the new configuration. A setting that a process
 * reads at its start alone gets a row here.
 */
#include "conf/schema.h"

#include <stdlib.h>

/* on_off: only whether it is set counts; another value is in force at once. key NULL: each setting of the block. */
static const struct by_start {
    const char *block, *key;
    bool on_off;
} by_start[] = {
    {"", "hostname", false},
    {"", "user", false},
    {"", "store", false},
    {"", "at-rest-key", false},
    {"", "run-directory", false},
    {"", "drop-directory", false},
    {"listen", "address", false},
    {"workers", NULL, false},
    {"directory", "url", true}, /* the sandbox of login */
    {"metrics", "address", false},
    {"portal", "url", true},
    {"portal", "address", false},
    {"portal", "redirect-address", false},
    {"portal", "proxy-address", false},
    {"resolver", "forward", false},
    {"resolver", "trust-anchor", false},
    {"resolver", "timeout", false},
    {"resolver", "test-zones", false},
};

static const struct by_start *row_of(const struct conf_key *key)
{
    for (size_t i = 0; i < ARRAY_LEN(by_start); i++) {
        if (strcmp(by_start[i].block, key->block) == 0 && (!by_start[i].key || strcmp(by_start[i].key, key->name) == 0)) {
            return &by_start[i];
        }
    }
    return NULL;
}

bool conf_key_needs_start(const struct conf_key *key)
{
    return row_of(key) != NULL;
}

static bool differs(const struct conf_key *key, const void *a, const void *b)
{
    CLEANUP(buf_free) struct buf x = BUF_INIT(CONF_TEXT_MAX), y = BUF_INIT(CONF_TEXT_MAX);
    const struct by_start *row = row_of(key);
    int r = conf_write_value(&x, key, (const char *)a + key->offset);
    r = r < 0 ? r : conf_write_value(&y, key, (const char *)b + key->offset);
    must(r == 0);
    return row && row->on_off ? (buf_len(&x) == 0) != (buf_len(&y) == 0) : !str_eq(buf_str(&x), buf_str(&y));
}

static bool is_listen(const struct conf_key *key)
{
    return strcmp(key->block, "listen") == 0;
}

static bool is_repeated(const char *block)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (conf_schema[i].repeated && strcmp(conf_schema[i].name, block) == 0) {
            return true;
        }
    }
    return false;
}

static bool listens_differ(const struct conf_key *key, const struct conf *a, const struct conf *b)
{
    bool differ = a->n_listens != b->n_listens;
    for (size_t i = 0; !differ && i < a->n_listens; i++) {
        differ = a->listens[i].kind != b->listens[i].kind || differs(key, &a->listens[i], &b->listens[i]);
    }
    return differ;
}

void conf_differences(const struct conf *a, const struct conf *b, void *arg, void (*told)(void *arg, const struct conf_key *key))
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (key->type == CONF_STORE ? !str_eq(str_c(a->store_path), str_c(b->store_path)) || !str_eq(str_c(a->store_kind), str_c(b->store_kind))
            : key->type == CONF_BLOCK ? false
            : is_listen(key)          ? listens_differ(key, a, b)
                                      : !is_repeated(key->block) && differs(key, a, b)) {
            told(arg, key);
        }
    }
}
