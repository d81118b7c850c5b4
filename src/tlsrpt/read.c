/* SPDX-License-Identifier: Apache-2.0
 * read.c: TLS reports of others, RFC 8460 4.4, 5.2, 5.3: the report part of a message, unpacked
 * within limits, and its JSON. Called by smtpout; fuzzed.
 *
 * Tolerant where the field is sloppy (appendix B and real reporters):
 * - a report part of any media type: its octets decide (gzip, or JSON), the declared types come
 *   first;
 * - base64, quoted-printable, several gzip members, a byte order mark;
 * - mx-host as one string, counts as strings, unknown members, missing counts, no policy-string.
 *
 * What can go wrong: anything a stranger can send.
 */
#include "report/json.h"
#include "tlsrpt/report.h"
#include "wire/header.h"
#include "wire/transfer.h"

#include <stdio.h>
#include <zlib.h>

enum { DEPTH_MAX = 8, PARTS_MAX = 100, DETAILS_MAX = 16000, INFLATE_STEP = 64 * 1024 };

static bool looks_packed(struct str s)
{
    return s.n > 2 && (unsigned char)s.p[0] == 0x1f && (unsigned char)s.p[1] == 0x8b;
}

int tlsrpt_gunzip(struct str packed, struct buf *out)
{
    z_stream z = {0};
    int code = Z_OK, r = 0;
    if (inflateInit2(&z, 15 + 16) != Z_OK) {
        return -EIO;
    }
    z.next_in = (Bytef *)packed.p;
    z.avail_in = (uInt)packed.n;
    /* one member after the other (RFC 1952 2.2); what is none behind them is left */
    while (r == 0 && code == Z_OK) {
        char *room;
        r = buf_reserve(out, INFLATE_STEP, &room) < 0 ? -EMSGSIZE : 0;
        if (r == 0) {
            z.next_out = (Bytef *)room;
            z.avail_out = INFLATE_STEP;
            code = inflate(&z, Z_NO_FLUSH);
            buf_commit(out, INFLATE_STEP - z.avail_out);
            if (code == Z_STREAM_END &&
                looks_packed(str_from((const char *)z.next_in, z.avail_in))) {
                code = inflateReset(&z);
            }
        }
    }
    inflateEnd(&z);
    return r < 0 ? r : code == Z_STREAM_END ? 0 : -EBADMSG;
}

/* --- the part of the mail ----------------------------------------------- */

/* One parameter of a Content-Type value: without quotes. */
static bool read_parameter(struct str value, struct str name, struct str *ret)
{
    struct str rest = value, one;
    while (rest.p && str_split(&rest, ';', &one)) {
        struct str text = one;
        while (text.n > 0 &&
               (text.p[0] == ' ' || text.p[0] == '\t' || text.p[0] == '\r' || text.p[0] == '\n')) {
            text = str_slice(text, 1, text.n);
        }
        size_t equal = str_find(text, '=', 0);
        if (equal < text.n && str_eq_nocase(str_trim(str_slice(text, 0, equal)), name)) {
            struct str v = str_trim(str_slice(text, equal + 1, text.n));
            while (v.n > 0 && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n')) {
                v.n--;
            }
            *ret = v.n > 1 && v.p[0] == '"' ? str_slice(v, 1, str_find(v, '"', 1)) : v;
            return ret->n > 0 && ret->n <= 70;
        }
    }
    return false;
}

struct part {
    struct str type, encoding, body;
    bool declared, is_multipart; /* by its media type: a report; a multipart */
};

static void tlsrpt_read_part(struct str text, struct part *p)
{
    struct str head = str_slice(text, 0, header_section(text)), name, value;
    *p = (struct part){.type = STR("text/plain")};
    size_t skip = head.n + 2 <= text.n ? head.n + 2 : text.n;
    p->body = str_slice(text, skip, text.n);
    while (header_next(&head, &name, &value)) {
        if (str_eq_nocase(name, STR("Content-Type"))) {
            p->type = str_trim(value);
        } else if (str_eq_nocase(name, STR("Content-Transfer-Encoding"))) {
            p->encoding = str_trim(value);
        }
    }
    struct str kind = str_trim(str_slice(p->type, 0, str_find(p->type, ';', 0)));
    p->declared = str_eq_nocase(kind, STR("application/tlsrpt+gzip")) ||
                  str_eq_nocase(kind, STR("application/gzip")) ||
                  str_eq_nocase(kind, STR("application/x-gzip")) ||
                  str_eq_nocase(kind, STR("application/tlsrpt+json")) ||
                  str_eq_nocase(kind, STR("application/json"));
    p->is_multipart = str_starts_nocase(kind, STR("multipart/"));
}

