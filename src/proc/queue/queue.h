/* SPDX-License-Identifier: Apache-2.0
 * queue.h: the inside of the queue process: destinations, ready recipients, jobs under way.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "policy/losses.h"
#include "policy/memory.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "ipc/about.h"
#include "proc/queue/pickup.h"
#include "proc/queue/protection.h"
#include "proc/admin_verbs.h"
#include "proc/child.h"
#include "ipc/about.h"
#include "ipc/job_kinds.h"
#include "sched/arrivals.h"
#include "sched/jump.h"
#include "sched/retry.h"
#include "store/domain.h"
#include "store/tlsrpt.h"

enum {
    LOGIN_MAX = 64,
    SMTPOUT_MAX = 64,
    INSPECT_MAX = 64,
    /* with those that finish their last message while their successors work */
    INSPECTORS = 2 * INSPECT_MAX,
    DOMAINS_MAX = 1000000,
    CACHED_OCTETS_MAX = 64 * 1024 * 1024, /* bodies kept in memory between commit and delivery */
    JOB_RCPTS_MAX = SCHED_JOB_RCPTS,
    OWN_HOP_TROUBLES = 4,
    JOB_ARENA_MAX = 4 * 1024 * 1024,
    DEATHS_MAX = 2, /* of workers over one message, then it is held */
};

#define INSPECT_HOP "=inspect" /* the destination of mail that is to be read first */

/* Another process, as long as anything refers to it; channel is NULL once it is gone. */
struct peer {
    struct ipc_channel *channel;
    unsigned refs;
    /* smtpin; web: answers written in the portal; smtpout: bounces, alarms and TLS reports of
     * our own */
    enum role role;
    unsigned index;
    struct queue *queue;
    uint32_t writer;    /* of spool files: each life of a process another */
    struct link spools; /* files that it may write, and name in a submit */
    size_t n_spools;
    struct link pending; /* recipients that came before their submit */
    size_t n_pending;
};

struct pending_rcpt {
    struct link link;
    uint64_t token;
    char *forward_path, *orcpt;
    uint8_t notify;
};

/* A mail of our own; all views are borrowed. */
struct system_mail {
    enum about about;
    uint64_t about_id;
    struct str to, subject, text;
};

enum { RECENT_IDS = 32768 };

/* Mail that a smtpout is to write (orders.c). */
struct order {
    struct lease_id lease;
    enum about about;
    uint64_t about_id, bounce_of;
    char to[1025];
};

/* A message kept in memory from its commit until it was handed out, so that it is not read back. */
struct cached {
    unsigned refs;
    struct requester *requester; /* the client still waits for the inspection; NULL: it does not */
    struct store_message m;      /* strings in `arena` */
    struct arena arena;
};

/* A client whose answer depends on the inspection; holds a reference to its message. */
struct requester {
    struct queue *queue;
    struct peer *peer;
    uint64_t token;
    size_t open; /* recipients not decided */
    bool goes;   /* to some of those that are decided */
    struct timer *timer;
};

/* What one life of a worker took of what it was given (taking.c). */
struct taking {
    bool given, taken;    /* anything */
    unsigned *idle_lives; /* of that process, one after the other, in which it took nothing */
};

struct inspector {
    struct ipc_channel *channel; /* NULL: not there */
    struct lease_id lease;       /* none: free */
    unsigned index;              /* of the process */
    bool ready, leaves;          /* ready: it reads */
    struct taking taking;
};

/* A recipient in memory, waiting for or under delivery. */
struct item {
    struct sched_item place; /* first: in its lane, or among its job's */
    struct store_rcpt r;     /* strings in `text` */
    struct cached *cached;   /* or NULL: read the message from the store */
    bool answered;           /* an outcome has come */
    bool kept;               /* and was given to the store before the job's end */
    /* the moment in which it counts as an arrival (sched/arrivals.h); 0: it never did */
    int64_t fresh_since;
    struct arena text;
};

