/* SPDX-License-Identifier: Apache-2.0
 * fuzz_log.c: libFuzzer target. Lines of the log as a process hands them to posternd: whatever
 * it wrote, the fields that are taken lie in it, name nothing that a line says anyway, and come
 * back the same when they are handed over once more.
 */
#include "base/log.h"
#include "fuzz.h"

static void check_fields(const struct log_handed *h)
{
    static const char *const heads[] = {"time", "level", "process", "event"};
    must(h->level <= LOG_LEVEL_DEBUG && h->event[0] && h->n <= LOG_FIELDS_MAX &&
         h->used <= sizeof h->text);
    for (size_t i = 0; i < h->n; i++) {
        must(h->fields[i].key[0]);
        for (size_t k = 0; k < ARRAY_LEN(heads); k++) {
            must(strcmp(h->fields[i].key, heads[k]) != 0);
        }
        for (size_t k = 0; k < i; k++) {
            must(strcmp(h->fields[i].key, h->fields[k].key) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log_handed first, second;
    static char line[64 * 1024];
    if (log_handed_read(str_from((const char *)data, size), &first) < 0) {
        return 0;
    }
    check_fields(&first);
    size_t n = log_render(line, sizeof line, LOG_FORMAT_HANDED, first.wall_ms, first.level, "p",
                          first.event, first.fields, first.n);
    must(log_handed_read(str_from(line, n), &second) == 0);
    must(second.n == first.n && second.wall_ms == first.wall_ms &&
         strcmp(second.event, first.event) == 0);
    n = log_render(line, LOG_LINE_MAX, LOG_FORMAT_HANDED, first.wall_ms, first.level, "p",
                   first.event, first.fields, first.n);
    must(n <= LOG_LINE_MAX && log_handed_read(str_from(line, n), &second) == 0 &&
         second.n <= first.n + 1);
    n = log_render(line, LOG_LINE_MAX, LOG_FORMAT_JSON, first.wall_ms, first.level, "p",
                   first.event, first.fields, first.n);
    must(n <= LOG_LINE_MAX && line[n - 1] == '}');
    n = log_render(line, sizeof line, LOG_FORMAT_TEXT, first.wall_ms, first.level, "p", first.event,
                   first.fields, first.n);
    for (size_t i = 0; i < n; i++) {
        must((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    }
    return 0;
}
