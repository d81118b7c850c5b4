/* SPDX-License-Identifier: Apache-2.0
 * reload.c: what differs between two configurations, setting by setting as the schema table has
 * them, and what it takes to put that in force. Called by posternd for a reload.
 *
 * What is not in `by_start` here is in force once every process has confirmed the new
 * configuration. A setting that a process reads at its start alone gets a row here.
 */
#include "conf/schema.h"

#include <stdlib.h>

/* Of several rows that fit, each counts. key NULL: each setting of the block. on_off: only
 * whether it is set counts; another value is in force at once. process: who is started anew to
 * take it; NULL: the whole house, which an administrator does; "": nobody, a new plan of which
 * processes there are is enough. */
static const struct by_start {
    const char *block, *key;
    bool on_off;
    const char *process;
} by_start[] = {
    {"", "hostname", false, NULL},
    {"", "user", false, NULL},
    {"", "store", false, NULL},
    {"", "at-rest-key", false, NULL},
    {"", "run-directory", false, NULL},
    {"", "drop-directory", false, NULL},
    {"listen", "address", false, "smtpin"},
    {"workers", NULL, false, ""},
    {"directory", "url", true, "login"}, /* its sandbox */
    {"", "trust-store", false, "login"}, /* the same: libldap opens it at each login */
    {"metrics", "address", false, "metrics"},
    {"portal", NULL, false, "smtpout"}, /* the messages of the portal */
    {"", "organization", false, "smtpout"},
    {"portal", "address", false, "web"},
    {"portal", "redirect-address", false, "web"},
    {"portal", "proxy-address", false, "web"},
    {"resolver", "forward", false, "lookup"},
    {"resolver", "trust-anchor", false, "lookup"},
    {"resolver", "timeout", false, "lookup"},
    {"resolver", "test-zones", false, "lookup"},
};

static bool is_of(const struct by_start *row, const struct conf_key *key)
{
    return strcmp(row->block, key->block) == 0 && (!row->key || strcmp(row->key, key->name) == 0);
}

bool conf_key_needs_start(const struct conf_key *key)
{
    for (size_t i = 0; i < ARRAY_LEN(by_start); i++) {
        if (is_of(&by_start[i], key) && !by_start[i].process) {
            return true;
        }
    }
    return false;
}

bool conf_key_starts(const struct conf_key *key, const char *process)
{
    for (size_t i = 0; i < ARRAY_LEN(by_start); i++) {
        const struct by_start *row = &by_start[i];
        if (is_of(row, key) && row->process && strcmp(row->process, process) == 0) {
            return true;
        }
    }
    return false;
}

/* Only whether it is set counts. */
static bool is_switch(const struct conf_key *key)
{
    for (size_t i = 0; i < ARRAY_LEN(by_start); i++) {
        if (is_of(&by_start[i], key) && by_start[i].on_off) {
            return true;
        }
    }
    return false;
}

static bool differs(const struct conf_key *key, const void *a, const void *b)
{
    CLEANUP(buf_free) struct buf x = BUF_INIT(CONF_TEXT_MAX), y = BUF_INIT(CONF_TEXT_MAX);
    int r = conf_write_value(&x, key, (const char *)a + key->offset);
    r = r < 0 ? r : conf_write_value(&y, key, (const char *)b + key->offset);
    must(r == 0);
    return is_switch(key) ? (buf_len(&x) == 0) != (buf_len(&y) == 0)
                          : !str_eq(buf_str(&x), buf_str(&y));
}

static bool is_listen(const struct conf_key *key)
{
    return strcmp(key->block, "listen") == 0;
}

static bool reload_is_repeated(const char *block)
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
        differ = a->listens[i].kind != b->listens[i].kind ||
                 differs(key, &a->listens[i], &b->listens[i]);
    }
    return differ;
}

void conf_differences(const struct conf *a, const struct conf *b, void *arg,
                      void (*told)(void *arg, const struct conf_key *key))
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        const struct conf_key *key = &conf_schema[i];
        if (key->type == CONF_STORE ? !str_eq(str_c(a->store_path), str_c(b->store_path)) ||
                                          !str_eq(str_c(a->store_kind), str_c(b->store_kind))
            : key->type == CONF_BLOCK ? false
            : is_listen(key)          ? listens_differ(key, a, b)
                                      : !reload_is_repeated(key->block) && differs(key, a, b)) {
            told(arg, key);
        }
    }
}