/* A recipient domain in memory; the record is written whenever it changes. */
struct domain {
    struct store_domain d; /* name: that below */
    struct domain_name name;
    bool loaded, respelled; /* read from the store; from a row of another spelling */
    /* is_key: a server that deliver-to or relay names or named, not a domain to look at */
    bool probing, is_key;
};

/* A look at a domain under way in some smtpout. */
struct probing {
    uint64_t token;
    unsigned smtpout;
    struct domain_name name;
    struct domain *domain;  /* NULL: not remembered */
    struct ipc_channel *to; /* who asked, or NULL: the monitor, or gone */
    bool deep, asked;       /* asked: by somebody, who may be gone */
    struct buf hosts;       /* a line for each address */
    struct link link;
};

struct job {
    struct lease_id lease;
    uint64_t id;
    uint64_t bounce_of; /* the message is our notice about that one; 0: it is none */
    enum job_kind kind;
    struct sched_destination *to; /* NULL for bounces */
    unsigned smtpout;
    struct link items;
    int64_t arrived_ms;
    struct str reverse_path; /* of a bounce or notice: whom it tells */
    bool null_reverse_path, inside_sender, tls_offered, bounce_stored;
    /* its worker said that it has it: if that ends now, it may be because of this message */
    bool taken;
    bool late;        /* it did nothing of what it has to for too long, when last looked */
    int64_t given_ms; /* to its worker (monotonic); 0: it was not */
    int64_t heard_ms; /* when that last said that it has it */
    /* its outcome is known and being written: a worker that dies changes nothing any more */
    bool saving;
    unsigned n_items;   /* of a bounce */
    uint32_t deaths;    /* workers that died over the message before */
    struct arena arena; /* of the attempts and texts below */
    /* of an inspection */
    struct store_message message; /* its envelope */
    struct str facts;             /* what was found */
    char refusal[480];            /* the answer to the client that waits, "": none */
    struct buf prepared;          /* what readers will see of it, sealed */
    uint32_t attachments;
    bool too_much;            /* of it came: it is not believed */
    struct str name, subject; /* of its author; of it */
    const char *copies[8];    /* who got one already */
    size_t n_copies;
    struct store_attempt *attempts[160]; /* ROUND_MOST_TRIES, and hosts ruled out before */
    /* kept: the first ones, given to the store; durable: and it holds them */
    size_t n_attempts, n_kept, n_durable;
    struct queue *queue;
    struct timer *retry; /* saving failed: try again */
};

/* What overdue.c found at its last look, and since the start. */
struct overdue {
    int64_t looked_ms; /* monotonic */
    uint64_t now;      /* recipients that waited without a reason, at the last look */
    uint64_t mended;   /* since the start */
};

