/* SPDX-License-Identifier: Apache-2.0
 * tnef.c: winmail.dat, Outlook's own envelope (MS-OXTNEF), with the properties (MS-OXCDATA) that
 * hold text and the packed RTF (MS-OXRTFCP). Called by reader.c. Own code: Debian's library for
 * it is under the GPL.
 *
 * What can go wrong: lengths that point outside (damaged), named properties, RTF that unpacks
 * without measure.
 */
#include "mime/rtf.h"
#include "mime/tree.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LEVEL_MESSAGE = 1,
    ATTRIBUTE_HEAD = 9,
    PROPERTIES_MAX = 5000,
    ATT_SUBJECT = 0x8004,
    ATT_BODY = 0x800c,
    ATT_ATTACH_DATA = 0x800f,
    ATT_ATTACH_TITLE = 0x8010,
    ATT_RENDERING = 0x9002,
    ATT_MAPI = 0x9003,
    ATT_ATTACHMENT = 0x9005,
    ATT_CODE_PAGE = 0x9007,
    PR_BODY = 0x1000,
    PR_RTF = 0x1009,
    PR_HTML = 0x1013,
    PR_SUBJECT = 0x0037,
    PR_ATTACH_DATA = 0x3701,
    PR_ATTACH_LONG_NAME = 0x3707,
    PR_ATTACH_NAME = 0x3704,
    PR_ATTACH_MIME_TAG = 0x370e,
    PR_ATTACH_CONTENT_ID = 0x3712,
    MESSAGES_MAX = 4,
    RTF_DICTIONARY = 4096,
    RTF_MAX = 32 * 1024 * 1024,
};

struct tnef {
    struct reader *r;
    const struct piece *p;
    const struct tnef_wants *wants; /* NULL: all of it is read */
    unsigned attachments;
    char page[32]; /* the character set of texts of octets, "": it says none */
    /* of the file under way: what is said of it may stand before it or behind */
    struct str data;
    bool has_data, is_told; /* its octets are there; it has been read or told */
    char long_name[MIME_NAME], name[MIME_NAME], type[64], cid[MIME_NAME];
    struct buf subject, bodies[TNEF_BODIES]; /* for who wants them */
    bool body_is_html[TNEF_BODIES];
};

static uint32_t tnef_number(struct str s, size_t at, unsigned octets)
{
    uint32_t n = 0;
    for (unsigned i = octets; i > 0; i--) {
        n = n << 8 | (unsigned char)s.p[at + i - 1];
    }
    return n;
}

/* --- packed RTF --------------------------------------------------------- */

static const char rtf_begin[] =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    "\\fscript \\fdecor MS Sans SerifSymbolArialTimes New "
    "RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    "\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/* 0, -EBADMSG, -ENOSPC. */
static int unpack_rtf(struct str packed, struct buf *out)
{
    char dictionary[RTF_DICTIONARY] = {0};
    size_t at = sizeof rtf_begin - 1, in = 16;
    memcpy(dictionary, rtf_begin, at);
    if (packed.n < 16) {
        return -EBADMSG;
    }
    if (memcmp(packed.p + 8, "MELA", 4) == 0) {
        return buf_add(out, str_slice(packed, 16, packed.n));
    }
    if (memcmp(packed.p + 8, "LZFu", 4) != 0) {
        return -EBADMSG;
    }
    while (in < packed.n) {
        unsigned flags = (unsigned char)packed.p[in++];
        for (unsigned bit = 0; bit < 8; bit++) {
            bool refers = flags >> bit & 1;
            if (in + (refers ? 2 : 1) > packed.n) {
                return in >= packed.n ? 0 : -EBADMSG;
            }
            unsigned word = refers ? (unsigned)(unsigned char)packed.p[in] << 8 |
                                         (unsigned char)packed.p[in + 1]
                                   : 0;
            size_t from = refers ? word >> 4 : 0, n = refers ? (word & 15) + 2 : 1;
            if (refers && from == at) {
                return 0; /* the end is said in this way */
            }
            for (size_t i = 0; i < n; i++) {
                char c = refers ? dictionary[(from + i) % RTF_DICTIONARY] : packed.p[in];
                dictionary[at] = c;
                at = (at + 1) % RTF_DICTIONARY;
                if (buf_append(out, &c, 1) < 0) {
                    return -ENOSPC;
                }
            }
            in += refers ? 2 : 1;
        }
    }
    return 0;
}

