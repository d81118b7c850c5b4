/* SPDX-License-Identifier: Apache-2.0
 * message.c: encoder and decoder, generated from messages.def. Pure; fuzzed as a whole. Called by
 * channel.c, and by the postern command.
 *
 * Integers are little endian; str and bytes are a u32 length and the octets. A message with
 * bytes left over, a field over its maximum, or with a descriptor that it must not have or
 * without one that it must, is malformed.
 */
#include "ipc/message.h"

#define NAME_CASE(number, name, descriptor) \
    case IPC_##name: \
        return #name;

const char *ipc_name(enum ipc_type type)
{
    switch (type) {
    case IPC_none:
        break;
        IPC_MESSAGES(NAME_CASE)
    }
    return "unknown";
}

static int put_int(struct buf *out, uint64_t value, size_t octets)
{
    unsigned char b[8];
    for (size_t i = 0; i < octets; i++) {
        b[i] = (unsigned char)(value >> (8 * i));
    }
    return buf_append(out, b, octets);
}

static int message_put_str(struct buf *out, struct str s, size_t max)
{
    if (s.n > max) {
        return -EMSGSIZE;
    }
    int r = put_int(out, s.n, 4);
    return r < 0 ? r : buf_add(out, s);
}

static int get_int(struct str *in, size_t octets, uint64_t *ret)
{
    if (in->n < octets) {
        return -EBADMSG;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < octets; i++) {
        value |= (uint64_t)(unsigned char)in->p[i] << (8 * i);
    }
    *in = str_slice(*in, octets, in->n);
    *ret = value;
    return 0;
}

static int get_str(struct str *in, size_t max, struct str *ret)
{
    uint64_t n;
    int r = get_int(in, 4, &n);
    if (r < 0 || n > max || n > in->n) {
        return -EBADMSG;
    }
    *ret = str_slice(*in, 0, (size_t)n);
    *in = str_slice(*in, (size_t)n, in->n);
    return 0;
}

static int get_lease(struct str *in, struct lease_id *ret)
{
    if (in->n < sizeof ret->octets) {
        return -EBADMSG;
    }
    memcpy(ret->octets, in->p, sizeof ret->octets);
    *in = str_slice(*in, sizeof ret->octets, in->n);
    return 0;
}

