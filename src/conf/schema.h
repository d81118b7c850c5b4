/* SPDX-License-Identifier: Apache-2.0
 * schema.h: the one table of settings. Parser, checks, canonical text, manual page and the
 * completion of the shell are all made from it.
 */
#pragma once
#include "conf/conf.h"
#include "conf/tree.h"

enum conf_type {
    CONF_TEXT,       /* any text */
    CONF_HOST,       /* a host name */
    CONF_URL,        /* SCHEME://NAME...: any text, its name in canonical form where it has one */
    CONF_PATH,       /* a file name, absolute */
    CONF_DOMAINS,    /* list of domains, ".x" for all below x */
    CONF_NETS,       /* list of networks */
    CONF_ADDRS,      /* list of address:port */
    CONF_MATCHES,    /* list of address, @domain, @.suffix, group:NAME */
    CONF_PINS,       /* list of cert:HEX, key:HEX */
    CONF_WORDS,      /* list of texts */
    CONF_TAG,        /* a word of the field X-Postern-Tag */
    CONF_EXTENSIONS, /* list of SMTP extensions (wire/extension.h), without EHLO */
    CONF_CHANNELS,   /* list of tls, tls:TIME, smime, pgp, portal, hold, drop */
    CONF_MAILBOX,    /* a mail address */
    CONF_TIME,       /* 500ms 30s 5m 4h 5d */
    CONF_SIZE,       /* octets, K M G */
    CONF_NUMBER,
    CONF_CHOICE, /* one of the words in `choices`; the value is its index */
    CONF_STORE,  /* kind and place */
    CONF_TARGET, /* host or host:port, may carry a block */
    CONF_BLOCK,
};

/* What the field behind a key is. */
enum conf_field {
    CONF_FIELD_NONE,   /* a block, or one that is bound by hand */
    CONF_FIELD_TEXT,   /* const char *, NULL: unset */
    CONF_FIELD_WORDS,  /* struct conf_words */
    CONF_FIELD_NUMBER, /* int64_t: milliseconds, octets or a count */
    CONF_FIELD_CHOICE, /* int: the index of the word */
};

/* All there is to know about a type of value, in one row: reading, writing and the manual go by
 * it. */
struct conf_kind {
    enum conf_field field;
    const char *manual;          /* how postern.conf(5) shows a value; NULL: the key's choices */
    bool (*ok)(struct str word); /* one word of it; NULL: any will do */
    const char *wanted;          /* "... is not": what it should have been */
    /* The form in which a word is kept, for kinds that have several spellings of one thing
     * (names, addresses): 0, or a negative number where the word is none. NULL: as it is
     * written. */
    int (*canonical)(struct str word, char *dst, size_t size);
};

/* values.c; indexed by enum conf_type. */
extern const struct conf_kind conf_kinds[CONF_BLOCK + 1];

struct conf_key {
    const char *block; /* where it stands: "", "inside", "inside/deliver-to" ... */
    const char *name;
    enum conf_type type;
    size_t offset;        /* into struct conf, or into the struct of a repeated block */
    const char *standard; /* default as text, NULL: none */
    int64_t min, max;
    const char *choices; /* "none encrypt cert" */
    bool required, repeated;
    const char *label; /* what the label of a block is called, NULL: takes none */
    const char *doc;
};

/* protection.c: what the blocks about protection say of one another; bad is told each mistake. */
void conf_check_protection(const struct conf *c, void *arg,
                           void (*bad)(void *arg, struct conf_place at, const char *text));
void conf_protection_free(struct conf *c);

/* Appends the value behind a key as it is written in a file; nothing for what is not set. */
int conf_write_value(struct buf *out, const struct conf_key *key, const void *at) MUST_USE;
/* reload.c: tells each setting in which two configurations differ, in the order of the table; of
 * repeated blocks only those of listen: the others are in force at once, whatever they say. */
void conf_differences(const struct conf *a, const struct conf *b, void *arg,
                      void (*told)(void *arg, const struct conf_key *key));
/* True when a change of it is in force only after posternd was started again. */
bool conf_key_needs_start(const struct conf_key *key);
/* True when the processes of that name ("smtpin") are started anew to put a change of it in
 * force. */
bool conf_key_starts(const struct conf_key *key, const char *process);

/* renamed.c: settings under an earlier name get their present one, with a warning. */
void conf_rename(struct conf_node *root, struct buf *problems);
/* The earlier name of a setting; NULL: it had none. */
const char *conf_name_before(const struct conf_key *key);

extern const struct conf_key conf_schema[];
extern const size_t conf_schema_len;