struct queue {
    struct child *child;
    struct store *store;
    struct ipc_channel *keys;
    struct ipc_channel *joined[SMTPOUT_MAX];  /* of each smtpout */
    struct ipc_channel *smtpout[SMTPOUT_MAX]; /* of those that read */
    struct taking takings[SMTPOUT_MAX];
    unsigned idle_smtpout[SMTPOUT_MAX], idle_inspect[INSPECT_MAX]; /* taking.c */
    int64_t taking_looked_ms;
    unsigned n_smtpout;
    struct link letters; /* mails of our own that wait for one */
    size_t n_letters;
    struct inspector inspectors[INSPECTORS];
    struct map *notices; /* envelope -> notice on its way */
    /* message id -> letter to its sender on its way (told.c) */
    struct map *told;
    int64_t told_looked_ms, damage_looked_ms; /* monotonic */
    struct map *visits, *passes_used;         /* visits.c */
    struct guesses *guesses;                  /* guessing.c */
    struct map *tries;                        /* number -> password that a login looks at */
    int64_t envelopes_looked_ms, envelopes_swept_ms;
    struct timer *groups_timer;
    unsigned char choice_secret[32], decoy_secret[32]; /* kept in the store */
    int64_t choices_looked_ms;
    uint64_t choices_after; /* a look has come as far as this recipient; 0: none is under way */
    uint64_t inspected, not_inspected, steps_down, demands[DEMAND_END];
    struct sched sched;
    struct jump jump;
    struct arrivals arrivals;
    const struct conf *scheduled_by; /* the configuration whose rules the scheduler has */
    struct overdue overdue;
    struct map *orders; /* lease -> mail to be written */
    struct link orders_by_age;
    uint32_t writers;    /* numbers given to writers of spool files; begins anywhere */
    struct map *awaited; /* message id -> hot whose client waits for its inspection */
    struct map *recent;  /* ids of the messages that came last */
    uint64_t recent_ids[RECENT_IDS];
    uint64_t n_recent;
    int64_t started_ms;
    struct map *jobs;     /* lease -> job */
    struct map *leased;   /* recipient number -> item */
    struct map *bouncing; /* message id -> job */
    struct timer *tick;
    struct timer *linger;           /* wakes us to commit what nobody waits for */
    struct store_gathered gathered; /* when last looked at */
    struct timer *settle;           /* takes over what waits in the journal */
    struct timer *rest;             /* nothing has come for a while */
    bool settling;                  /* the first of them runs */
    size_t batch_estimate;          /* messages of a batch, lately */
    /* messages for which one waits; batches since then that had them in time */
    size_t full, fills_in_time;
    bool writing_back; /* the log of commits, in a thread */
    /* since when any wait in the open batch (monotonic); 0: none do */
    int64_t outcomes_us, messages_us;
    int64_t tick_at_ms; /* monotonic: when it will come */
    size_t cached_octets;
    /* recipient domains */
    struct ipc_channel *lookup;
    struct map *domains;
    struct buf old_spellings;    /* rows of the memory that are to go, one a line */
    struct link probings, asked; /* under way; waiting for a place */
    size_t n_probings, n_asked;
    struct timer *monitor;
    struct store_exception *exceptions; /* strings owned */
    size_t n_exceptions;
    struct losses losses; /* domains that lost their encryption lately */
    int64_t alarms_mailed_ms;
    unsigned conf_generation;          /* counts reloads, from 1 */
    bool relist;                       /* the configuration changed: which domains are listed? */
    size_t monitor_cursor;             /* where the monitor goes on: all domains get their turn */
    uint64_t reported_day;             /* the days before it are open for reports */
    struct link writings;              /* reports under way */
    uint64_t received_day, received_n; /* rows of reports of others, today */
    uint64_t next_token;
    /* accounts and refusals */
    struct ipc_channel *logins[LOGIN_MAX];
    struct account **accounts;
    size_t n_accounts;
    bool accounts_loaded;
    int64_t refusal_hour;
    unsigned refusals_in_hour;
    int admin_listener;
    struct watch *admin_watch;
    /* of relay and deliver-to, since the start (alarms.c) */
    enum { HOP_UNKNOWN, HOP_WORKS, HOP_FAILS } hop_states[OWN_HOP_TROUBLES];
    /* the store is a copy that was put back: nothing of it goes out until somebody says so */
    bool restored;
    bool stopping, no_space, bounces_due, bounces_reading, alarms_due, alarms_reading;
    struct store_counts counts; /* as of the last look */
    int64_t checked_space_ms;
    uint64_t probes_done;
    uint64_t accepted, delivered, deferred, failed, refused;
    /* what became of recipients, how often */
    uint32_t outcomes[RCPT_STATE_END][REASON_END][GRADE_END];
    uint64_t unknown_outcomes; /* of deliveries that nobody had under way */
    uint64_t saved_from_clear; /* attempts that an opportunistic server would have made in clear */
};

/* metrics.c */
/* What became of a recipient, by its state and reason; grade of the session that decided it. */
void metrics_count(struct queue *q, const struct store_rcpt *r, enum grade grade);
void metrics_write(struct queue *q, struct buf *out);

/* submit.c */
extern const struct ipc_rule queue_smtpin_rules[];
void queue_on_submit(void *owner, struct ipc_channel *ch, const struct ipc_submit *m);
void queue_cached_release(struct queue *q, struct cached *h);

/* peer.c */
struct peer *queue_peer_new(struct queue *q, int fd, enum role role, unsigned index,
                            const struct ipc_rule *rules, ipc_closed closed);
