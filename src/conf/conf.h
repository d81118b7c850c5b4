/* SPDX-License-Identifier: Apache-2.0
 * conf.h: the configuration as the processes see it, made from text by one schema table.
 *
 * posternd reads the files, checks them and hands every child the canonical text (conf_write),
 * which the child parses with the same functions. Errors carry file:line:column.
 */
#pragma once
#include "base/buf.h"
#include "wire/domain.h"

enum {
    CONF_TEXT_MAX = 4 * 1024 * 1024, /* octets of all files together */
    CONF_NAMES_MAX = 4096,           /* words in one list */
    CONF_FLAGS_MAX = 100,            /* words that are flags */
    CONF_BLOCKS_MAX = 4096,          /* partner blocks */
    CONF_LISTENS_MAX = 16,
    CONF_WORKERS_MAX = 64, /* of one kind */
    /* workers of all kinds: each talks to the queue, which is handed all of them at once */
    CONF_PROCESSES_MAX = 150,
    CONF_CERTIFICATES_MAX = 16,
    CONF_LABEL_MAX = 100, /* octets of a name that travels between processes */
};

struct conf_node;

/* A list of words; owned by the conf. Names and addresses are in their canonical form
 * (wire/domain.h). */
struct conf_words {
    const char **v;
    size_t n;
};

enum conf_listen_kind {
    CONF_LISTEN_SMTP,
    CONF_LISTEN_SUBMISSION,
    CONF_LISTEN_SUBMISSIONS,
    CONF_LISTEN_END
};

enum conf_log_to { CONF_LOG_STDERR, CONF_LOG_SYSLOG };

struct conf_listen {
    const char *label; /* "smtp", "submission", "submissions" */
    enum conf_listen_kind kind;
    struct conf_words addresses, balancers;
    int profile;                  /* enum tls_profile, at most wide */
    int client_certificates;      /* 1: asked for */
    int no_resumption;            /* 1: a full handshake each time */
    const struct conf_node *node; /* its block in the file, here and below: for messages about it */
};

/* What mail between certain people needs: a partner block (by recipient domain) or a rule block
 * (by sender and recipient). */
struct conf_rule {
    const char *kind, *name; /* "partner" or "rule"; its label */
    /* partner: "bank.example"; ".bank.example" also means all below it */
    struct conf_words domains;
    /* rule: addresses, @domain, @.suffix, group:NAME; empty: everyone */
    struct conf_words from, to;
    int outbound;           /* 0 none, 1 encrypt, 2 cert, 3 auth, 4 pin: as enum force */
    struct conf_words pins; /* cert:HEX or key:HEX, SHA-256 */
    int profile;            /* 0 as for all, else 1 + enum tls_profile */
    int dane;               /* 1: DANE is required */
    const char *client_certificate;
    /* mail from them (inbound TLS rules) */
    int inbound;      /* 0 none, 1 tls, 2 cert, 3 pin */
    int inbound_mode; /* 0 enforce, 1 report-only */
    struct conf_words inbound_networks, inbound_helo, inbound_names, inbound_pins;
    struct conf_words avoid;   /* partner: extensions not used with them (wire/extension.h) */
    int64_t concurrency, rate; /* of the destination; rate: messages a minute */
    /* what a message needs (policy/protect.h) */
    int64_t line;                                      /* in its file */
    int secure_from;                                   /* enum conf_secure_from */
    const char *ladder;                                /* name, NULL: not said */
    int direction, flag, protect, action, mode, final; /* rule only, from here on */
    int pickup_level; /* of the portal: 0 not said, else 1 + level */
    struct conf_words content, unread, attachments, clients, logins;
    int64_t size_over, ask_time;
    int as_is;
    const char *header, *text, *tag, *notify, *copy_to;
    const struct conf_node *node;
};

/* From which grade on a connection counts as secure. */
enum conf_secure_from {
    CONF_SECURE_DEFAULT,
    CONF_SECURE_ENCRYPT,
    CONF_SECURE_CERT,
    CONF_SECURE_AUTH,
    CONF_SECURE_NEVER
};
enum conf_protect { CONF_PROTECT_NONE, CONF_PROTECT_SECURE, CONF_PROTECT_ESCALATED };
enum conf_mode { CONF_ENFORCE, CONF_REPORT_ONLY };
enum conf_direction { CONF_ANY, CONF_OUTBOUND, CONF_INBOUND, CONF_INTERNAL };
enum conf_action { CONF_PASS, CONF_REJECT, CONF_BOUNCE, CONF_HOLD, CONF_CHOOSE };
enum conf_near_miss { CONF_NEAR_ASK, CONF_NEAR_PROTECT, CONF_NEAR_IGNORE };

