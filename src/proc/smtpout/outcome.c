/* SPDX-License-Identifier: Apache-2.0
 * outcome.c: what the queue is told about a delivery: each host tried with its session's facts, and
 * what became of each recipient. Called by delivery.c.
 */
#include "base/clock.h"
#include "proc/smtpout/smtpout.h"

/* The numbers of the recipients of whom the queue has not heard yet: those who were taken, the
 * others. */
static void list_rcpts(const struct delivery *d, bool taken, bool others, struct buf *list)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        const struct delivery_rcpt *r = &d->rcpts[i];
        bool is_one = !r->told && (r->result == RESULT_DELIVERED ? taken : others);
        if (is_one) {
            must(buf_printf(list, "%s%llu", buf_len(list) ? "," : "",
                            (unsigned long long)r->rcpt) == 0);
        }
    }
}

static void outcome_send_host(const struct delivery *d, const struct connection *l,
                              const struct host_verdict *v, enum sess sess, const char *host,
                              const char *ip, const char *detail, struct str rcpts)
{
    static const struct tls_facts none;
    const struct tls_facts *f = l && l->tls && tls_channel_state(l->tls) != TLS_HANDSHAKING
                                    ? tls_channel_facts(l->tls)
                                    : &none;
    /* clang-format off */
    static const enum action actions[] = {
        [HOST_SEND] = ACTION_SEND,
        [HOST_TEMPORARY] = ACTION_DEFER,
        [HOST_CLEAR] = ACTION_DEFER,
        [HOST_PERMANENT] = ACTION_BOUNCE,
        [HOST_CLASS_END] = ACTION_DEFER,
    };
    /* clang-format on */
    ipc_send(d->out->queue,
             &(struct ipc_msg){.type = IPC_outcome_host,
                               .outcome_host = {
                                   .lease = d->lease,
                                   .rcpts = rcpts,
                                   .at_ms = clock_wall_ms(),
                                   .took_ms = (uint32_t)(clock_mono_ms() - d->try_ms),
                                   .host = str_c(host),
                                   .address = str_c(ip),
                                   .port = d->port,
                                   .mx = d->facts.mx,
                                   .tlsa = d->facts.tlsa,
                                   .sts = d->facts.sts,
                                   .sess = sess,
                                   .offered = l && l->offered,
                                   .dane_check = str_c(f->dane_text),
                                   .exception = d->exception,
                                   .action = actions[v->class],
                                   .grade = v->grade,
                                   .floor = v->need.floor,
                                   .reason = v->reason,
                                   .raised = v->need.raised,
                                   .reused = l && l->reused,
                                   .tls_version = str_c(f->version),
                                   .tls_cipher = str_c(f->cipher),
                                   .tls_bits = f->bits,
                                   .tls_group = str_c(f->group),
                                   .tls_signature = str_c(f->signature),
                                   .peer_key = str_c(f->peer_key),
                                   .cert_check = str_c(f->check_text),
                                   .cert_subject = str_c(f->subject),
                                   .cert_issuer = str_c(f->issuer),
                                   .cert_fingerprint = str_c(f->fingerprint),
                                   .cert_not_after = f->not_after_ms,
                                   .detail = str_c(detail),
                               }});
}

/* RFC 7672 2.2.1 SHOULD: the name of the MX record is logged, not its alias */
void outcome_host(struct delivery *d, const struct connection *l, const struct host_verdict *v,
                  enum sess sess, const char *host, const char *ip, const char *detail)
{
    CLEANUP(buf_free) struct buf rcpts = BUF_INIT(JOB_RCPTS_TEXT);
    list_rcpts(d, v->class == HOST_SEND, true, &rcpts);
    tlsrpt_session(d, l, sess, host, ip, detail);
    outcome_send_host(d, l, v, sess, host, ip, detail, buf_str(&rcpts));
}

void outcome_taken(struct delivery *d, const struct connection *l, const char *host)
{
    CLEANUP(buf_free) struct buf rcpts = BUF_INIT(JOB_RCPTS_TEXT);
    list_rcpts(d, true, false, &rcpts);
    if (buf_len(&rcpts) > 0) {
        outcome_send_host(d, l, &d->session, d->facts.sess, host, l->ip, d->detail,
                          buf_str(&rcpts));
    }
}

static void outcome_tell(struct delivery *d, struct delivery_rcpt *r)
{
    d->out->sent += r->result == RESULT_DELIVERED;
    d->out->failed += r->result == RESULT_FAILED;
    r->told = true;
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_outcome_rcpt,
                                              .outcome_rcpt = {
                                                  .lease = d->lease,
                                                  .rcpt = r->rcpt,
                                                  .result = r->result,
                                                  .reason = r->reason,
                                                  .code = r->code,
                                                  .reply = r->reply,
                                                  .host = r->host,
                                                  .reported = r->reported,
                                              }});
}

void outcome_part(struct delivery *d)
{
    bool any = false;
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        if (!r->told && (r->result == RESULT_DELIVERED || r->result == RESULT_FAILED)) {
            outcome_tell(d, r);
            any = true;
        }
    }
    if (any) {
        ipc_send(d->out->queue,
                 &(struct ipc_msg){.type = IPC_outcome_part, .outcome_part = {.lease = d->lease}});
    }
}

void outcome_describe_lookup(const struct delivery *d, const struct route_host *h,
                             enum reason reason, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    if (reason == REASON_STS_LOOKUP) {
        (void)!buf_printf(&text, "MTA-STS of %s: %s", d->route.name, d->route.sts_detail);
    } else if (reason == REASON_TLSA_LOOKUP) {
        (void)!buf_add(&text, str_c(h->detail));
    } else if (reason == REASON_DANE_REQUIRED) {
        (void)!buf_printf(&text, "%s",
                          d->facts.tlsa == TLSA_NONE
                              ? "it publishes no TLSA records that DNSSEC vouches for"
                          : d->facts.tlsa == TLSA_UNUSABLE
                              ? "none of its TLSA records is usable"
                              : "the MX record that names it is not vouched for by DNSSEC");
    } else if (reason == REASON_MX_NOT_IN_POLICY) {
        struct str rest = str_c(d->route.policy.mx), one;
        (void)!buf_printf(&text, "%s; the policy of %s lists", h->name, d->route.name);
        while (rest.n > 0 && str_split(&rest, '\n', &one)) {
            (void)!buf_printf(&text, " " STR_FMT, STR_ARG(one));
        }
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

void outcome_rcpts(struct delivery *d)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        if (!d->rcpts[i].told) {
            outcome_tell(d, &d->rcpts[i]);
        }
    }
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_outcome, .outcome = {.lease = d->lease}});
}