void queue_peer_gone(struct ipc_channel *ch);
void queue_peer_unref(struct peer *p);
void queue_check_space(struct queue *q);
void queue_on_submit_rcpt(void *owner, struct ipc_channel *ch, const struct ipc_submit_rcpt *m);
void queue_on_spool_open(void *owner, struct ipc_channel *ch, const struct ipc_spool_open *m);
void queue_on_spool_drop(void *owner, struct ipc_channel *ch, const struct ipc_spool_drop *m);
void peer_drop_pending(struct peer *p, struct pending_rcpt *r);
/* The file becomes a message's: true when it was given to this peer (or none is named). */
bool peer_takes_spool(struct peer *p, struct str name);
/* Whether a message may have this id: of this process's making, and new. */
bool peer_makes_id(struct peer *p, uint64_t id);

/* orders.c */
void orders_init(struct queue *q);
/* Notes that this smtpout is to write a mail; its lease goes with the question. to: copied. */
struct lease_id orders_give(struct queue *q, unsigned smtpout, enum about about, uint64_t about_id,
                            struct str to);
/* What comes back under this lease: false, it was not ordered of this smtpout. */
bool orders_take(struct queue *q, unsigned smtpout, const struct lease_id *lease,
                 struct order *ret);
/* Whether anybody has it still: a job may be deleted, an order may be too old, while its mail is
 * written. */
bool orders_known(const struct queue *q, const struct lease_id *lease);
void orders_end(struct queue *q, const struct lease_id *lease);
void orders_worker_gone(struct queue *q, unsigned smtpout);

/* schedule.c */
struct sched_time queue_now(void);
struct sched_means queue_means(const struct queue *q);
struct sched_destination *queue_destination(struct queue *q, struct str name);
/* Puts a recipient in memory behind its destination, or leaves it to the store. Copies r. */
void queue_ready(struct queue *q, const struct store_rcpt *r, struct cached *cached);
/* Deliveries that arrivals of the last moments are ahead of: smtpin lets senders in by it. */
uint32_t queue_fresh(struct queue *q);
void queue_pump_soon(struct queue *q, struct sched_destination *d);
void queue_pump(struct queue *q); /* at the end of the turn */
/* Makes durable what has been gathered, and tells who waits for that: recipients may become
 * ready. */
void queue_commit(struct queue *q);
void queue_load(struct queue *q);
void queue_item_free(struct queue *q, struct item *it);
/* Something of it in the store is due then (wall clock). */
void queue_retry_at(struct queue *q, struct sched_destination *d, int64_t next_ms);
/* An administrator wants it tried now: a pause is over, too. */
void queue_retry_now(struct queue *q, struct sched_destination *d);
/* A delivery ended: whether the destination could be talked to at all. */
void queue_learn(struct queue *q, struct sched_destination *d, bool reached);
/* Takes a waiting recipient out of memory (its row changed); one under way stays. */
void queue_forget_ready(struct queue *q, uint64_t rcpt);
void queue_reroute(struct queue *q);
/* The clock is believed: something may end because of its age. */
bool queue_may_expire(const struct queue *q);

/* expiry.c */
/* Gives up what is too old, tried or not. */
void expiry_tick(struct queue *q);
/* What the configuration says about retries. */
struct retry_rules expiry_rules(const struct queue *q);
/* The reason is a failure of our own processes: no attempt, and no answer of the other side. */
bool expiry_is_ours(const struct store_rcpt *r);
/* Of one that expired: the reason of its last attempt stays if it was one of the other side;
 * else that its time is over. */
void expiry_reason(struct store_rcpt *r);

/* endings.c */
/* The recipient is now in r->state for r->reason, without an attempt: into the log and the
 * counts. */
void ending_note(struct queue *q, const struct store_rcpt *r);

/* overdue.c */
/* What an earlier process woke is of the past: everything is read anew. */
void overdue_start(struct queue *q);
/* Looks for recipients that wait for nothing, from time to time; wakes them. */
void overdue_tick(struct queue *q);
/* The same now, and as exact as it can be: what is overdue by seconds, whatever first-retry. */
void overdue_look(struct queue *q);

