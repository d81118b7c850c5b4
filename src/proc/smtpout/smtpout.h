/* SPDX-License-Identifier: Apache-2.0
 * smtpout.h: the inside of the smtpout process: deliveries (one message to one destination), links
 * (one connection with its facts), bounces to write.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "policy/policy.h"
#include "proc/child.h"
#include "seal/rest.h"
#include "smtp/client.h"
#include "sys/conn.h"
#include "tls/tls.h"

enum {
    HOSTS_MAX = 16,
    TRIES_MAX = 12,       /* addresses tried for one delivery */
    DELIVERY_ARENA = 2 * 1024 * 1024,
    IDLE_LINKS_MAX = 200,
};

/* As in the queue's outcome_rcpt. */
enum rcpt_result { RESULT_DELIVERED, RESULT_DEFERRED, RESULT_FAILED, RESULT_OPEN };

struct delivery_rcpt {
    uint64_t rcpt;
    struct str forward_path;
    enum rcpt_result result;
    enum reason reason;
    struct str code, reply;
    bool accepted; /* by RCPT, for the DATA under way */
    /* for bounces: what happened to it */
    struct str host;
    int64_t last_ms;
};

struct delivery_host {
    char name[256];
    struct str addresses; /* blank separated */
};

struct smtpout;
struct link_conn;

struct delivery {
    struct smtpout *out;
    struct arena arena;
    uint64_t lease, id;
    uint8_t kind; /* enum job_kind of the queue: 0 deliver, 1 bounce */
    struct str next_hop, reverse_path;
    uint16_t port;
    bool fixed_host, is_8bit, is_utf8;
    uint64_t size;
    int64_t arrived_ms;
    struct facts facts;
    struct delivery_rcpt *rcpts;
    size_t n_rcpts;
    /* the body */
    struct str body;  /* sealed, inline */
    int spool;        /* or a file */
    int64_t spool_at;
    bool has_key, body_ended;
    unsigned char key[REST_KEY];
    struct rest_reader *reader;
    /* the way */
    bool resolved;
    struct delivery_host hosts[HOSTS_MAX];
    size_t n_hosts, host, address;
    struct host_verdict verdicts[TRIES_MAX];
    unsigned n_verdicts, tries;
    char last_host[256];
    char last_detail[1024];
    bool fresh_only; /* a kept connection broke: take a new one to the same address */
    struct link_conn *link;
    struct str *sent_rcpts; /* of the message under way, with... */
    struct delivery_rcpt **sent_to;
    size_t n_sent;
    struct smtp_mail mail;
    int64_t began_ms;
    struct timer *limit; /* for key and lookup */
    uint64_t bounce_token;
    bool reported;
};

enum link_state { LINK_CONNECTING, LINK_TALKING, LINK_IDLE, LINK_BUSY, LINK_WAITING_SAVE };

/* One connection with its facts (docs/decision.md, "Sessions and reuse"). */
struct link_conn {
    struct smtpout *out;
    enum link_state state;
    struct conn *conn;
    struct tls_channel *tls;
    struct smtp_client *engine;
    struct timer *timer;
    struct link idle;
    char hello[256], host[256], ip[46], next_hop[256];
    uint16_t port;
    bool offered, handshaking, reused;
    enum sess sess;
    unsigned messages;
    struct delivery *delivery; /* NULL when idle */
    uint64_t saving;           /* lease whose outcome is being made durable */
    enum smtp_wait waits;
};

struct smtpout {
    struct child *child;
    struct ipc_channel *queue, *keys, *lookup;
    struct tls_context *tls;
    struct rest_wrapper *wrapper;
    struct map *deliveries; /* lease -> delivery */
    struct map *saving;     /* lease -> link waiting for outcome_saved */
    struct map *resolving;  /* token -> delivery */
    struct map *bounces;    /* token -> delivery */
    struct link idle;
    size_t n_idle, n_links;
    uint64_t next_token;
    unsigned id_count;
    struct link pending_rcpts; /* came before their job */
    bool stopping;
    uint64_t sent, failed, opened;
};

/* delivery.c */
extern const struct ipc_rule smtpout_queue_rules[];
extern const struct ipc_rule smtpout_keys_rules[];
extern const struct ipc_rule smtpout_lookup_rules[];
void delivery_keys_gone(struct smtpout *out);
void delivery_lookup_gone(struct smtpout *out);
/* The link has its facts (sess, caps): may the message go? */
void delivery_link_ready(struct delivery *d, struct link_conn *l);
/* This address gave nothing: reason and detail for the report; next one. */
void delivery_link_failed(struct delivery *d, struct link_conn *l, enum sess sess,
                          enum host_class class, enum reason reason, const char *detail);
void delivery_rcpt_answer(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted);
void delivery_done(struct delivery *d, struct link_conn *l, const struct smtp_answer *a, bool accepted);
/* The next plain octets; 1 more to come, 0 the end, -errno. */
int delivery_read(struct delivery *d, struct buf *out);
/* All recipients without an answer wait for the reason given (ours, not the peer's). */
void delivery_give_up(struct delivery *d, enum reason reason, const char *detail);

/* link.c */
struct link_conn *link_find_idle(struct smtpout *out, const char *host, const char *ip, uint16_t port,
                                 struct str next_hop);
/* Connects; on failure the delivery is told at once or later. */
void link_open(struct delivery *d, const char *host, const char *ip, uint16_t port);
/* Sends the delivery's message over the link. */
void link_send(struct link_conn *l, struct delivery *d, const struct permit *permit);
/* Hands the link back: kept for another message if it may be, else ended in order. */
void link_release(struct link_conn *l, bool usable);
void link_close_idle(struct smtpout *out);

/* bounce.c */
void bounce_write(struct delivery *d);
void bounce_submitted(struct delivery *d, uint8_t result);
