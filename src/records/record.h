/* SPDX-License-Identifier: Apache-2.0
 * record.h: what the lists of records.def mean in C, and one description of each record for
 * those who walk its fields: the journal's codec, the binding and reading of rows. Pure. Used by
 * sys (messages between processes), store, queue.
 *
 * What can go wrong: nothing but a lack of room, where texts are copied.
 */
#pragma once
#include "base/arena.h"

#include <stddef.h>

/* Kinds of fields, as they stand in a struct. */
#define RECORD_TYPE_key(most)        uint64_t /* the number of the row */
#define RECORD_TYPE_serial(most)     uint64_t /* the same, given by the table where it is 0 */
#define RECORD_TYPE_u8(most)         uint8_t
#define RECORD_TYPE_u16(most)        uint16_t
#define RECORD_TYPE_u32(most)        uint32_t
#define RECORD_TYPE_u64(most)        uint64_t
#define RECORD_TYPE_i64(most)        int64_t
#define RECORD_TYPE_enum(most)       uint8_t   /* an enum of a higher floor: most is its name */
#define RECORD_TYPE_store_enum(most) enum most /* one of the store */
#define RECORD_TYPE_flag(most)       bool
#define RECORD_TYPE_str(most)        struct str /* a text */
#define RECORD_TYPE_blob(most)       struct str /* octets */

/* The members of a struct: RECORD_MEMBERS(attempt). */
#define RECORD_MEMBERS(record)          RECORD_##record(RECORD_MEMBER)
#define RECORD_MEMBER(kind, name, most) RECORD_TYPE_##kind(most) name;
/* Assignments from another struct with the same fields: RECORD_COPY(attempt, to, from). Texts
 * are views. */
#define RECORD_ASSIGN(kind, name, most) record_to->name = record_from->name;
#define RECORD_COPY(record, to, from) \
    do { \
        __typeof__(to) record_to = (to); \
        __typeof__(from) record_from = (from); \
        RECORD_##record(RECORD_ASSIGN) \
    } while (0)

enum field_class { FIELD_KEY, FIELD_SERIAL, FIELD_NUMBER, FIELD_FLAG, FIELD_TEXT, FIELD_OCTETS };
#define RECORD_CLASS_key        FIELD_KEY
#define RECORD_CLASS_serial     FIELD_SERIAL
#define RECORD_CLASS_u8         FIELD_NUMBER
#define RECORD_CLASS_u16        FIELD_NUMBER
#define RECORD_CLASS_u32        FIELD_NUMBER
#define RECORD_CLASS_u64        FIELD_NUMBER
#define RECORD_CLASS_i64        FIELD_NUMBER
#define RECORD_CLASS_enum       FIELD_NUMBER
#define RECORD_CLASS_store_enum FIELD_NUMBER
#define RECORD_CLASS_flag       FIELD_FLAG
#define RECORD_CLASS_str        FIELD_TEXT
#define RECORD_CLASS_blob       FIELD_OCTETS

struct record_field {
    const char *name;
    enum field_class class;
    uint8_t size; /* octets of a number */
    uint16_t at;  /* in the struct */
};

enum { RECORD_FIELDS_MAX = 40 };

/* How many octets the texts of a record have at most, where each has a most, with their NULs. */
#define RECORD_ROOM(record)              (0 RECORD_##record(RECORD_ROOM_OF))
#define RECORD_ROOM_OF(kind, name, most) RECORD_ROOM_IN(RECORD_CLASS_##kind, most)
#define RECORD_ROOM_IN(class, most)      RECORD_ROOM_IS(class, most)
#define RECORD_ROOM_IS(class, most)      RECORD_ROOM_##class(most)
#define RECORD_ROOM_FIELD_KEY(most)
#define RECORD_ROOM_FIELD_SERIAL(most)
#define RECORD_ROOM_FIELD_NUMBER(most)
#define RECORD_ROOM_FIELD_FLAG(most)
#define RECORD_ROOM_FIELD_TEXT(most)   +(most) + 1
#define RECORD_ROOM_FIELD_OCTETS(most) +(most) + 1

struct record {
    const struct record_field *fields;
    size_t n;
};

/* One of record_field, of the struct that record_struct is where it is used. */
#define RECORD_FIELD(kind, field, most) \
    {#field, RECORD_CLASS_##kind, (uint8_t)sizeof(((record_struct *)0)->field), \
     (uint16_t)offsetof(record_struct, field)},

static inline bool record_is_text(const struct record_field *f)
{
    return f->class >= FIELD_TEXT;
}

/* The number in a field that is no text; sets it (a flag: to whether it is not 0). */
uint64_t record_number(const struct record_field *f, const void *record);
void record_set_number(const struct record_field *f, void *record, uint64_t value);
/* The text or octets of the others. */
struct str *record_str(const struct record_field *f, void *record);
const struct str *record_str_of(const struct record_field *f, const void *record);
/* Replaces each text by a copy in the arena. 0 or -ENOSPC. */
int record_keep(const struct record *r, void *record, struct arena *a) MUST_USE;
/* The same, each with a NUL, in memory of the caller (RECORD_ROOM); what does not fit is cut. */
void record_hold(const struct record *r, void *record, char *room, size_t size);
/* The same on the heap; and frees them. */
void record_own(const struct record *r, void *record);
void record_free(const struct record *r, void *record);