static void read_packed_rtf(struct tnef *t, const char *part, struct str packed)
{
    struct buf rtf = BUF_INIT(RTF_MAX);
    if (t->wants && !t->wants->on_body) {
        return;
    }
    int code = unpack_rtf(packed, &rtf);
    if (code < 0) {
        reader_problem(t->r, code == -ENOSPC ? MIME_LIMIT : MIME_DAMAGED, part, "packed RTF");
    }
    const struct piece p = {.octets = buf_str(&rtf), .part = part, .name = "", .place = MIME_BODY};
    bool opens = reader_open_octets(t->r, part, p.octets.n);
    if (opens && !t->wants) {
        read_rtf(t->r, &p);
    } else if (opens && buf_len(&t->bodies[TNEF_RTF]) == 0) {
        (void)rtf_text(t->r, part, p.octets, &t->bodies[TNEF_RTF]);
        t->body_is_html[TNEF_RTF] = rtf_is_html(p.octets);
    }
    buf_wipe(&rtf);
}

/* --- what is in it ------------------------------------------------------ */

/* The body, in the forms it has: before the files, which may be messages. */
static void tell_bodies(struct tnef *t)
{
    struct tnef_bodies told = {.subject = buf_str(&t->subject)};
    size_t octets = told.subject.n;
    for (size_t i = 0; i < TNEF_BODIES; i++) {
        told.texts[i] = buf_str(&t->bodies[i]);
        told.is_html[i] = t->body_is_html[i];
        octets += told.texts[i].n;
    }
    if (octets > 0) {
        t->wants->on_body(t->wants->arg, &told);
    }
    for (size_t i = 0; i < TNEF_BODIES; i++) {
        buf_wipe(&t->bodies[i]);
        t->body_is_html[i] = false;
    }
    buf_wipe(&t->subject);
}

static const char *shown_name(const struct tnef *t)
{
    return t->long_name[0] ? t->long_name : t->name;
}

/* A file, whose octets may be none. */
static void tell_file(struct tnef *t)
{
    char part[MIME_PART];
    const struct tnef_file f = {
        .octets = t->data,
        .name = shown_name(t),
        .type = t->type,
        .cid = t->cid,
    };
    reader_inner_part(t->p->part, ++t->attachments, part);
    t->is_told = true;
    if (t->wants) {
        tell_bodies(t);
        t->wants->on_file(t->wants->arg, &f);
        return;
    }
    const struct piece inner = {
        .octets = f.octets,
        .part = part,
        .name = f.name,
        .place = MIME_ATTACHMENT,
    };
    reader_piece(t->r, &inner);
    if (t->long_name[0] && t->name[0] && strcmp(t->long_name, t->name) != 0) {
        reader_name(t->r, part, t->name);
    }
}

/* The file under way is whole. Its names stay: another may follow that is the same to a person. */
static void end_data(struct tnef *t)
{
    if (t->has_data && t->data.n > 0) {
        tell_file(t);
    }
    t->has_data = false;
    t->data = str_slice(t->p->octets, 0, 0);
}

/* The next attachment begins (MS-OXTNEF 2.1.3.1: attAttachRendData is its first attribute), or
 * there is none. Of a file without octets there is its name. */
static void tnef_end_file(struct tnef *t)
{
    end_data(t);
    if (!t->is_told && shown_name(t)[0]) {
        tell_file(t);
    }
    t->is_told = false;
    t->long_name[0] = t->name[0] = t->type[0] = t->cid[0] = '\0';
}

static void begin_data(struct tnef *t, struct str octets)
{
    end_data(t);
    t->data = octets;
    t->has_data = true;
}

static void tnef_put_name(char *dst, size_t size, struct str value)
{
    char *clean = tree_clean_name(value);
    str_copy_cut(str_c(clean), dst, size);
    free(clean);
}

static bool is_said_of_file(unsigned id)
{
    return id == PR_ATTACH_LONG_NAME || id == PR_ATTACH_NAME || id == PR_ATTACH_MIME_TAG ||
           id == PR_ATTACH_CONTENT_ID;
}

static void put_said(struct tnef *t, unsigned id, struct str text)
{
    char *to = id == PR_ATTACH_LONG_NAME ? t->long_name : id == PR_ATTACH_NAME ? t->name : t->cid;
    if (id == PR_ATTACH_MIME_TAG) {
        tnef_put_name(t->type, sizeof t->type, text);
    } else {
        tnef_put_name(to, sizeof t->name, text);
    }
}

/* A text of octets as UTF-8: in the message's code page (MS-OXTNEF 2.1.3.3.2), unless they are
 * UTF-8 all the same. */
static void tnef_put_text(struct tnef *t, struct str value, struct buf *out)
{
    const char *page = t->page[0] && !charset_fits_as_is(value, t->page) ? t->page : NULL;
    charset_text(t->r, t->p->part, value, page, out);
}

