/* SPDX-License-Identifier: Apache-2.0
 * sanitized.h: whether this is a build with the address sanitizer, which needs terabytes of
 * address space and several times the processor's time. Included by what sets limits of either.
 */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
