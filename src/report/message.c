/* SPDX-License-Identifier: Apache-2.0
 * message.c: the message report. Called by the postern command. Pure.
 *
 * First the answer a sender wants (did it go, was it secure, why not), then every attempt with its
 * facts for an auditor. A certificate that only fits an unvouched name is never called
 * authenticated.
 */
#include "policy/hop.h"
#include "report/message.h"
#include "report/envelope.h"
#include "policy/policy.h"
#include "report/acts.h"
#include "report/protection.h"
#include "store/store.h"
#include "tls/tls.h"
#include "wire/date.h"
#include "wire/id.h"
#include "wire/notify.h"
#include "wire/repair.h"

#include <stdlib.h>

const char *message_grade_words(enum grade g)
{
    static const char *const words[] = {
        [GRADE_PLAIN] = "not encrypted",
        [GRADE_ENCRYPT] = "encrypted, the receiving server not verified",
        [GRADE_CERT] = "encrypted, certificate verified for the server's name",
        [GRADE_AUTH] = "encrypted, and the receiving server proved its identity",
        [GRADE_PIN] = "encrypted, with the certificate the administrator pinned",
    };
    return words[g < GRADE_END ? g : GRADE_PLAIN];
}

const char *message_state_words(const struct ipc_row_rcpt *r)
{
    switch (r->state) {
    case RCPT_QUEUED:
        return r->attempts > 0 ? "waiting" : "queued";
    case RCPT_HELD:
        return "held";
    case RCPT_DELIVERED:
        return "delivered";
    case RCPT_FAILED:
        return r->notify == NOTIFY_NEVER ? "failed, unannounced" : "returned";
    case RCPT_EXPIRED:
        return "expired";
    case RCPT_PICKUP:
        return "waits in the portal";
    case RCPT_DELETED:
        return "deleted";
    case RCPT_STATE_END:
        break;
    }
    return "unknown";
}

bool message_attempt_lists(struct str rcpts, uint64_t rcpt)
{
    struct str rest = rcpts, one;
    while (str_split(&rest, ',', &one)) {
        uint64_t n;
        if (str_to_u64(one, UINT64_MAX, &n) == 0 && n == rcpt) {
            return true;
        }
    }
    return false;
}

/* The attempt that decided about a recipient: at the server that is named with it, for its
 * reason if there is one; or NULL. Of several servers in a round each may have taken some. */
static const struct ipc_row_attempt *message_attempt_of(const struct message_report *r,
                                                        const struct ipc_row_rcpt *rcpt)
{
    const struct ipc_row_attempt *found = NULL;
    for (size_t i = r->n_attempts; i > 0; i--) {
        const struct ipc_row_attempt *a = r->attempts[i - 1];
        bool there = message_attempt_lists(a->rcpts, rcpt->rcpt) && str_eq(a->host, rcpt->host);
        if (there && (!found || (a->reason == rcpt->reason && found->reason != rcpt->reason))) {
            found = a;
        }
    }
    return found;
}

int message_transport_words(const struct ipc_row_attempt *a, struct buf *out)
{
    if (a->tls_version.n > 0) {
        int r = buf_printf(out, STR_FMT ", " STR_FMT ", %u bit", STR_ARG(a->tls_version),
                           STR_ARG(a->tls_cipher), a->tls_bits);
        bool nist = tls_within_nist(a->tls_cipher, a->tls_group, a->tls_signature, a->peer_key);
        r = r == 0 && a->tls_group.n > 0 ? buf_printf(out, ", " STR_FMT, STR_ARG(a->tls_group)) : r;
        r = r == 0 && nist ? buf_printf(out, ", within profile nist") : r;
        bool by_dane = a->sess == SESS_DANE_OK, pinned = a->sess == SESS_PIN_OK;
        return r < 0 ? r
                     : buf_printf(out, "; %s" STR_FMT,
                                  by_dane  ? "DANE: "
                                  : pinned ? "the pinned certificate or key"
                                           : "certificate: ",
                                  STR_ARG(by_dane  ? a->dane_check
                                          : pinned ? STR("")
                                                   : a->cert_check));
    }
    static const char *const words[] = {
        [SESS_NOCONN] = "no connection",
        [SESS_NOADV] = "no encryption offered",
        [SESS_REFUSED] = "encryption refused",
        [SESS_HSFAIL] = "encryption failed",
        [SESS_LEGACY] = "outdated encryption",
        [SESS_DANE_OK] = "DANE",
        [SESS_PIN_OK] = "pinned certificate",
        [SESS_PKIX_OK] = "verified certificate",
        [SESS_PKIX_BAD] = "unverified certificate",
    };
    return buf_printf(out, "%s", a->sess < SESS_END ? words[a->sess] : "unknown");
}

