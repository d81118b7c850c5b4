/* SPDX-License-Identifier: Apache-2.0
 * body.c: what a part is, by what its octets begin with (body.h).
 *
 * Gateways and web mailers send winmail.dat and smime.p7m as application/octet-stream. S/MIME is
 * told by the object identifier at its front (RFC 5652 4, 5, 6; RFC 5083); an invoice that is
 * signed as a file is no mail and stays a file.
 */
#include "mime/body.h"
#include "mime/kind.h"
#include "mime/pgp.h"
#include "mime/rtf.h"
#include "mime/sealed.h"
#include "mime/view.h"
#include "tls/cms.h"

enum {
    FRONT = 512,
    LOOK_MAX = 256 * 1024, /* what is longer says something */
    SEEN_MAX = 4 * LOOK_MAX
};

/* The octets at the front of a part, decoded. */
static void front_of(const struct part *p, struct buf *out)
{
    struct str front = str_slice(p->raw, 0, p->raw.n < FRONT ? p->raw.n : FRONT);
    (void)!transfer_read_all(p->encoding, front, out, NULL);
}

bool body_is_tnef(const struct part *p)
{
    if (p->kind != PART_LEAF) {
        return false;
    }
    struct buf front = BUF_INIT(2 * FRONT);
    front_of(p, &front);
    bool begins = kind_of(buf_str(&front), "") == KIND_TNEF;
    buf_wipe(&front);
    return begins || part_is(p, "application/ms-tnef") || part_is(p, "application/vnd.ms-tnef");
}

static bool is_pkcs7_type(const struct part *p)
{
    return p->kind == PART_LEAF &&
           (part_is(p, "application/pkcs7-mime") || part_is(p, "application/x-pkcs7-mime"));
}

/* As all of S/MIME begins (RFC 5652 3); it may be cut or damaged. */
static bool is_sequence(const struct part *p)
{
    struct buf front = BUF_INIT(2 * FRONT);
    front_of(p, &front);
    bool begins = buf_len(&front) > 0 && buf_str(&front).p[0] == 0x30;
    buf_wipe(&front);
    return begins;
}

/* A ContentInfo of that type at the front (RFC 5652 3): a sequence, and the identifier. */
static bool begins_as(const struct part *p, struct str identifier)
{
    if (p->kind != PART_LEAF || strncmp(p->type, "application/", 12) != 0) {
        return false;
    }
    struct buf front = BUF_INIT(2 * FRONT);
    front_of(p, &front);
    struct str o = buf_str(&front);
    size_t length = o.n > 1 && (o.p[1] & 0x80) ? (size_t)(o.p[1] & 0x7f) : 0, at = 2 + length;
    bool same = o.n >= at + identifier.n && o.p[0] == 0x30 && length <= 8 &&
                memcmp(o.p + at, identifier.p, identifier.n) == 0;
    buf_wipe(&front);
    return same;
}

static bool is_signed_data(const struct part *p)
{
    return begins_as(p, STR("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"));
}

static bool is_enveloped_data(const struct part *p)
{
    return begins_as(p, STR("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")) ||
           begins_as(p,
                     /* with a check of the content: RFC 5083 */
                     STR("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"));
}

static bool is_compressed_data(const struct part *p)
{
    return begins_as(p, STR("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"));
}

/* RFC 3274: what was deflated, and lies nowhere as it is. */
static int open_compressed(struct reader *r, const struct part *p, struct buf *out)
{
    struct buf octets = BUF_INIT(p->raw.n + 1), packed = BUF_INIT(p->raw.n + 1),
               plain = BUF_INIT(READ_PACKED_MAX);
    bool sound;
    int e = tree_octets(p, &octets, &sound);
    e = e < 0 ? e : cms_compressed_content(buf_str(&octets), &packed);
    e = e < 0 ? e
              : read_deflated(r,
                              &(struct piece){
                                  .octets = buf_str(&packed),
                                  .part = p->number,
                                  .name = "",
                              },
                              DEFLATE_ZLIB, &plain);
    e = e < 0 ? e : buf_add(out, buf_str(&plain));
    read_packed_done(r, &plain);
    buf_wipe(&packed);
    buf_wipe(&octets);
    return e;
}

