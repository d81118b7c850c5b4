/* SPDX-License-Identifier: Apache-2.0
 * fuzz_proof.c: what browsers send of passkeys, as login reads it: one that is made, one that
 * proves. What was not signed or asked for here is never right.
 */
#include "fuzz.h"
#include "passkey/passkey.h"
#include "seal/rest.h"

static const char good_client[] =
    "{\"type\":\"webauthn.create\",\"challenge\":\"cXVlc3Rpb24\",\"origin\":\"https://p.example\"}";

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    static bool ready;
    struct str in = str_from((const char *)octets, size), first, rest = in;
    struct passkey k = {0};
    char problem[200];
    uint32_t uses;
    unsigned char party[32];
    ready = ready || rest_init() == 0;
    const struct passkey_asked asked = {STR("question"), "https://p.example"};
    uint8_t kind = take_octet(&rest);
    if (!str_split(&rest, '\n', &first)) {
        return 0;
    }
    (void)!passkey_new(&asked, first, rest, &k, problem, sizeof problem);
    /* the right question, and the right site before any data: the rest is libfido2's to read */
    if (rest.n > 0) {
        struct buf data = BUF_INIT(PASSKEY_DATA_MAX + 64);
        rest_hash(STR("p.example"), party);
        must(buf_append(&data, party, sizeof party) == 0 &&
             buf_add(&data, str_slice(rest, 0,
                                      rest.n < PASSKEY_DATA_MAX ? rest.n : PASSKEY_DATA_MAX)) == 0);
        if (passkey_new(&asked, str_c(good_client), buf_str(&data), &k, problem, sizeof problem) ==
            0) {
            must(k.n_id > 0 && k.n_key > 0 && k.algorithm > PASSKEY_NONE &&
                 k.algorithm < PASSKEY_ALGORITHM_END);
        }
        k.algorithm = (enum passkey_algorithm)(kind % PASSKEY_ALGORITHM_END);
        must(passkey_proves(&asked, &k, str_c(good_client), buf_str(&data), first, &uses, problem,
                            sizeof problem) < 0);
        buf_free(&data);
    }
    return 0;
}
