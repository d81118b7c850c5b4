/* SPDX-License-Identifier: Apache-2.0
 * pickup.h: envelopes of the portal in the queue process: made, announced, shown, ended
 * (store/envelope.h keeps them). For the files of the queue process.
 */
#pragma once
#include "ipc/portal_kinds.h"
#include "records/record.h"
#include "records/records.def"
#include "store/envelope.h"
#include "ipc/channel.h"
#include "wire/limits.h"

struct queue;
struct job;
struct scene;

/* A row of the store that outlives its walk. */
struct kept_envelope {
    struct store_envelope e; /* strings below */
    char texts[RECORD_ROOM(envelope)];
    bool found;
};
/* A store_envelope_fn: keeps the first row. */
void envelope_keep(void *kept, const struct store_envelope *e);
/* The first that waits and is not sealed. */
void envelope_keep_waiting(void *kept, const struct store_envelope *e);
bool envelope_waits(const struct store_envelope *e);
/* Its key is there, and must stay there until the legal hold ends. */
bool envelope_must_stay(const struct store_envelope *e);
void envelope_event(struct queue *q, uint64_t envelope, enum envelope_event kind, struct str who,
                    const char *detail);

/* pickup.c */
/* The octets of one text in small letters, cut to fit. */
/* Random letters and digits that cannot be taken for one another, n of them and a NUL. */
void random_text(char *dst, size_t n);
/* SHA-256 of a token as people may write it: small letters, no blanks or hyphens. */
void token_hash(struct str token, unsigned char ret[ENVELOPE_HASH]);
void pickup_piece(struct job *j, struct str octets);
/* What readers see is there: each recipient gets his envelope. */
void pickup_prepared(struct job *j, bool ok, uint32_t attachments, struct str name,
                     struct str subject);
/* The process that prepared it ended. */
void pickup_lost(struct job *j);
/* Notices that are due, envelopes that are over, reminders. */
void pickup_due(struct queue *q);
/* At the start and after a reload: a warning in the log where mail waits to be picked up and
 * there is no portal. */
void pickup_look(struct queue *q);
/* A mail about the envelope of the scene is stored: in the commit that takes it along. */
void pickup_mail_stored(struct queue *q, const struct scene *s, uint64_t message);
/* A message without a reverse-path ended: was it a notice? */
void pickup_notice_ended(struct queue *q, const struct store_rcpt *r);
/* The envelope of the scene, which has its recipient, ends: its key is destroyed. told: the sender
 * hears of it by a bounce. */
void pickup_end(struct scene *s, enum envelope_state state, struct str who, bool told);
void pickup_link_sealed(struct queue *q, uint64_t envelope, bool ok, struct str sealed_key);
/* A mail about it to its recipient, code and words only for MAIL_CODE. False: no smtpout is
 * there. */
bool pickup_mail(struct queue *q, const struct kept_envelope *k, enum notice_kind kind,
                 const char *to, const char *link, const char *code, const char *words,
                 struct str language);

/* fates.c: tells web what would become of a message of this inside sender, a row for each of the
 * recipients that it asks about. */
void fates_tell(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                struct str sender);

/* portal.c: calls of web */
extern const struct ipc_rule queue_web_rules[];
/* To the envelope of the scene, which has its recipient and the person it is for. False: not
 * possible now. argument: of ACT_PHRASE its hash. who: an address, or "NAME (uid N)". */
bool portal_act(struct scene *s, enum portal_act act, struct str argument, struct str who);
/* Answers once everything so far is durable. */
void portal_answer_saved(struct queue *q, struct ipc_channel *ch,
                         const struct ipc_portal_answer *a);
/* Is it a recipient's pass that opens this envelope? */
bool portal_may_read(const struct scene *s);
/* Rows about it, for web and postern; strings borrow e. */
struct ipc_msg portal_row(const struct store_envelope *e, uint64_t token);
struct ipc_msg portal_event_row(const struct store_envelope_event *e, uint64_t token);
void portal_web_gone(struct queue *q, const struct ipc_channel *ch);
/* passes.c */
void portal_login_gone(const struct ipc_channel *login);
/* login -> queue: pass_proved */
void portal_on_pass_proved(void *owner, struct ipc_channel *ch, const struct ipc_pass_proved *m);

/* The room's part of struct queue. */
struct pickup {
    struct map *notices;              /* envelope -> notice on its way */
    struct map *visits, *passes_used; /* visits.c */
    struct guesses *guesses;          /* guessing.c */
    struct map *tries;                /* number -> password that a login looks at */
    int64_t envelopes_looked_ms, envelopes_swept_ms;
    unsigned char decoy_secret[32]; /* kept in the store */
};
