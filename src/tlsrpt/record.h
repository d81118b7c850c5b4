/* SPDX-License-Identifier: Apache-2.0
 * record.h: the TXT record that says where TLS reports go (RFC 8460 3). Pure.
 */
#pragma once
#include "base/buf.h"

enum { TLSRPT_RUA_MAX = 2048 };

/* Finds exactly one "v=TLSRPTv1;" record among the joined texts (NULL: unreadable) and writes its
 * mailto: and https: addresses, space-separated, URI escapes decoded only where harmless. False: no
 * valid record. */
bool tlsrpt_record_find(const char *const *texts, size_t n, char rua[TLSRPT_RUA_MAX]);
/* The mail address of a "mailto:" URI: without its query, %XX decoded. 0 or -EINVAL. */
int tlsrpt_mailto(struct str uri, char *dst, size_t size) MUST_USE;
