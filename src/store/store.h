/* SPDX-License-Identifier: Apache-2.0
 * store.h: the durable store, as intents. No SQL leaves this folder; no caller ever blocks on it.
 *
 * Changes are gathered and made durable together (group commit): an intent returns at once, and
 * store_flush(), called at the end of a turn of the loop when it is time, commits all intents so
 * far as a whole and then runs their completions. A 250 is sent, a recipient counts as done,
 * only from a completion with STORE_OK. After a failed commit nothing of the batch happened.
 *
 * Sizes: bodies up to STORE_INLINE_MAX octets live in the row, larger ones in a file that was
 * synced before its row (docs/queue.md has the table of legal states).
 */
#pragma once
#include "base/buf.h"
#include "records/record.h"
#include "records/records.def"

enum { STORE_INLINE_MAX = 64 * 1024 };

struct store;

enum store_result {
    STORE_OK,
    STORE_RETRY,   /* could not be written now: answer 451, try later */
    STORE_FULL,    /* no space: answer 452 */
    STORE_CORRUPT, /* what is on disk cannot be read */
};

/* The life of a recipient. Durable states only; leases live in the queue's memory. */
#define STORE_STATES(X) \
    X(QUEUED, "queued") \
    X(HELD, "held") \
    X(DELIVERED, "delivered") \
    X(FAILED, "failed") \
    X(EXPIRED, "expired") \
    X(DELETED, "deleted") \
    X(PICKUP, "pickup")
#define STORE_STATE_ENUM(n, s) RCPT_##n,
enum rcpt_state { STORE_STATES(STORE_STATE_ENUM) RCPT_STATE_END };
const char *rcpt_state_name(enum rcpt_state s);

struct store_message {
    RECORD_MEMBERS(message)
    uint32_t deaths; /* workers that died over it */
    struct str body; /* sealed octets when inline */
};

/* Whether the sender is told that their mail waits: soon for a secure connection, later for any
 * reason. */
enum rcpt_notice {
    NOTICE_NONE,
    NOTICE_DUE,
    NOTICE_SENT,
    NOTICE_DELAY,  /* due later: it is merely late */
    NOTICE_LOST,   /* the bounce about it could not be delivered itself */
    NOTICE_OUTCOME /* due: what was done with it, whatever that is */
};

struct store_rcpt {
    RECORD_MEMBERS(rcpt)
    struct str reverse_path; /* of the message; only from store_each_due() and store_each_over() */
};

struct store_attempt {
    RECORD_MEMBERS(attempt)
};

typedef void (*store_done)(void *arg, enum store_result result);

/* Opens or creates the store in a directory; recovers without help: unfinished work is queued
 * again, orphan spool files are removed. 0, or -errno with a sentence in problem. */
int store_open(const char *directory, char *problem, size_t size, struct store **ret) MUST_USE;
/* Commits what is gathered, closes. */
void store_close(struct store *s);
/* What was promised, or may have been, and was not there when the store was opened: told once,
 * by an alarm. */
struct store_loss {
    uint64_t batches; /* of the journal */
    /* of the tables: the end of their log is gone, or they are older than the journal */
    uint64_t transactions;
    bool mark; /* the mark that would tell of both is gone */
};
struct store_loss store_lost(const struct store *s);

/* Since when the mail of a copy that was put back is held; 0: none is. Sets it. */
int64_t store_restored_ms(struct store *s);
void store_set_restored(struct store *s, int64_t at_ms);

/* A spool file for a large body: *ret_fd (the caller closes it), its name in name[64]. It may be
 * one used before: whoever writes it cuts off what is left behind his own octets before it is
 * synced. */
enum store_result store_spool_create(struct store *s, uint32_t writer, char name[64],
                                     int *ret_fd) MUST_USE;
