/* SPDX-License-Identifier: Apache-2.0
 * body.c: what is counted and refused while a message is read (RFC 5321 4.5.3, 6.3; reliability
 * numbers). Called by server.c only. Pure.
 *
 * A refused message is read to its true end, so that its rest is never taken for commands.
 */
#include "smtp/server_priv.h"
#include "wire/marks.h"

void smtp_body_start(struct smtp_body *b)
{
    *b = (struct smtp_body){.in_header = true};
}

static void body_refuse(struct smtp_body *b, enum smtp_refusal r)
{
    if (!b->refusal) {
        b->refusal = smtp_refusal(r);
    }
}

/* RFC 8689 3: counts only as "TLS-Required: No", on one line, and as the only such field.
 * RFC 8689 3 MUST NOT: more than one such field counts for nothing
 * RFC 8689 4.1 MUST: a message with the field alone keeps that */
static void look_tls_required(struct smtp_body *b, struct str line, size_t octets)
{
    size_t colon = str_find(line, ':', 0);
    struct str value = str_trim(str_slice(line, colon + 1, line.n));
    if (str_eq_nocase(str_trim(str_slice(line, 0, colon)), STR("TLS-Required")) && colon < line.n) {
        b->tls_required_fields++;
        b->tls_required_no = octets == line.n && str_eq_nocase(value, STR("No"));
    }
}

/* One complete header line (without CRLF), of which b->line holds the beginning.
 * RFC 5321 3.3 MUST NOT: no message is refused for its Resent fields
 * RFC 5321 3.7.2 MUST NOT: no mail is refused for the form of a trace field
 * RFC 5321 6.3 MUST: loops are found and stopped */
static void header_line(struct smtp_body *b, const struct smtp_server_config *c, size_t octets)
{
    struct str begin = str_from(b->line, b->line_n);
    bool folded = begin.n > 0 && (begin.p[0] == ' ' || begin.p[0] == '\t');
    if (begin.n == 0) {
        b->in_header = false;
        return;
    }
    b->field_octets = folded ? b->field_octets + octets : octets;
    b->hops += str_starts_nocase(begin, STR("received:"));
    if (str_starts_nocase(begin, STR("tls-required"))) {
        look_tls_required(b, begin, octets);
    }
    if (++b->header_lines > c->header_lines_max) {
        body_refuse(b, REFUSE_HEADER_LINES);
    } else if (b->field_octets > c->header_field_max) {
        body_refuse(b, REFUSE_FIELD_LARGE);
    } else if (b->hops > c->hops_max) {
        body_refuse(b, REFUSE_LOOPING);
    } else if (b->long_word && !c->device) {
        body_refuse(b, REFUSE_WORD_LONG);
    }
}

static void look_header(struct smtp_body *b, const struct smtp_server_config *c, struct str text)
{
    for (size_t i = 0; i < text.n && b->in_header; i++) {
        char ch = text.p[i];
        b->header_octets++;
        b->word_octets = ch == '\n'                ? 0
                         : ch == ' ' || ch == '\t' ? 1
                                                   : b->word_octets + (ch != '\r');
        b->long_word |= b->word_octets > MARKS_LINE_MAX;
        if (ch == '\n') {
            header_line(b, c, b->line_octets);
            b->line_n = 0;
            b->line_octets = 0;
        } else if (ch != '\r') {
            b->line_octets++;
            if (b->line_n < sizeof b->line) {
                b->line[b->line_n++] = ch;
            }
        }
    }
    if (b->header_octets > c->header_octets_max) {
        body_refuse(b, REFUSE_HEADER_LARGE);
    } else if (b->line_octets > c->header_field_max && b->in_header) {
        body_refuse(b, REFUSE_FIELD_LARGE);
    }
}

/* Whoever may send bare line ends has them repaired; a NUL nobody may send.
 * RFC 5321 2.3.8 MUST NOT: no bare CR or LF is sent */
static void refuse_problem(struct smtp_body *b, const struct smtp_server_config *c)
{
    if (c->device) {
        if (b->dots.nul) {
            body_refuse(b, REFUSE_NUL_OCTET);
        }
        return;
    }
    switch (b->dots.problem) {
    case DOT_FINE:
        break;
    case DOT_BARE_CR:
        body_refuse(b, REFUSE_BARE_CR);
        break;
    case DOT_BARE_LF:
        body_refuse(b, REFUSE_BARE_LF);
        break;
    case DOT_NUL:
        body_refuse(b, REFUSE_NUL_OCTET);
        break;
    }
}

void smtp_body_look(struct smtp_body *b, const struct smtp_server_config *c, struct str text,
                    uint64_t size_so_far)
{
    if (b->in_header) {
        look_header(b, c, text);
    }
    if (size_so_far > c->size_max) {
        body_refuse(b, REFUSE_MESSAGE_LARGE);
    }
    refuse_problem(b, c);
}

void smtp_body_chunks_end(struct smtp_body *b, const struct smtp_server_config *c)
{
    dot_look_end(&b->dots);
    refuse_problem(b, c);
}

const struct smtp_reply *smtp_body_refusal(const struct smtp_body *b)
{
    return b->refusal;
}