/* What an old device did wrong (inside { devices }). */
static int put_repaired(const struct ipc_row_message *m, struct buf *out)
{
    if (!m->repaired) {
        return 0;
    }
    int r = buf_add(out, STR("  an old device sent it; repaired on arrival: "));
    r = r < 0 ? r : repair_write(m->repaired, out);
    return r < 0 ? r : buf_append(out, "\n", 1);
}

/* The second holds it; a release begins anew. */
static int put_deaths(const struct ipc_row_message *m, struct buf *out)
{
    return m->deaths == 0 ? 0
                          : buf_printf(out, "  %u process%s of ours ended over it%s\n",
                                       (unsigned)m->deaths, m->deaths == 1 ? "" : "es",
                                       m->deaths == 1 ? "; another one holds it" : "");
}

static int put_arrival(const struct ipc_row_message *m, struct buf *out)
{
    char id[ID_TEXT], date[DATE_MAX];
    id_text(m->id, id);
    date_iso(m->arrived_ms, date);
    int r = buf_printf(out, "Message %s\n  from <" STR_FMT ">, %llu octets, arrived %s\n", id,
                       STR_ARG(m->reverse_path), (unsigned long long)m->size, date);
    if (r == 0 && m->bounce_of) {
        id_text(m->bounce_of, id);
        return buf_printf(out, "  a notice from this gateway about message %s\n", id);
    }
    r = r < 0 ? r
              : buf_printf(out, "  received from " STR_FMT " (" STR_FMT ") with " STR_FMT ", ",
                           STR_ARG(m->helo), STR_ARG(m->client), STR_ARG(m->protocol));
    if (r == 0 && m->login.n > 0) {
        r = buf_printf(out, "logged in as " STR_FMT ", ", STR_ARG(m->login));
    }
    if (r == 0 && m->tls_version.n > 0) {
        return buf_printf(out, "encrypted: " STR_FMT ", " STR_FMT ", %u bit%s" STR_FMT "\n",
                          STR_ARG(m->tls_version), STR_ARG(m->tls_cipher), m->tls_bits,
                          m->tls_group.n > 0 ? ", " : "", STR_ARG(m->tls_group));
    }
    return r < 0 ? r : buf_add(out, STR("not encrypted on that route\n"));
}

static int message_put_rcpt(const struct message_report *report, const struct ipc_row_rcpt *r,
                            struct buf *out)
{
    char date[DATE_MAX];
    const struct ipc_row_attempt *a = message_attempt_of(report, r);
    date_iso(r->last_ms, date);
    int e = buf_printf(out, "\nTo <" STR_FMT ">: %s%s%s\n", STR_ARG(r->forward_path),
                       message_state_words(r), r->last_ms ? " " : "", r->last_ms ? date : "");
    if (e == 0 && r->protection.n > 0) {
        e = protection_words(r->protection, "  ", out);
    }
    if (e == 0 && r->state == RCPT_DELIVERED && a) {
        e = buf_printf(out, "  Sent securely: %s; %s\n  Over: ",
                       a->reason == REASON_SENT_LEGACY ? "NO"
                       : a->grade >= GRADE_CERT        ? "yes"
                       : a->grade == GRADE_ENCRYPT     ? "partly"
                                                       : "NO",
                       a->reason == REASON_SENT_LEGACY
                           ? "encrypted with outdated cryptography, by an exception"
                           : message_grade_words(a->grade));
        e = e < 0 ? e : message_transport_words(a, out);
        e = e < 0 ? e
                  : buf_printf(out, "\n  By: " STR_FMT " [" STR_FMT "]\n", STR_ARG(a->host),
                               STR_ARG(a->address));
    } else if (e == 0 && r->reason) {
        e = buf_printf(out, "  Why: %s\n", reason_sentence(r->reason));
    }
    if (e == 0 && r->reply.n > 0) {
        e = buf_printf(out, "  In detail: " STR_FMT "\n", STR_ARG(r->reply));
    }
    if (e == 0 && r->code.n > 0) {
        e = buf_printf(out, "  Status code: " STR_FMT "\n", STR_ARG(r->code));
    }
    if (e == 0 && r->state == RCPT_QUEUED && hop_kind(r->next_hop) == HOP_INSPECT) {
        e = buf_add(out, STR("  Waiting to be inspected: what it needs is not decided yet.\n"));
    } else if (e == 0 && r->state == RCPT_QUEUED) {
        date_iso(r->next_ms, date);
        e = buf_printf(out, "  Attempts so far: %u; next: %s\n", r->attempts, date);
    }
    if (e == 0 && (r->state == RCPT_FAILED || r->state == RCPT_EXPIRED)) {
        e = buf_printf(out, "  The sender %s told.\n",
                       report->message->reverse_path.n == 0
                           ? "could not be (null reverse-path), and was not"
                       : !notify_wants(r->notify, NOTIFY_FAILURE)
                           ? "asked not to be (NOTIFY), and was not"
                       : r->notice == NOTICE_LOST
                           ? "could not be (the notice came back, too), and was not"
                       : r->bounced ? "was"
                                    : "is being");
    }
    return e;
}

