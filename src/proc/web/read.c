/* SPDX-License-Identifier: Apache-2.0
 * read.c: a message in the browser: its page, its HTML in a frame without rights, its attachments
 * and its original, streamed. Called by request.c.
 *
 * An attachment is cut out of the original while that is decrypted: nothing is kept in memory
 * but a few pieces. All of it leaves as a file to be kept, never as something to be shown here.
 */
#include "base/log.h"
#include "mime/zip.h"
#include "portal/shown.h"
#include "proc/web/web.h"
#include "wire/id.h"
#include "wire/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, PLAIN_MAX = 1024 * 1024, NAME_MAX_OCTETS = 150 };

static const char file_policy[] = "default-src 'none'; sandbox; frame-ancestors 'none'";
/* Of our own origin, without which the page could not see how high it is; what it may not is run
 * anything, or ask for anything. From a second name it has no origin. */
static const char body_policy[] =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox %sallow-popups "
    "allow-popups-to-escape-sandbox; frame-ancestors %s";

bool read_unpack(struct request *r)
{
    r->packed = r->packed ? r->packed : err_calloc(1, sizeof *r->packed);
    if (packed_read(buf_str(&r->clear), r->packed) < 0) {
        log_error("view-unreadable", KVN("envelope", r->envelope),
                  KV("what", "it is not what inspect writes"));
        page_problem(r, 503, "later");
        return false;
    }
    return true;
}

static void read_put_name(struct request *r, char id[ID_TEXT])
{
    id_text(r->envelope, id);
    data_c(&r->page, "id", id);
}

/* Over, recalled or locked; or belongs to somebody else. */
static bool is_refused(struct request *r, const struct ipc_portal_answer *a)
{
    char id[ID_TEXT];
    if (a->result == PORTAL_OVER) {
        read_put_name(r, id);
        (void)page_begin(r, "over-title");
        page_send(r, 410, "over");
        return true;
    }
    if (a->result != PORTAL_OK || r->n_rows == 0) {
        page_problem(r, a->result == PORTAL_LATER ? 503 : 404,
                     a->result == PORTAL_LATER ? "later" : "not-found");
        return true;
    }
    return false;
}

/* --- the page ----------------------------------------------------------- */

static void read_show(struct request *r)
{
    const struct ipc_row_envelope *e = &r->rows[0];
    char id[ID_TEXT], until[16];
    if (!read_unpack(r)) {
        return;
    }
    const struct packed *p = r->packed;
    struct data *d = &r->page;
    read_put_name(r, id);
    page_text(r, "proof",
              r->level >= 2   ? "proof-phrase"
              : r->level == 1 ? "proof-code"
                              : "proof-link");
    d = page_begin(r, "message-text");
    if (p->subject.n > 0) {
        data_put(d, "page-title", p->subject);
    }
    if (http_query(r->call, "kept").n > 0) {
        page_done(r, "kept");
    } else if (http_query(r->call, "answered").n > 0) {
        page_done(r, e->sealed ? "answered-sealed" : "answered");
    }
    page_date(e->expires_ms, until, sizeof until);
    data_c(d, "until", until);
    data_number(d, "days", page_days_left(e->expires_ms));
    data_flag(d, "is-sealed", e->sealed != 0);
    data_flag(d, "mine", e->sender.n == 0); /* the copy of an answer */
    bool text = str_eq(http_query(r->call, "view"), STR("text"));
    shown_put(p, text, d);
    page_send(r, 200, "mail");
}

static void on_envelope(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (!is_refused(r, a)) {
        ask_open(r, a, "view", read_show);
    }
}

void read_mail(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_ENVELOPE, .envelope = r->envelope},
              on_envelope);
}

/* --- the second name ---------------------------------------------------- */

