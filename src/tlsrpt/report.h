/* SPDX-License-Identifier: Apache-2.0
 * report.h: TLS reports (RFC 8460): written as JSON, gzip and mail; read from the mail of others
 * with limits. Pure but for zlib.
 */
#pragma once
#include "base/buf.h"

enum {
    TLSRPT_JSON_MAX = 10 * 1024 * 1024,
    TLSRPT_MAIL_MAX = 16 * 1024 * 1024,
    TLSRPT_POLICIES_MAX = 200
};

struct tlsrpt_failure {
    struct str result, sender, host, receiver, reason;
    uint64_t n;
};

struct tlsrpt_policy {
    const char *type;       /* "tlsa", "sts", "no-policy-found" */
    struct str domain;      /* policy domain */
    struct str strings, mx; /* a line each */
    uint64_t ok, failed;
    const struct tlsrpt_failure *failures;
    size_t n_failures;
};

struct tlsrpt_report {
    struct str organization, contact, id, submitter, domain;
    int64_t begin_ms, end_ms;
    const struct tlsrpt_policy *policies;
    size_t n_policies;
};

/* RFC 8460 4.4. 0 or -ENOSPC. */
int tlsrpt_json(const struct tlsrpt_report *r, struct buf *out) MUST_USE;
/* gzip (RFC 1952). 0, -ENOSPC, -EIO. */
int tlsrpt_gzip(struct str text, struct buf *out) MUST_USE;
/* -EMSGSIZE: it would be more than out may hold (a bomb); -EBADMSG. */
int tlsrpt_gunzip(struct str packed, struct buf *out) MUST_USE;
/* "submitter!domain!begin!end!id.json.gz", RFC 8460 5.1. */
void tlsrpt_file_name(const struct tlsrpt_report *r, char *dst, size_t size);
/* The mail of RFC 8460 5.3 around the packed report, without a signature. */
int tlsrpt_mail(const struct tlsrpt_report *r, struct str from, struct str to,
                struct str message_id, int64_t at_ms, struct str packed, struct buf *out) MUST_USE;

/* One policy of a report that was received; texts live as long as the call. */
struct tlsrpt_row {
    struct str organization, report_id, domain, type;
    int64_t begin_ms, end_ms;
    uint64_t ok, failed;
    struct str details; /* a line for each failure and policy string */
};
typedef void (*tlsrpt_row_fn)(void *arg, const struct tlsrpt_row *row);
/* Reads a message (or a bare report): finds the report part, unpacks, parses; fn for each policy.
 * 0, or -EBADMSG/-EMSGSIZE with a sentence in problem. */
int tlsrpt_read(struct str mail, tlsrpt_row_fn fn, void *arg, char *problem, size_t size) MUST_USE;
/* The same from JSON. */
int tlsrpt_read_json(struct str text, tlsrpt_row_fn fn, void *arg, char *problem,
                     size_t size) MUST_USE;