static int put_raised(const struct ipc_row_attempt *a, struct buf *out)
{
    int r = 0;
    for (unsigned bit = 0; r == 0 && bit < RAISED_END; bit++) {
        if (a->raised & (1u << bit)) {
            r = buf_printf(out, "     demanded by: %s\n", raiser_sentence((enum raiser_bit)bit));
        }
    }
    return r;
}

/* Whom the attempt was about, where that is not everybody. */
static int put_whom(const struct message_report *report, const struct ipc_row_attempt *a,
                    struct buf *out)
{
    enum { SHOWN = 5 };
    size_t n = 0;
    int r = 0;
    uint64_t number;
    struct str rest = a->rcpts, one;
    const struct ipc_row_rcpt *shown[SHOWN];
    while (rest.n > 0 && str_split(&rest, ',', &one)) {
        for (size_t i = 0; i < report->n_rcpts && str_to_u64(one, UINT64_MAX, &number) == 0; i++) {
            if (report->rcpts[i]->rcpt == number) {
                if (n < SHOWN) {
                    shown[n] = report->rcpts[i];
                }
                n++;
            }
        }
    }
    for (size_t i = 0; n < report->n_rcpts && r == 0 && i < n && i < SHOWN; i++) {
        r = buf_printf(out, "%s" STR_FMT, i ? ", " : "     for ", STR_ARG(shown[i]->forward_path));
    }
    if (r == 0 && n > 0 && n < report->n_rcpts) {
        r = n > SHOWN ? buf_printf(out, " and %zu more\n", n - SHOWN) : buf_printf(out, "\n");
    }
    return r;
}

static int put_attempt(const struct message_report *report, const struct ipc_row_attempt *a,
                       size_t number, struct buf *out)
{
    char date[DATE_MAX];
    date_iso(a->at_ms, date);
    int r = buf_printf(out, "  %zu. %s  ", number, date);
    if (r == 0 && a->address.n > 0) {
        r = buf_printf(out, STR_FMT " [" STR_FMT "]:%u%s, %u ms\n     ", STR_ARG(a->host),
                       STR_ARG(a->address), a->port, a->reused ? ", kept connection" : "",
                       a->took_ms);
        r = r < 0 ? r : message_transport_words(a, out);
    } else if (r == 0) {
        r = buf_printf(out, STR_FMT "%sno server was asked", STR_ARG(a->host),
                       a->host.n > 0 ? "; " : "");
    }
    if (r == 0 && a->tls_version.n > 0) {
        r = buf_printf(out,
                       "\n     key exchange " STR_FMT ", signature " STR_FMT ", server key " STR_FMT
                       "\n     certificate of " STR_FMT ", by " STR_FMT "\n     SHA-256 " STR_FMT,
                       STR_ARG(a->tls_group), STR_ARG(a->tls_signature), STR_ARG(a->peer_key),
                       STR_ARG(a->cert_subject), STR_ARG(a->cert_issuer),
                       STR_ARG(a->cert_fingerprint));
    }
    r = r < 0 ? r
              : buf_printf(out, "\n     grade %s, needed %s, MX name %s: %s (%s)\n",
                           grade_name(a->grade), grade_name(a->floor),
                           a->mx == MX_SECURE ? "vouched for" : "not vouched for",
                           action_name(a->action), reason_name(a->reason));
    r = r < 0 ? r
              : buf_printf(out, "     DANE %s%s" STR_FMT ", MTA-STS %s\n", tlsa_name(a->tlsa),
                           a->dane_check.n ? ": " : "", STR_ARG(a->dane_check), sts_name(a->sts));
    r = r < 0 ? r : put_whom(report, a, out);
    r = r < 0 ? r : put_raised(a, out);
    if (r == 0 && a->exception.n > 0) {
        r = buf_printf(out, "     exception: " STR_FMT "\n", STR_ARG(a->exception));
    }
    if (r == 0 && a->detail.n > 0) {
        r = buf_printf(out, "     detail: " STR_FMT "\n", STR_ARG(a->detail));
    }
    return r;
}

