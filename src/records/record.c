/* SPDX-License-Identifier: Apache-2.0
 * record.c: walking the fields of a record. Pure. Called by store and queue.
 */
#include "records/record.h"

#include <stdlib.h>
#include <string.h>

uint64_t record_number(const struct record_field *f, const void *record)
{
    const char *at = (const char *)record + f->at;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (f->size) {
    case sizeof u8:
        memcpy(&u8, at, sizeof u8);
        return u8;
    case sizeof u16:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case sizeof u32:
        memcpy(&u32, at, sizeof u32);
        return u32;
    }
    memcpy(&u64, at, sizeof u64);
    return u64;
}

void record_set_number(const struct record_field *f, void *record, uint64_t value)
{
    char *at = (char *)record + f->at;
    const uint8_t u8 = f->class == FIELD_FLAG ? value != 0 : (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    switch (f->size) {
    case sizeof u8:
        memcpy(at, &u8, sizeof u8);
        return;
    case sizeof u16:
        memcpy(at, &u16, sizeof u16);
        return;
    case sizeof u32:
        memcpy(at, &u32, sizeof u32);
        return;
    }
    memcpy(at, &value, sizeof value);
}

struct str *record_str(const struct record_field *f, void *record)
{
    return (struct str *)((char *)record + f->at);
}

const struct str *record_str_of(const struct record_field *f, const void *record)
{
    return (const struct str *)((const char *)record + f->at);
}

int record_keep(const struct record *r, void *record, struct arena *a)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct record_field *f = &r->fields[i];
        if (!record_is_text(f)) {
            continue;
        }
        struct str *text = record_str(f, record);
        int e = arena_copy(a, *text, text);
        if (e < 0) {
            return e;
        }
    }
    return 0;
}

void record_hold(const struct record *r, void *record, char *room, size_t size)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!record_is_text(&r->fields[i])) {
            continue;
        }
        struct str *text = record_str(&r->fields[i], record);
        size_t left = size > 0 ? size - 1 : 0; /* and a NUL */
        size_t n = text->n < left ? text->n : left;
        memcpy(room, n > 0 ? text->p : "", n);
        *text = str_from(room, n);
        if (size > 0) {
            room[n] = '\0';
            room += n + 1;
            size -= n + 1;
        }
    }
}

void record_own(const struct record *r, void *record)
{
    for (size_t i = 0; i < r->n; i++) {
        if (record_is_text(&r->fields[i])) {
            struct str *text = record_str(&r->fields[i], record);
            text->p = str_dup(*text);
        }
    }
}

void record_free(const struct record *r, void *record)
{
    for (size_t i = 0; i < r->n; i++) {
        if (record_is_text(&r->fields[i])) {
            struct str *text = record_str(&r->fields[i], record);
            free((char *)(uintptr_t)text->p);
            *text = STR("");
        }
    }
}