static void on_file_pass(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    char url[1024];
    if (a->result != PORTAL_OK) {
        page_problem(r, 404, "not-found");
        return;
    }
    /* /mail/... of our own making: what was asked for here is asked for there */
    struct str path = http_path(r->call);
    bool link = a->number != 0;
    snprintf(url, sizeof url, "%s/file/%s%s%s" STR_FMT, child_conf(r->web->child)->portal.files_url,
             r->remember, link ? "." : "", link ? r->link : "", STR_ARG(path));
    page_redirect(r, url);
}

/* With a second name nothing of a message comes from the first but our own page about it. */
static bool goes_elsewhere(struct request *r)
{
    unsigned char hash[32];
    if (!child_conf(r->web->child)->portal.files_url || r->for_files) {
        return false;
    }
    request_random(r->remember);
    request_hash(r->remember, hash);
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_FILE_PASS,
                  .envelope = r->envelope,
                  .data = str_from((const char *)hash, sizeof hash),
              },
              on_file_pass);
    return true;
}

bool read_file_pass(struct request *r, struct str pass)
{
    size_t dot = str_find(pass, '.', 0);
    r->link[0] = '\0';
    if (dot + 1 < pass.n) {
        str_copy_cut(str_slice(pass, dot + 1, pass.n), r->link, sizeof r->link);
    }
    r->has_pass = request_is_pass(str_slice(pass, 0, dot));
    str_copy_cut(r->has_pass ? str_slice(pass, 0, dot) : STR(""), r->pass, sizeof r->pass);
    return r->has_pass;
}

/* --- the frame ---------------------------------------------------------- */

static void show_body(struct request *r)
{
    struct buf out = BUF_INIT(PAGE_MAX);
    char policy[700];
    if (!read_unpack(r)) {
        return;
    }
    (void)!site_write(r->web->site, "body", r->language, &r->page, &out);
    /* sanitised by inspect (mime/sanitise.c); the frame has no rights besides */
    (void)!buf_add(&out, r->packed->html);
    (void)!buf_add(&out, STR("</body></html>"));
    const char *around = child_conf(r->web->child)->portal.url;
    snprintf(policy, sizeof policy, body_policy, r->for_files ? "" : "allow-same-origin ",
             r->for_files ? around : "'self'");
    page_headers(r, "text/html; charset=utf-8", policy);
    http_set_header(r->call, "Cache-Control", "no-store");
    if (!r->for_files) { /* which knows no other origin than its own */
        http_set_header(r->call, "X-Frame-Options", "SAMEORIGIN");
    }
    http_answer(r->call, 200, buf_str(&out));
    buf_wipe(&out);
}

static void on_body_envelope(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (!is_refused(r, a)) {
        ask_open(r, a, "view", show_body);
    }
}

void read_body(struct request *r)
{
    if (goes_elsewhere(r)) {
        return;
    }
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_ENVELOPE,
                  .envelope = r->envelope,
                  .number = r->for_files,
              },
              on_body_envelope);
}

/* --- files -------------------------------------------------------------- */

/* The original, decrypted piece by piece; and parts of it, decoded. */
struct download {
    struct rest_reader *reader;
    unsigned char key[REST_KEY];
    int fd; /* or the octets themselves: */
    struct buf sealed;
    off_t at_sealed;
    struct buf plain; /* decrypted, not used yet */
    uint64_t at;      /* of plain, in the message */
    bool ended;
    struct packed_part *parts;
    size_t n_parts, part;        /* what is wanted; n_parts 0: all of it as it is */
    struct nested_reader nested; /* of the part under way */
    bool part_open;
    struct zip *zip;
    bool zip_open;
    struct buf names; /* of the parts, NUL after each */
    struct buf decoded;
};

static void download_free(void *arg)
{
    struct download *d = arg;
    rest_reader_free(d->reader);
    err_close_fd(&d->fd);
    buf_wipe(&d->sealed);
    buf_wipe(&d->plain);
    nested_wipe(&d->nested);
    explicit_bzero(d->key, sizeof d->key);
    buf_wipe(&d->decoded);
    buf_free(&d->names);
    zip_free(d->zip);
    free(d->parts);
    free(d);
}

