/* SPDX-License-Identifier: Apache-2.0
 * permit.h: leave to send one message over one session. Types only.
 *
 * The client engine cannot write MAIL without a permit, and compares it with the channel as it
 * is. Only policy/permit.c makes permits.
 */
#pragma once
#include <stdbool.h>

enum permit_transport { PERMIT_TLS, PERMIT_PLAINTEXT };

struct permit {
    bool granted;
    enum permit_transport transport;
};
