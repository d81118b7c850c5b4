/* SPDX-License-Identifier: Apache-2.0
 * write.c: our own TLS reports, RFC 8460 4.4, 5.1, 5.3. Called by smtpout.
 */
#include "report/json.h"
#include "tlsrpt/report.h"
#include "wire/base64.h"
#include "wire/date.h"

#include <stdio.h>
#include <zlib.h>

static struct json *lines(struct str text)
{
    struct json *list = report_array();
    struct str line;
    while (text.n > 0 && str_split(&text, '\n', &line)) {
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (line.n > 0) {
            report_append_str(list, line);
        }
    }
    return list;
}

/* RFC 8460 4.3.1 SHOULD: vague kinds of failure have a failure-reason-code */
static struct json *failure_json(const struct tlsrpt_failure *f)
{
    struct json *o = report_object();
    report_put_str(o, "result-type", f->result);
    if (f->sender.n > 0) {
        report_put_str(o, "sending-mta-ip", f->sender);
    }
    if (f->host.n > 0) {
        report_put_str(o, "receiving-mx-hostname", f->host);
    }
    if (f->receiver.n > 0) {
        report_put_str(o, "receiving-ip", f->receiver);
    }
    report_put_int(o, "failed-session-count", (int64_t)f->n);
    if (f->reason.n > 0) {
        report_put_str(o, "failure-reason-code", f->reason);
    }
    return o;
}

static struct json *write_policy_json(const struct tlsrpt_policy *p)
{
    struct json *o = report_object(), *policy = report_object(), *summary = report_object(),
                *failures = report_array();
    report_put_str(policy, "policy-type", str_c(p->type));
    if (p->strings.n > 0) {
        report_put(policy, "policy-string", lines(p->strings));
    }
    report_put_str(policy, "policy-domain", p->domain);
    if (p->mx.n > 0) {
        report_put(policy, "mx-host", lines(p->mx));
    }
    report_put_int(summary, "total-successful-session-count", (int64_t)p->ok);
    report_put_int(summary, "total-failure-session-count", (int64_t)p->failed);
    for (size_t i = 0; i < p->n_failures; i++) {
        report_append(failures, failure_json(&p->failures[i]));
    }
    report_put(o, "policy", policy);
    report_put(o, "summary", summary);
    report_put(o, "failure-details", failures);
    return o;
}

/* RFC 8460 4 MUST: policies are an array */
int tlsrpt_json(const struct tlsrpt_report *r, struct buf *out)
{
    struct json *o = report_object(), *range = report_object(), *policies = report_array();
    report_put_time(range, "start-datetime", r->begin_ms);
    report_put_time(range, "end-datetime", r->end_ms);
    report_put_str(o, "organization-name", r->organization);
    report_put(o, "date-range", range);
    report_put_str(o, "contact-info", r->contact);
    report_put_str(o, "report-id", r->id);
    for (size_t i = 0; i < r->n_policies; i++) {
        report_append(policies, write_policy_json(&r->policies[i]));
    }
    report_put(o, "policies", policies);
    return report_render(o, out);
}

/* RFC 8460 5.2 SHOULD: reports are packed with gzip */
int tlsrpt_gzip(struct str text, struct buf *out)
{
    z_stream z = {0};
    char *room;
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return -EIO;
    }
    size_t most = deflateBound(&z, text.n);
    int r = buf_reserve(out, most, &room);
    if (r == 0) {
        z.next_in = (Bytef *)text.p;
        z.avail_in = (uInt)text.n;
        z.next_out = (Bytef *)room;
        z.avail_out = (uInt)most;
        r = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
        if (r == 0) {
            buf_commit(out, most - z.avail_out);
        }
    }
    deflateEnd(&z);
    return r;
}

/* RFC 8460 5.1 MUST: the file's name ends in .json.gz */
void tlsrpt_file_name(const struct tlsrpt_report *r, char *dst, size_t size)
{
    snprintf(dst, size, STR_FMT "!" STR_FMT "!%lld!%lld!" STR_FMT ".json.gz", STR_ARG(r->submitter),
             STR_ARG(r->domain), (long long)(r->begin_ms / 1000), (long long)(r->end_ms / 1000),
             STR_ARG(r->id));
}

/* RFC 8460 5.3 MAY: reports go by mail, as multipart/report
 * RFC 8460 5.3 MUST: TLS-Report-Domain and TLS-Report-Submitter are there
 * RFC 8460 5.3 SHOULD: the subject has its form */
int tlsrpt_mail(const struct tlsrpt_report *r, struct str from, struct str to,
                struct str message_id, int64_t at_ms, struct str packed, struct buf *out)
{
    char date[DATE_MAX], name[700], begin[DATE_MAX];
    date_rfc5322(at_ms, date);
    date_iso(r->begin_ms, begin);
    tlsrpt_file_name(r, name, sizeof name);
    int e = buf_printf(
        out,
        "From: <" STR_FMT ">\r\nTo: <" STR_FMT ">\r\nDate: %s\r\nMessage-ID: <" STR_FMT ">\r\n"
        "Subject: Report Domain: " STR_FMT " Submitter: " STR_FMT "\r\n\tReport-ID: <" STR_FMT
        ">\r\n"
        "TLS-Report-Domain: " STR_FMT "\r\nTLS-Report-Submitter: " STR_FMT
        "\r\nTLS-Required: No\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"=_" STR_FMT
        "\"\r\n\r\n",
        STR_ARG(from), STR_ARG(to), date, STR_ARG(message_id), STR_ARG(r->domain),
        STR_ARG(r->submitter), STR_ARG(r->id), STR_ARG(r->domain), STR_ARG(r->submitter),
        STR_ARG(r->id));
    e = e < 0 ? e
              : buf_printf(out,
                           "--=_" STR_FMT "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
                           "This is an aggregate TLS report (RFC 8460) from " STR_FMT
                           "\r\nabout mail to " STR_FMT " on %.10s.\r\n\r\n"
                           "--=_" STR_FMT "\r\nContent-Type: "
                           "application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"
                           "Content-Disposition: attachment;\r\n\tfilename=\"%s\"\r\n\r\n",
                           STR_ARG(r->id), STR_ARG(r->submitter), STR_ARG(r->domain), begin,
                           STR_ARG(r->id), name);
    e = e < 0 ? e : base64_write(packed, 76, out);
    return e < 0 ? e : buf_printf(out, "\r\n--=_" STR_FMT "--\r\n", STR_ARG(r->id));
}
