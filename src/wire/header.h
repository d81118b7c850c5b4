/* SPDX-License-Identifier: Apache-2.0
 * header.h: walking the header section of a message (RFC 5322 2.2) in its original octets.
 */
#pragma once
#include "base/str.h"

/* Takes the next field, with its folded lines, off the front of *rest. False at the empty line or
 * the end. A line without a colon is a field with an empty name. */
bool header_next(struct str *rest, struct str *ret_name, struct str *ret_value);
/* Octets of the header section at the front, without the empty line that ends it. */
size_t header_section(struct str message);