/* The next part between boundary lines; false when there is none. */
static bool next_part(struct str *rest, struct str boundary, struct str *ret)
{
    struct str line;
    bool inside = false;
    const char *begin = NULL;
    while (rest->n > 0) {
        struct str before = *rest;
        if (!str_split(rest, '\n', &line)) {
            return false;
        }
        bool is_boundary = line.n >= boundary.n + 2 && line.p[0] == '-' && line.p[1] == '-' &&
                           str_eq(str_slice(line, 2, 2 + boundary.n), boundary);
        if (is_boundary && inside) {
            *ret = str_from(begin, (size_t)(before.p - begin));
            *rest = before; /* it opens the next part, too */
            return true;
        }
        if (is_boundary) {
            inside = true;
            begin = rest->p ? rest->p : before.p + before.n;
        }
    }
    return false;
}

static int read_decode(const struct part *p, struct buf *out)
{
    bool base64 = str_eq_nocase(p->encoding, STR("base64")),
         quoted = str_eq_nocase(p->encoding, STR("quoted-printable"));
    return transfer_read_all(base64   ? TRANSFER_BASE64
                             : quoted ? TRANSFER_QUOTED
                                      : TRANSFER_AS_IS,
                             p->body, out, NULL);
}

/* The text behind a byte order mark and blanks. */
static struct str past_blanks(struct str s)
{
    s = str_starts_nocase(s, STR("\xef\xbb\xbf")) ? str_slice(s, 3, s.n) : s;
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n')) {
        s = str_slice(s, 1, s.n);
    }
    return s;
}

/* A part declared as something else whose octets are those of a report all the same. */
static bool looks_like_report(const struct part *p)
{
    CLEANUP(buf_free) struct buf octets = BUF_INIT(TLSRPT_MAIL_MAX);
    struct str start = read_decode(p, &octets) < 0 ? STR("") : past_blanks(buf_str(&octets));
    return looks_packed(start) || (start.n > 1 && start.p[0] == '{');
}

/* The first part that is a report: by its media type, or (by_octets) by what it holds. */
static bool find_part(struct str text, unsigned depth, bool by_octets, struct part *ret)
{
    struct str boundary, rest, one;
    tlsrpt_read_part(text, ret);
    if (ret->declared || (by_octets && !ret->is_multipart && looks_like_report(ret))) {
        return true;
    }
    if (depth >= DEPTH_MAX || !ret->is_multipart ||
        !read_parameter(ret->type, STR("boundary"), &boundary)) {
        return false;
    }
    rest = ret->body;
    for (unsigned n = 0; n < PARTS_MAX && next_part(&rest, boundary, &one); n++) {
        if (find_part(one, depth + 1, by_octets, ret)) {
            return true;
        }
    }
    return false;
}

/* --- JSON --------------------------------------------------------------- */

static bool two(struct str s, size_t at, int64_t *ret)
{
    uint64_t n;
    bool ok = at + 2 <= s.n && str_to_u64(str_slice(s, at, at + 2), 99, &n) == 0;
    *ret = ok ? (int64_t)n : 0;
    return ok;
}

/* "2016-04-01T00:00:00Z" (RFC 3339, an offset is ignored but for its sign's presence); 0 when
 * unreadable. */