/* submit.c */
/* What became of a submission; refusal: the words for the client where its content was refused,
 * or NULL. Borrows both. */
void queue_answer(struct queue *q, struct ipc_channel *ch, uint64_t token, enum store_result result,
                  const char *refusal);

/* taking.c: whether workers take what they are given, and end it */
void taking_given(struct taking *t, struct job *j);
/* It said that it has it, for the first time or still. */
void taking_taken(struct taking *t, struct job *j);
/* The last lives of this process took nothing, and this one has not taken what it was given:
 * another is better. */
bool taking_is_on_trial(const struct taking *t);
/* In on_close of its channel. */
void taking_ended(const struct queue *q, const struct taking *t, struct ipc_channel *ch);
void taking_tick(struct queue *q);

/* inspect.c */
/* Of the inspector that has it; NULL: none. */
struct ipc_channel *inspect_channel_of(const struct queue *q, const struct job *j);
/* The recipients of such a job go where they belong; the job is over. */
void inspect_items_done(struct job *j);
/* Inspectors that could take a message now. */
unsigned inspect_free(const struct queue *q);
/* The client of a message that is to be inspected waits for its answer. False: it does not,
 * answer it. */
bool inspect_makes_wait(struct queue *q, struct cached *h, struct peer *p, uint64_t token,
                        size_t n_rcpts);
void inspect_init(struct queue *q);
/* A message whose client waits so, or NULL: with it the verdict is the answer, however often it
 * was asked for. */
struct cached *inspect_awaited(const struct queue *q, uint64_t id);
void inspect_send(struct job *j, const struct store_message *m, int spool); /* takes spool */
void inspect_join(struct queue *q, unsigned index, int fd);

/* job.c */
void queue_job_free(struct job *j);
/* Its worker ended. If that had the message, this counts; true: too often for it to be tried
 * again. */
bool queue_job_died(struct job *j);
void queue_job_start(struct queue *q, struct sched_destination *d, struct link *items);
void queue_bounce_start(struct queue *q);
/* Inside senders whose mail waits for a secure connection are told. */
void queue_notice_start(struct queue *q);
void queue_worker_gone(struct queue *q, unsigned index);

/* outcome.c: what smtpout tells */
extern const struct ipc_rule queue_smtpout_rules[];

/* told.c: senders who hear once what was done with their mail */
enum { TOLD_MAX = 64 };
void told_tick(struct queue *q);
/* The letter about that message is being stored: in the same commit its sender is told. The
 * recipients that need no bounce any more go to rcpts; how many. */
size_t told_stored(struct queue *q, uint64_t id, uint64_t *rcpts, size_t max);

/* damage.c: letters to senders of mail that the disk lost */
void damage_tick(struct queue *q);

/* workers.c: which smtpout does what */
/* A job given to a worker that is not there would wait for ever. */
bool queue_can_send(const struct queue *q);
/* A smtpout reads from now on. */
void worker_on_ready(void *owner, struct ipc_channel *ch, const struct ipc_worker_ready *m);
/* The first that is there, from that place on, and not on trial (taking.c) if there is such a
 * one; -1: none is. */
int worker_from(const struct queue *q, unsigned place);
/* For a delivery of so many octets (0: not known) to that destination (NULL: for a mail of our
 * own); 0 where none is. */
unsigned worker_for(const struct queue *q, const struct sched_destination *d, uint64_t octets);
/* NULL: none is there. */
struct ipc_channel *worker_any(const struct queue *q);
/* Has one of them write a mail of our own, now or when one is there. Copies. */
void worker_write(struct queue *q, const struct system_mail *mail);
/* At the end of each turn. */
void worker_write_kept(struct queue *q);