int message_report_words(const struct message_report *report, struct buf *out)
{
    int r = put_arrival(report->message, out);
    r = r < 0 ? r : put_repaired(report->message, out);
    r = r < 0 ? r : put_deaths(report->message, out);
    for (size_t i = 0; r == 0 && i < report->n_envelopes; i++) {
        r = buf_add(out, STR("\n"));
        r = r < 0 ? r : envelope_text(report->envelopes[i], report->events, report->n_events, out);
    }
    if (r == 0 && report->inspection) {
        r = buf_add(out, STR("\nWhat was found in it (values masked):\n"));
        r = r < 0 ? r : inspection_words(report->inspection->facts, out);
    }
    for (size_t i = 0; r == 0 && i < report->n_rcpts; i++) {
        r = message_put_rcpt(report, report->rcpts[i], out);
    }
    if (r == 0 && report->n_acts > 0) {
        r = buf_add(out, STR("\nDone by administrators, newest first:\n"));
        r = r < 0 ? r : acts_text(report->acts, report->n_acts, "  ", out);
    }
    if (r == 0 && report->n_attempts > 0) {
        r = buf_add(out, STR("\nAttempts:\n"));
    }
    for (size_t i = 0; r == 0 && i < report->n_attempts; i++) {
        r = put_attempt(report, report->attempts[i], i + 1, out);
    }
    return r;
}

/* A bounce about it went out, and did not come back. */
static bool was_told(const struct ipc_row_message *m, const struct ipc_row_rcpt *r)
{
    bool failed = r->state == RCPT_FAILED || r->state == RCPT_EXPIRED;
    return failed && m->reverse_path.n > 0 && r->bounced && r->notice != NOTICE_LOST &&
           notify_wants(r->notify, NOTIFY_FAILURE);
}

static struct json *rcpt_json(const struct ipc_row_message *m, const struct ipc_row_rcpt *r)
{
    struct json *o = report_object();
    report_put_int(o, "number", (int64_t)r->rcpt);
    report_put_str(o, "forward-path", r->forward_path);
    report_put_str(o, "state", str_c(message_state_words(r)));
    report_put_str(o, "next-hop", r->next_hop);
    report_put_int(o, "attempts", r->attempts);
    report_put_time(o, "last-attempt", r->last_ms);
    report_put_time(o, "next-attempt", r->state == RCPT_QUEUED ? r->next_ms : 0);
    report_put_str(o, "reason", str_c(reason_name(r->reason)));
    report_put_str(o, "status", r->code);
    report_put_str(o, "detail", r->reply);
    report_put_str(o, "host", r->host);
    report_put(o, "protection", protection_json(r->protection));
    report_put_bool(o, "sender-told", was_told(m, r));
    return o;
}

