/* SPDX-License-Identifier: Apache-2.0
 * log.h: one line per event, `key=value` or JSON, to standard error or syslog.
 *
 * Values may come from strangers: control bytes, quotes, invalid UTF-8 and line separators are
 * escaped and each value is cut at 512 octets, so a peer can neither forge a line nor flood one.
 * Never pass message content, subjects, keys or passwords.
 */
#pragma once
#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* One field of a line. Build with KV(), KVS(), KVN(). */
struct log_field {
    const char *key;
    struct str text;
    int64_t number;
    bool is_number;
};

#define KV(k, c) ((struct log_field){.key = (k), .text = str_c(c)})
#define KVS(k, s) ((struct log_field){.key = (k), .text = (s)})
#define KVN(k, n) ((struct log_field){.key = (k), .number = (int64_t)(n), .is_number = true})

/* Names this process in each line (borrows `name`). */
void log_open(const char *name, enum log_level level, enum log_format format, bool to_syslog);
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG(level, event, ...)                                                                     \
    log_fields((level), (event), (const struct log_field[]){__VA_ARGS__},                          \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define log_error(event, ...) LOG(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) LOG(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_notice(event, ...) LOG(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_info(event, ...) LOG(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* Writes the line without its newline into dst (for tests); the length, cut at size. */
size_t log_render(char *dst, size_t size, enum log_format format, int64_t wall_ms,
                  enum log_level level, const char *process, const char *event,
                  const struct log_field *fields, size_t n);