/* That writer is gone: no file of its is used again. */
void store_spool_writer_gone(struct store *s, uint32_t writer);
/* Opens it for reading; -errno. */
int store_spool_open(struct store *s, struct str name) MUST_USE;
void store_spool_drop(struct store *s, struct str name);

/* Adds a message with its recipients (states and next_ms as given; rcpt numbers are written back).
 * A bounce also marks the recipients of bounce_of named in `bounced` as reported. */
void store_enqueue(struct store *s, const struct store_message *m, struct store_rcpt *rcpts,
                   size_t n_rcpts, const uint64_t *bounced, size_t n_bounced, store_done done,
                   void *arg);
/* Outcome of one recipient: state, attempts, next_ms, last_ms, reason, code, reply, host,
 * bounced, notice, protection. */
void store_outcome(struct store *s, const struct store_rcpt *r);
/* The secret of that name, 32 random octets made by the first who asks; fn runs once. 0 or
 * -errno. */
typedef void (*store_secret_fn)(void *arg, struct str secret);
int store_secret(struct store *s, const char *name, store_secret_fn fn, void *arg) MUST_USE;
/* The same for a value that the first who asks brings: fn hears the one that is kept. Copies
 * value. 0 or -errno. */
int store_secret_kept(struct store *s, const char *name, struct str value, store_secret_fn fn,
                      void *arg) MUST_USE;
/* The name under which the fingerprint of the at-rest key is kept that the store was written
 * with. */
#define STORE_AT_REST "at-rest-key"
/* What was found in a message; a second time replaces it. */
void store_inspected(struct store *s, uint64_t id, int64_t at_ms, struct str facts);
/* It is decided what a recipient needs and which way it goes: next_hop and protection, and what
 * store_outcome() sets. */
void store_decided(struct store *s, const struct store_rcpt *r);
/* The recipient is another one now: forward_path, next_hop and protection. */
void store_redirect(struct store *s, const struct store_rcpt *r);
/* One more recipient of a message that is there already (r->id); its number is written back. */
void store_add_copy(struct store *s, struct store_rcpt *r);
void store_add_attempt(struct store *s, const struct store_attempt *a);
/* Drops the body when no recipient needs it any more. */
void store_release_body(struct store *s, uint64_t id);
/* Asks for a completion of everything given so far; _soon: its commit may wait a little for others
 * to share it, nobody outside waits for it. */
void store_sync(struct store *s, store_done done, void *arg);
void store_sync_soon(struct store *s, store_done done, void *arg);
/* What has been gathered and not been committed. */
enum store_waiting {
    STORE_EMPTY,    /* nothing: store_flush() would do nothing */
    STORE_CAN_WAIT, /* outcomes: nobody outside waits for them */
    STORE_URGENT,   /* a 250 waits for it, which leaves from its completion only */
    /* other changes: what was answered in this turn may not leave before they are committed */
    STORE_NOW,
};
struct store_gathered {
    enum store_waiting waiting; /* the most that any of it asks for */
    size_t completions;
    size_t urgent; /* how many of them store_sync() asked for */
};
struct store_gathered store_gathered(const struct store *s);
/* Commits what is gathered and runs its completions. */
void store_flush(struct store *s);

/* Commits go into a log first, which must be written back into the tables before it grows too
 * long: what is needed of that, in turn. store_write_back() takes long and may run in another
 * thread beside everything else here; the two others run in the store's own,
 * store_written_back() after each store_write_back(). Without them the log is written back
 * within a commit, when it has become very long. */
bool store_log_is_long(const struct store *s);
void store_write_back(struct store *s);
void store_written_back(struct store *s);

/* Batches of messages and outcomes are synced in a journal and taken over into the tables later,
 * as most messages have ended by then. Everything here sees them as if they were there; what
 * looks at the files from outside wants it done in time. store_settle() does some two
 * milliseconds' work of it, nothing while a batch is open. */
