/* SPDX-License-Identifier: Apache-2.0
 * smtpout.h: the inside of the smtpout process: deliveries (one message to one destination), links
 * (one connection with its facts), looks (who offers encryption?), bounces to write.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "dns/mx.h"
#include "portal/site.h"
#include "mtasts/cache.h"
#include "policy/policy.h"
#include "proc/child.h"
#include "ipc/job_kinds.h"
#include "ipc/lookup_kinds.h"
#include "proc/smtpout/round.h"
#include "proc/signing.h"
#include "seal/rest.h"
#include "smtp/client.h"
#include "sys/conn.h"
#include "sys/descriptors.h"
#include "tls/sign.h"
#include "tls/tls.h"
#include "wire/sevenbit.h"

enum {
    DELIVERY_ARENA = 2 * 1024 * 1024,
    IDLE_LINKS_MAX = 200,
    QUIRKS_MAX = 10000, /* hosts and addresses */
    SILENT_HOSTS = 256,
    CONTEXTS_MAX = 4 * (CONF_CERTIFICATES_MAX + 1),
};

struct delivery_rcpt {
    uint64_t rcpt;
    struct str forward_path;
    enum rcpt_result result;
    enum reason reason;
    struct str code, reply;
    bool accepted; /* by RCPT, for the DATA under way */
    bool answered; /* by the server under way */
    bool told;     /* the queue knows its outcome */
    struct round_rcpt round;
    struct str host; /* who said code and reply */
    /* for bounces: what happened to it */
    int64_t last_ms;
    uint8_t state;  /* enum rcpt_state, for notices */
    uint8_t notify; /* RFC 3461 */
    struct str orcpt;
    bool reported; /* the next hop gives the notice of success itself */
};

/* What a session may have found out about its host (quirk.c). */
struct quirk_suspicion {
    bool set;
    enum extension extension;
    char why[300];
};

struct smtpout;
struct connection;
struct survey;
struct sasl;

/* One receiving host as lookup described it. */
struct route_host {
    uint16_t preference;
    char name[256], base[256];
    struct str addresses; /* space-separated */
    bool partial;         /* there may be more of them */
    enum host_tlsa tlsa;
    struct str records; /* as dane_read() takes them */
    char detail[200];
};

/* The way to a domain: its hosts and what it publishes. Asked of lookup; route.c. */
struct route {
    struct smtpout *out;
    struct arena *arena; /* of its owner */
    char name[256], canon[256];
    uint16_t port;
    enum lookup_kind kind;
    bool fixed_host; /* as configured: also at a private address */
    uint64_t token;  /* 0: no question open */
    void (*on_ready)(void *arg);
    void *arg;
    enum mx_outcome outcome;
    enum mx mx;
    struct route_host *hosts; /* in the arena */
    size_t n_hosts, hosts_room;
    bool cut; /* the domain has more servers */
    char detail[256];
    enum sts_state sts;
    enum sts_problem sts_problem;
    char sts_id[STS_ID_MAX], sts_detail[256];
    struct str sts_text;
    struct sts_policy policy;
    struct str rua; /* of kind LOOKUP_REPORT */
};

/* How to talk TLS to one host: what a connection was made with, and must equal to be used again. */
struct tls_requirements {
    enum tls_profile profile;
    char client_certificate[128];
    char name[256];     /* SNI and reference name */
    char next_hop[256]; /* further names of DANE-TA, "" where they do not count */
    char canon[256];
    struct str records; /* TLSA, empty: no DANE; borrows the way */
    uint64_t records_hash;
};

