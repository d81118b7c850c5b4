/* SPDX-License-Identifier: Apache-2.0
 * fit.c: may this message go to this server as it is? What decides is what the message needs,
 * found in its octets and addresses, and what the server offers; never what was declared when
 * the message came (docs/decisions/0027). Called by delivery.c.
 *
 * What a server cannot take as it is is converted where that is possible (wire/sevenbit.h;
 * header_rewrite.c writes it).
 *
 * RFC 6531 3.4 (SMTPUTF8), RFC 6152 3 (8BITMIME), RFC 3030 3 (BINARYMIME), RFC 1870 6.1 (SIZE).
 */
#include "proc/smtpout/smtpout.h"
#include "wire/domain.h"
#include "wire/marks.h"

#include <stdio.h>
#include <stdlib.h>

enum { ADDRESS_TEXT_MAX = 1024 + 1 };

bool fit_path(struct delivery *d, const struct smtp_caps *caps, struct str path, struct str *ret)
{
    char text[ADDRESS_TEXT_MAX];
    *ret = path;
    if (caps->utf8 || !marks_has_8bit(path)) {
        return true;
    }
    size_t at = str_find_last(path, '@');
    return at < path.n && !marks_has_8bit(str_slice(path, 0, at)) &&
           address_canonical(path, text, sizeof text) == 0 &&
           arena_copy(&d->arena, str_c(text), ret) == 0;
}

/* At least one recipient that is still open can be named to this server. */
static bool any_rcpt_fits(struct delivery *d, const struct smtp_caps *caps)
{
    struct str path;
    for (size_t i = 0; i < d->n_rcpts; i++) {
        if (d->rcpts[i].result == RESULT_OPEN &&
            fit_path(d, caps, d->rcpts[i].forward_path, &path)) {
            return true;
        }
    }
    return false;
}

/* BINARYMIME carries all octets (RFC 3030 3), 8BITMIME all octets in lines. */
static bool needs_conversion(const struct delivery *d, const struct smtp_caps *caps)
{
    return d->is_binary ? !(caps->chunking && caps->binary) : d->is_8bit && !caps->is_8bit;
}

/* The plan of a conversion for this server: the stored message is read once, and then again from
 * its beginning. */
static bool can_convert(struct delivery *d, const struct smtp_caps *caps)
{
    struct sevenbit_plan plan = {
        .need = caps->is_8bit ? SEVENBIT_LINES : SEVENBIT_ALL,
        .utf8_headers = d->is_utf8,
    };
    if (d->planned && plan.need == d->plan.need) {
        return d->plan.problem == SEVENBIT_FINE;
    }
    sevenbit_plan_free(&d->plan);
    d->plan = plan;
    d->planned = true;
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(1024 * 1024);
    struct buf none = BUF_INIT(1);
    struct sevenbit *s = sevenbit_new(&d->plan, true);
    int more = 1, r = 0;
    while (r == 0 && more > 0) {
        buf_reset(&text);
        more = delivery_read(d, &text);
        r = more < 0 ? more : sevenbit_write(s, buf_str(&text), &none);
    }
    r = r < 0 ? r : sevenbit_end(s, &none);
    sevenbit_free(s);
    delivery_rewind(d);
    if (r < 0) {
        d->planned = false; /* what cannot be read shows when it is sent */
    }
    return d->plan.problem == SEVENBIT_FINE;
}

/* RFC 5321 2.4 MUST NOT: no 8-bit text to a server that does not offer it */
enum reason fit_message(struct delivery *d, const struct smtp_caps *caps)
{
    struct str path;
    if (caps->has_size && caps->size > 0 && d->size > caps->size) {
        return REASON_TOO_BIG; /* RFC 1870 6.1: do not even try */
    }
    if ((d->is_utf8 && !caps->utf8) || !fit_path(d, caps, d->reverse_path, &path) ||
        !any_rcpt_fits(d, caps)) {
        return REASON_NO_UTF8;
    }
    if (!needs_conversion(d, caps) || can_convert(d, caps)) {
        return REASON_NONE;
    }
    return d->plan.need == SEVENBIT_LINES ? REASON_NO_BINARY : REASON_NO_8BIT;
}

