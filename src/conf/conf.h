/* SPDX-License-Identifier: Apache-2.0
 * conf.h: the configuration as the processes see it, made from text by one schema table.
 *
 * posternd reads the files, checks them and hands every child the canonical text (conf_write),
 * which the child parses with the same functions. Errors carry file:line:column.
 */
#pragma once
#include "base/buf.h"

enum {
    CONF_TEXT_MAX = 4 * 1024 * 1024, /* octets of all files together */
    CONF_NAMES_MAX = 4096,           /* words in one list */
    CONF_BLOCKS_MAX = 4096,          /* partner blocks */
    CONF_LISTENS_MAX = 16,
};

/* A list of words; owned by the conf. */
struct conf_words {
    const char **v;
    size_t n;
};

enum conf_log_to { CONF_LOG_STDERR, CONF_LOG_SYSLOG };

struct conf_listen {
    const char *kind; /* "smtp" */
    struct conf_words addresses;
};

struct conf_partner {
    const char *name;
    struct conf_words domains; /* "bank.example"; ".bank.example" also means all below it */
    int outbound;              /* 0 none, 1 encrypt, 2 cert: as enum force */
};

/* Durations are milliseconds, sizes octets. */
struct conf {
    char *text; /* canonical; all strings below live with it */
    struct conf_node *root;

    const char *hostname, *organization, *user, *admin;
    const char *store_kind, *store_path;
    const char *run_path, *trust_store, *at_rest_key;

    const char *chain, *key;

    struct conf_words inside_domains, inside_networks;
    const char *deliver_to;
    int deliver_to_tls; /* as enum force */

    struct conf_listen listens[CONF_LISTENS_MAX];
    size_t n_listens;
    struct conf_partner *partners;
    size_t n_partners;

    const char *relay_host;
    int relay_tls;

    struct {
        int64_t smtpin, smtpout;
    } workers;
    struct {
        int64_t command_line, header_octets, header_lines, header_field, recipients, size, hops,
            errors, connections, connections_per_address, connections_per_network, transactions;
        int64_t command_time, data_time, handshake_time, hurry_time;
    } limits;
    struct {
        int64_t first_retry, retry_max, lifetime, concurrency, deliveries,
            messages_per_connection,
            idle_connection, report_retention, reserve;
    } queue;
    struct {
        int64_t connect, greeting, ehlo, mail, rcpt, data, block, dot, tls;
        int64_t port;
        int private_addresses;
        const char *source;
    } smtpout;
    struct {
        const char *forward, *trust_anchor;
        int64_t timeout, cache_max;
        int test_zones;
    } resolver;
    struct {
        int to, format, level;
    } log;
};

/* Reads the file and what it includes. 0 and a conf, or -errno/-EINVAL with one or more lines
 * "file:line:column: what is wrong" in problems. */
int conf_load(const char *path, struct buf *problems, struct conf **ret) MUST_USE;
/* The same from text (no includes): for children and tests. */
int conf_parse(struct str text, const char *file, struct buf *problems, struct conf **ret) MUST_USE;
/* Appends the canonical text, every setting written out. */
int conf_write(const struct conf *c, struct buf *out) MUST_USE;
void conf_free(struct conf *c);
/* Appends the manual page postern.conf(5), made from the schema table. */
int conf_manual(struct buf *out) MUST_USE;
/* The partner whose rule covers a domain, or NULL: an exact name before ".suffix", longest first. */
const struct conf_partner *conf_partner_for(const struct conf *c, struct str domain);
/* True when the domain is ours. */
bool conf_is_inside(const struct conf *c, struct str domain);
