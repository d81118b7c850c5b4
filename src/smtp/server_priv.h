/* SPDX-License-Identifier: Apache-2.0
 * server_priv.h: the inside of the server engine, for server.c, body.c and the cmd_*.c files.
 */
#pragma once
#include "smtp/server.h"
#include "wire/dot.h"

/* Where a session stands; the command table says what is allowed in which. */
enum smtp_state {
    ST_START = 1 << 0, /* before EHLO/HELO */
    ST_READY = 1 << 1, /* greeted, no transaction */
    ST_MAIL = 1 << 2,  /* reverse-path accepted */
    ST_RCPT = 1 << 3,  /* at least one recipient accepted */
    ST_BODY = 1 << 4,  /* reading DATA */
    ST_ENDED = 1 << 5,
    ST_CHUNK = 1 << 6,  /* reading the octets of a BDAT */
    ST_CHUNKS = 1 << 7, /* between two BDATs of one message */
    ST_AUTH = 1 << 8,   /* the next line belongs to AUTH */
    ST_ANY = ST_START | ST_READY | ST_MAIL | ST_RCPT | ST_CHUNKS,
};

/* Counts of the message being read (body.c). */
struct smtp_body {
    struct dot_reader dots;
    bool in_header, long_word;
    size_t header_octets, header_lines, field_octets, hops;
    char line[24]; /* the first octets of the current header line */
    unsigned tls_required_fields;
    bool tls_required_no;
    size_t line_n, line_octets, word_octets; /* word: from the last blank of the line on */
    const struct smtp_reply *refusal;        /* set once: the rest is read and dropped */
};

struct smtp_server {
    struct smtp_server_config config;
    enum smtp_state state;
    struct buf in, out;
    struct buf helo, helo_before; /* before: until EHLO or HELO is answered */
    bool esmtp, esmtp_before, in_tls;
    bool asking;                          /* an event waits for its answer */
    enum smtp_event_type asked, question; /* to be told; waiting for its answer */
    bool authenticated;
    char auth_mechanism[24];
    struct buf auth_bytes; /* what the client said last */
    bool auth_has_bytes;
    uint64_t chunk_left, drain; /* octets of the BDAT being read; of one that was refused */
    bool chunk_last, chunk_asked;
    bool data_refused;  /* what comes next is a command, or else text of the message */
    bool skipping_line; /* an over-long line: drop up to its CRLF */
    /* of a device: the last command ended with a CR, its LF may still come */
    bool swallow_lf;
    unsigned repaired;         /* bits of enum repair: of the commands of this session */
    struct line_repair repair; /* of the message being read, where config.device */
    struct buf repair_out;     /* what was told last */
    bool abort_due, starttls_due, cancel_due;
    unsigned errors, transactions;
    smtp_refused_fn refused; /* or NULL */
    void *refused_arg;
    struct str line; /* a view of the command that runs, for `refused` */
    unsigned seen;   /* bits of the parameters of the command under way: a second one is an error */
    struct arena arena; /* of the transaction */
    struct smtp_transaction tx;
    struct smtp_rcpt rcpt_asked;
    struct address rcpt_address;
    struct smtp_body body;
    const char *note;
};

/* A command handler gets the text after the verb, trimmed. */
typedef void (*smtp_command_fn)(struct smtp_server *s, struct str args);

struct smtp_command {
    const char *verb;
    unsigned allowed; /* mask of enum smtp_state */
    smtp_command_fn run;
    enum smtp_refusal out_of_order;
};

void smtp_cmd_ehlo(struct smtp_server *s, struct str args);
void smtp_cmd_helo(struct smtp_server *s, struct str args);
/* EHLO and HELO were judged: the capabilities, or the refusal. */
void smtp_hello_answered(struct smtp_server *s, const struct smtp_reply *r);
void smtp_cmd_starttls(struct smtp_server *s, struct str args);
void smtp_cmd_mail(struct smtp_server *s, struct str args);
void smtp_cmd_rcpt(struct smtp_server *s, struct str args);
void smtp_cmd_data(struct smtp_server *s, struct str args);
void smtp_cmd_bdat(struct smtp_server *s, struct str args);
void smtp_cmd_auth(struct smtp_server *s, struct str args);
/* A line that belongs to AUTH. */
void smtp_auth_line(struct smtp_server *s, struct str line);
void smtp_cmd_rset(struct smtp_server *s, struct str args);
void smtp_cmd_noop(struct smtp_server *s, struct str args);
void smtp_cmd_vrfy(struct smtp_server *s, struct str args);
void smtp_cmd_help(struct smtp_server *s, struct str args);
void smtp_cmd_quit(struct smtp_server *s, struct str args);

/* address_path(); of a device also without brackets. */
int smtp_server_path(struct smtp_server *s, struct str *rest, bool utf8, bool is_rcpt,
                     struct address *ret) MUST_USE;
/* Writes a reply; 5yz count as errors, and too many end the session. */
void smtp_server_reply(struct smtp_server *s, int code, const char *enhanced, const char *text);
/* Writes a refusal; counts as above. */
void smtp_server_refuse(struct smtp_server *s, enum smtp_refusal r);
/* The one place that ends a transaction and forgets all of it. */
void smtp_server_reset(struct smtp_server *s);
/* Copies an address into the transaction, its domain in canonical form (wire/domain.h). 0;
 * -EINVAL: the domain is none; -EMSGSIZE: longer than ADDRESS_MAX; -ENOMEM or -ENOSPC: no room. */
int smtp_server_keep_path(struct smtp_server *s, const struct address *a,
                          struct address *ret) MUST_USE;
/* Asks the process; the answer comes by smtp_server_answer. */
void smtp_server_ask(struct smtp_server *s, enum smtp_event_type type);

/* The next piece of a BDAT chunk (cmd_bdat.c). True when *ret holds an event. */
bool smtp_chunk_next(struct smtp_server *s, struct smtp_event *ret);
/* The message is complete: asks, or refuses it. */
void smtp_server_end_of_message(struct smtp_server *s, struct smtp_event *ret);

void smtp_body_start(struct smtp_body *b);
/* The text as the process gets it: repaired, where it comes from a device. A view until the next
 * call. */
struct str smtp_server_repair(struct smtp_server *s, struct str text, bool stuffed);
/* Looks at the next octets of the message; may set b->refusal. */
void smtp_body_look(struct smtp_body *b, const struct smtp_server_config *c, struct str text,
                    uint64_t size_so_far);
/* The last chunk was read. */
void smtp_body_chunks_end(struct smtp_body *b, const struct smtp_server_config *c);
/* The refusal at the end of data, or NULL when the message may be taken. */
const struct smtp_reply *smtp_body_refusal(const struct smtp_body *b);