/* Something in a message that makes it worth protecting. */
struct conf_content {
    const char *name;
    int64_t line;
    const struct conf_node *node;
    struct conf_words packs;
    /* over the types of the packs (docs/detection.md); NULL: any rule of the packs */
    const char *when;
    int protect, mode;
};

/* Settings of senders: the broadest first (default, @domain, group:NAME, address). */
struct conf_account {
    const char *name;
    int64_t line;
    const struct conf_node *node;
    int secure_from, protect, flags; /* flags: 0 not said, 1 yes, 2 no */
    const char *ladder;
    struct conf_words locked; /* names of settings that narrower accounts cannot change */
};

/* An inside address whose mail goes elsewhere. */
struct conf_forward {
    const char *name; /* the address */
    int64_t line;
    const struct conf_node *node;
    struct conf_words to;
    int keep; /* 1: the mailbox inside gets it as well */
};

/* Where people of a domain log in at their own organisation (OpenID Connect). */
struct conf_oidc {
    const char *name; /* the domain */
    int64_t line;
    const struct conf_node *node;
    const char *issuer, *client, *secret_file, *claim;
};

/* Ways below and beside transport, in order. */
struct conf_ladder {
    const char *name;
    int64_t line;
    const struct conf_node *node;
    struct conf_words channels; /* tls, tls:15m, smime, pgp, portal, hold, drop */
};

struct conf_certificate {
    const char *chain, *key;
    const struct conf_node *node;
};

struct conf_group {
    const char *name;
    int64_t line;
    const struct conf_node *node;
    /* addresses, @domain, @.suffix, login:NAME; "... until YYYY-MM-DD" */
    struct conf_words members;
    int protect; /* of what members send */
};

struct conf_client_certificate {
    const char *name, *chain, *key;
    const struct conf_node *node;
};

/* Durations are milliseconds, sizes octets. */
enum { CONF_TLS_AUTO = 3 }; /* of deliver-to, behind the demands of enum force */

struct conf {
    char *text; /* canonical; all strings below live with it */
    struct conf_node *root;
    char *standards[32]; /* words of default lists */
    size_t n_standards;
    /* names and addresses in their canonical form, where they were written in another */
    char **owned;
    size_t n_owned;

    const char *hostname, *organization, *user, *admin;
    const char *store_kind, *store_path;
    const char *drop_directory;
    const char *run_path, *trust_store, *at_rest_key;

    /* shown to clients; the first is the default */
    struct conf_certificate own[CONF_CERTIFICATES_MAX];
    size_t n_own;

    struct conf_words inside_domains, inside_networks, inside_devices;
    const char *deliver_to;
    int deliver_to_tls;        /* as enum force, or CONF_TLS_AUTO: ask conf_deliver_force() */
    int deliver_to_lmtp;       /* 0 SMTP, 1 LMTP */
    int deliver_to_requiretls; /* 0 ask the host, 1 assume that the way inside is safe */
    int requiretls, tls_required_no;

    struct conf_listen listens[CONF_LISTENS_MAX];
    size_t n_listens;
    struct conf_rule *rules; /* partners and rules in the order of the file */
    size_t n_rules;
    struct conf_group *groups;
    size_t n_groups;
    struct conf_client_certificate certificates[CONF_CERTIFICATES_MAX];
    size_t n_certificates;
    struct conf_content *contents;
    size_t n_contents;
    struct conf_account *accounts_of;
    size_t n_accounts_of;
    struct conf_forward *forwards;
    size_t n_forwards;
    struct conf_oidc *oidc;
    size_t n_oidc;
    struct conf_ladder *ladders;
    size_t n_ladders;
    struct {
        struct conf_words in, words, labels;
        const char *test;
        int protect, remove, near_miss, trial;
    } flags;
    struct {
        const char *packs;
        int64_t wait, time;
    } inspection;

    const char *relay_host;
    int relay_tls;
    const char *relay_user, *relay_password;

