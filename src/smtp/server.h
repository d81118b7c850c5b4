/* SPDX-License-Identifier: Apache-2.0
 * server.h: the SMTP server engine. Bytes in, replies and events out; no socket, clock or setting
 * outside its arguments. The same engine runs in smtpin, in unit tests, under the fuzzer and in
 * world files.
 *
 * Use: feed bytes, then call next() until SMTP_EV_NONE, acting on each event; send what out()
 * holds. Events that ask (MAIL, RCPT, DATA, BODY_END) wait for smtp_server_answer(): until then
 * nothing more is read, so pipelined commands are answered in order (RFC 2920).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "smtp/reply.h"
#include "wire/address.h"
#include "wire/notify.h"
#include "wire/repair.h"

struct smtp_server;

struct smtp_server_config {
    const char *hostname; /* borrowed for the life of the engine */
    const char *greeting; /* words behind the host name */
    bool can_starttls;    /* certificate and key are loaded */
    bool requiretls;      /* offer REQUIRETLS inside TLS (RFC 8689) */
    /* SASL mechanisms offered inside TLS, space-separated; NULL: no AUTH */
    const char *auth;
    bool auth_required;      /* submission: MAIL needs AUTH (RFC 6409 4.3) */
    size_t command_line_max; /* octets with CRLF */
    uint64_t size_max;       /* octets of a message, announced by SIZE */
    size_t header_octets_max, header_lines_max, header_field_max, hops_max;
    size_t recipients_max;
    /* an old machine of ours: what it does wrong is taken and repaired (wire/repair.h) */
    bool device;
    unsigned errors_max; /* rejected commands before 421 */
    unsigned transactions_max;
};

/* One accepted recipient. */
struct smtp_rcpt {
    struct str path;  /* forward-path, without brackets */
    uint8_t notify;   /* bits of enum notify */
    struct str orcpt; /* as it was said, "rfc822;xtext"; empty: not said */
};

/* One transaction: views live until the event that ends it was handled. */
struct smtp_transaction {
    struct address reverse_path;      /* all empty: <> */
    bool is_8bit, is_utf8, is_binary; /* is_binary: BODY=BINARYMIME (RFC 3030) */
    enum notify_ret ret;
    struct str envid; /* xtext; empty: not said */
    bool requiretls;  /* the sender demands TLS all the way (RFC 8689 2) */
    /* the only TLS-Required field of the header section says No (RFC 8689 3) */
    bool tls_required_no;
    /* by SIZE, or the first chunk; 0: not said. It may turn out otherwise */
    uint64_t size_declared;
    struct smtp_rcpt *rcpts;
    size_t n_rcpts;
    uint64_t size;     /* octets of the body so far, dots removed */
    unsigned repaired; /* bits of enum repair; complete with SMTP_EV_BODY_END */
};

enum smtp_event_type {
    SMTP_EV_NONE,
    SMTP_EV_MAIL,     /* may this sender open a transaction? */
    SMTP_EV_RCPT,     /* may it send to ev.rcpt? */
    SMTP_EV_DATA,     /* can a body be taken now (DATA or the first BDAT)? answer 354 to take it */
    SMTP_EV_HELLO,    /* EHLO or HELO: answer 250, or a refusal */
    SMTP_EV_BODY,     /* ev.bytes: the next octets of the message */
    SMTP_EV_BODY_END, /* make it durable, then answer */
    SMTP_EV_ABORT,    /* forget the transaction (RSET, EHLO, refused body, QUIT) */
    SMTP_EV_AUTH,     /* ev.mechanism, ev.bytes: the initial response if ev.has_bytes. Answer by
                       * smtp_server_challenge() or smtp_server_auth_done() */
    SMTP_EV_AUTH_RESPONSE, /* ev.bytes: the client's next base64 line */
    SMTP_EV_AUTH_CANCEL,   /* the client gave up (answered already) */
    SMTP_EV_STARTTLS,      /* the 220 is in out(): send it, then start the handshake */
    SMTP_EV_CLOSE,         /* send out(), then close */
};

struct smtp_event {
    enum smtp_event_type type;
    struct address rcpt;
    struct str mechanism;
    struct str bytes;
    bool has_bytes;
    const char *note; /* for the log: why a body was refused or a session is ended; or NULL */
};

struct smtp_server *smtp_server_new(const struct smtp_server_config *config);
void smtp_server_free(struct smtp_server *s);
/* Writes the greeting; call once. */
void smtp_server_greet(struct smtp_server *s);
/* Copies bytes in. 0, or -ENOSPC: the caller read on although it should have waited. */
int smtp_server_feed(struct smtp_server *s, struct str bytes) MUST_USE;
/* False while enough input waits: do not read from the socket then. */
bool smtp_server_wants_input(const struct smtp_server *s);
void smtp_server_next(struct smtp_server *s, struct smtp_event *ret);
/* For the log: a command that the engine refused by itself; what the caller answered, it knows.
 * line: the command, of AUTH the verb alone; empty for what is no command, as whoever lost step
 * may be saying a password. Valid during the call. */
typedef void (*smtp_refused_fn)(void *arg, struct str line, const struct smtp_reply *r);
void smtp_server_on_refusal(struct smtp_server *s, smtp_refused_fn fn, void *arg);
/* Answers the event that asked. For DATA: 354, or a refusal. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *r);
/* Answers SMTP_EV_AUTH and _RESPONSE with a challenge (base64), or with the end of it: ok makes
 * the session authenticated, else the reply (535, 454) is given. */
void smtp_server_challenge(struct smtp_server *s, struct str text);
void smtp_server_auth_done(struct smtp_server *s, bool ok, const struct smtp_reply *r);
/* Which mechanisms AUTH offers from now on (borrowed); the config said whether it does at all. */
void smtp_server_offer_auth(struct smtp_server *s, const char *mechanisms);
/* Commands answered with 5yz so far. */
unsigned smtp_server_errors(const struct smtp_server *s);
bool smtp_server_is_authenticated(const struct smtp_server *s);
/* Ends the session from outside (time out, shutdown): writes the reply; CLOSE follows. */
void smtp_server_end(struct smtp_server *s, const struct smtp_reply *r);
/* The handshake succeeded: everything learned in clear is forgotten (RFC 3207 4.2). */
void smtp_server_tls_started(struct smtp_server *s);
struct buf *smtp_server_out(struct smtp_server *s);
const struct smtp_transaction *smtp_server_transaction(const struct smtp_server *s);
/* The client's HELO/EHLO argument ("" before), and whether it said EHLO. */
struct str smtp_server_helo(const struct smtp_server *s);
bool smtp_server_is_esmtp(const struct smtp_server *s);
bool smtp_server_in_body(const struct smtp_server *s);
/* True while the message of a device has no end yet, and had a line LF . LF, which is none: the
 * device may wait for an answer. */
bool smtp_server_waits_for_end(const struct smtp_server *s);
/* True inside a message: DATA, a BDAT chunk, or between two chunks. */
bool smtp_server_in_message(const struct smtp_server *s);
/* True while an asking event has not been answered. */
bool smtp_server_waits(const struct smtp_server *s);