static int64_t read_time(struct str s)
{
    uint64_t year;
    int64_t month, day, hour, minute, second;
    if (s.n < 19 || str_to_u64(str_slice(s, 0, 4), 9999, &year) < 0 || year < 1970 ||
        !two(s, 5, &month) || !two(s, 8, &day) || !two(s, 11, &hour) || !two(s, 14, &minute) ||
        !two(s, 17, &second) || month < 1 || month > 12) {
        return 0;
    }
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = (int64_t)year, leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    int64_t days = (y - 1970) * 365 + (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400 +
                   before[month - 1] + (leap && month > 2) + day - 1;
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

static void put_strings(struct buf *out, const char *what, const struct json *list)
{
    for (size_t i = 0; i < report_count(list) && i < 100; i++) {
        struct str s = report_str(report_item(list, i));
        if (s.n > 0) {
            (void)!buf_printf(out, "%s: " STR_FMT "\n", what,
                              STR_ARG(str_slice(s, 0, s.n < 512 ? s.n : 512)));
        }
    }
}

static struct str cut(struct str s, size_t most)
{
    return str_slice(s, 0, s.n < most ? s.n : most);
}

/* A number of sessions: also written as a string ("2"); 0 when it is missing or negative. */
static uint64_t read_count_of(const struct json *o, const char *key)
{
    uint64_t n = 0;
    int64_t number = report_get_whole(o, key, 0);
    if (number > 0) {
        return (uint64_t)number;
    }
    return str_to_u64(str_trim(report_get_str(o, key)), INT64_MAX, &n) == 0 ? n : 0;
}

static void put_failures(struct buf *out, const struct json *list)
{
    for (size_t i = 0; i < report_count(list) && i < 1000; i++) {
        const struct json *f = report_item(list, i);
        (void)!buf_printf(out,
                          "failure: %llu x " STR_FMT " from " STR_FMT " to " STR_FMT " [" STR_FMT
                          "] " STR_FMT "\n",
                          (unsigned long long)read_count_of(f, "failed-session-count"),
                          STR_ARG(cut(report_get_str(f, "result-type"), 64)),
                          STR_ARG(cut(report_get_str(f, "sending-mta-ip"), 64)),
                          STR_ARG(cut(report_get_str(f, "receiving-mx-hostname"), 255)),
                          STR_ARG(cut(report_get_str(f, "receiving-ip"), 64)),
                          STR_ARG(cut(report_get_str(f, "failure-reason-code"), 255)));
    }
}

static void give_policy(const struct json *whole, const struct json *p, tlsrpt_row_fn fn, void *arg)
{
    const struct json *range = report_get(whole, "date-range"), *policy = report_get(p, "policy"),
                      *summary = report_get(p, "summary");
    CLEANUP(buf_free) struct buf details = BUF_INIT(DETAILS_MAX);
    put_strings(&details, "policy", report_get(policy, "policy-string"));
    put_strings(&details, "mx", report_get(policy, "mx-host"));
    put_failures(&details, report_get(p, "failure-details"));
    const struct tlsrpt_row row = {
        .organization = cut(report_get_str(whole, "organization-name"), 255),
        .report_id = cut(report_get_str(whole, "report-id"), 255),
        .domain = cut(report_get_str(policy, "policy-domain"), 255),
        .type = cut(report_get_str(policy, "policy-type"), 31),
        .begin_ms = read_time(report_get_str(range, "start-datetime")),
        .end_ms = read_time(report_get_str(range, "end-datetime")),
        .ok = read_count_of(summary, "total-successful-session-count"),
        .failed = read_count_of(summary, "total-failure-session-count"),
        .details = buf_str(&details),
    };
    fn(arg, &row);
}

int tlsrpt_read_json(struct str text, tlsrpt_row_fn fn, void *arg, char *problem, size_t size)
{
    struct json *whole = report_parse(past_blanks(text), problem, size);
    if (!whole) {
        return -EBADMSG;
    }
    const struct json *policies = report_get(whole, "policies");
    size_t n = report_count(policies);
    if (n == 0) {
        snprintf(problem, size, "it has no policies");
    }
    for (size_t i = 0; i < n && i < TLSRPT_POLICIES_MAX; i++) {
        give_policy(whole, report_item(policies, i), fn, arg);
    }
    report_free(whole);
    return n > 0 ? 0 : -EBADMSG;
}

/* RFC 8460 5.6 MUST: what the report says counts, whatever subject and file name say */
int tlsrpt_read(struct str mail, tlsrpt_row_fn fn, void *arg, char *problem, size_t size)
{
    struct part part;
    CLEANUP(buf_free) struct buf packed = BUF_INIT(TLSRPT_MAIL_MAX);
    CLEANUP(buf_free) struct buf text = BUF_INIT(TLSRPT_JSON_MAX);
    if (!find_part(mail, 0, false, &part) && !find_part(mail, 0, true, &part)) {
        snprintf(problem, size, "the mail has no report part");
        return -EBADMSG;
    }
    int r = read_decode(&part, &packed);
    struct str bytes = buf_str(&packed);
    if (r == 0 && looks_packed(bytes)) { /* the octets decide */
        r = tlsrpt_gunzip(bytes, &text);
        bytes = buf_str(&text);
    }
    if (r < 0) {
        snprintf(problem, size,
                 r == -EMSGSIZE ? "unpacked it is larger than 10 MB" : "it cannot be unpacked");
        return r;
    }
    return tlsrpt_read_json(bytes, fn, arg, problem, size);
}
