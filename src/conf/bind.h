/* SPDX-License-Identifier: Apache-2.0
 * bind.h: giving the syntax tree its meaning: what conf.c (blocks) and values.c (values) share.
 */
#pragma once
#include "conf/schema.h"
#include "conf/tree.h"

struct binder {
    struct conf *conf;
    struct buf *problems;
    int result;
};

/* Notes what is wrong there. Always -EINVAL. */
int conf_bad(struct binder *b, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes that the word is none of the space-separated choices, and which is near. Always -EINVAL. */
int conf_not_one_of(struct binder *b, struct conf_place at, const char *what, const char *word,
                    const char *choices);
/* "none, encrypt, cert" of the space-separated words; dst. */
const char *conf_listed(const char *choices, char dst[512]);
/* inside.c: devices lie in networks, and are not everybody. */
void conf_check_devices(struct binder *b);
/* The index of the word among those of a choice, or -1. */
int conf_choice(const char *choices, struct str word);
/* The nearest of the space-separated words, if it is near enough to be meant. */
bool conf_nearest(const char *words, struct str got, char *dst, size_t size);
/* Octets of a value that has a canonical form, with its zero octet. */
enum { CONF_VALUE_MAX = 1024 };
/* Notes a text that is not UTF-8. 0 or -EINVAL. */
int conf_check_utf8(struct binder *b, struct conf_place at, const char *key, const char *text);
/* The label of a block in the form that is kept: of account, forward and oidc the canonical one,
 * where it has one. */
const char *conf_label(struct conf *c, const char *block, const char *label);
/* A copy that lives with the conf. */
const char *conf_own_text(struct conf *c, const char *text);
/* Stores the words of a setting; words[0..n) are the values, without the key. 0 or -EINVAL. */
int conf_set(struct binder *b, const struct conf_key *key, void *base,
             const struct conf_word *words, size_t n);
/* check.c: what the settings of a whole configuration say of one another; notes each mistake. */
void conf_check(struct binder *b);