struct delivery {
    struct smtpout *out;
    struct arena arena;
    struct lease_id lease;
    uint64_t id;
    enum job_kind kind;
    struct str next_hop, reverse_path, memory_key;
    uint16_t port;
    bool fixed_host, is_8bit, is_utf8, is_binary, lmtp, login;
    uint8_t ret; /* enum notify_ret */
    struct str envid;
    uint64_t size;
    int64_t arrived_ms;
    int64_t age_ms; /* when it was handed out; 0 while the clock is not believed */
    struct facts facts;
    int64_t look_until_ms; /* for how long a look at these counts... */
    uint64_t look_asked;   /* ...as route_asked() says it */
    int64_t helo_from_ms;  /* memory_helo_from(), of those that it asked */
    enum tls_profile profile;
    bool dane_required, assume_requiretls, ask_requiretls, observed, looked;
    char unasked[600]; /* whom the first look could not ask */
    struct str pins, client_certificate, exception;
    struct delivery_rcpt *rcpts;
    size_t n_rcpts;
    /* the body */
    struct str body; /* sealed, inline */
    int spool;       /* or a file */
    int64_t spool_at;
    bool has_key, body_ended;
    bool is_shut; /* sealed mail: no key opens it any more, only its sender is told */
    /* the header section changes on its way (header_rewrite.c), and has */
    bool remove_flags, edits_head, head_passed;
    struct str tags, choices;
    struct buf head;
    /* how it is converted for a server that cannot take it as it is; planned: it stands */
    struct sevenbit_plan plan;
    struct sevenbit *converter; /* NULL: it has not begun */
    bool planned, converts;
    unsigned char key[REST_KEY];
    struct rest_reader *reader;
    /* the way */
    struct route route;
    bool resolved, asked_again;
    uint32_t attempt; /* rounds before this one */
    struct survey *survey;
    struct round round;
    struct round_step step;      /* the try under way */
    struct host_verdict session; /* why the message may go over the link, while it does */
    char detail[700];            /* of that verdict */
    /* what the server under way said against a recipient, "" for nothing */
    char said[700];
    bool login_wanted;                /* ...and that it wants a login of ours (MEANS_LOGIN) */
    extension_set avoid_set;          /* by the partner's rule */
    extension_set avoid;              /* at this address, after what its last connection came to */
    struct quirk_suspicion suspicion; /* ...for the next connection to confirm */
    struct connection *connection;
    struct smtp_mail_rcpt *sent_rcpts; /* of the message under way, with... */
    struct delivery_rcpt **sent_to;
    size_t n_sent, n_left_out; /* left out: this server lacks what they need */
    struct smtp_mail mail;
    int64_t began_ms, try_ms; /* the round, the try under way; monotonic */
    struct timer *limit;      /* for key and lookup */
    uint64_t bounce_token;
};

enum connection_state {
    CONNECTION_CONNECTING,
    CONNECTION_TALKING,
    CONNECTION_IDLE,
    CONNECTION_BUSY,
    CONNECTION_WAITING_SAVE
};

/* Whom a connection serves before it carries mail: a delivery, or somebody who only looks. */
struct connection_user {
    void (*on_offer)(struct connection_user *w, struct connection *l); /* STARTTLS was offered */
    /* EHLO was answered (inside TLS) */
    void (*on_ready)(struct connection_user *w, struct connection *l);
    void (*on_failed)(struct connection_user *w, struct connection *l, enum sess sess,
                      const char *detail);
    /* It failed as if that were to blame. True: a new connection without it was made, and this
     * one is forgotten. NULL: never. */
    bool (*on_stumbled)(struct connection_user *w, struct connection *l, enum extension e,
                        const char *detail);
};

/* One connection with its facts (docs/decision.md, "Sessions and reuse"). */
struct connection {
    struct smtpout *out;
    enum connection_state state;
    struct conn *conn;
    struct tls_context *context; /* an owner of it */
    struct tls_requirements tls_requirements;
    struct str records_copy; /* the TLSA records it was made with; owned */
    struct tls_channel *tls;
    struct smtp_client *engine;
    struct sasl *sasl;     /* a login under way */
    const char *mechanism; /* of that login */
    char refused[128];     /* mechanisms that the server did not take */
    bool logged_in, lmtp;
    struct timer *timer;
    struct link idle;
    char hello[256], host[256], ip[46], next_hop[256], memory_key[256];
    uint16_t port;
    bool offered, handshaking, reused, observed;
    extension_set avoid; /* what it was made without */
    /* refused in this session although announced, the message is offered again; EXTENSION_END:
     * nothing */
    enum extension untrue;
    struct quirk_suspicion suspicion;
    bool without_tls; /* an offer was passed over for a TLS report: never for another message */
    int64_t connect_ms, silent_ms; /* at most so long, see struct round_step */
    unsigned messages;
    int begun; /* -errno of a connection that could not be begun, until its looker is told */
    struct delivery *delivery;    /* NULL when idle, or... */
    struct connection_user *user; /* ...when somebody only looks */
    struct lease_id saving;       /* whose outcome is being made durable */
};

