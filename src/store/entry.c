/* SPDX-License-Identifier: Apache-2.0
 * entry.c: writing and reading the entries of the journal, both from one table of fields. Pure.
 */
#include "store/entry.h"

/* N: a number, S: a string. The order is the format: fields are added at the end of a table, with a new kind. */
#define MESSAGE_FIELDS(N, S)                                                                                                     \
    N(id) N(bounce_of) S(reverse_path) N(arrived_ms) N(size) N(is_8bit) N(is_utf8) N(reqtls) N(tls_required_no) N(report)        \
    N(is_binary) N(ret) S(envid) S(login) S(certificate) S(client) S(helo) S(protocol) S(tls_version) S(tls_cipher) N(tls_bits)   \
    S(sealed_key) S(spool)
#define MESSAGE_FIELDS_12(N, S) MESSAGE_FIELDS(N, S) S(tls_group)
#define MESSAGE_ALL(N, S) MESSAGE_FIELDS_12(N, S) N(repaired)
#define RCPT_FIELDS(N, S)                                                                                                        \
    N(rcpt) N(id) S(forward_path) S(next_hop) N(state) N(attempts) N(next_ms) N(last_ms) N(reason) S(code) S(reply) S(host)       \
    N(bounced) N(notice) N(notify) S(orcpt) S(protection) N(tls_offered)
#define ATTEMPT_FIELDS(N, S)                                                                                                     \
    N(id) S(rcpts) N(at_ms) N(took_ms) S(host) S(address) N(port) N(mx) N(sess) N(action) N(grade) N(floor) N(reason) N(raised)   \
    N(reused) S(tls_version) S(tls_cipher) N(tls_bits) S(tls_group) S(tls_signature) S(peer_key) S(cert_check) S(cert_subject)   \
    S(cert_issuer) S(cert_fingerprint) N(cert_not_after) S(detail) N(tlsa) N(sts) S(dane_check) S(exception)
#define INSPECTED_FIELDS(N, S) N(id) N(at_ms) S(facts)

enum { NUMBER_MAX = 10 /* octets of the largest number */, DONE = 0x40 /* in the octet of the kind */ };

/* --- writing --------------------------------------------------------------------------------------- */