#define PUT_u8(out, v, max)          ((max) > 0 && (v) > (max) ? -EMSGSIZE : put_int(out, v, 1))
#define PUT_u16(out, v, max)         put_int(out, v, 2)
#define PUT_u32(out, v, max)         put_int(out, v, 4)
#define PUT_u64(out, v, max)         put_int(out, v, 8)
#define PUT_i64(out, v, max)         put_int(out, (uint64_t)(v), 8)
#define PUT_lease(out, v, max)       buf_append(out, (v).octets, sizeof(v).octets)
#define PUT_str(out, v, max)         message_put_str(out, v, max)
#define PUT_bytes(out, v, max)       message_put_str(out, v, max)
#define PUT_key(out, v, max)         PUT_u64(out, v, max)
#define PUT_serial(out, v, max)      PUT_u64(out, v, max)
#define PUT_store_enum(out, v, name) PUT_enum(out, v, name)
#define PUT_flag(out, v, max)        put_int(out, v, 1)
#define PUT_blob(out, v, max)        PUT_bytes(out, v, max)
#define PUT_enum(out, v, name) \
    ((unsigned)(v) < IPC_END_##name ? put_int(out, (uint64_t)(v), 1) : -EMSGSIZE)
#define PUT_FIELD(kind, field, max) \
    if ((r = PUT_##kind(out, m->field, max)) < 0) { \
        return r; \
    }
#define ENCODER(number, name, descriptor) \
    static int encode_##name(const struct ipc_##name *m, struct buf *out) \
    { \
        int r = 0; \
        IPC_FIELDS_##name(PUT_FIELD) return r; \
    }
IPC_MESSAGES(ENCODER)

#define GET_INT(type, octets, field) \
    if ((r = get_int(in, octets, &value)) < 0) { \
        return r; \
    } \
    m->field = (type)value;
#define GET_u8(field, max) \
    GET_INT(uint8_t, 1, field) \
    if ((max) > 0 && value > (max)) { \
        return -EBADMSG; \
    }
#define GET_u16(field, max) GET_INT(uint16_t, 2, field)
#define GET_u32(field, max) GET_INT(uint32_t, 4, field)
#define GET_u64(field, max) GET_INT(uint64_t, 8, field)
#define GET_i64(field, max) GET_INT(int64_t, 8, field)
#define GET_lease(field, max) \
    if ((r = get_lease(in, &m->field)) < 0) { \
        return r; \
    }
#define GET_str(field, max) \
    if ((r = get_str(in, max, &m->field)) < 0) { \
        return r; \
    }
#define GET_bytes(field, max)       GET_str(field, max)
#define GET_key(field, max)         GET_u64(field, max)
#define GET_serial(field, max)      GET_u64(field, max)
#define GET_store_enum(field, name) GET_enum(field, name)
#define GET_flag(field, max)        GET_u8(field, max)
#define GET_blob(field, max)        GET_bytes(field, max)
#define GET_enum(field, name) \
    GET_INT(enum name, 1, field) \
    if (value >= IPC_END_##name) { \
        return -EBADMSG; \
    }
#define GET_FIELD(kind, field, max) GET_##kind(field, max)
#define DECODER(number, name, descriptor) \
    static int decode_##name(struct str *in, struct ipc_##name *m) \
    { \
        int r = 0; \
        uint64_t value = 0; \
        IPC_FIELDS_##name(GET_FIELD)(void) value; \
        return r; \
    }
IPC_MESSAGES(DECODER)

#define ENCODE_CASE(number, name, descriptor) \
    case IPC_##name: \
        return encode_##name(&m->name, out);
#define DECODE_CASE(number, name, descriptor) \
    case IPC_##name: \
        return decode_##name(in, &ret->name);

static int encode_fields(const struct ipc_msg *m, struct buf *out)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(ENCODE_CASE)
    }
    return -EINVAL;
}

static int decode_fields(struct str *in, struct ipc_msg *ret)
{
    switch (ret->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(DECODE_CASE)
    }
    return -EBADMSG;
}

#define MAY_none(n)      ((n) == 0)
#define MAY_always(n)    ((n) == 1)
#define MAY_sometimes(n) true
#define CARRIES_CASE(number, name, descriptor) \
    case IPC_##name: \
        return MAY_##descriptor(n);

/* Whether a message of this type may have that many descriptors (0 or 1). */
static bool carries(enum ipc_type type, unsigned n)
{
    switch (type) {
    case IPC_none:
        break;
        IPC_MESSAGES(CARRIES_CASE)
    }
    return false;
}

int ipc_encode(const struct ipc_msg *m, struct buf *out)
{
    size_t before = buf_len(out);
    int r = put_int(out, (uint64_t)m->type, 2);
    r = r < 0 ? r : put_int(out, 0, 6);
    r = r < 0 ? r : encode_fields(m, out);
    if (r < 0) {
        out->tail = out->head + before;
        return r;
    }
    uint64_t length = buf_len(out) - before - IPC_HEAD;
    char *head = out->p + out->head + before;
    for (int i = 0; i < 4; i++) {
        head[4 + i] = (char)(length >> (8 * i));
    }
    return 0;
}

int ipc_decode(struct str *in, struct ipc_msg *ret, unsigned *ret_flags)
{
    uint64_t type, flags, length;
    if (get_int(in, 2, &type) < 0 || get_int(in, 2, &flags) < 0 || get_int(in, 4, &length) < 0 ||
        length > in->n || flags > 1) {
        return -EBADMSG;
    }
    struct str fields = str_slice(*in, 0, (size_t)length);
    *in = str_slice(*in, (size_t)length, in->n);
    ret->type = (enum ipc_type)type;
    int r = decode_fields(&fields, ret);
    if (r < 0 || fields.n > 0 || !carries(ret->type, (unsigned)flags)) {
        return -EBADMSG;
    }
    *ret_flags = (unsigned)flags;
    return 0;
}