/* More of the original into plain. 0, 1 at its end, -errno. */
static int read_more(struct download *d)
{
    char chunk[CHUNK];
    if (d->ended) {
        return 1;
    }
    ssize_t n;
    if (d->fd >= 0) {
        n = pread(d->fd, chunk, sizeof chunk, d->at_sealed);
    } else {
        struct str rest = str_slice(buf_str(&d->sealed), (size_t)d->at_sealed, buf_len(&d->sealed));
        n = (ssize_t)(rest.n < sizeof chunk ? rest.n : sizeof chunk);
        memcpy(chunk, rest.p, (size_t)n);
    }
    d->at_sealed += n > 0 ? n : 0;
    int r = n < 0 ? -errno : rest_read(d->reader, str_from(chunk, (size_t)n), &d->plain);
    d->ended = n == 0 || (r == 0 && rest_read_done(d->reader));
    return r < 0 ? r : n == 0 && !rest_read_done(d->reader) ? -EBADMSG : 0;
}

/* From the beginning: files inside one part lie in the same octets of the message. */
static void read_again(struct download *d)
{
    rest_reader_free(d->reader);
    d->reader = rest_reader_new(d->key);
    d->at_sealed = 0;
    d->at = 0;
    d->ended = false;
    buf_wipe(&d->plain);
    d->plain = BUF_INIT(2 * PLAIN_MAX);
}

static void open_part(struct download *d, const struct packed_part *p)
{
    if (d->at > p->places[0].at) {
        read_again(d);
    }
    nested_begin(&d->nested, p->places, p->n_places, d->at);
    d->part_open = true;
}

/* Some decoded octets of the part under way. 0, 1 when the part ended, -errno. */
static int read_part_octets(struct download *d, struct buf *out)
{
    const struct packed_part *p = &d->parts[d->part];
    if (p->places[0].octets == 0) {
        return 1; /* an empty file */
    }
    if (!d->part_open) {
        open_part(d, p);
    }
    while (buf_len(&d->plain) == 0) {
        int r = read_more(d);
        if (r != 0) {
            return r < 0 ? r : -EBADMSG; /* it ends before the part does */
        }
    }
    uint64_t left = p->places[0].at + p->places[0].octets - d->at;
    size_t n = left < buf_len(&d->plain) ? (size_t)left : buf_len(&d->plain);
    int r = nested_read(&d->nested, str_slice(buf_str(&d->plain), 0, n), out);
    buf_consume(&d->plain, n);
    d->at += n;
    if (r == 1) {
        nested_wipe(&d->nested);
        d->part_open = false;
    }
    return r;
}

static int fill_part(void *arg, size_t max, struct buf *out)
{
    struct download *d = arg;
    int r = 0;
    while (r == 0 && buf_len(out) < max) {
        r = read_part_octets(d, out);
    }
    return r;
}

static int fill_original(void *arg, size_t max, struct buf *out)
{
    struct download *d = arg;
    int r = 0;
    while (r == 0 && buf_len(&d->plain) < max) {
        r = read_more(d);
    }
    if (r >= 0) {
        int e = buf_add(out, buf_str(&d->plain));
        buf_reset(&d->plain);
        r = e < 0 ? e : r;
    }
    return r;
}

static const char *read_name_of(const struct download *d, size_t n)
{
    const char *p = buf_str(&d->names).p;
    while (n-- > 0) {
        p += strlen(p) + 1;
    }
    return p;
}

static int fill_zip(void *arg, size_t max, struct buf *out)
{
    struct download *d = arg;
    if (d->part == d->n_parts) {
        int r = zip_end(d->zip, out);
        return r < 0 ? r : 1;
    }
    if (!d->zip_open) {
        d->zip_open = true;
        return zip_begin(d->zip, read_name_of(d, d->part), d->parts[d->part].size, out);
    }
    buf_reset(&d->decoded);
    int r = read_part_octets(d, &d->decoded);
    int e = r < 0 ? r : zip_octets(d->zip, buf_str(&d->decoded), out);
    if (e == 0 && r == 1) {
        d->part++;
        d->zip_open = false;
    }
    return e;
}