/* Another type: a message only if it begins with the fields of one. */
static int open_unnamed(struct reader *r, const struct part *p, struct buf *out,
                        struct nested_place *ret)
{
    struct buf octets = BUF_INIT(p->raw.n + 1);
    bool sound, compressed = is_compressed_data(p);
    int e = is_signed_data(p) ? tree_octets(p, &octets, &sound) : compressed ? 0 : -EBADMSG;
    e = e < 0        ? e
        : compressed ? open_compressed(r, p, out)
                     : cms_signed_content(buf_str(&octets), out);
    struct str content = str_trim_lines(buf_str(out));
    if (e == 0 && !str_starts_nocase(content, STR("Content-")) &&
        !str_starts_nocase(content, STR("MIME-Version:"))) {
        e = -EBADMSG;
    }
    if (e == 0 && (compressed || !cms_signed_place(buf_str(&octets), buf_str(out), ret))) {
        *ret = (struct nested_place){0};
    }
    buf_wipe(&octets);
    return e;
}

int body_open(struct reader *r, const struct part *p, struct buf *out, struct nested_place *ret)
{
    bool sound;
    if (tree_is_encoded_message(p)) {
        int e = tree_octets(p, out, &sound);
        *ret = (struct nested_place){0, buf_len(out), TRANSFER_AS_IS};
        return e;
    }
    if (is_pkcs7_type(p) && is_compressed_data(p)) {
        *ret = (struct nested_place){0};
        return open_compressed(r, p, out);
    }
    return is_pkcs7_type(p) ? tree_signed_content(p, out, ret) : open_unnamed(r, p, out, ret);
}

bool body_says_signed(const struct part *p)
{
    return is_pkcs7_type(p) && str_eq_nocase(str_c(p->smime_type), STR("signed-data"));
}

bool body_is_smime(const struct part *p, bool is_opened)
{
    bool certificates = str_eq_nocase(str_c(p->smime_type), STR("certs-only"));
    bool sealed = is_pkcs7_type(p) && !certificates && !body_says_signed(p) &&
                  !is_compressed_data(p) && is_sequence(p);
    return !is_opened && (sealed || is_enveloped_data(p));
}

bool body_is_pgp(const struct tree *t, const struct part *p)
{
    bool is_text = p->kind == PART_LEAF && strncmp(p->type, "text/", 5) == 0;
    bool in_pgp = p->kind == PART_LEAF && part_is(&t->parts[p->parent], "multipart/encrypted");
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024);
    bool sound;
    if (is_text || in_pgp) {
        (void)!tree_octets(p, &octets, &sound);
    }
    bool found = sealed_begins_pgp(buf_str(&octets), !in_pgp);
    buf_wipe(&octets);
    return found;
}

bool body_html_is_blank(struct str html)
{
    while (html.n > 0) {
        size_t tag = str_find(html, '<', 0), end = str_find(html, '>', tag);
        if (!str_is_blank(str_slice(html, 0, tag)) ||
            str_starts_nocase(str_slice(html, tag, html.n), STR("<img"))) {
            return false;
        }
        html = str_slice(html, end < html.n ? end + 1 : end, html.n);
    }
    return true;
}

bool body_is_enriched(const struct part *p)
{
    return part_is(p, "text/enriched") || part_is(p, "text/richtext");
}

bool body_is_rtf(const struct part *p)
{
    return part_is(p, "text/rtf") || part_is(p, "application/rtf") ||
           part_is(p, "application/x-rtf");
}

static bool is_rtf_of_html(const struct part *p)
{
    if (p->kind != PART_LEAF || !body_is_rtf(p)) {
        return false;
    }
    struct buf front = BUF_INIT(2 * FRONT);
    front_of(p, &front);
    bool html = kind_of(buf_str(&front), "") == KIND_RTF && rtf_is_html(buf_str(&front));
    buf_wipe(&front);
    return html;
}

bool body_is_html(const struct part *p)
{
    return part_is(p, "text/html") || part_is(p, "application/xhtml+xml") || is_rtf_of_html(p);
}

bool body_is_calendar(const struct part *p)
{
    return p->kind == PART_LEAF && (part_is(p, "text/calendar") || part_is(p, "application/ics"));
}

/* RFC 2046 4.1.4 SHOULD: an unknown subtype of text is shown as text */
bool body_is_text(const struct part *p)
{
    return strncmp(p->type, "text/", 5) == 0;
}

/* One of the alternatives itself, and no file inside one of them. */
static bool is_version(const struct tree *t, const struct part *p)
{
    return p->depth > 0 && part_is(&t->parts[p->parent], "multipart/alternative");
}