struct smtpout {
    struct child *child;
    struct ipc_channel *queue, *keys, *lookup;
    struct signing signing;
    struct {
        struct tls_context *ctx;
        enum tls_profile profile;
        char client_certificate[128];
    } contexts[CONTEXTS_MAX];
    size_t n_contexts;
    struct rest_wrapper *wrapper;
    struct map *deliveries;     /* lease -> delivery */
    struct timer *still;        /* job_say_still() */
    struct map *saving;         /* lease -> link waiting for outcome_saved */
    struct map *routes;         /* token -> way being resolved */
    struct map *quirks;         /* "host address" -> what it does not keep */
    struct map *bounces;        /* token -> delivery */
    struct site *site;          /* templates of the portal; NULL: there is none */
    struct map *unsigned_mails; /* token -> mail of the portal that waits for its signature */
    /* TLS reports: by the queue's token, by that of the step under way */
    struct map *writings, *steps;
    enum tls_algorithm algorithm; /* of the signing key, as keys told */
    int64_t signing_at_s;
    struct link idle;
    size_t n_idle, n_connections, n_probes;
    uint64_t next_token;
    unsigned id_count;
    struct link pending_rcpts; /* came before their job */
    bool stopping;
    struct {
        char host[256], ip[46];
        int64_t until_ms;
    } silent[SILENT_HOSTS]; /* hosts that did not answer in time: the newest (silence.c) */
    size_t n_silent;        /* ever noted */
    uint64_t sent, failed, opened, looks, handshakes, handshakes_failed, groups[TLS_GROUP_END];
};

/* main.c */
/* The context of a profile with a client certificate ("": none); NULL when it cannot be made. */
struct tls_context *smtpout_context(struct smtpout *out, enum tls_profile profile,
                                    const char *client_certificate);

/* route.c */
extern const struct ipc_rule smtpout_lookup_rules[];
/* Asks lookup; on_ready runs later. The way keeps its strings in arena. */
void route_ask(struct route *w, enum lookup_again again);
void route_forget(struct route *w);
void route_lookup_gone(struct smtpout *out);
/* A way that needs no lookup: one address. */
void route_literal(struct route *w, struct str ip);
/* Facts of one host: tlsa and sts. now_ms, arrived_ms decide how long a policy is waited for. */
void route_facts(const struct route *w, const struct route_host *h, int64_t waited_ms,
                 int64_t policy_wait_ms, struct facts *f);
/* Whether mail may go to the address, one of the way's; else nobody asks it. */
bool route_allows(const struct route *w, struct str ip);
/* Which hosts and addresses a survey of the route asks: the same number for the same ones in
 * whatever order, today and after a restart; another when one is added or gone. Never 0. */
uint64_t route_asked(const struct route *w);
/* How TLS is spoken to the host with these facts. */
void route_tls(const struct route *w, const struct route_host *h, const struct facts *f,
               struct tls_requirements *ret);
/* What the session came to. pins: space-separated cert:HEX and key:HEX. */
enum sess route_sess(const struct tls_facts *f, struct str pins);

/* job.c: deliveries as the queue hands them out */
extern const struct ipc_rule smtpout_queue_rules[];
extern const struct ipc_rule smtpout_keys_rules[];
/* Of a timer (struct smtpout): tells the queue that all deliveries are still in hand. */
void job_say_still(void *arg);
void job_keys_gone(struct smtpout *out);
/* This process ends in this very call of the loop: what is under way is due again, and nothing
 * counts against it. */
void job_give_up_all(struct smtpout *out);
void job_lookup_gone(struct smtpout *out);

/* delivery.c */
void delivery_free(struct delivery *d);
/* Key and way are there: go. */
void delivery_begin(struct delivery *d);
/* The server said nothing, and the others are asked first; afterwards it has all its time. */
void delivery_silent(struct delivery *d, struct connection *l, const char *detail);
/* The link has its facts: may the message go? */
void delivery_connection_ready(struct delivery *d, struct connection *l);
/* The try at this address failed: reason and detail for the report; the round goes on. */
void delivery_connection_failed(struct delivery *d, struct connection *l, enum sess sess,
                                enum host_class class, enum reason reason, const char *detail);
/* True when the text is a server's own answer, "451 4.7.1 later", and not words of ours about
 * it. */
bool delivery_is_answer(struct str reply);
/* The next plain octets; 1 more to come, 0 the end, -errno. */
int delivery_read(struct delivery *d, struct buf *out);
/* The body is read from its beginning again. */
void delivery_rewind(struct delivery *d);
/* header_rewrite.c: changes the header section of what was read, where a decision wants that,
 * and keeps it until it is whole; then converts the text, where the server needs that. last:
 * nothing more comes. 0 or -ENOSPC. */