static void on_code_page(struct tnef *t, struct str value)
{
    if (value.n >= 4 && rtf_page(tnef_number(value, 0, 4))) {
        snprintf(t->page, sizeof t->page, "%s", rtf_page(tnef_number(value, 0, 4))->name);
    }
}

/* What people read: the subject, or one of the forms of the body. */
static void tnef_on_text(struct tnef *t, enum tnef_body which, bool is_subject, struct str text)
{
    struct buf *to = is_subject ? &t->subject : &t->bodies[which];
    while (text.n > 0 && text.p[text.n - 1] == '\0') { /* as it ends in the file */
        text.n--;
    }
    if (!t->wants && which == TNEF_HTML) {
        read_html(t->r, &(struct piece){
                            .octets = text,
                            .part = t->p->part,
                            .name = "",
                            .place = MIME_BODY,
                        });
    } else if (!t->wants) {
        reader_add_text(t->r, MIME_BODY, t->p->part, text);
    } else if (t->wants->on_body && str_is_blank(buf_str(to))) {
        buf_reset(to);
        (void)!buf_add(to, text);
        t->body_is_html[which] |= which == TNEF_HTML;
    }
}

static void on_property(struct tnef *t, unsigned type, unsigned id, struct str value)
{
    struct buf text = BUF_INIT(t->r->text_left + 1);
    bool wide = type == 0x001f;
    if (id == PR_BODY || id == PR_SUBJECT || is_said_of_file(id)) {
        if (wide) {
            charset_text(t->r, t->p->part, value, "UTF-16LE", &text);
        } else {
            tnef_put_text(t, value, &text);
        }
        if (is_said_of_file(id)) {
            put_said(t, id, buf_str(&text));
        }
        if (!is_said_of_file(id) || (!t->wants && id != PR_ATTACH_CONTENT_ID)) {
            tnef_on_text(t, TNEF_PLAIN, id == PR_SUBJECT, buf_str(&text));
        }
    } else if (id == PR_HTML) {
        charset_text(t->r, t->p->part, value, NULL, &text);
        tnef_on_text(t, TNEF_HTML, false, buf_str(&text));
    } else if (id == PR_RTF) {
        read_packed_rtf(t, t->p->part, value);
    } else if (id == PR_ATTACH_DATA && value.n > 16) {
        /* behind the interface's identifier */
        begin_data(t, type == 0x000d ? str_slice(value, 16, value.n) : value);
    }
    buf_wipe(&text);
}

/* --- properties --------------------------------------------------------- */

/* Skips the name of a named property. 0 or -EBADMSG. */
static int skip_name(struct str s, size_t *at)
{
    if (*at + 24 > s.n) {
        return -EBADMSG;
    }
    uint32_t kind = tnef_number(s, *at + 16, 4), n = tnef_number(s, *at + 20, 4);
    *at += 24;
    if (kind == 1) {
        if (n > s.n - *at) {
            return -EBADMSG;
        }
        *at += (n + 3) & ~3u;
    }
    return *at <= s.n ? 0 : -EBADMSG;
}

static size_t fixed_size(unsigned type)
{
    switch (type) {
    case 0x0002:
    case 0x0003:
    case 0x0004:
    case 0x000a:
    case 0x000b:
        return 4;
    case 0x0005:
    case 0x0006:
    case 0x0007:
    case 0x0014:
    case 0x0040:
        return 8;
    case 0x0048:
        return 16;
    }
    return 0;
}

/* One property at *at. 0 or -EBADMSG. */
static int tnef_read_property(struct tnef *t, struct str s, size_t *at)
{
    if (*at + 4 > s.n) {
        return -EBADMSG;
    }
    unsigned type = tnef_number(s, *at, 2) & 0x0fff, id = tnef_number(s, *at + 2, 2);
    bool many = tnef_number(s, *at, 2) & 0x1000;
    size_t fixed = fixed_size(type);
    *at += 4;
    if (id >= 0x8000 && skip_name(s, at) < 0) {
        return -EBADMSG;
    }
    uint32_t values = 1;
    if (many || fixed == 0) {
        if (*at + 4 > s.n) {
            return -EBADMSG;
        }
        values = tnef_number(s, *at, 4);
        *at += 4;
    }
    for (uint32_t i = 0; i < values; i++) {
        size_t n = fixed;
        if (fixed == 0) {
            if (*at + 4 > s.n) {
                return -EBADMSG;
            }
            n = tnef_number(s, *at, 4);
            *at += 4;
        }
        if (n > s.n - *at) {
            return -EBADMSG;
        }
        on_property(t, type, id, str_slice(s, *at, *at + n));
        *at += (n + 3) & ~(size_t)3;
        if (*at > s.n) {
            return i + 1 == values ? 0 : -EBADMSG;
        }
    }
    return 0;
}

