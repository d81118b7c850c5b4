/* SPDX-License-Identifier: Apache-2.0
 * admission.h: who may send what to whom: the answers to MAIL and RCPT that the configuration
 * gives. Asked by smtpin (talk.c) for the session that is, and by postern explain for one that
 * could be. Pure. What is wrong with the form of a command says the engine (smtp/server.h),
 * whose limits are set here, too.
 */
#pragma once
#include "conf/conf.h"
#include "policy/inbound.h"
#include "smtp/server.h"

/* Who brings it. */
struct admission_client {
    bool submits; /* at a port for people who log in */
    bool inside_network, is_device, on_this_machine;
    bool logged_in, in_tls;
    bool can_tls;         /* it is offered, or stands */
    bool can_start;       /* STARTTLS could still be said */
    struct str addresses; /* that the login may send as, space-separated; "@domain": all there */
};

/* A refusal; which of refusals.def it is, REFUSE_END: by words of its own. code 0: none, it is
 * taken. */
struct admission {
    struct smtp_reply reply;
    enum smtp_refusal refusal;
    char text[480];
};

/* The limits of the engine for such a client. hostname is borrowed. */
struct smtp_server_config admission_engine(const struct conf *c, const struct admission_client *w,
                                           const char *hostname);
bool admission_may_send_as(const struct conf *c, struct str addresses, struct str address);
/* MAIL, but for rules about the connection... */
void admission_mail(const struct conf *c, const struct admission_client *w, struct str from,
                    struct admission *ret);
/* ...whose verdict stands: what it is answered. */
void admission_rule(const struct inbound_verdict *v, const struct admission_client *w,
                    struct admission *ret);
void admission_rcpt(const struct conf *c, const struct admission_client *w,
                    const struct address *rcpt, struct admission *ret);