/* Why SMTPUTF8 is not used with this server: their doing or ours. */
static const char *utf8_cause(const struct delivery *d, const struct connection *l)
{
    if (d->avoid_set & EXTENSION_BIT(SMTPUTF8)) {
        return "the configuration does without SMTPUTF8 for this domain (partner, avoid)";
    }
    bool untrue = l && (l->avoid & EXTENSION_BIT(SMTPUTF8));
    return untrue ? "the server announced SMTPUTF8 and then refused it (postern domains quirks)"
                  : "the server does not offer SMTPUTF8";
}

/* RFC 5321 2.2.3 MAY: what one host lacks is left to another that has it */
void fit_left_out(const struct delivery *d, char *dst, size_t size)
{
    snprintf(dst, size, "%s, which this address needs", utf8_cause(d, d->connection));
}

static const char *utf8_need(const struct delivery *d)
{
    return d->is_utf8                        ? "the header section"
           : marks_has_8bit(d->reverse_path) ? "the sender's or the recipient's address"
                                             : "this address";
}

void fit_describe(const struct delivery *d, const struct connection *l,
                  const struct smtp_caps *caps, enum reason why, char *dst, size_t size)
{
    *dst = '\0';
    if (why == REASON_NO_8BIT || why == REASON_NO_BINARY) {
        str_copy_cut(str_c(sevenbit_problem_sentence(d->plan.problem)), dst, size);
    } else if (why == REASON_TOO_BIG) {
        snprintf(dst, size, "the message has %llu octets, and the server takes %llu",
                 (unsigned long long)d->size, (unsigned long long)caps->size);
    } else if (why == REASON_NO_UTF8) {
        snprintf(dst, size, "%s, which %s needs", utf8_cause(d, l), utf8_need(d));
    }
}

/* Who is offered to this server. Whom it cannot be told of waits for another host of the round,
 * alone (RFC 6531 3.2): the others need nothing of it.
 * RFC 5321 4.5.5 SHOULD NOT: the null reverse-path stays null */
static void prepare_rcpts(struct delivery *d, const struct smtp_caps *caps)
{
    for (size_t i = 0; i < d->n_rcpts; i++) {
        struct delivery_rcpt *r = &d->rcpts[i];
        struct str path;
        if (r->result != RESULT_OPEN) {
            continue;
        }
        if (!fit_path(d, caps, r->forward_path, &path)) {
            r->round.left_out = true;
            d->n_left_out++;
            continue;
        }
        r->accepted = r->answered = false;
        d->mail.is_utf8 |= marks_has_8bit(path);
        d->sent_to[d->n_sent] = r;
        d->sent_rcpts[d->n_sent++] = (struct smtp_mail_rcpt){
            .path = path,
            .notify = r->notify,
            .orcpt = r->orcpt,
        };
    }
}

void fit_prepare(struct delivery *d, const struct smtp_caps *caps)
{
    struct str from;
    must(fit_path(d, caps, d->reverse_path, &from)); /* as fit_message() found */
    d->converts = needs_conversion(d, caps) && d->plan.changes;
    bool all = d->converts && d->plan.need == SEVENBIT_ALL;
    free(d->sent_rcpts);
    free(d->sent_to);
    d->sent_rcpts = err_calloc(d->n_rcpts, sizeof *d->sent_rcpts);
    d->sent_to = err_calloc(d->n_rcpts, sizeof *d->sent_to);
    d->n_sent = d->n_left_out = 0;
    d->mail = (struct smtp_mail){
        .reverse_path = from,
        .size = d->converts ? 0 : d->size + (d->tags.n > 0 ? d->tags.n + 32 : 0),
        .is_8bit = d->is_8bit && !all,
        .is_utf8 = d->is_utf8 || marks_has_8bit(from),
        .is_binary = d->is_binary && caps->chunking && caps->binary,
        .ret = d->ret,
        .envid = d->envid,
        .requiretls = d->ask_requiretls,
    };
    prepare_rcpts(d, caps);
    d->mail.rcpts = d->sent_rcpts;
    d->mail.n_rcpts = d->n_sent;
}
