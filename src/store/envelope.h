/* SPDX-License-Identifier: Apache-2.0
 * envelope.h: mail that waits to be picked up: one envelope for each recipient of a message; who
 * came and what he did; people, sessions, conversations and drafts of the portal. Part of the
 * store, under the same rules as store.h.
 *
 * An envelope has its own wrapped copy of the message key: when it ends, that copy is destroyed
 * with it. Tokens, codes and sessions are here as hashes only. The embedded store answers
 * questions at once.
 */
#pragma once
#include "store/store.h"

enum { ENVELOPE_HASH = 32, ENVELOPE_WRAPPED_MAX = 256 };

#define ENVELOPE_STATES(X) \
    X(WAITING, "waiting") \
    X(LOCKED, "locked") \
    X(RECALLED, "recalled") \
    X(EXPIRED, "expired") \
    X(LOST, "lost")
#define ENVELOPE_STATE_ENUM(n, s) ENVELOPE_##n,
/* lost: its notice could not be delivered. Recalled, expired and lost ones have no key any more. */
enum envelope_state { ENVELOPE_STATES(ENVELOPE_STATE_ENUM) ENVELOPE_STATE_END };

#define ENVELOPE_EVENTS(X) \
    X(MADE, "made") \
    X(NOTICE_SENT, "notice-sent") \
    X(NOTICE_DELIVERED, "notice-delivered") \
    X(NOTICE_FAILED, "notice-failed") \
    X(REMINDED, "reminded") \
    X(CODE_SENT, "code-sent") \
    X(CODE_WRONG, "code-wrong") \
    X(OPENED, "opened") \
    X(READ, "read") \
    X(DOWNLOADED, "downloaded") \
    X(REPLIED, "replied") \
    X(MAIL_REPLY, "mail-reply") \
    X(EXTENDED, "extended") \
    X(RECALLED_BY, "recalled") \
    X(LOCKED_BY, "locked") \
    X(UNLOCKED, "unlocked") \
    X(LEVEL, "level") \
    X(HELD, "legal-hold") \
    X(EXPIRED_ON, "expired") \
    X(SEALED, "sealed") \
    X(ASKED_AGAIN, "asked-to-resend") \
    X(PROOF_WRONG, "proof-wrong")
#define ENVELOPE_EVENT_ENUM(n, s) EVENT_##n,
enum envelope_event { ENVELOPE_EVENTS(ENVELOPE_EVENT_ENUM) EVENT_END };

struct store_envelope {
    RECORD_MEMBERS(envelope)
};

struct store_envelope_event {
    RECORD_MEMBERS(envelope_event)
};

/* A pass of a browser: a session, or that it is remembered. */
struct store_pass {
    RECORD_MEMBERS(pass)
};

/* What is known about somebody outside. */
struct store_person {
    RECORD_MEMBERS(person)
};

/* A conversation that stays secure. */
struct store_thread {
    RECORD_MEMBERS(thread)
};

const char *envelope_state_name(enum envelope_state s);
const char *envelope_event_name(enum envelope_event e);

typedef void (*store_envelope_fn)(void *arg, const struct store_envelope *e);
typedef void (*store_envelope_event_fn)(void *arg, const struct store_envelope_event *e);
typedef void (*store_view_fn)(void *arg, struct str sealed);

/* Adds it, or writes all of it again. */
void store_put_envelope(struct store *s, const struct store_envelope *e);
/* A link token or pickup code of a notice, as SHA-256; each notice has its own, and the earlier
 * ones stay good. */
void store_put_envelope_token(struct store *s, uint64_t envelope, struct str hash);
/* What people see of the message, sealed; once for all its envelopes. */
void store_put_view(struct store *s, uint64_t id, struct str sealed);
/* Nobody can look at the message any more: the view goes. */
void store_drop_view_if_unused(struct store *s, uint64_t id);

enum envelope_by {
    ENVELOPE_BY_NUMBER,
    ENVELOPE_BY_RCPT,
    ENVELOPE_BY_MESSAGE,
    ENVELOPE_BY_NOTICE,
    ENVELOPE_BY_END
};
enum envelope_of {
    ENVELOPE_OF_TOKEN, /* SHA-256 of what a notice gave */
    ENVELOPE_OF_ADDRESS,
    ENVELOPE_OF_SENDER,
    ENVELOPE_OF_THREAD,
    ENVELOPE_OF_END
};
/* Whose notice is due by now; who is over by now and still has its key (not those on legal
 * hold); who may be due for a reminder: waiting, never opened. */
enum envelope_due { ENVELOPE_NOTICE_DUE, ENVELOPE_OVER, ENVELOPE_UNREAD, ENVELOPE_DUE_END };
void store_add_envelope_event(struct store *s, const struct store_envelope_event *e);
/* What a reader can do as often as he likes: the same again within a minute is not written, and
 * nothing more once an envelope has ENVELOPE_EVENTS_MAX of any kind. */
enum { ENVELOPE_EVENTS_MAX = 2000 };
void store_add_envelope_reading(struct store *s, const struct store_envelope_event *e);
/* The report of its message is over. */
void store_forget_envelopes(struct store *s, int64_t before_ms);
/* The message key is in the envelopes only from now on: nobody else needs it (else nothing
 * happens). */
void store_drop_key_if_unused(struct store *s, uint64_t id);

typedef void (*store_pass_fn)(void *arg, const struct store_pass *p);
void store_put_pass(struct store *s, const struct store_pass *p);
void store_drop_pass(struct store *s, struct str hash);
void store_drop_passes_of(struct store *s, struct str address);
void store_forget_passes(struct store *s, int64_t now_ms);

typedef void (*store_person_fn)(void *arg, const struct store_person *p);
void store_put_person(struct store *s, const struct store_person *p);

/* A passkey of somebody outside (passkey/passkey.h). */
struct store_passkey {
    RECORD_MEMBERS(passkey)
};

typedef void (*store_passkey_fn)(void *arg, const struct store_passkey *k);
void store_put_passkey(struct store *s, const struct store_passkey *k);
void store_drop_passkey(struct store *s, struct str address, struct str id);

typedef void (*store_thread_fn)(void *arg, const struct store_thread *t);
void store_put_thread(struct store *s, const struct store_thread *t);

/* An answer that is not sent yet, sealed with a key that is wrapped for keys. */
typedef void (*store_draft_fn)(void *arg, struct str sealed_key, struct str sealed);
void store_put_draft(struct store *s, uint64_t envelope, int64_t at_ms, struct str sealed_key,
                     struct str sealed);
void store_drop_draft(struct store *s, uint64_t envelope);
