/* SPDX-License-Identifier: Apache-2.0
 * tnef.c: winmail.dat, Outlook's own envelope (MS-OXTNEF), with the properties (MS-OXCDATA) that hold text and the
 * packed RTF (MS-OXRTFCP). Called by reader.c. Own code: Debian's library for it is under the GPL.
 *
 * What can go wrong: lengths that point outside (damaged), named properties, RTF that unpacks without measure.
 */
#include "mime/reader.h"

enum {
    LEVEL_MESSAGE = 1, ATTRIBUTE_HEAD = 9, PROPERTIES_MAX = 5000,
    ATT_SUBJECT = 0x8004, ATT_BODY = 0x800c, ATT_ATTACH_DATA = 0x800f, ATT_ATTACH_TITLE = 0x8010, ATT_MAPI = 0x9003, ATT_ATTACHMENT = 0x9005,
    PR_BODY = 0x1000, PR_RTF = 0x1009, PR_HTML = 0x1013, PR_SUBJECT = 0x0037, PR_ATTACH_DATA = 0x3701, PR_TRANSPORT_NAME = 0x3707, PR_ATTACH_NAME = 0x3704,
    RTF_DICTIONARY = 4096, RTF_MAX = 32 * 1024 * 1024,
};

struct tnef {
    struct reader *r;
    const struct piece *p;
    unsigned attachments;
    char title[MIME_NAME];
};

static uint32_t number(struct str s, size_t at, unsigned octets)
{
    uint32_t n = 0;
    for (unsigned i = octets; i > 0; i--) {
        n = n << 8 | (unsigned char)s.p[at + i - 1];
    }
    return n;
}

/* --- packed RTF --------------------------------------------------------------------------------------------- */

static const char rtf_begin[] = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New "
                                "RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

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
            unsigned word = refers ? (unsigned)(unsigned char)packed.p[in] << 8 | (unsigned char)packed.p[in + 1] : 0;
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
    int code = unpack_rtf(packed, &rtf);
    if (code < 0) {
        reader_problem(t->r, code == -ENOSPC ? MIME_LIMIT : MIME_DAMAGED, part, "packed RTF");
    }
    const struct piece p = {.octets = buf_str(&rtf), .part = part, .name = "", .place = MIME_BODY};
    if (reader_open_octets(t->r, part, p.octets.n)) {
        read_rtf(t->r, &p);
    }
    buf_wipe(&rtf);
}

/* --- properties --------------------------------------------------------------------------------------------- */

/* Skips the name of a named property. 0 or -EBADMSG. */
static int skip_name(struct str s, size_t *at)
{
    if (*at + 24 > s.n) {
        return -EBADMSG;
    }
    uint32_t kind = number(s, *at + 16, 4), n = number(s, *at + 20, 4);
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
    case 0x0002: case 0x0003: case 0x0004: case 0x000a: case 0x000b:
        return 4;
    case 0x0005: case 0x0006: case 0x0007: case 0x0014: case 0x0040:
        return 8;
    case 0x0048:
        return 16;
    }
    return 0;
}

static void on_attached(struct tnef *t, struct str octets)
{
    char part[MIME_PART];
    reader_inner_part(t->p->part, ++t->attachments, part);
    const struct piece inner = {.octets = octets, .part = part, .name = t->title, .place = MIME_ATTACHMENT};
    reader_piece(t->r, &inner);
}

static void on_property(struct tnef *t, unsigned type, unsigned id, struct str value)
{
    const char *part = t->p->part;
    struct buf text = BUF_INIT(t->r->text_left + 1);
    bool wide = type == 0x001f;
    if (id == PR_BODY || id == PR_SUBJECT || id == PR_TRANSPORT_NAME || id == PR_ATTACH_NAME) {
        charset_text(t->r, part, value, wide ? "UTF-16LE" : NULL, &text);
        if (id == PR_TRANSPORT_NAME || id == PR_ATTACH_NAME) {
            str_copy_cut(buf_str(&text), t->title, sizeof t->title);
        }
        reader_add_text(t->r, MIME_BODY, part, buf_str(&text));
    } else if (id == PR_HTML) {
        charset_text(t->r, part, value, NULL, &text);
        const struct piece p = {.octets = buf_str(&text), .part = part, .name = "", .place = MIME_BODY};
        read_html(t->r, &p);
    } else if (id == PR_RTF) {
        read_packed_rtf(t, part, value);
    } else if (id == PR_ATTACH_DATA && value.n > 16) {
        on_attached(t, type == 0x000d ? str_slice(value, 16, value.n) : value); /* behind the interface's identifier */
    }
    buf_wipe(&text);
}

/* One property at *at. 0 or -EBADMSG. */
static int read_property(struct tnef *t, struct str s, size_t *at)
{
    if (*at + 4 > s.n) {
        return -EBADMSG;
    }
    unsigned type = number(s, *at, 2) & 0x0fff, id = number(s, *at + 2, 2);
    bool many = number(s, *at, 2) & 0x1000;
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
        values = number(s, *at, 4);
        *at += 4;
    }
    for (uint32_t i = 0; i < values; i++) {
        size_t n = fixed;
        if (fixed == 0) {
            if (*at + 4 > s.n) {
                return -EBADMSG;
            }
            n = number(s, *at, 4);
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
    uint32_t n = number(s, 0, 4);
    for (uint32_t i = 0; i < n && i < PROPERTIES_MAX && at < s.n && !reader_is_over(t->r); i++) {
        if (read_property(t, s, &at) < 0) {
            return -EBADMSG;
        }
    }
    return 0;
}

static int on_attribute(struct tnef *t, unsigned id, struct str value)
{
    if (id == ATT_MAPI || id == ATT_ATTACHMENT) {
        return read_properties(t, value);
    }
    if (id == ATT_ATTACH_TITLE) {
        str_copy_cut(value, t->title, sizeof t->title);
    } else if (id == ATT_ATTACH_DATA) {
        on_attached(t, value);
    } else if (id == ATT_BODY || id == ATT_SUBJECT) {
        struct buf text = BUF_INIT(t->r->text_left + 1);
        charset_text(t->r, t->p->part, value, NULL, &text);
        reader_add_text(t->r, MIME_BODY, t->p->part, buf_str(&text));
        buf_wipe(&text);
    }
    return 0;
}

void read_tnef(struct reader *r, const struct piece *p)
{
    struct tnef t = {.r = r, .p = p};
    struct str s = p->octets;
    size_t at = 6; /* behind signature and key */
    while (at + ATTRIBUTE_HEAD <= s.n && !reader_is_over(r)) {
        uint32_t id = number(s, at + 1, 2), n = number(s, at + 5, 4);
        at += ATTRIBUTE_HEAD;
        if (n > s.n - at || on_attribute(&t, id, str_slice(s, at, at + n)) < 0) {
            reader_problem(r, MIME_DAMAGED, p->part, "");
            read_strings(r, p);
            return;
        }
        at += (size_t)n + 2; /* and a checksum */
    }
}