/* A name that is only a name, on any system: no directories, no control characters, nothing
 * hidden. */
static void file_name(struct str name, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 1 < size && n < NAME_MAX_OCTETS; i++) {
        unsigned char c = (unsigned char)name.p[i];
        dst[n++] = c < ' ' || c == 0x7f || strchr("/\\:*?\"<>|%", c) ? '_' : (char)c;
    }
    /* not inside a character */
    while (n > 0 && ((unsigned char)dst[n - 1] & 0xc0) == 0x80 && n >= NAME_MAX_OCTETS) {
        n--;
    }
    dst[n] = '\0';
    if (n == 0 || dst[0] == '.') {
        memmove(dst + 1, dst, n + 1 < size ? n + 1 : size - 1);
        dst[0] = '_';
        dst[size - 1] = '\0';
    }
}

/* RFC 6266: an ASCII name for all, and the real one. */
static void disposition(struct request *r, struct str name)
{
    static const char hex[] = "0123456789ABCDEF";
    char clean[200], ascii[200], escaped[700], header[1000];
    size_t n = 0;
    file_name(name, clean, sizeof clean);
    str_copy_cut(str_c(clean), ascii, sizeof ascii);
    for (char *p = ascii; *p; p++) {
        *p = (unsigned char)*p >= 0x7f || *p == '\'' ? '_' : *p;
    }
    for (const char *p = clean; *p && n + 4 < sizeof escaped; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '.' || c == '-' || c == '_';
        if (plain) {
            escaped[n++] = (char)c;
        } else {
            escaped[n++] = '%';
            escaped[n++] = hex[c >> 4];
            escaped[n++] = hex[c & 15];
        }
    }
    escaped[n] = '\0';
    snprintf(header, sizeof header, "attachment; filename=\"%s\"; filename*=UTF-8''%s", ascii,
             escaped);
    http_set_header(r->call, "Content-Disposition", header);
}

/* Types that phones need to open a file with the right program; a browser never shows any of
 * them here. */
