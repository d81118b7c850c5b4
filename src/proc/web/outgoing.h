/* SPDX-License-Identifier: Apache-2.0
 * outgoing.h: a message written by somebody in the portal, while it comes: encoded, sealed piece by
 * piece, small ones in memory, larger ones into a spool file that is synced before the queue hears
 * of it. For answer.c and compose.c.
 */
#pragma once
#include "proc/web/web.h"

struct outgoing {
    uint64_t id;
    struct rest_sealer *sealer;
    unsigned char wrapped[REST_WRAPPED];
    struct buf sealed, line; /* line: octets of a file that wait for a whole line of base64 */
    int spool;
    char spool_name[64], boundary[48];
    uint64_t octets, most;
    bool head_written, in_file, failed, too_large, full, submitted;
};

/* r->outgoing, a spool file where its body is large, and then the body comes; or the request has
 * been answered. */
void outgoing_begin(struct request *r);
void outgoing_free(struct web *w, struct outgoing *o);
/* Takes the spool file. */
void outgoing_spool(struct outgoing *o, uint8_t result, struct str name, int fd);
/* Header fields and text: once, before all files. fields end with CRLF. */
void outgoing_head(struct outgoing *o, struct str fields, struct str words);
/* A piece of a file; at 0 begins one. */
void outgoing_file(struct outgoing *o, const char *name, struct str octets, uint64_t at);
/* The form has ended: the head, if no file wanted it before, and the end, durable if there is a
 * spool file. False: it cannot be sent, and the request has been answered. */
bool outgoing_end(struct request *r, void (*write_head)(struct request *r));
/* To the queue, after ask_wait(): each recipient (arg: the request), then the mail. about: as
 * enum about of the queue. */
void outgoing_rcpt(void *arg, struct str address);
void outgoing_submit(struct request *r, uint8_t about, uint64_t about_id, struct str login);
