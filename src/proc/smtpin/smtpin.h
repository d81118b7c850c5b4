/* SPDX-License-Identifier: Apache-2.0
 * smtpin.h: the inside of the smtpin process: sessions and the messages they bring in.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "policy/inbound.h"
#include "proc/child.h"
#include "ipc/login_kinds.h"
#include "proc/own_tls.h"
#include "proc/signing.h"
#include "seal/rest.h"
#include "smtp/server.h"
#include "sys/conn.h"
#include "tls/tls.h"
#include "wire/address.h"
#include "wire/marks.h"

enum { LISTENERS_MAX = 16, LOGINS_MAX = 64, ADDRESSES_MAX = 4096, KEYS_AGAIN_MS = 50 };

/* How one listen block is served. */
struct service {
    enum conf_listen_kind kind;
    struct tls_context *tls; /* NULL: no TLS */
    /* for clients outside, inside, and old devices there */
    struct smtp_server_config engine, engine_inside, engine_device;
};

/* What a session keeps from the configuration it began under; freed when the last one ends. */
struct settings {
    unsigned refs;
    char *hostname;
    struct service services[CONF_LISTENS_MAX];
    size_t n_services;
    int64_t command_ms, data_ms, handshake_ms;
};

/* A message between DATA and the answer to its end. */
struct incoming {
    char thread[24]; /* of the portal, that it answers; "": none */
    uint64_t id;
    unsigned char wrapped[REST_WRAPPED];
    struct rest_sealer *sealer;
    struct buf head; /* the header section until it is complete */
    bool in_head;
    struct buf sealed;     /* what is not in the spool file yet */
    uint64_t plain_octets; /* given to the sealer so far */
    struct marks marks;    /* of those octets */
    int spool;             /* -1: none yet */
    char spool_name[64];
    bool spool_asked, spool_answered, ended, failed_full, failed_other;
    unsigned repaired; /* bits of enum repair: fields that were added; at the end all of them */
    bool wrong_author; /* From is not an address of who is logged in */
};

/* Whose connection it is in the counts. */
struct client {
    char ip[46];
    bool counted;
};

struct session {
    struct smtpin *in;
    struct settings *settings;
    const struct service *service; /* of settings */
    struct conn *conn;
    struct smtp_server *engine;
    struct tls_channel *tls;
    struct timer *timer, *pause; /* pause: answers that are held back */
    struct link link;
    uint64_t token;
    struct client client;
    struct buf proxy;   /* the header of a balancer until it is complete */
    struct buf shaking; /* of a handshake, while it waits for keys */
    bool inside_network, is_device, wants_proxy, wants_handshake, waits_keys, closing, busy,
        held_back;
    /* the client sends nothing more: what it asked is answered, then the session ends */
    bool input_ended;
    unsigned errors_punished;
    bool ending; /* and it ends after its pause, because of... */
    const char *ending_note;
    int64_t body_began_ms, shaking_since_ms;
    struct incoming *incoming;
    bool submitted;
    /* the answer to a message stands in what goes out: it must not wait for another one */
    bool answers_message;
    struct link turn;      /* in the line of senders, or of those who were let in a moment ago */
    int64_t turn_since_ms; /* since when it is there */
    uint64_t turn_octets;  /* what had come of its message then */
    bool has_begun;        /* it is one of those who were let in */
    bool waits_turn;       /* it is in the line of senders */
    /* login */
    bool logging_in;
    enum login_outcome login_outcome; /* held back: a failed login is answered later */
    char refusal[480]; /* the answer to its last message, by what is in it; "": none */
    char login[256];
    char *addresses;
    const struct conf_rule *reported; /* the inbound rule already reported for this session */
};

struct smtpin {
    struct child *child;
    struct settings *settings;
    struct ipc_channel *queue, *logins[LOGINS_MAX];
    struct signing signing;
    struct rest_wrapper *wrapper; /* NULL: keys has not told its public key */
    struct listener {
        struct smtpin *in;
        int fd;
        unsigned listen; /* number of its block */
        struct watch *watch;
    } listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct link sessions;
    struct map *by_token;
    struct clients *clients;
    size_t n_sessions;
    size_t n_ended;    /* messages that were read to their end and are not answered yet */
    struct link begun; /* sessions whose MAIL was answered a moment ago... */
    size_t n_begun;
    uint32_t under_way; /* deliveries that arrivals are ahead of, as queue said last */
    size_t n_waiting;
    struct link turns; /* and those for whom it waits until there are fewer of both */
    struct timer *turn_timer;
    uint64_t next_token;
    unsigned id_count;
    struct timer *resume_accept, *stop_timer, *expiry, *keys_again;
    struct own_tls own_tls;
    bool stopping;
    struct {
        uint64_t sessions, accepted, refused, handshakes, resumed, handshakes_failed, refusals,
            would_refuse, logins, logins_failed, turned_away, groups[TLS_GROUP_END];
        uint64_t device_ends; /* messages of devices that had LF . LF and no end */
    } count;
};

/* clients.c: how many sessions each client has, over all smtpin processes */
struct clients *clients_new(int fd, unsigned index);
/* NULL, or why there may be no more. Counts it when it may. */
const char *clients_enter(struct smtpin *in, struct client *c);
void clients_leave(struct smtpin *in, struct client *c);
/* True when under a tenth of all places is free. */
bool clients_hurry(const struct smtpin *in);

/* settings.c */
struct settings *settings_new(struct child *c, const struct conf *conf, char *problem, size_t size);
void settings_unref(struct settings *s);
/* A handshake with ourselves at each listener (own_tls.h). */
int settings_self_test(void *arg, char *problem, size_t size);
/* Alarms for certificates that end soon. */
void settings_check_expiry(struct smtpin *in);

/* session.c */
void session_new(struct smtpin *in, unsigned listen, int fd, const struct endpoint *peer);
/* Runs the engine until it needs more. The session may be gone afterwards. */
void session_process(struct session *s);
void session_answer(struct session *s, int code, const char *enhanced, const char *text);
void session_refuse(struct session *s, enum smtp_refusal r);
void session_queue_gone(struct session *s);
/* keys answer again: a handshake that waited for them goes on. The session may be gone
 * afterwards. */
void session_keys_back(struct session *s);
/* Ends it with 421 (RFC 5321 3.8) when nothing of a message is under way; last: of one whose end
 * has not come, too. What the queue has not answered yet stays without an answer. */
void session_stop(struct session *s, bool last);

/* events.c: what the engine asks */
/* False: the loop over events must stop. */
bool events_handle(struct session *s, const struct smtp_event *ev);
/* At the end of each turn of the loop: lets in those whose turn has come. */
void events_next_turns(struct smtpin *in);
/* Its message has come to its end, or the session has: it is in no line any more. */
void events_leave_turn(struct session *s);
void events_submitted(struct session *s, uint8_t result);
bool events_may_send_as(const struct session *s, struct str address);

/* login.c */
void login_ask(struct session *s, const struct smtp_event *ev);
void login_cancel(struct session *s);
/* A held answer's time has come. */
void login_answer_late(struct session *s);
extern const struct ipc_rule smtpin_login_rules[];
void login_gone(struct smtpin *in, const struct ipc_channel *ch);
/* The mechanisms to offer inside this session's TLS. */
const char *login_mechanisms(const struct session *s);

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