static int read_properties(struct tnef *t, struct str s)
{
    size_t at = 4;
    if (s.n < 4) {
        return -EBADMSG;
    }
    uint32_t n = tnef_number(s, 0, 4);
    for (uint32_t i = 0; i < n && i < PROPERTIES_MAX && at < s.n && !reader_is_over(t->r); i++) {
        if (tnef_read_property(t, s, &at) < 0) {
            return -EBADMSG;
        }
    }
    return 0;
}

static void on_title(struct tnef *t, struct str value)
{
    struct buf text = BUF_INIT(4 * value.n + 64);
    if (t->has_data && t->name[0]) { /* of the next one: old programs write no attAttachRendData */
        tnef_end_file(t);
    }
    tnef_put_text(t, value, &text);
    tnef_put_name(t->name, sizeof t->name, buf_str(&text));
    buf_wipe(&text);
}

static int on_attribute(struct tnef *t, unsigned id, struct str value)
{
    struct buf text = BUF_INIT(t->r->text_left + 1);
    int r = 0;
    switch (id) {
    case ATT_MAPI:
    case ATT_ATTACHMENT:
        r = read_properties(t, value);
        break;
    case ATT_CODE_PAGE:
        on_code_page(t, value);
        break;
    case ATT_RENDERING:
        tnef_end_file(t);
        break;
    case ATT_ATTACH_TITLE:
        on_title(t, value);
        break;
    case ATT_ATTACH_DATA:
        if (t->has_data) {
            tnef_end_file(t);
        }
        begin_data(t, value);
        break;
    case ATT_BODY:
    case ATT_SUBJECT:
        tnef_put_text(t, value, &text);
        tnef_on_text(t, TNEF_PLAIN, id == ATT_SUBJECT, buf_str(&text));
        break;
    }
    buf_wipe(&text);
    return r;
}

static void read_attributes(struct tnef *t)
{
    struct str s = t->p->octets;
    size_t at = 6; /* behind signature and key */
    bool sound = true;
    t->subject = BUF_INIT(t->r->text_left);
    for (size_t i = 0; i < TNEF_BODIES; i++) {
        t->bodies[i] = BUF_INIT(t->r->text_left);
    }
    while (sound && at + ATTRIBUTE_HEAD <= s.n && !reader_is_over(t->r)) {
        uint32_t id = tnef_number(s, at + 1, 2), n = tnef_number(s, at + 5, 4);
        at += ATTRIBUTE_HEAD;
        sound = n <= s.n - at && on_attribute(t, id, str_slice(s, at, at + n)) == 0;
        at += (size_t)n + 2; /* and a checksum */
    }
    tnef_end_file(t);
    if (!sound) {
        reader_problem(t->r, MIME_DAMAGED, t->p->part, "");
        if (!t->wants) {
            read_strings(t->r, t->p);
        }
    }
    if (t->wants) {
        tell_bodies(t);
    }
}

void read_tnef(struct reader *r, const struct piece *p)
{
    read_attributes(&(struct tnef){.r = r, .p = p});
}

/* Files of a message inside the message (MS-OXTNEF 2.1.3.3.15) are files of the whole. */
struct inner_files {
    struct reader *r;
    const struct piece *p;
    const struct tnef_wants *wants;
    unsigned depth;
};

static void on_inner_body(void *arg, const struct tnef_bodies *b)
{
    const struct inner_files *i = arg;
    i->wants->on_body(i->wants->arg, b);
}

static void on_inner_file(void *arg, const struct tnef_file *f)
{
    struct inner_files *i = arg;
    if (f->octets.n < 4 || memcmp(f->octets.p, "\x78\x9f\x3e\x22", 4) != 0 ||
        i->depth == MESSAGES_MAX) {
        if (i->wants->on_file) {
            i->wants->on_file(i->wants->arg, f);
        }
        return;
    }
    const struct piece p = {
        .octets = f->octets,
        .part = i->p->part,
        .name = f->name,
        .place = i->p->place,
    };
    struct inner_files below = *i;
    const struct tnef_wants inner = {
        i->wants->on_body ? on_inner_body : NULL,
        on_inner_file,
        &below,
    };
    below.depth++;
    read_attributes(&(struct tnef){.r = i->r, .p = &p, .wants = &inner});
}

void tnef_show(struct reader *r, const struct piece *p, const struct tnef_wants *wants)
{
    struct inner_files files = {.r = r, .p = p, .wants = wants};
    const struct tnef_wants inner = {wants->on_body ? on_inner_body : NULL, on_inner_file, &files};
    read_attributes(&(struct tnef){.r = r, .p = p, .wants = &inner});
}
