/* SPDX-License-Identifier: Apache-2.0
 * admission.c: who may send what to whom (admission.h). RFC 5321 3.6.2, 4.5.1, 7.9; RFC 6409 6.1.
 */
#include "proc/admission.h"
#include "portal/thread.h"

#include <stdio.h>

struct smtp_server_config admission_engine(const struct conf *c, const struct admission_client *w,
                                           const char *hostname)
{
    return (struct smtp_server_config){
        .hostname = hostname,
        .greeting = "Postern",
        .can_starttls = w->can_start,
        .auth = w->submits ? "" : NULL, /* which mechanisms: known once TLS stands */
        .auth_required = w->submits,
        .command_line_max = (size_t)c->limits.command_line,
        .size_max = (uint64_t)c->limits.size,
        .header_octets_max = (size_t)c->limits.header_octets,
        .header_lines_max = (size_t)c->limits.header_lines,
        .header_field_max = (size_t)c->limits.header_field,
        .hops_max = (size_t)c->limits.hops,
        .recipients_max = (size_t)c->limits.recipients,
        .errors_max = (unsigned)c->limits.errors,
        .transactions_max = (unsigned)c->limits.transactions,
        .device = w->is_device,
        /* outside only where the way inside is known to be safe: else good mail would come back */
        .requiretls = c->requiretls && (w->inside_network || w->submits || !c->deliver_to ||
                                        c->deliver_to_requiretls),
    };
}

static void admission_refuse(struct admission *a, enum smtp_refusal r)
{
    a->refusal = r;
    a->reply = *smtp_refusal(r);
}

static void admission_take(struct admission *a)
{
    *a = (struct admission){.refusal = REFUSE_END};
}

bool admission_may_send_as(const struct conf *c, struct str addresses, struct str address)
{
    struct str rest = addresses, one;
    if (c->accounts.sender != 0 || address.n == 0) {
        return true;
    }
    while (rest.n > 0 && str_split(&rest, ' ', &one)) {
        if (one.n > 0 &&
            (one.p[0] == '@' ? domain_eq(domain_kept(str_slice(one, 1, one.n)), domain_of(address))
                             : address_same(one, address))) {
            return true;
        }
    }
    return false;
}

/* What inside machines send over a network is encrypted (docs/decisions/0032); not so devices,
 * what runs on this machine, and where no certificate is set at all. */
static bool is_clear_from_inside(const struct admission_client *w)
{
    return w->inside_network && !w->is_device && !w->in_tls && w->can_tls && !w->on_this_machine;
}

void admission_mail(const struct conf *c, const struct admission_client *w, struct str from,
                    struct admission *ret)
{
    admission_take(ret);
    if (is_clear_from_inside(w)) {
        admission_refuse(ret, REFUSE_TLS_INSIDE);
    } else if (w->submits && !admission_may_send_as(c, w->addresses, from)) {
        admission_refuse(ret, REFUSE_NOT_YOUR_ADDRESS);
    }
}

/* RFC 5321 7.9 SHOULD: refusals by policy are 550
 * RFC 3207 4 SHOULD: where TLS is demanded, commands are refused with 530 */
void admission_rule(const struct inbound_verdict *v, const struct admission_client *w,
                    struct admission *ret)
{
    admission_take(ret);
    if (v->rule && v->enforced) {
        str_copy_cut(str_c(v->reason), ret->text, sizeof ret->text);
        ret->reply = (struct smtp_reply){w->can_start ? 530 : 550,
                                         w->can_start ? "5.7.0" : "5.7.10", ret->text};
    }
}

/* postmaster without a domain is always somebody (RFC 5321 4.5.1).
 * RFC 5321 2.3.5 MUST: postmaster without a domain is taken
 * RFC 5321 3.6.2 SHOULD: relaying is refused with 550
 * RFC 5321 4.5.1 MUST: postmaster is taken in any case, at each domain of ours
 * RFC 5321 7.9 SHOULD: relaying can be limited to known clients
 * RFC 5321 2.3.11 MUST: a local part is read by its own host alone */
void admission_rcpt(const struct conf *c, const struct admission_client *w,
                    const struct address *rcpt, struct admission *ret)
{
    bool ours = rcpt->domain.n == 0 || conf_is_inside(c, domain_of(rcpt->whole));
    bool client = w->inside_network || w->logged_in;
    admission_take(ret);
    if (!client && c->portal.url && c->portal.mail_replies == 1 &&
        thread_of_address(c, rcpt->whole).n > 0) {
        snprintf(ret->text, sizeof ret->text,
                 "Ordinary mail would not be protected: please answer in the portal, %s",
                 c->portal.url);
        ret->reply = (struct smtp_reply){550, "5.7.1", ret->text};
    } else if (!client && !ours) {
        admission_refuse(ret, REFUSE_RELAYING);
    }
}
