/* SPDX-License-Identifier: Apache-2.0
 * silence.c: hosts that let us wait until a time limit ran out, at the connection or before they
 * answered EHLO. For ten minutes they are asked behind the others of their domain (RFC 5321
 * 4.5.4.1: unreachable hosts may be remembered), so that not every message waits for them again.
 * Called by connection.c and delivery.c.
 *
 * In memory of one process, the newest ones: what is forgotten costs one wait.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"

enum { SILENT_MS = 10 * 60 * 1000 };

/* Its place; SILENT_HOSTS: none. */
static size_t silence_find(const struct smtpout *out, const char *host, const char *ip)
{
    size_t n = out->n_silent < SILENT_HOSTS ? out->n_silent : SILENT_HOSTS;
    for (size_t i = 0; i < n; i++) {
        if (out->silent[i].until_ms > clock_mono_ms() && strcmp(out->silent[i].ip, ip) == 0 &&
            strcmp(out->silent[i].host, host) == 0) {
            return i;
        }
    }
    return SILENT_HOSTS;
}

bool silence_known(const struct smtpout *out, const char *host, const char *ip)
{
    return silence_find(out, host, ip) < SILENT_HOSTS;
}

/* RFC 5321 4.5.4.1 SHOULD: hosts that cannot be reached are remembered */
void silence_note(struct smtpout *out, const char *host, const char *ip)
{
    size_t at = silence_find(out, host, ip);
    if (at == SILENT_HOSTS) {
        at = out->n_silent++ % SILENT_HOSTS;
        log_notice("host-silent", KV("host", host), KV("address", ip),
                   KV("what", "asked behind the others for ten minutes"));
    }
    str_copy_cut(str_c(host), out->silent[at].host, sizeof out->silent[at].host);
    str_copy_cut(str_c(ip), out->silent[at].ip, sizeof out->silent[at].ip);
    out->silent[at].until_ms = clock_mono_ms() + SILENT_MS;
}

void silence_end(struct smtpout *out, const char *host, const char *ip)
{
    size_t at = silence_find(out, host, ip);
    if (at < SILENT_HOSTS) {
        out->silent[at].until_ms = 0;
    }
}
