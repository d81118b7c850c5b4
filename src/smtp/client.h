/* SPDX-License-Identifier: Apache-2.0
 * client.h: the SMTP client engine. Replies in, commands and events out; no socket, clock or
 * randomness. Always takes an offered STARTTLS: whether a session without TLS may be used is not
 * its choice but the permit's.
 *
 * Use: feed bytes, call next() until SMTP_CL_NONE, send what out() holds, keep the time limit that
 * smtp_client_waits_for() names. After SMTP_CL_READY messages are sent one after the other.
 */
#pragma once
#include "base/buf.h"
#include "smtp/permit.h"
#include "smtp/reply.h"
#include "wire/extension.h"
#include "wire/notify.h"

struct smtp_client;

struct smtp_client_config {
    const char *hello;    /* our host name; borrowed */
    bool lmtp;            /* LHLO, and one answer for each recipient at the end (RFC 2033) */
    extension_set avoid;  /* not used, whatever is announced */
    bool ignore_starttls; /* only for TLS reports where TLS just failed (RFC 8460 3) */
};

/* What the peer announced (RFC 5321 4.1.1.1) and we do not avoid; a new object after STARTTLS. */
struct smtp_caps {
    bool esmtp, pipelining, starttls, has_size, is_8bit, utf8, requiretls, enhanced;
    bool chunking, binary, dsn; /* RFC 3030, RFC 3461 */
    /* SASL mechanisms, space-separated; a reply holds no more */
    char auth[SMTP_REPLY_TEXT_MAX + 1];
    unsigned ehlo_refused; /* the answer to EHLO, behind which HELO was said; 0: none */
    bool bare_lf;          /* its replies end in LF alone */
    bool masked;           /* a keyword of X's: some middlebox overwrote it */
    uint64_t size;         /* 0: announced without a limit */
};
/* What a line of the reply to EHLO announces. */
void smtp_caps_learn(struct smtp_caps *caps, struct str line);

/* One recipient as it is offered. */
struct smtp_mail_rcpt {
    struct str path;
    uint8_t notify; /* bits of enum notify; said where the peer knows DSN */
    struct str orcpt;
};

/* One message to one host. Borrowed until SMTP_CL_DONE. */
struct smtp_mail {
    struct str reverse_path; /* without brackets; empty: <> */
    const struct smtp_mail_rcpt *rcpts;
    size_t n_rcpts;
    uint64_t size; /* octets, for SIZE=; 0: not known, and not said */
    bool is_8bit, is_utf8, is_binary;
    enum notify_ret ret;
    struct str envid;
    bool requiretls; /* said where the peer offers it (RFC 8689 2) */
};

enum smtp_client_event_type {
    SMTP_CL_NONE,
    SMTP_CL_OFFERED,   /* STARTTLS was announced (told before it is used) */
    SMTP_CL_START_TLS, /* exactly 220 and nothing behind it: start the handshake */
    SMTP_CL_REFUSED,   /* STARTTLS was announced and then refused; see answer */
    SMTP_CL_READY,     /* caps are known; a message may be offered */
    SMTP_CL_RCPT,      /* ev.rcpt: number of the recipient; see answer */
    SMTP_CL_BODY,      /* give the body by smtp_client_body(), then smtp_client_body_end() */
    SMTP_CL_RCPT_DONE, /* LMTP: what became of recipient ev.rcpt; DONE follows the last */
    SMTP_CL_AUTH_STEP, /* a challenge (base64) in the answer: smtp_client_auth_reply() */
    SMTP_CL_AUTH_DONE, /* ev.accepted; the session is ready again */
    /* ev.extension was announced and refused, see answer: it is avoided from here on, and the
     * session is ready for the same message. ev.certain: the refusal can mean nothing else */
    SMTP_CL_UNTRUE,
    SMTP_CL_DONE,     /* the message's outcome: answer; ev.accepted says whether it was taken */
    SMTP_CL_REJECTED, /* the greeting or EHLO was refused, or 421 came; see answer */
    SMTP_CL_BROKEN,   /* not SMTP, or bytes where none may be; see ev.note */
};

struct smtp_client_event {
    enum smtp_client_event_type type;
    const struct smtp_answer *answer; /* valid until the next call */
    size_t rcpt;
    bool accepted;
    enum extension extension;
    bool certain;
    const char *note;
};

enum smtp_wait {
    SMTP_WAIT_NOTHING,
    SMTP_WAIT_GREETING,
    SMTP_WAIT_EHLO,
    SMTP_WAIT_STARTTLS,
    SMTP_WAIT_MAIL,
    SMTP_WAIT_RCPT,
    SMTP_WAIT_DATA,
    SMTP_WAIT_DOT,
};

struct smtp_client *smtp_client_new(const struct smtp_client_config *config);
void smtp_client_free(struct smtp_client *c);
/* 0, or -ENOSPC: the peer sent more than any conversation needs. */
int smtp_client_feed(struct smtp_client *c, struct str bytes) MUST_USE;
void smtp_client_next(struct smtp_client *c, struct smtp_client_event *ret);
struct buf *smtp_client_out(struct smtp_client *c);
const struct smtp_caps *smtp_client_caps(const struct smtp_client *c);
/* What this session does without: as configured, and what was refused or is suspected now. */
extension_set smtp_client_avoids(const struct smtp_client *c);
/* Inside TLS now: everything learned before is forgotten and EHLO is said again (RFC 3207 4.2). */
void smtp_client_tls_started(struct smtp_client *c);
/* Offers a message; smtp_client_next() is to be called after it. -EPERM without a permit that
 * fits the channel as it is; -ENOSPC. */
int smtp_client_send(struct smtp_client *c, const struct permit *permit,
                     const struct smtp_mail *mail) MUST_USE;
/* Appends message octets: dots doubled, or as one BDAT chunk if the message is binary. last: the
 * message ends with them. -EPIPE where none are wanted: see smtp_client_wants_body(). */
int smtp_client_body(struct smtp_client *c, struct str text, bool last) MUST_USE;
/* True between SMTP_CL_BODY and the last octet, but not while a chunk is unanswered: its refusal
 * ends the message. */
bool smtp_client_wants_body(const struct smtp_client *c);
/* False after a message in which the peer refused octets that it may not have read: no further
 * message. */
bool smtp_client_reusable(const struct smtp_client *c);
/* MAIL itself was refused, for good or for now: the answer to it, which answers every recipient
 * (borrows c); else NULL. */
const struct smtp_answer *smtp_client_mail_refused(const struct smtp_client *c);
/* SASL on a ready session: AUTH, and the answers to its challenges (base64; "*" gives up). */
void smtp_client_auth(struct smtp_client *c, const char *mechanism, struct str initial);
void smtp_client_auth_reply(struct smtp_client *c, struct str text);
void smtp_client_quit(struct smtp_client *c);
/* True while commands that left behind others have no answer. */
bool smtp_client_pipelined(const struct smtp_client *c);
/* Which time limit is running (RFC 5321 4.5.3.2). */
enum smtp_wait smtp_client_waits_for(const struct smtp_client *c);
