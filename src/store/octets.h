/* SPDX-License-Identifier: Apache-2.0
 * octets.h: numbers in the store's own files, their lowest octet first. Used by this folder.
 */
#pragma once
#include <stdint.h>

static inline void put_number(char *p, uint64_t value, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++) {
        p[i] = (char)(value >> (8 * i));
    }
}

static inline uint64_t get_number(const char *p, unsigned octets)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < octets; i++) {
        value |= (uint64_t)(unsigned char)p[i] << (8 * i);
    }
    return value;
}
