/* SPDX-License-Identifier: Apache-2.0
 * random.h: random bytes from the kernel. Engines take randomness as an argument; processes call
 * this.
 */
#pragma once
#include "base/err.h"

/* Fills p with n bytes; ends the process if the kernel gives none. */
void random_bytes(void *p, size_t n);
/* Uniform below limit (limit > 0). */
uint32_t random_below(uint32_t limit);