enum store_settling {
    STORE_SETTLE_EXCESS, /* what is more than may wait; true: something waits, much or little */
    STORE_SETTLE_OLD,    /* what waited when this last said false; true: more of that is left */
};
bool store_settle(struct store *s, enum store_settling what);
/* Nothing has come for a while: everything is in the tables for good, and the journal is wiped,
 * a piece in some milliseconds. True: more is left. */
bool store_rest(struct store *s);
/* Makes room on the disk for the journal, so that it is written faster from then on; a piece, as
 * above. */
bool store_prepare(struct store *s);

/* Reading. The row functions run once per row, then `done` (never NULL) exactly once, before or
 * after the call returns: callers must not care which. Views live until the function returns. */
typedef void (*store_message_fn)(void *arg, const struct store_message *m);
typedef void (*store_rcpt_fn)(void *arg, const struct store_rcpt *r);
typedef void (*store_next_hop_fn)(void *arg, struct str next_hop, int64_t next_ms);
typedef void (*store_attempt_fn)(void *arg, const struct store_attempt *a);

/* A worker died over it: counts for good, whatever process dies next. */
void store_count_death(struct store *s, uint64_t id);
/* None has any more: somebody reviewed it and releases it. */
void store_forget_deaths(struct store *s, uint64_t id);
/* The notice about it was stored. */
void store_set_notice(struct store *s, uint64_t rcpt, enum rcpt_notice notice);
/* What was found in a message, if it was inspected. */
typedef void (*store_inspection_fn)(void *arg, uint64_t id, int64_t at_ms, struct str facts);

/* How many rows a change found, told at the end of the turn (as readings are, store/read.h), and
 * before it is durable; 0 also when the store cannot be written, which store_sync() tells. fn
 * NULL: nobody wants to know. */
typedef void (*store_number_fn)(void *arg, uint64_t n);
/* Sets all recipients of a message that are in the state `from`. For administrators. reason:
 * why, or 0 for the one that stands there; what was said of the old reason (code, reply, host)
 * goes with it. */
void store_set_state(struct store *s, uint64_t id, enum rcpt_state from, enum rcpt_state to,
                     int64_t next_ms, uint8_t reason);
struct store_change {
    uint64_t id;
    enum rcpt_state from, to;
    int64_t next_ms;
    int64_t at_ms;  /* since when it is so; 0: the time that stands there */
    uint8_t reason; /* as above */
    uint8_t was;    /* only recipients with this reason; 0: all */
};

/* The same, for an act that has its own time or is not about all of them. */
void store_change(struct store *s, const struct store_change *c, store_number_fn fn, void *arg);
/* The recipient takes another way (the configuration changed). */
void store_set_next_hop(struct store *s, uint64_t rcpt, struct str next_hop);
/* The clock was set back by by_ms to now_ms: queued recipients are due as much earlier, and by
 * latest_ms; no message came later than now. by_ms 0: only those are changed. */
void store_set_back(struct store *s, int64_t now_ms, int64_t by_ms, int64_t latest_ms);
/* Forgets finished messages older than before_ms; at most max. */
void store_expire(struct store *s, int64_t before_ms, unsigned max);

struct store_counts {
    uint64_t queued, held;
};
/* As of a moment within the last seconds: an engine keeps it. */
struct store_counts store_count(struct store *s);
/* How commits went since the start. */
struct store_commits {
    uint64_t commits, failed, messages, outcomes; /* messages taken and outcomes recorded in them */
    /* commits of up to 1, 2, 5, 10, 20, 50, 100, more messages and outcomes */
    uint64_t by_size[8];
    uint64_t microseconds;
};
extern const unsigned store_commit_sizes[7];
void store_commit_counts(const struct store *s, struct store_commits *ret);
/* Milliseconds since the oldest queued message came; 0: none. As of such a moment, too. */
int64_t store_oldest_ms(struct store *s, int64_t now_ms);
/* Free space where bodies are spooled; never blocks for long. */
uint64_t store_free_octets(const struct store *s);
