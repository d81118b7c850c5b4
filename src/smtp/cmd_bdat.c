/* SPDX-License-Identifier: Apache-2.0
 * cmd_bdat.c: BDAT, RFC 3030 section 2: a message in chunks whose octets are counted, not searched.
 *
 *   bdat = "BDAT" SP chunk-size [ SP "LAST" ] CRLF
 *
 * The octets of a chunk follow whatever is answered: those of a refused one are read and
 * dropped, so that they are never taken for commands. A size that cannot be read ends the
 * session for the same reason. Apart from BODY=BINARYMIME the same rules hold as for DATA: CRLF
 * ends a line, nothing else.
 */
#include "smtp/server_priv.h"

static bool read_size(struct str args, uint64_t *ret_size, bool *ret_last)
{
    size_t space = str_find(args, ' ', 0);
    struct str word = str_trim(str_slice(args, space, args.n));
    *ret_last = word.n > 0;
    return str_to_u64(str_slice(args, 0, space), UINT64_MAX / 4, ret_size) == 0 &&
           (word.n == 0 || str_eq_nocase(word, STR("LAST")));
}

void smtp_cmd_bdat(struct smtp_server *s, struct str args)
{
    uint64_t size;
    bool last;
    if (!read_size(args, &size, &last)) {
        s->note = "BDAT without a size that can be read";
        smtp_server_end(s, smtp_refusal(REFUSE_BDAT_FORM));
        return;
    }
    if (!(s->state & (ST_RCPT | ST_CHUNKS))) {
        s->drain = size;
        smtp_server_refuse(s, REFUSE_BDAT_PLACE);
        return;
    }
    s->chunk_left = size;
    s->chunk_last = last;
    if (s->state == ST_CHUNKS) {
        s->state = ST_CHUNK;
        return;
    }
    s->chunk_asked = true;
    s->tx.size_declared = size > s->tx.size_declared ? size : s->tx.size_declared;
    smtp_server_ask(s, SMTP_EV_DATA);
}

/* All octets of the chunk were read. */
static bool end_of_chunk(struct smtp_server *s, struct smtp_event *ret)
{
    char text[80];
    struct buf line = BUF_INIT(sizeof text);
    if (s->chunk_last && !s->tx.is_binary) {
        smtp_body_chunks_end(&s->body, &s->config);
        buf_reset(&s->repair_out);
        if (line_repair_end(&s->repair, &s->repair_out) == 0 && buf_len(&s->repair_out) > 0 &&
            !smtp_body_refusal(&s->body)) {
            ret->type = SMTP_EV_BODY;
            ret->bytes = buf_str(&s->repair_out); /* the end comes with the next call */
            return true;
        }
    }
    if (s->chunk_last || smtp_body_refusal(&s->body)) {
        smtp_server_end_of_message(s, ret);
        return true;
    }
    s->state = ST_CHUNKS;
    (void)!buf_printf(&line, "%llu octets so far", (unsigned long long)s->tx.size);
    str_copy_cut(buf_str(&line), text, sizeof text);
    buf_free(&line);
    smtp_server_reply(s, 250, "2.0.0", text);
    return false;
}

bool smtp_chunk_next(struct smtp_server *s, struct smtp_event *ret)
{
    struct str in = buf_str(&s->in);
    struct str text = str_slice(in, 0, in.n < s->chunk_left ? in.n : (size_t)s->chunk_left);
    if (s->chunk_left == 0) {
        return end_of_chunk(s, ret);
    }
    if (text.n == 0) {
        buf_consume(&s->in, 0);
        return false;
    }
    if (!s->tx.is_binary) {
        dot_look(&s->body.dots, text);
    }
    s->chunk_left -= text.n;
    s->in.head += text.n; /* the view stays valid until the next change of s->in */
    text = smtp_server_repair(s, text, false);
    s->tx.size += text.n;
    smtp_body_look(&s->body, &s->config, text, s->tx.size);
    s->tx.tls_required_no = s->body.tls_required_no && s->body.tls_required_fields == 1;
    if (smtp_body_refusal(&s->body) || text.n == 0) {
        return smtp_chunk_next(s, ret); /* at most once: the input is used up, or the chunk */
    }
    ret->type = SMTP_EV_BODY;
    ret->bytes = text;
    return true;
}
