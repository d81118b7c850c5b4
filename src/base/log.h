/* SPDX-License-Identifier: Apache-2.0
 * log.h: one line per event, `key=value` or JSON, to standard error or syslog. The processes that
 * posternd started hand theirs to it: it writes them, and says whose they are.
 *
 * Values may come from strangers: control bytes, quotes, invalid UTF-8, line separators and what is
 * not seen are escaped and each value is cut at 512 octets, so a peer can neither forge a line nor
 * flood one. No line names a key twice (tools/style looks), nor one of time, level, process and
 * event, which each begins with, nor cut. Never pass message content, subjects, keys or passwords.
 */
#pragma once
#include "base/str.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};
enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
    LOG_FORMAT_HANDED /* to posternd: log_handed.c */
};

enum { LOG_LINE_MAX = 8192, LOG_LINE_LEAST = 320, LOG_FIELDS_MAX = 40, LOG_WORD_MAX = 64 };

/* One field of a line. Build with KV(), KVS(), KVN(). */
struct log_field {
    const char *key;
    struct str text;
    int64_t number;
    bool is_number;
};

#define KV(k, c)  ((struct log_field){.key = (k), .text = str_c(c)})
#define KVS(k, s) ((struct log_field){.key = (k), .text = (s)})
#define KVN(k, n) ((struct log_field){.key = (k), .number = (int64_t)(n), .is_number = true})

/* Names this process in each line (borrows `name`). */
void log_open(const char *name, enum log_level level, enum log_format format, bool to_syslog);
/* From now on lines are handed over by standard error, a pipe, whatever log_open() says of
 * format and syslog. */
void log_hand_over(void);
/* Another socket of syslog than /dev/log, from the next log_open() on (borrows `path`; for
 * tests). */
void log_syslog_at(const char *path);

/* Never waits for the reader. Lines that are not read yet are kept, up to 256 KiB of them; what
 * comes then is lost, and log-lines-lost (an error) says how many, where they would have stood.
 * Gives away what is taken now; true: nothing waits. */
bool log_flush(void);
/* The same, waiting for up to ms: for a process that is about to end. */
void log_end(int ms);
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG(level, event, ...) \
    log_fields((level), (event), (const struct log_field[]){__VA_ARGS__}, \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define log_error(event, ...)  LOG(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)   LOG(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_notice(event, ...) LOG(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_info(event, ...)   LOG(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)  LOG(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* A line of another process as it was handed over. */
struct log_handed {
    enum log_level level;
    int64_t wall_ms;
    const char *event;
    struct log_field fields[LOG_FIELDS_MAX];
    size_t n, used;
    char text[LOG_LINE_MAX]; /* what the fields and the event point to */
};

/* Reads a line without its newline: 0, or -EBADMSG. No key of it is one that each line has
 * anyway, or is there twice. */
int log_handed_read(struct str line, struct log_handed *ret) MUST_USE;
/* Writes a line of another process as that process's, whatever stands in it. Time: its own,
 * unless it is of another hour. False: it was not handed over in due form, and was written as a
 * text. *ret_octets: of the line as it stands in the log. */
bool log_take(const char *process, long pid, struct str line, size_t *ret_octets);

/* Writes the line without its newline into dst; the length. size: LOG_LINE_LEAST or more. A
 * field that does not fit is left out, and the line ends with cut=1. */
size_t log_render(char *dst, size_t size, enum log_format format, int64_t wall_ms,
                  enum log_level level, const char *process, const char *event,
                  const struct log_field *fields, size_t n);
