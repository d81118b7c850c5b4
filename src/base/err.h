/* SPDX-License-Identifier: Apache-2.0
 * err.h: how functions report our own failures, and contract checks.
 *
 * Our failure is an int, 0 or -errno, and must be looked at (MUST_USE). What the world said is a
 * closed enum in an output parameter. must() states a contract; it stays on in release builds and
 * ends the process, which posternd restarts. It must never be reachable from a peer's bytes.
 */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define CLEANUP(fn)  __attribute__((cleanup(fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Ends the process: says where and which contract was broken. Never returns. */
_Noreturn void err_contract(const char *file, int line, const char *what);

#define must(cond) ((cond) ? (void)0 : err_contract(__FILE__, __LINE__, #cond))

/* Allocates zeroed memory of a size no peer influences; ends the process when there is none.
 * Whatever a peer can size goes through buf or arena instead, which return -ENOSPC. */
void *err_calloc(size_t n, size_t size);

/* Duplicates a NUL-terminated string; the caller frees it. Ends the process without memory. */
char *err_strdup(const char *s);

/* Closes a descriptor held in an int variable (for CLEANUP). Ignores negative values. */
void err_close_fd(int *fd);

/* Frees a pointer held in a variable (for CLEANUP). */
void err_free_ptr(void *p);
