/* SPDX-License-Identifier: Apache-2.0
 * flight.h: what preflight.c and preflight_pairs.c share: one look at a configuration, and where
 * its findings go.
 */
#pragma once
#include "conf/tree.h"
#include "proc/preflight.h"

struct flight {
    const struct conf *conf;
    enum preflight_for what;
    const struct conf *in_force; /* in a reload; else NULL */
    struct buf *problems;
    struct buf trust;
    int result;
    bool fits; /* each certificate with its key, by itself */
    /* of the pair that is looked at */
    struct conf_place at;
    const char *file;
};

void flight_bad(struct flight *f, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The place of a setting of a block that stands once, else of the block. */
struct conf_place flight_at(const struct flight *f, const char *block, const char *key);
/* The whole file; false: told why not. */
bool flight_read(struct flight *f, struct conf_place at, const char *what, const char *path,
                 struct buf *out);
/* Warns of a key that everybody may read. */
void flight_key_mode(struct flight *f, struct conf_place at, const char *path);
void flight_certificates(struct flight *f);
/* The same in a reload, whose caller judges each pair: while one does not fit, only warnings are
 * told. */
void flight_certificates_reload(struct flight *f);