enum { HEAD_KEPT_MAX = HEADER_SECTION_MAX + 64 * 1024 }; /* with what smtpin adds to it */
int header_rewrite(struct delivery *d, struct buf *text, bool last) MUST_USE;
/* The same message again over the link, which does without something now. */
void delivery_again(struct delivery *d, struct connection *l);
/* The link failed in a way that something announced may have to answer for: the same address
 * again, without it, where that is allowed. False: it is an ordinary failure. The link is not
 * the delivery's any more if true. */
bool delivery_without(struct delivery *d, struct connection *l, enum extension e,
                      const char *detail);
/* All recipients without an answer wait for the reason given (ours, not the peer's). */
void delivery_give_up(struct delivery *d, enum reason reason, const char *detail);
/* The message is for ourselves and was taken; words go to the report. */
void delivery_ended_here(struct delivery *d, const char *words);
/* The first look has ended. unasked: who could not be asked, and why; "" when complete. */
void delivery_looked(struct delivery *d, bool offered, bool complete, const char *unasked);

/* All who were sent to have their reply: what the try came to, and on. alive: the connection may be
 * used again. */
void delivery_answered(struct delivery *d, struct connection *l, bool alive);
/* A copy that lives as long as the delivery; "" without memory. */
struct str delivery_keep(struct delivery *d, struct str s);

/* replies.c */
/* Makes its code one that fits what became of the recipient. */
void replies_fit_code(struct delivery_rcpt *r, bool permanent);
void delivery_rcpt_answer(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted);
/* LMTP: the answer for one of them. */
void delivery_rcpt_done(struct delivery *d, size_t n, const struct smtp_answer *a, bool accepted);
void delivery_done(struct delivery *d, struct connection *l, const struct smtp_answer *a,
                   bool accepted);
/* The connection has ended, or says nothing more. True: before that the server refused all whom it
 * was asked for, which stands (RFC 5321 4.2.1), and the round goes on; the connection is not the
 * delivery's any more. */
bool delivery_refused_all(struct delivery *d, struct connection *l);

/* fit.c: what the message needs, and what the server offers */
/* REASON_NONE, or why this server cannot take the message at all, whatever the connection. */
enum reason fit_message(struct delivery *d, const struct smtp_caps *caps);
/* What else is to be said about that, to dst; may be empty. */
void fit_describe(const struct delivery *d, const struct connection *l,
                  const struct smtp_caps *caps, enum reason why, char *dst, size_t size);
/* Of those left out. */
void fit_left_out(const struct delivery *d, char *dst, size_t size);
/* d->mail as this server is given it; recipients that it cannot be given are left out
 * (d->n_left_out), for the next host. After fit_message() said REASON_NONE. */
void fit_prepare(struct delivery *d, const struct smtp_caps *caps);
/* The address as this server can take it: as it is, or with its domain in A-labels (copied).
 * False: it needs SMTPUTF8. */
bool fit_path(struct delivery *d, const struct smtp_caps *caps, struct str path, struct str *ret);

/* outcome.c: what the queue is told */
void outcome_host(struct delivery *d, const struct connection *l, const struct host_verdict *v,
                  enum sess sess, const char *host, const char *ip, const char *detail);
/* A session that broke after the server had taken some recipients (LMTP answers for each): that
 * part of the try, as a row of its own. */
void outcome_taken(struct delivery *d, const struct connection *l, const char *host);
/* Of those not told yet: whom a server took or refused for good. Told before another host is
 * asked. */
void outcome_part(struct delivery *d);
/* All the others; the lease ends. */
void outcome_rcpts(struct delivery *d);
/* What the lookups found about a host that is out before any connection: the facts of this
 * reason, to dst; may be empty. */
void outcome_describe_lookup(const struct delivery *d, const struct route_host *h,
                             enum reason reason, char *dst, size_t size);

/* survey.c */
/* Asks every address of the way for EHLO, in parallel; delivery_looked() follows. */
void survey_first(struct delivery *d);
void survey_cancel(struct survey *k);

/* probe.c */
void probe_start(struct smtpout *out, const struct ipc_probe *m);

/* connection.c */
/* Connects for a delivery; on failure it is told at once or later. */
void connection_open(struct delivery *d, const char *host, const char *ip, uint16_t port,
                     const struct tls_requirements *tls);
/* Connects only to look, without what is to be avoided beside what is remembered. context NULL:
 * by tls. */
struct connection *connection_open_look(struct smtpout *out, struct connection_user *w,
                                        const char *host, const char *ip, uint16_t port,
                                        const struct tls_requirements *tls,
                                        struct tls_context *context, extension_set avoid,
                                        bool lmtp);
