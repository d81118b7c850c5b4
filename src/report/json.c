/* SPDX-License-Identifier: Apache-2.0
 * json.c: builds JSON values with jansson. Called by report/ and the postern command.
 */
#include "report/json.h"
#include "wire/date.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* struct json is jansson's value under a name of ours. */
static json_t *raw(struct json *j)
{
    return (json_t *)j;
}

struct json *report_object(void)
{
    json_t *j = json_object();
    must(j);
    return (struct json *)j;
}

struct json *report_array(void)
{
    json_t *j = json_array();
    must(j);
    return (struct json *)j;
}

static json_t *text(struct str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);
    if (!j) { /* not UTF-8 */
        char *copy = str_dup(s);
        for (size_t i = 0; i < s.n; i++) {
            copy[i] = (unsigned char)copy[i] >= 0x80 ? '?' : copy[i];
        }
        j = json_stringn(copy, s.n);
        free(copy);
    }
    must(j);
    return j;
}

void report_put_str(struct json *o, const char *key, struct str s)
{
    must(json_object_set_new(raw(o), key, text(s)) == 0);
}

void report_put_int(struct json *o, const char *key, int64_t n)
{
    must(json_object_set_new(raw(o), key, json_integer(n)) == 0);
}

void report_put_bool(struct json *o, const char *key, bool b)
{
    must(json_object_set_new(raw(o), key, json_boolean(b)) == 0);
}

void report_put_time(struct json *o, const char *key, int64_t ms)
{
    char date[DATE_MAX];
    date_iso(ms, date);
    must(json_object_set_new(raw(o), key, ms ? json_string(date) : json_null()) == 0);
}

void report_put(struct json *o, const char *key, struct json *child)
{
    must(json_object_set_new(raw(o), key, raw(child)) == 0);
}

void report_append(struct json *a, struct json *item)
{
    must(json_array_append_new(raw(a), raw(item)) == 0);
}

void report_append_str(struct json *a, struct str s)
{
    must(json_array_append_new(raw(a), text(s)) == 0);
}

int report_render(struct json *j, struct buf *out)
{
    char *rendered = json_dumps(raw(j), JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(raw(j));
    must(rendered);
    int r = buf_printf(out, "%s\n", rendered);
    free(rendered);
    return r;
}

void report_free(struct json *j)
{
    json_decref(raw(j));
}

struct json *report_parse(struct str bytes, char *problem, size_t size)
{
    json_error_t error;
    json_t *j = json_loadb(bytes.p, bytes.n, 0, &error);
    if (!j) {
        snprintf(problem, size, "line %d: %s", error.line, error.text);
    }
    return (struct json *)j;
}

const struct json *report_get(const struct json *o, const char *key)
{
    return (const struct json *)json_object_get((const json_t *)o, key);
}

struct str report_str(const struct json *s)
{
    const json_t *j = (const json_t *)s;
    return json_is_string(j) ? str_from(json_string_value(j), json_string_length(j)) : STR("");
}

struct str report_get_str(const struct json *o, const char *key)
{
    return report_str(report_get(o, key));
}

bool report_get_bool(const struct json *o, const char *key)
{
    return json_is_true((const json_t *)report_get(o, key));
}

int64_t report_get_int(const struct json *o, const char *key, int64_t standard)
{
    const json_t *j = (const json_t *)report_get(o, key);
    return json_is_integer(j) ? json_integer_value(j) : standard;
}

int64_t report_get_whole(const struct json *o, const char *key, int64_t standard)
{
    const json_t *j = (const json_t *)report_get(o, key);
    double real = json_is_real(j) ? json_real_value(j) : 0.5;
    bool whole = real > -9e15 && real < 9e15 && (double)(int64_t)real == real;
    return whole ? (int64_t)real : report_get_int(o, key, standard);
}

size_t report_count(const struct json *a)
{
    const json_t *j = (const json_t *)a;
    return json_is_array(j) ? json_array_size(j) : j ? 1 : 0;
}

const struct json *report_item(const struct json *a, size_t i)
{
    const json_t *j = (const json_t *)a;
    return json_is_array(j) ? (const struct json *)json_array_get(j, i) : i == 0 ? a : NULL;
}
