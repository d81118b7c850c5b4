/* SPDX-License-Identifier: Apache-2.0
 * scan.c: the octets of a message before and beside their structure: counts that must hold
 * before a parser builds anything (a hundred thousand parts cost a second and 270 MB), and the
 * octets as they are, for messages that programs may read in more than one way. Called by
 * message.c and reader.c.
 *
 * What can go wrong: a text that speaks of many multiparts counts as too many; it is then read
 * as octets.
 */
#include "base/map.h"
#include "mime/reader.h"
#include "wire/base64.h"
#include "wire/transfer.h"

#include <stdlib.h>

enum {
    HEAD_LINES_MAX = 50000,
    MULTIPARTS_MAX = 200,
    MESSAGES_MAX = 100,
    BOUNDARY_MAX = 200,
    RAW_MAX = 8 * 1024 * 1024,
    RUN_LEAST = 12 /* "[secure]" */
};

static bool scan_is_letter(char c)
{
    char low = str_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* The value of a boundary parameter at the front. */
static struct str boundary_value(struct str s)
{
    if (s.n > 0 && s.p[0] == '"') {
        return str_slice(s, 1, str_find(s, '"', 1));
    }
    size_t n = 0;
    while (n < s.n && (unsigned char)s.p[n] > ' ' && s.p[n] != ';') {
        n++;
    }
    return str_slice(s, 0, n);
}

struct census {
    unsigned multiparts, messages, parts;
    struct map *boundaries;
};

static void count_words(struct census *c, struct str line)
{
    for (size_t i = 0; i + 9 <= line.n && c->multiparts <= MULTIPARTS_MAX; i++) {
        char low = str_lower(line.p[i]);
        if (low == 'b' && str_starts_nocase(str_slice(line, i, line.n), STR("boundary="))) {
            struct str value = boundary_value(str_slice(line, i + 9, line.n));
            c->multiparts++;
            if (value.n > 0 && value.n < BOUNDARY_MAX) {
                (void)!map_put(c->boundaries, value, c);
            }
        } else if (low == 'm' &&
                   str_starts_nocase(str_slice(line, i, line.n), STR("message/rfc822"))) {
            c->messages++;
        }
    }
}

static void count_delimiter(struct census *c, struct str line)
{
    struct str name = str_slice(line, 2, line.n);
    while (name.n > 0 && (unsigned char)name.p[name.n - 1] <= ' ') {
        name.n--;
    }
    struct str end = str_ends_nocase(name, STR("--")) ? str_slice(name, 0, name.n - 2) : name;
    c->parts += map_get(c->boundaries, name) || map_get(c->boundaries, end);
}

/* The parser keeps some 700 octets for each field, and the fields are what everything else is
 * decided by. */
static bool head_is_too_long(struct str octets)
{
    size_t lines = 0, at = 0;
    while (at < octets.n && lines <= HEAD_LINES_MAX && octets.p[at] != '\n' &&
           octets.p[at] != '\r') {
        at = str_find(octets, '\n', at) + 1;
        lines++;
    }
    return lines > HEAD_LINES_MAX;
}

bool scan_limits(struct reader *r, struct str octets, const char *part)
{
    struct census c = {.boundaries = map_new(MULTIPARTS_MAX + 1)};
    for (size_t at = 0; at < octets.n && c.multiparts <= MULTIPARTS_MAX &&
                        c.messages <= MESSAGES_MAX && c.parts <= r->limits->parts;) {
        size_t end = str_find(octets, '\n', at);
        struct str line = str_slice(octets, at, end);
        at = end + 1;
        if (line.n > 2 && line.n < BOUNDARY_MAX + 8 && line.p[0] == '-' && line.p[1] == '-') {
            count_delimiter(&c, line);
        } else {
            count_words(&c, line);
        }
    }
    bool long_head = head_is_too_long(octets);
    bool fits = !long_head && c.multiparts <= MULTIPARTS_MAX && c.messages <= MESSAGES_MAX &&
                c.parts <= r->limits->parts;
    if (!fits) {
        reader_problem(r, MIME_LIMIT, part,
                       long_head ? "its header section has too many lines"
                       : c.parts > r->limits->parts
                           ? "it has too many parts"
                           : "multiparts or messages inside one another, too many");
    }
    map_free(c.boundaries);
    return fits;
}

/* name ":" (RFC 5322 2.2), also with blanks before the colon (4.5). */
static bool scan_is_field(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':') {
        n++;
    }
    bool named = n > 0;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t')) {
        n++;
    }
    return named && n < line.n && line.p[n] == ':';
}