/* domains.c: memory */
void domains_load(struct queue *q);
/* Marks the domains of the configuration's monitor block. */
void domains_mark_listed(struct queue *q);
/* NULL: it is not remembered, or none. */
struct domain *domains_find(struct queue *q, struct domain_name name, bool add);
/* What an administrator named: a domain, or a next hop by its host, as "=HOST" or as what it is
 * for ("=inside"). NULL: unknown. */
struct domain *domains_named(struct queue *q, struct str name);
/* Mail goes there. */
void domains_mailed(struct queue *q, struct domain *d, bool secure);
struct memory_rules domains_rules(const struct queue *q);
void domains_save(struct queue *q, const struct domain *d);
void domains_on_observation(void *owner, struct ipc_channel *ch, const struct ipc_observation *m);
void domains_on_looked(void *owner, struct ipc_channel *ch, const struct ipc_looked *m);

/* quirks.c: what hosts announce and do not keep */
void quirks_hand_over(struct queue *q, struct ipc_channel *smtpout);
void quirks_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m);
/* Of a host, by name or address; says how many. */
size_t quirks_forget(struct queue *q, struct str host);

/* monitor.c: looking daily */
void monitor_start(struct queue *q);
/* A look for somebody who waits for its rows. */
void monitor_probe(struct queue *q, struct ipc_channel *to, struct domain_name domain, bool deep);
/* A delivery met something odd: the domain is looked at at once. */
void monitor_soon(struct queue *q, struct domain_name domain);
void monitor_requester_gone(struct queue *q, const struct ipc_channel *to);
void monitor_worker_gone(struct queue *q, unsigned index);
void monitor_on_host(void *owner, struct ipc_channel *ch, const struct ipc_probe_host *m);
void monitor_on_done(void *owner, struct ipc_channel *ch, const struct ipc_probe_done *m);

/* alarms.c */
/* Whether it is a copy of a rule that ended: an alarm, or its end. */
void alarms_copy_ended(struct queue *q, const struct store_rcpt *r);
/* What posternd, smtpin, web and lookup may raise themselves. */
void alarms_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_smtpin(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_web(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_lookup(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *detail);
void alarms_clear(struct queue *q, struct domain_name domain, enum alarm_kind kind);
/* Our own next hop (relay, deliver-to) keeps mail waiting: it wants a login that counts, or its
 * name leads nowhere; it took mail. */
void alarms_hop_fails(struct queue *q, const struct job *j, enum reason why, struct str host,
                      struct str said);
void alarms_hop_works(struct queue *q, const struct job *j);
/* A domain lost its encryption: told at once unless many do. True while that is so. */
void alarms_lost(struct queue *q, struct domain_name domain);
bool alarms_middlebox(const struct queue *q);
void alarms_tick(struct queue *q);

/* forwards.c: kept to TLS */
bool forwards_is_off(const struct queue *q, struct str target);
/* Mail for `address` could not go there securely: off, until a look finds otherwise. */
void forwards_failed(struct queue *q, struct str target, const char *address, const char *why);
/* What is known about a domain changed. */
void forwards_probed(struct queue *q, struct domain *d);
/* At the start and with a new configuration. */
void forwards_check(struct queue *q);
void forwards_list(struct queue *q, struct ipc_channel *to);

/* groups.c: groups in the directory */
extern const struct ipc_rule queue_login_rules[];
void groups_load(struct queue *q);
/* A login process came, or the configuration changed. */
void groups_ask_soon(struct queue *q);

/* choices.c: senders who are asked */
void choices_secret(void *arg, struct str secret);
/* A line for each choice: its words, a tab, its address. */
void choices_addresses(const struct queue *q, const struct store_message *m,
                       const struct store_rcpt *r, struct buf *out);
bool choices_is_one(const struct queue *q, struct str forward_path);
/* A mail (m) to a choice: applied, or words for why not. */
const char *choices_take(struct queue *q, const struct store_message *m, struct str forward_path);
void choices_tick(struct queue *q);

/* acts.c */
/* Who asks on a channel of the postern command: what they say, and what the kernel says. */
struct acting {
    uint32_t uid;
    char by[ADMIN_BY_MAX + 1]; /* empty outside of an act */
};
enum { ACTING_WORDS = ADMIN_BY_MAX + 32 };
void acts_connected(struct ipc_channel *ch, int fd);
void acts_closed(struct ipc_channel *ch);
/* Before each question: takes the name where the verb is an act. NULL, or why it is refused. */
const char *acts_named(struct ipc_channel *ch, enum admin_verb verb, struct str by);
struct acting acts_who(const struct ipc_channel *ch);
/* "NAME (uid N)". */
void acts_words(const struct acting *who, char dst[ACTING_WORDS]);
/* It was done: into the log and, with the batch, into the store. */
void acts_add(struct queue *q, const struct acting *who, enum admin_verb verb, struct str about,
              struct str detail);
/* One that posternd did: a reload. */
void acts_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_row_act *m);
/* Rows of all acts about something. */
void acts_about(struct queue *q, struct ipc_channel *ch, struct str about);
/* True when the verb is the list of acts: answered there. */
bool admin_acts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                const struct ipc_admin *a);
void acts_tick(struct queue *q);

