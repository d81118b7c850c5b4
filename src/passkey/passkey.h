/* SPDX-License-Identifier: Apache-2.0
 * passkey.h: passkeys of people outside (W3C Web Authentication level 2, sections 7.1 and 7.2),
 * for the process `login`. The only folder that includes libfido2, which is used here without
 * any device: it takes authenticator data apart and checks signatures.
 *
 * No attestation is asked for: whose passkey it is follows from the session that it was made in,
 * not from who built the device. The person must have been verified by the device (finger, face,
 * PIN). Pure.
 */
#pragma once
#include "base/buf.h"

enum passkey_algorithm {
    PASSKEY_NONE,
    PASSKEY_ES256,
    PASSKEY_EDDSA,
    PASSKEY_RS256,
    PASSKEY_ALGORITHM_END
};

enum {
    PASSKEY_ID_MAX = 255,
    PASSKEY_KEY_MAX = 512,
    PASSKEY_CLIENT_MAX = 8192,
    PASSKEY_DATA_MAX = 4096
};

struct passkey {
    enum passkey_algorithm algorithm;
    /* key: its public half, as libfido2 keeps it */
    unsigned char id[PASSKEY_ID_MAX], key[PASSKEY_KEY_MAX];
    size_t n_id, n_key;
    uint32_t uses; /* the device's own count of signatures; 0: it keeps none */
};

/* What the page asked the browser for; both borrowed. */
struct passkey_asked {
    struct str challenge; /* octets */
    const char *origin;   /* https://NAME or https://NAME:PORT; NAME is the relying party */
};

/* A new one, from clientDataJSON and authenticator data of navigator.credentials.create(). 0, or
 * -EBADMSG and a sentence in problem. */
int passkey_new(const struct passkey_asked *asked, struct str client, struct str data,
                struct passkey *ret, char *problem, size_t size) MUST_USE;
/* Was it in the hands of who answered? From navigator.credentials.get(). 0 and its new count of
 * uses, or -EBADMSG and a sentence in problem. */
int passkey_proves(const struct passkey_asked *asked, const struct passkey *k, struct str client,
                   struct str data, struct str signature, uint32_t *ret_uses, char *problem,
                   size_t size) MUST_USE;
