/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sasl.c: libFuzzer target. Logging in, both sides: each line of the input is what the
 * other side says next. Who knows no password is nobody, whatever they say; a server that proves
 * nothing is not believed.
 */
#include "fuzz.h"
#include "sasl/sasl.h"

static bool never(void *arg, const char *name, const char *password)
{
    must(strlen(name) <= SASL_NAME_MAX && password);
    return false;
}

/* Keys that no password has. */
static bool decoy(void *arg, const char *name, struct sasl_scram *ret)
{
    must(strlen(name) <= SASL_NAME_MAX);
    sasl_decoy_scram((const unsigned char *)"sixteen octets!!", (const unsigned char[64]){1}, ret);
    return true;
}

static bool not_external(void *arg, const char *name, char ret_name[SASL_NAME_MAX + 1])
{
    must(strlen(name) <= SASL_NAME_MAX);
    ret_name[0] = '\0';
    return false;
}

static void talk(struct sasl *s, struct str in, bool scram_client)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(SASL_TEXT_MAX);
    struct str line;
    enum sasl_step step = SASL_MORE;
    while (step == SASL_MORE && str_split(&in, '\n', &line)) {
        buf_reset(&out);
        step = sasl_step(s, line, &out);
        must(step != SASL_DONE || (!scram_client && !*sasl_name(s)));
    }
    sasl_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const mechanisms[] = {
        "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN", "LOGIN", "EXTERNAL",
    };
    const struct sasl_server server = {NULL, never, decoy, not_external, "ZXhwb3J0ZXI="};
    struct str in = str_from((const char *)data, size);
    struct sasl *s = NULL;
    uint8_t kind = take_octet(&in) % 8;
    if (kind < ARRAY_LEN(mechanisms)) {
        if (sasl_server_new(mechanisms[kind], &server, &s) == 0) {
            talk(s, in, true);
        }
        return 0;
    }
    const char *chosen;
    const char *offered = kind == 5 ? "SCRAM-SHA-256" : kind == 6 ? "SCRAM-SHA-256-PLUS" : "PLAIN";
    if (sasl_client_new(offered, "", "name", "password", "ZXhwb3J0ZXI=", &s, &chosen) == 0) {
        talk(s, in, kind != 7);
    }
    return 0;
}