static int put_number(struct buf *b, uint64_t value)
{
    char octets[NUMBER_MAX];
    size_t n = 0;
    do {
        octets[n++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    return buf_append(b, octets, n);
}

static int put_str(struct buf *b, struct str s)
{
    int r = put_number(b, s.n);
    return r < 0 ? r : buf_add(b, s);
}

#define PUT_N(field) r = r < 0 ? r : put_number(b, (uint64_t)f->field);
#define PUT_S(field) r = r < 0 ? r : put_str(b, f->field);
#define PUT(type, fields)                                                                                                        \
    static int put_##type(struct buf *b, const struct type *f)                                                                   \
    {                                                                                                                            \
        int r = 0;                                                                                                               \
        fields(PUT_N, PUT_S) return r;                                                                                           \
    }
PUT(store_message, MESSAGE_ALL)
PUT(store_rcpt, RCPT_FIELDS)
PUT(store_attempt, ATTEMPT_FIELDS)
PUT(entry_inspected, INSPECTED_FIELDS)

static int put_message(struct buf *b, const struct entry *e)
{
    int r = put_number(b, e->body_at);
    r = r < 0 ? r : put_number(b, e->body_n);
    return r < 0 ? r : put_store_message(b, &e->message);
}

static int put_fields(struct buf *b, const struct entry *e)
{
    switch (e->kind) {
    case ENTRY_MESSAGE:
        return put_message(b, e);
    case ENTRY_RCPT:
    case ENTRY_BOUNCED:
    case ENTRY_OUTCOME:
    case ENTRY_DECIDED:
        return put_store_rcpt(b, &e->rcpt);
    case ENTRY_ATTEMPT:
        return put_store_attempt(b, &e->attempt);
    case ENTRY_INSPECTED:
        return put_entry_inspected(b, &e->inspected);
    case ENTRY_RELEASE:
        return put_number(b, e->id);
    case ENTRY_MESSAGE_11:
    case ENTRY_MESSAGE_12:
        break;
    }
    return -EINVAL;
}

int entry_write(struct buf *b, const struct entry *e)
{
    size_t before = buf_len(b);
    int r = put_number(b, e->kind);
    r = r < 0 ? r : put_fields(b, e);
    if (r < 0) {
        buf_cut(b, buf_len(b) - before);
    }
    return r;
}

/* --- reading --------------------------------------------------------------------------------------- */

static int take_number(struct str *rest, uint64_t *ret)
{
    *ret = 0;
    for (unsigned i = 0; i < NUMBER_MAX && rest->n > 0; i++) {
        unsigned char octet = (unsigned char)rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
        *ret |= (uint64_t)(octet & 0x7f) << (7 * i);
        if (octet < 0x80) {
            return 0;
        }
    }
    return -EBADMSG;
}

static int take_str(struct str *rest, struct str *ret)
{
    uint64_t n;
    int r = take_number(rest, &n);
    if (r < 0 || n > rest->n) {
        return -EBADMSG;
    }
    *ret = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return 0;
}

#define TAKE_N(field)                                                                                                            \
    r = r < 0 ? r : take_number(rest, &number);                                                                                  \
    f->field = (__typeof__(f->field))number;
#define TAKE_S(field) r = r < 0 ? r : take_str(rest, &f->field);
#define TAKE(name, type, fields)                                                                                                 \
    static int take_##name(struct str *rest, struct type *f)                                                                     \
    {                                                                                                                            \
        uint64_t number = 0;                                                                                                     \
        int r = 0;                                                                                                               \
        fields(TAKE_N, TAKE_S) return r;                                                                                         \
    }
TAKE(message_11, store_message, MESSAGE_FIELDS)
TAKE(message_12, store_message, MESSAGE_FIELDS_12)
TAKE(store_message, store_message, MESSAGE_ALL)
TAKE(store_rcpt, store_rcpt, RCPT_FIELDS)
TAKE(store_attempt, store_attempt, ATTEMPT_FIELDS)
TAKE(entry_inspected, entry_inspected, INSPECTED_FIELDS)

static int take_message(struct str *rest, struct entry *e)
{
    int r = take_number(rest, &e->body_at);
    r = r < 0 ? r : take_number(rest, &e->body_n);
    enum entry_kind written = e->kind;
    e->kind = ENTRY_MESSAGE;
    if (r < 0) {
        return r;
    }
    return written == ENTRY_MESSAGE_11   ? take_message_11(rest, &e->message)
           : written == ENTRY_MESSAGE_12 ? take_message_12(rest, &e->message)
                                         : take_store_message(rest, &e->message);
}

static int take_fields(struct str *rest, struct entry *e)
{
    switch (e->kind) {
    case ENTRY_MESSAGE_11:
    case ENTRY_MESSAGE_12:
    case ENTRY_MESSAGE:
        return take_message(rest, e);
    case ENTRY_RCPT:
    case ENTRY_BOUNCED:
    case ENTRY_OUTCOME:
    case ENTRY_DECIDED:
        return take_store_rcpt(rest, &e->rcpt);
    case ENTRY_ATTEMPT:
        return take_store_attempt(rest, &e->attempt);
    case ENTRY_INSPECTED:
        return take_entry_inspected(rest, &e->inspected);
    case ENTRY_RELEASE:
        return take_number(rest, &e->id);
    }
    return -EBADMSG;
}

int entry_read(struct str *rest, struct entry *ret)
{
    uint64_t kind;
    if (rest->n == 0) {
        return 0;
    }
    if (take_number(rest, &kind) < 0 || (kind & ~(uint64_t)DONE) < ENTRY_MESSAGE_11 || (kind & ~(uint64_t)DONE) > ENTRY_MESSAGE) {
        return -EBADMSG;
    }
    *ret = (struct entry){.kind = (enum entry_kind)(kind & ~(uint64_t)DONE), .is_done = (kind & DONE) != 0};
    int r = take_fields(rest, ret);
    return r < 0 ? r : 1;
}

void entry_mark_done(struct str octets)
{
    *(char *)(uintptr_t)octets.p |= DONE;
}