void scan_stray(struct str message, struct buf *out)
{
    bool stray = false;
    for (size_t at = 0; at < message.n;) {
        size_t end = str_find(message, '\n', at);
        struct str line = str_slice(message, at, end);
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (line.n == 0) {
            break;
        }
        bool goes_on = line.p[0] == ' ' || line.p[0] == '\t';
        bool mbox = at == 0 && str_starts_nocase(line, STR("From "));
        stray = goes_on ? stray : !mbox && !scan_is_field(line);
        if (stray) {
            (void)!buf_add(out, line);
            (void)!buf_add(out, STR("\n"));
        }
        at = end + 1;
    }
}

static bool is_run(struct str line)
{
    if (line.n < RUN_LEAST) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        if (!scan_is_letter(line.p[i])) {
            return false;
        }
    }
    return true;
}

/* Everything that looks like base64 is decoded whatever the fields say: others may do so. */
static void read_hidden_base64(struct reader *r, struct str octets)
{
    struct buf out = BUF_INIT(RAW_MAX);
    size_t begin = 0, end = 0;
    bool in_run = false;
    for (size_t at = 0; at <= octets.n;) {
        size_t stop = at < octets.n ? str_find(octets, '\n', at) : octets.n;
        struct str line = str_slice(octets, at, stop);
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        bool run =
            is_run(line) || (in_run && line.n > 0 && line.n < RUN_LEAST &&
                             scan_is_letter(line.p[line.n - 1]) && scan_is_letter(line.p[0]));
        if (run && !in_run) {
            begin = at;
        }
        end = run ? stop : end;
        if (!run && in_run) {
            (void)!base64_read(str_slice(octets, begin, end), &out);
            (void)!buf_add(&out, STR("\n"));
        }
        in_run = run;
        at = stop + 1;
    }
    struct piece p = {.octets = buf_str(&out), .part = "raw", .name = "", .place = MIME_BODY};
    read_strings(r, &p);
    buf_wipe(&out);
}

/* And what looks like quoted-printable. */
static void read_hidden_quoted(struct reader *r, struct str octets)
{
    struct buf out = BUF_INIT(RAW_MAX);
    bool looks = false;
    for (size_t at = str_find(octets, '=', 0); at + 2 < octets.n && !looks;
         at = str_find(octets, '=', at + 1)) {
        looks = str_hex(octets.p[at + 1]) >= 0 && str_hex(octets.p[at + 2]) >= 0;
    }
    if (looks && transfer_read_all(TRANSFER_QUOTED, octets, &out, NULL) == 0) {
        reader_add_text(r, MIME_BODY, "raw", buf_str(&out));
    }
    buf_wipe(&out);
}

/* Up to the first empty line; 0: there is none. */
static size_t header_octets(struct str octets)
{
    for (size_t at = str_find(octets, '\n', 0); at + 1 < octets.n;
         at = str_find(octets, '\n', at + 1)) {
        size_t next = at + 1 + (octets.p[at + 1] == '\r');
        if (next < octets.n && octets.p[next] == '\n') {
            return next + 1;
        }
    }
    return 0;
}

void scan_raw(struct reader *r, struct str octets)
{
    bool stopped = r->stopped;
    r->stopped = false; /* this one thing is still owed */
    if (octets.n > RAW_MAX) {
        reader_problem(r, MIME_LIMIT, "raw", "only the first part of the octets was looked at");
        octets.n = RAW_MAX;
    }
    /* apart, as its own fields would look like those of a message that is quoted */
    size_t head = header_octets(octets);
    reader_add_text(r, MIME_SUBJECT, "raw", str_slice(octets, 0, head));
    reader_add_text(r, MIME_BODY, "raw", str_slice(octets, head, octets.n));
    read_hidden_base64(r, octets);
    read_hidden_quoted(r, str_slice(octets, head, octets.n));
    r->stopped = stopped;
}
