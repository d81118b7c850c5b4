/* SPDX-License-Identifier: Apache-2.0
 * smtpin.h: the inside of the smtpin process: sessions and the messages they bring in.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "proc/child.h"
#include "seal/rest.h"
#include "smtp/server.h"
#include "sys/conn.h"
#include "tls/tls.h"
#include "wire/address.h"

enum { LISTENERS_MAX = 16, NETS_MAX = 4096 };

/* What a session keeps from the configuration it began under; freed when the last one ends. */
struct settings {
    unsigned refs;
    char *hostname;
    struct tls_context *tls; /* NULL: no STARTTLS */
    struct smtp_server_config engine, engine_inside; /* for clients outside, inside */
    int64_t command_ms, data_ms, handshake_ms;
};

/* A message between DATA and the answer to its end. */
struct incoming {
    uint64_t id;
    unsigned char wrapped[REST_WRAPPED];
    struct rest_sealer *sealer;
    struct buf sealed;   /* what is not in the spool file yet */
    uint64_t plain_octets; /* given to the sealer so far */
    int spool;           /* -1: none yet */
    char spool_name[64];
    bool spool_asked, ended, failed_full, failed_other;
};

struct session {
    struct smtpin *in;
    struct settings *settings;
    struct conn *conn;
    struct smtp_server *engine;
    struct tls_channel *tls;
    struct timer *timer;
    struct link link;
    uint64_t token;
    char ip[46];
    bool inside_network, wants_handshake, closing, busy;
    int64_t body_began_ms;
    struct incoming *incoming;
    bool submitted;
};

struct smtpin {
    struct child *child;
    struct settings *settings;
    struct ipc_channel *queue;
    struct rest_wrapper *wrapper; /* NULL: keys has not told its public key */
    int listeners[LISTENERS_MAX];
    struct watch *watches[LISTENERS_MAX];
    size_t n_listeners;
    struct link sessions;
    struct map *by_token, *by_address;
    size_t n_sessions;
    uint64_t next_token;
    unsigned id_count;
    struct timer *resume_accept, *stop_timer;
    bool stopping;
    uint64_t accepted, refused, handshakes_failed;
};

/* session.c */
void session_new(struct smtpin *in, int fd, const struct endpoint *peer);
void session_submitted(struct session *s, uint8_t result);
void session_spool(struct session *s, uint8_t result, struct str name, int fd);
/* Reads on after it waited for a spool file. */
void session_resume(struct session *s);
void session_queue_gone(struct session *s);
/* Ends it in order when nothing of a message is under way. */
void session_stop(struct session *s);
void settings_unref(struct settings *s);

/* incoming.c */
/* NULL: keys are away. */
struct incoming *incoming_new(struct session *s);
/* Free; a spool file that was not submitted is dropped. */
void incoming_free(struct session *s, struct incoming *m, bool submitted);
void incoming_body(struct session *s, struct incoming *m, struct str bytes);
/* Seals the end; submits at once or when the spool file is there. */
void incoming_end(struct session *s, struct incoming *m);
void incoming_spool(struct session *s, struct incoming *m, uint8_t result, struct str name, int fd);
/* The queue is gone: the rest is read and dropped, the end is answered with 451. */
void incoming_give_up(struct incoming *m);
/* True when so much waits for the spool file that reading should pause. */
bool incoming_is_full(const struct incoming *m);