/* True when it is known whether STARTTLS is offered: EHLO was answered, or with 500 or 502 the
 * server does not know it (RFC 5321 3.2, 4.3.2). HELO alone says nothing about that
 * (docs/decisions/0026). */
bool connection_knows_offer(const struct connection *l);
/* What the session came to, as a fact of the decision. */
enum sess connection_sess(const struct connection *l, struct str pins);
/* The looker has seen enough: the connection ends, with QUIT where that can still be said. */
void connection_end_look(struct connection *l);
/* Sends the delivery's message over it. */
void connection_send(struct connection *l, struct delivery *d, const struct permit *permit);
/* Ends it with QUIT and TLS's close_notify; its delivery is not told. */
void connection_end(struct connection *l);

/* reuse.c */
/* A kept connection to this host and address that was made under the same requirements, taken out
 * of the idle ones; NULL: there is none. */
struct connection *connection_find_idle(const struct delivery *d, const char *host, const char *ip,
                                        const struct tls_requirements *tls);
/* The delivery is done with it: kept for another message if it may be, else ended in order. */
void connection_release(struct connection *l, bool usable);
void connection_close_idle(struct smtpout *out);

/* quirk.c: what hosts announce and do not keep, or stumble over */
void quirk_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m);
/* What is remembered of the host at the address, and counts now. */
extension_set quirk_known(const struct smtpout *out, const char *host, const char *ip);
/* The queue is told. */
void quirk_learn(const struct connection *l, enum extension e, const char *why);
void quirk_suspect(struct quirk_suspicion *s, enum extension e, const char *why);
/* The session went on where the last one did not: what was suspected is learned. */
void quirk_confirm(struct connection *l);
void quirk_note(const struct connection *l, char *detail, size_t size);
enum extension quirk_of_failure(const struct connection *l, enum reason reason);

/* silence.c: hosts that let us wait are asked behind the others, for a while */
void silence_note(struct smtpout *out, const char *host, const char *ip);
void silence_end(struct smtpout *out, const char *host, const char *ip);
bool silence_known(const struct smtpout *out, const char *host, const char *ip);

/* login.c */
void login_begin(struct connection *l);
void login_step(struct connection *l, const struct smtp_answer *a);
void login_done(struct connection *l, const struct smtp_answer *a, bool accepted);
/* Sends what the engine has to say. The link may be gone afterwards. */
void connection_flush(struct connection *l);
/* The smart host did not let us in. */
void delivery_login_failed(struct delivery *d, struct connection *l, const char *detail);

/* system_mail.c: mail the gateway itself writes */
struct own {
    uint64_t token; /* of `submitted` */
    uint64_t id;
    struct lease_id order; /* of the queue: what it is about, and to whom */
    struct str to;
    struct str text;
};
uint64_t own_id(struct smtpout *out);
/* 0, -EAGAIN (keys are away), -EMSGSIZE (too large to be kept inline). */
int own_submit(struct smtpout *out, const struct own *o) MUST_USE;
void own_on_mail(void *owner, struct ipc_channel *ch, const struct ipc_system_mail *m);

/* envelope.c: messages of the portal */
void envelope_on_mail(void *owner, struct ipc_channel *ch, const struct ipc_envelope_mail *m);
/* True when the signature was for one of them. */
bool envelope_signed(struct smtpout *out, const struct ipc_signature *s);

/* tlsrpt.c */
void tlsrpt_session(const struct delivery *d, const struct connection *l, enum sess sess,
                    const char *host, const char *ip, const char *detail);
void tlsrpt_receive(struct delivery *d);
void tlsrpt_on_policy(void *owner, struct ipc_channel *ch, const struct ipc_rpt_policy *m);
void tlsrpt_on_failure(void *owner, struct ipc_channel *ch, const struct ipc_rpt_failure *m);
void tlsrpt_on_write(void *owner, struct ipc_channel *ch, const struct ipc_rpt_write *m);
void tlsrpt_on_posted(void *owner, struct ipc_channel *ch, const struct ipc_posted *m);
void tlsrpt_on_signature(void *owner, struct ipc_channel *ch, const struct ipc_signature *m);
/* True when the token was a report's. */
bool tlsrpt_submitted(struct smtpout *out, uint64_t token, bool ok);
void tlsrpt_give_up(struct smtpout *out);

/* bounce.c */
void bounce_write(struct delivery *d);
void bounce_submitted(struct delivery *d, uint8_t result);