static const char *safe_type(struct str type)
{
    static const char *const safe[] = {
        "application/pdf",
        "image/png",
        "image/jpeg",
        "image/gif",
        "text/plain",
        "application/zip",
        "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    };
    for (size_t i = 0; i < ARRAY_LEN(safe); i++) {
        if (str_eq_nocase(type, str_c(safe[i]))) {
            return safe[i];
        }
    }
    return "application/octet-stream";
}

static struct download *download_new(struct request *r, const unsigned char *key)
{
    struct download *d = err_calloc(1, sizeof *d);
    *d = (struct download){
        .reader = rest_reader_new(key),
        .fd = r->body,
        .sealed = r->inline_body,
        .plain = BUF_INIT(2 * PLAIN_MAX),
        .decoded = BUF_INIT(2 * PLAIN_MAX),
        .names = BUF_INIT(VIEW_PARTS_MAX * 220),
    };
    memcpy(d->key, key, sizeof d->key);
    r->body = -1;
    r->inline_body = BUF_INIT(IPC_FRAME_MAX);
    return d;
}

/* Which part is wanted: kept in r->tail as "N", "all" or "" (the original). */
static void stream(struct request *r, const unsigned char *key)
{
    if (!key) {
        page_problem(r, 503, "later");
        return;
    }
    struct download *d = download_new(r, key);
    const struct packed *p = r->packed;
    uint64_t n = 0;
    bool zip = str_eq(r->tail, STR("all"));
    if (r->tail.n > 0 && !zip) {
        must(str_to_u64(r->tail, p->n_parts, &n) == 0 && n > 0); /* looked at before */
    }
    page_headers(r,
                 r->tail.n == 0 ? "message/rfc822"
                 : zip          ? "application/zip"
                                : safe_type(p->parts[n - 1].type),
                 file_policy);
    http_set_header(r->call, "Cache-Control", "no-store");
    if (r->tail.n == 0) {
        disposition(r, STR("message.eml"));
        http_answer_stream(r->call, 200, r->body_size, fill_original, download_free, d);
        return;
    }
    d->n_parts = zip ? p->n_parts : 1;
    d->parts = err_calloc(d->n_parts, sizeof *d->parts);
    /* views in it are not used from here on */
    memcpy(d->parts, zip ? p->parts : &p->parts[n - 1], d->n_parts * sizeof *d->parts);
    if (!zip) {
        disposition(r, p->parts[n - 1].name);
        http_answer_stream(r->call, 200, -1, fill_part, download_free, d);
        return;
    }
    for (size_t i = 0; i < p->n_parts; i++) { /* numbered: two may have one name */
        char name[200], numbered[210];
        file_name(p->parts[i].name, name, sizeof name);
        snprintf(numbered, sizeof numbered, "%zu-%s", i + 1, name);
        must(buf_append(&d->names, numbered, strlen(numbered) + 1) == 0);
    }
    d->zip = zip_new();
    disposition(r, STR("attachments.zip"));
    http_answer_stream(r->call, 200, -1, fill_zip, download_free, d);
}

static void read_on_message(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    unsigned char key[REST_KEY];
    r->body = fd;
    r->body_size = a->number;
    if (a->result != PORTAL_OK || (fd < 0 && buf_add(&r->inline_body, a->body) < 0)) {
        page_problem(r, 404, "not-found");
    } else if (a->sealed_key.n == 0) {
        ask_key(r, &a->lease, stream);
    } else if (rest_unwrap_by_link(str_c(r->link), a->sealed_key, key) == 0) {
        stream(r, key);
        explicit_bzero(key, sizeof key);
    } else {
        page_problem(r, 403, "sealed-use-link");
    }
}

/* The view says where the parts lie; then comes the message. */
static void ask_message(struct request *r)
{
    uint64_t n;
    char what[300] = "the original message";
    if (!read_unpack(r)) {
        return;
    }
    if (str_eq(r->tail, STR("all"))) {
        snprintf(what, sizeof what, "all %zu attachments", r->packed->n_parts);
    } else if (r->tail.n > 0) {
        if (str_to_u64(r->tail, r->packed->n_parts, &n) < 0 || n == 0) {
            page_problem(r, 404, "not-found");
            return;
        }
        snprintf(what, sizeof what, STR_FMT, STR_ARG(r->packed->parts[n - 1].name));
        str_copy_cut(str_c(what), what, sizeof what);
    }
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_BODY,
                  .envelope = r->envelope,
                  .number = r->for_files,
                  .text = str_c(what),
              },
              read_on_message);
}

static void on_download(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    if (!is_refused(r, a)) {
        ask_open(r, a, "view", ask_message);
    }
}

static void ask_file(struct request *r, struct str which)
{
    struct str copy = STR("");
    if (goes_elsewhere(r)) {
        return;
    }
    must(arena_copy(&r->arena, which, &copy) == 0);
    r->tail = copy;
    ask_queue(r,
              &(struct ipc_portal_ask){
                  .verb = PORTAL_ENVELOPE,
                  .envelope = r->envelope,
                  .number = r->for_files,
              },
              on_download);
}

void read_part(struct request *r)
{
    ask_file(r, r->in_path.part);
}

void read_original(struct request *r)
{
    ask_file(r, STR(""));
}

void read_zip(struct request *r)
{
    ask_file(r, STR("all"));
}

/* --- over --------------------------------------------------------------- */

static void on_asked_again(struct request *r, const struct ipc_portal_answer *a, int fd)
{
    (void)page_begin(r, "over-title");
    page_text(r, "title", "over-title");
    page_text(r, "what", "asked-again");
    page_send(r, 200, "problem");
}

void read_ask_again(struct request *r)
{
    ask_queue(r, &(struct ipc_portal_ask){.verb = PORTAL_ASK_AGAIN, .envelope = r->envelope},
              on_asked_again);
}