static struct json *attempt_json(const struct ipc_row_attempt *a)
{
    struct json *o = report_object(), *raised = report_array();
    for (unsigned bit = 0; bit < RAISED_END; bit++) {
        if (a->raised & (1u << bit)) {
            report_append_str(raised, str_c(raiser_sentence((enum raiser_bit)bit)));
        }
    }
    report_put_time(o, "at", a->at_ms);
    report_put_int(o, "took-ms", a->took_ms);
    report_put_str(o, "recipients", a->rcpts);
    report_put_str(o, "host", a->host);
    report_put_str(o, "address", a->address);
    report_put_int(o, "port", a->port);
    report_put_bool(o, "kept-connection", a->reused);
    report_put_str(o, "mx", str_c(mx_name(a->mx)));
    report_put_str(o, "session", str_c(sess_name(a->sess)));
    report_put_str(o, "action", str_c(action_name(a->action)));
    report_put_str(o, "grade", str_c(grade_name(a->grade)));
    report_put_str(o, "floor", str_c(grade_name(a->floor)));
    report_put_str(o, "reason", str_c(reason_name(a->reason)));
    report_put(o, "demanded-by", raised);
    report_put_str(o, "tls-version", a->tls_version);
    report_put_str(o, "cipher", a->tls_cipher);
    report_put_int(o, "bits", a->tls_bits);
    report_put_str(o, "group", a->tls_group);
    report_put_str(o, "signature", a->tls_signature);
    report_put_str(o, "server-key", a->peer_key);
    report_put_str(o, "certificate-check", a->cert_check);
    report_put_str(o, "certificate-subject", a->cert_subject);
    report_put_str(o, "certificate-issuer", a->cert_issuer);
    report_put_str(o, "certificate-sha256", a->cert_fingerprint);
    report_put_time(o, "certificate-ends", a->cert_not_after);
    report_put_str(o, "dane", str_c(tlsa_name(a->tlsa)));
    report_put_str(o, "dane-check", a->dane_check);
    report_put_str(o, "mta-sts", str_c(sts_name(a->sts)));
    report_put_str(o, "exception", a->exception);
    report_put_str(o, "detail", a->detail);
    return o;
}

static struct json *repaired_json(unsigned bits)
{
    struct json *all = report_array();
    for (unsigned bit = 1; bit && bit <= bits; bit <<= 1) {
        const char *words = bits & bit ? repair_words(bit) : "";
        if (*words) {
            report_append_str(all, str_c(words));
        }
    }
    return all;
}

struct json *message_report_json(const struct message_report *report)
{
    const struct ipc_row_message *m = report->message;
    struct json *o = report_object(), *rcpts = report_array(), *attempts = report_array();
    char id[ID_TEXT];
    id_text(m->id, id);
    report_put_str(o, "id", str_c(id));
    report_put_str(o, "reverse-path", m->reverse_path);
    report_put_time(o, "arrived", m->arrived_ms);
    report_put_int(o, "size", (int64_t)m->size);
    report_put_str(o, "client", m->client);
    report_put_str(o, "helo", m->helo);
    report_put_str(o, "protocol", m->protocol);
    report_put_str(o, "login", m->login);
    report_put_str(o, "client-certificate", m->certificate);
    report_put_bool(o, "requiretls", m->reqtls);
    report_put_bool(o, "tls-required-no", m->tls_required_no);
    report_put_str(o, "tls-version", m->tls_version);
    report_put_str(o, "cipher", m->tls_cipher);
    report_put_int(o, "bits", m->tls_bits);
    report_put_int(o, "processes-ended", m->deaths);
    report_put_str(o, "group", m->tls_group);
    if (m->repaired) {
        report_put(o, "repaired", repaired_json(m->repaired));
    }
    if (m->bounce_of) {
        id_text(m->bounce_of, id);
        report_put_str(o, "bounce-of", str_c(id));
    }
    for (size_t i = 0; i < report->n_rcpts; i++) {
        report_append(rcpts, rcpt_json(report->message, report->rcpts[i]));
    }
    for (size_t i = 0; i < report->n_attempts; i++) {
        report_append(attempts, attempt_json(report->attempts[i]));
    }
    if (report->n_envelopes > 0) {
        struct json *all = report_array();
        for (size_t i = 0; i < report->n_envelopes; i++) {
            report_append(all,
                          envelope_json(report->envelopes[i], report->events, report->n_events));
        }
        report_put(o, "portal", all);
    }
    if (report->inspection) {
        report_put(o, "inspection", inspection_json(report->inspection->facts));
    }
    report_put(o, "recipients", rcpts);
    report_put(o, "attempts", attempts);
    if (report->n_acts > 0) {
        report_put(o, "acts", acts_json(report->acts, report->n_acts));
    }
    return o;
}