    struct {
        int64_t smtpin, smtpout, login, inspect, web;
    } workers;
    struct {
        int sender; /* 0 own, 1 any */
        const char *password_file;
        int64_t failures, failures_per_client, failure_time, delay;
    } accounts;
    struct {
        const char *url, *base, *filter, *bind_dn, *bind_password, *group, *mail_attribute;
        int starttls;
        int64_t timeout;
    } directory;
    struct {
        struct conf_words addresses;
    } metrics;
    struct {
        int64_t command_line, header_octets, header_lines, header_field, recipients, size, hops,
            errors, connections, connections_per_address, connections_per_network, transactions;
        int64_t command_time, data_time, handshake_time, hurry_time, tarpit, expiry_warning;
    } limits;
    struct {
        int64_t first_retry, retry_max, lifetime, concurrency, deliveries, messages_per_connection,
            idle_connection, report_retention, reserve, notice_after, delay_notice;
    } queue;
    struct {
        int64_t interval, keep, first_probe_time, probe_lifetime, probe_patience, ehlo_patience,
            loss_window, forget, expiry_warning;
        int probe;
        struct conf_words domains;
    } monitor;
    struct {
        int send, any_certificate;
        const char *contact, *receive;
        int64_t delay;
    } tlsrpt;
    struct {
        const char *url, *from, *files_url; /* url NULL: there is no portal */
        struct conf_words addresses, redirects, proxied, proxies, languages;
        int profile, subject /* 1 real */, mail_replies /* 1 refuse */;
        int64_t level, lifetime, reply_size, quota, idle, session, remember;
        const char *pages, *templates, *logo, *colour, *contact, *footer;
    } portal;
    struct {
        const char *domain, *selector, *key;
    } signing;
    struct {
        int64_t connect, silent, greeting, ehlo, mail, rcpt, data, block, dot, tls;
        int64_t port;
        int private_addresses, profile;
        int64_t policy_wait;
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
/* Judges a configuration that came from a file: what is wrong in the whole of it, what would do
 * nothing (0 or -EINVAL, lines in problems), and warnings there. Opens nothing; proc/preflight.h
 * does. */
int conf_judge(const struct conf *c, struct buf *problems) MUST_USE;
/* True when flags count in that place: "subject", "body", "header". */
bool conf_flags_count_in(const struct conf *c, const char *place);
/* True when their words are looked for at all. */
bool conf_flags_have_words(const struct conf *c);
/* True when flags count in no part of a message, and no label is one. */
bool conf_flags_are_off(const struct conf *c);
/* True when a rule has a condition beside from and to: then it counts message by message, not
 * for the connection. */
bool conf_rule_is_conditional(const struct conf_rule *r);
/* Appends the canonical text, every setting written out. */
int conf_write(const struct conf *c, struct buf *out) MUST_USE;
void conf_free(struct conf *c);
/* Appends the manual page postern.conf(5), made from the schema table. */
int conf_manual(struct buf *out) MUST_USE;
/* The partner whose domains cover a domain, or NULL: an exact name before ".suffix", longest
 * first. */
const struct conf_rule *conf_partner_for(const struct conf *c, struct domain_name domain);
/* True when the rule block (not partner) is about mail from reverse_path to forward_path. */
/* What the connection to deliver-to must be (enum force): as set, or by where it is. */
int conf_deliver_force(const struct conf *c);
/* True for a target (host, host:port, [address]:port) on a loopback address of this machine. */
bool conf_target_is_loopback(const char *target);
/* The host of "host", "host:port", "[address]:port"; borrows target. */
struct str conf_target_host(const char *target);
/* The port that it names, else 25. */
uint16_t conf_target_port(const char *target);
bool conf_rule_matches(const struct conf *c, const struct conf_rule *r, struct str reverse_path,
                       struct str forward_path);
/* True when the block is about mail with this sender: a partner by its domains, a rule by
 * `from`. */
bool conf_rule_from(const struct conf *c, const struct conf_rule *r, struct str reverse_path);
/* True when one of the listed domains (".x": all below x) covers it. */
bool conf_domain_listed(const struct conf_words *list, struct domain_name domain);
/* True when the domain is ours. */
bool conf_is_inside(const struct conf *c, struct domain_name domain);
/* The forward of that address, or NULL. */
const struct conf_forward *conf_forward_of(const struct conf *c, struct str address);
/* The ladder of that name, or NULL. */
const struct conf_ladder *conf_ladder_named(const struct conf *c, const char *name);
/* One word of a ladder: its channel's name and patience (0: none said). False: not a channel. */
bool conf_channel_parse(struct str word, struct str *ret_name, int64_t *ret_patience_ms);
/* True when the list (addresses, @domain, @.suffix, group:NAME, login:NAME, cert:NAME) covers
 * somebody now; certificate: names, space-separated. */
bool conf_list_has(const struct conf *c, const struct conf_words *list, struct str address,
                   struct str login, struct str certificate);
/* How ldap:DN is answered in this process; without it everyone counts as a member. */
typedef bool (*conf_directory_fn)(void *arg, struct str group, struct str address);
void conf_set_directory(conf_directory_fn fn, void *arg);
/* True when the list names a group of the directory, itself or by its groups. */
bool conf_list_asks_directory(const struct conf *c, const struct conf_words *list);
/* True when the client's address lies in one of the networks. */
bool conf_net_listed(const struct conf_words *networks, struct str ip);
/* True when everybody lies in them: 0.0.0.0/0, ::/0, or both halves of either. */
bool conf_networks_are_everybody(const struct conf_words *networks);
struct address_net;
/* True when the whole network lies in one of the inside networks. */
bool conf_net_is_inside(const struct conf *c, const struct address_net *net);
/* True when the client is one of the old machines whose mistakes are repaired (inside.c). */
bool conf_is_device(const struct conf *c, struct str ip);
