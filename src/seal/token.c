/* SPDX-License-Identifier: Apache-2.0
 * token.c: the tokens of token.h, on libsodium's generic hash.
 */
#include "seal/token.h"

#include <sodium.h>

enum { OCTETS = 16 };

void token_make(const unsigned char secret[TOKEN_SECRET], struct str text, char ret[TOKEN_TEXT])
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char hash[OCTETS];
    unsigned bits = 0, held = 0;
    size_t n = 0;
    must(crypto_generichash(hash, sizeof hash, (const unsigned char *)text.p, text.n, secret,
                            TOKEN_SECRET) == 0);
    for (size_t i = 0; i < OCTETS; i++) {
        held = held << 8 | hash[i];
        for (bits += 8; bits >= 5; bits -= 5) {
            ret[n++] = alphabet[held >> (bits - 5) & 31];
        }
    }
    ret[n++] = alphabet[held << (5 - bits) & 31];
    ret[n] = '\0';
}

bool token_ok(const unsigned char secret[TOKEN_SECRET], struct str text, struct str token)
{
    char wanted[TOKEN_TEXT], got[TOKEN_TEXT] = {0};
    token_make(secret, text, wanted);
    for (size_t i = 0; i < token.n && i < TOKEN_TEXT - 1; i++) {
        got[i] = str_lower(token.p[i]);
    }
    return token.n == TOKEN_TEXT - 1 && sodium_memcmp(wanted, got, TOKEN_TEXT - 1) == 0;
}
