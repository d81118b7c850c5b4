/* SPDX-License-Identifier: Apache-2.0
 * json.h: JSON for --json, over jansson (the only folder that includes it).
 */
#pragma once
#include "base/buf.h"

struct json;

/* The caller gives each object or array away (to its parent, or to report_render). */
struct json *report_object(void);
struct json *report_array(void);
/* Bytes that are not UTF-8 are replaced by "?". */
void report_put_str(struct json *o, const char *key, struct str s);
void report_put_int(struct json *o, const char *key, int64_t n);
void report_put_bool(struct json *o, const char *key, bool b);
/* ISO 8601, or null when ms is 0. */
void report_put_time(struct json *o, const char *key, int64_t ms);
/* Takes child. */
void report_put(struct json *o, const char *key, struct json *child);
/* Takes item. */
void report_append(struct json *a, struct json *item);
void report_append_str(struct json *a, struct str s);
void report_free(struct json *j);

/* Reading: what is not there, or of another type, is NULL, the empty view, or the standard value.
 * Views live as long as the whole. */
struct json *report_parse(struct str text, char *problem, size_t size);
const struct json *report_get(const struct json *o, const char *key);
struct str report_get_str(const struct json *o, const char *key);
bool report_get_bool(const struct json *o, const char *key);
int64_t report_get_int(const struct json *o, const char *key, int64_t standard);
/* The same where 12.0 is 12 (RFC 8259 6). */
int64_t report_get_whole(const struct json *o, const char *key, int64_t standard);
/* Items of an array; a single value counts as an array of one (RFC 8460's own examples do so). */
size_t report_count(const struct json *a);
const struct json *report_item(const struct json *a, size_t i);
struct str report_str(const struct json *s);
/* Appends the text and a newline; frees j. 0 or -ENOSPC. */
int report_render(struct json *j, struct buf *out) MUST_USE;