/* Of what a machine gave a type of its own some programs show the text, where it is the mail. */
static bool is_text_alone(const struct part *p)
{
    struct buf front = BUF_INIT(2 * FRONT);
    front_of(p, &front);
    enum kind kind = kind_of(buf_str(&front), "");
    buf_wipe(&front);
    return kind == KIND_TEXT || kind == KIND_HTML || kind == KIND_CALENDAR;
}

static bool is_alternative(const struct tree *t, const struct part *p)
{
    while (p->depth > 0 && p->kind != PART_MESSAGE) {
        p = &t->parts[p->parent];
        if (part_is(p, "multipart/alternative")) {
            return true;
        }
    }
    return false;
}

static bool is_only_leaf(const struct tree *t, const struct part *p)
{
    size_t others = 0;
    for (size_t i = 0; i < t->n && others == 0; i++) {
        others += t->parts[i].kind != PART_MULTIPART && &t->parts[i] != p;
    }
    return others == 0;
}

static bool is_split_name(struct str name)
{
    size_t n = 3;
    if (!str_starts_nocase(name, STR("ATT"))) {
        return false;
    }
    while (n < name.n && name.p[n] >= '0' && name.p[n] <= '9') {
        n++;
    }
    struct str end = str_slice(name, n, name.n);
    return n >= 8 && (str_eq_nocase(end, STR(".htm")) || str_eq_nocase(end, STR(".html")) ||
                      str_eq_nocase(end, STR(".txt")));
}

/* ATT00001.htm: Exchange makes files of the texts behind a picture or a file among the texts. */
static bool is_split_off(const struct part *p)
{
    bool is = p->n_names > 0 && (part_is(p, "text/html") || part_is(p, "text/plain")) &&
              p->raw.n <= TREE_NAMED_MAX;
    for (size_t i = 0; i < p->n_names && is; i++) {
        is = is_split_name(str_c(p->names[i]));
    }
    return is;
}

enum body_role body_role(const struct tree *t, const struct part *p)
{
    bool unnamed = p->n_names == 0, small = unnamed || p->raw.n <= TREE_NAMED_MAX,
         alone = t->n == 1;
    if (p->kind != PART_LEAF || (p->disposition == PART_ATTACHMENT && !is_split_off(p))) {
        return BODY_FILE;
    }
    if (body_is_calendar(p) && (unnamed || is_alternative(t, p) || is_only_leaf(t, p))) {
        return BODY_EVENT;
    }
    bool known = part_is(p, "text/plain") || part_is(p, "text/html") ||
                 part_is(p, "text/markdown") || part_is(p, "message/delivery-status") ||
                 part_is(p, "message/disposition-notification");
    bool text = (known && (small || alone)) || (alone && body_is_text(p)) ||
                (body_is_enriched(p) && unnamed);
    bool readable =
        body_is_html(p) || body_is_enriched(p) || body_is_rtf(p) || part_is(p, "text/plain");
    /* RFC 2046 4.1.4; mutt_is_application_pgp() of Mutt */
    bool shown = body_is_text(p) || part_is(p, "application/pgp");
    bool other = (shown && (unnamed || is_version(t, p))) || (alone && unnamed && is_text_alone(p));
    return text ? BODY_TEXT : readable || other ? BODY_SPARE : BODY_FILE;
}

bool body_has_none(struct reader *outer, const struct tree *t)
{
    /* what is met here is met again where it is read */
    struct mime_reading *none = err_calloc(1, sizeof *none);
    struct reader r = *outer;
    bool has_spare = false, seen = false;
    r.out = none;
    for (size_t i = 0; i < t->n && !has_spare; i++) {
        has_spare = body_role(t, &t->parts[i]) == BODY_SPARE;
    }
    for (size_t i = 0; i < t->n && has_spare && !seen && !reader_is_spent(&r, ""); i++) {
        seen = body_role(t, &t->parts[i]) == BODY_TEXT && body_is_seen(&r, &t->parts[i]);
    }
    mime_reading_free(none);
    return has_spare && !seen;
}

bool body_is_read(const struct tree *t, const struct part *p, bool has_none)
{
    enum body_role role = body_role(t, p);
    bool is_spare = role == BODY_SPARE && (p->n_names == 0 || is_version(t, p) || has_none);
    return role == BODY_TEXT || role == BODY_EVENT || is_spare;
}