/* exceptions.c */
void exceptions_load(struct queue *q);
/* The exception of that kind for a domain that is in force, or NULL. */
const struct store_exception *exceptions_find(const struct queue *q, struct domain_name domain,
                                              enum exception_kind kind);
/* True when the same ones, or none, are in force for both: of two domains behind one relay one's
 * exception is not the other's. */
bool exceptions_same(const struct queue *q, struct domain_name a, struct domain_name b);
/* Words for reports: "relax until DATE by OWNER: REASON"; "" when there is none. */
void exceptions_words(const struct store_exception *e, char *dst, size_t size);
/* Argument "KIND\tDOMAIN\tDAYS\tOWNER\tREASON". NULL or what is wrong. */
const char *exceptions_add(struct queue *q, struct str argument, const struct acting *who);
bool exceptions_end(struct queue *q, uint64_t number, const struct acting *who);

/* tlsrpt.c: TLS reports */
void tlsrpt_tick(struct queue *q);
void tlsrpt_worker_gone(struct queue *q);
/* Writes the reports of all days, the present one included, now. */
void tlsrpt_send_now(struct queue *q);
void tlsrpt_on_session(void *owner, struct ipc_channel *ch, const struct ipc_rpt_session *m);
void tlsrpt_on_written(void *owner, struct ipc_channel *ch, const struct ipc_rpt_written *m);
void tlsrpt_on_received(void *owner, struct ipc_channel *ch, const struct ipc_rpt_received *m);

/* policies.c: MTA-STS policies kept for lookup */
extern const struct ipc_rule queue_lookup_rules[];
void policies_hand_over(struct queue *q);
/* verb: enum sts_verb. */
void policies_ask(struct queue *q, struct ipc_channel *to, uint8_t verb, struct str domain,
                  struct str text);
void policies_requester_gone(const struct ipc_channel *to);
void policies_lookup_gone(void);

/* accounts.c */
struct store_account;
void accounts_load(struct queue *q);
void accounts_each(struct queue *q, void (*fn)(void *arg, const struct store_account *a),
                   void *arg);
void accounts_hand_over(struct queue *q, struct ipc_channel *to);
void accounts_on_refusal(void *owner, struct ipc_channel *ch, const struct ipc_refusal *m);
/* From smtpin: a certificate of ours ends soon. */
/* True when the verb is about accounts or refusals: answered there. */
bool admin_accounts(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                    const struct ipc_admin *a);

/* admin_envelopes.c */
/* True when the verb is about envelopes: answered there. */
bool admin_envelopes(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                     const struct ipc_admin *a);
/* Rows about all envelopes of a message. */
void admin_envelopes_of_message(struct queue *q, struct ipc_channel *ch, uint64_t id);

/* admin_domains.c */
/* True when the verb is about domains: answered there. */
bool admin_domains(struct queue *q, struct ipc_channel *ch, enum admin_verb verb,
                   const struct ipc_admin *a);

void admin_domains_requester_gone(const struct ipc_channel *to);

/* admin.c */
void queue_admin_open(struct queue *q, int listener);