/* A command of enriched text, without < >; *params: how many <param> are open. */
static void on_command(struct str command, unsigned *params, struct buf *out)
{
    static const struct {
        const char *command, *text;
    } texts[] = {{"lt", "<"}, {"nl", "\n"}, {"np", "\n\n"}};
    *params += str_eq_nocase(command, STR("param"));
    *params -= *params > 0 && str_eq_nocase(command, STR("/param"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (str_eq_nocase(command, str_c(texts[i].command))) {
            (void)!buf_add(out, str_c(texts[i].text));
        }
    }
}

/* A line end is a blank, and of several one less counts (RFC 1896). */
static size_t on_line_ends(struct str s, struct buf *out)
{
    size_t n = 0, ends = 0;
    for (; n < s.n && (s.p[n] == '\n' || s.p[n] == '\r'); n++) {
        ends += s.p[n] == '\n';
    }
    (void)!buf_add(out, ends > 1 ? STR("") : STR(" "));
    for (; ends > 1; ends--) {
        (void)!buf_add(out, STR("\n"));
    }
    return n;
}

void body_without_commands(struct str s, struct buf *out)
{
    unsigned params = 0;
    while (s.n > 0) {
        size_t n = 1, end = str_find(s, '>', 0);
        if (s.p[0] == '\n' || s.p[0] == '\r') {
            n = on_line_ends(s, out);
        } else if (s.p[0] == '<' && s.n > 1 && s.p[1] == '<') {
            n = 2;
            (void)!buf_add(out, STR("<"));
        } else if (s.p[0] == '<' && end < s.n && end <= 62) { /* RFC 1896: 60 letters at most */
            on_command(str_slice(s, 1, end), &params, out);
            n = end + 1;
        } else if (params == 0) {
            n = str_find(str_slice(s, 1, s.n), '<', 0) + 1;
            size_t line = str_find(str_slice(s, 1, s.n), '\n', 0) + 1,
                   cr = str_find(str_slice(s, 1, s.n), '\r', 0) + 1;
            n = line < n ? line : n;
            n = cr < n ? cr : n;
            (void)!buf_add(out, str_slice(s, 0, n));
        }
        s = str_slice(s, n, s.n);
    }
}

/* What is signed and not encrypted is read. */
static void open_armour(struct reader *r, const struct part *p, struct buf *text)
{
    struct buf opened = BUF_INIT(text->max);
    if (!body_is_html(p) && !body_is_rtf(p) && buf_len(text) > 0 &&
        memmem(buf_str(text).p, buf_len(text), "-----BEGIN PGP ", 15) &&
        pgp_text(r, buf_str(text), &opened) == 0) {
        buf_reset(text);
        (void)!buf_add(text, buf_str(&opened));
    }
    buf_wipe(&opened);
}

void body_text(struct reader *r, const struct part *p, struct buf *out)
{
    struct buf octets = BUF_INIT(2 * p->raw.n + 1024), text = BUF_INIT(out->max);
    bool sound;
    (void)!tree_octets(p, &octets, &sound);
    charset_text(r, "", buf_str(&octets), p->charset, &text);
    bool joined = p->is_flowed && !body_is_html(p) && !body_is_rtf(p) &&
                  flowed_join(buf_str(&text), p->deletes_space, out) == 0;
    if (!joined && body_is_rtf(p) && kind_of(buf_str(&octets), "") == KIND_RTF) {
        (void)rtf_text(r, p->number, buf_str(&octets), out);
    } else if (!joined && body_is_enriched(p)) {
        body_without_commands(buf_str(&text), out);
    } else if (!joined) {
        buf_reset(out);
        (void)!buf_add(out, buf_str(&text));
    }
    open_armour(r, p, out);
    buf_wipe(&octets);
    buf_wipe(&text);
}

bool body_is_seen(struct reader *r, const struct part *p)
{
    if (p->raw.n > LOOK_MAX) {
        return true;
    }
    struct buf text = BUF_INIT(SEEN_MAX), html = BUF_INIT(SEEN_MAX);
    bool remote = false, seen;
    body_text(r, p, &text);
    if (body_is_html(p)) {
        seen = !sanitise_html(r, buf_str(&text), NULL, 0, &html, &remote) ||
               !body_html_is_blank(buf_str(&html));
    } else {
        seen = !str_is_blank(buf_str(&text));
    }
    buf_wipe(&text);
    buf_wipe(&html);
    return seen;
}
