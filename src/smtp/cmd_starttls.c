/* SPDX-License-Identifier: Apache-2.0
 * cmd_starttls.c: STARTTLS, RFC 3207.
 *
 *   starttls = "STARTTLS" CRLF
 *
 * Octets after the command in the same read came in clear and would be taken as commands inside TLS
 * (command injection, CVE-2011-0411): the session is ended, not purged.
 */
#include "smtp/server_priv.h"

/* RFC 3207 4 MUST: STARTTLS takes no parameter */
void smtp_cmd_starttls(struct smtp_server *s, struct str args)
{
    struct str in = buf_str(&s->in);
    size_t line_end = str_find(in, '\n', 0) + 1;
    if (args.n > 0) {
        smtp_server_refuse(s, REFUSE_STARTTLS_PARAMETER);
    } else if (s->in_tls) {
        smtp_server_refuse(s, REFUSE_TLS_TWICE);
    } else if (!s->config.can_starttls) {
        smtp_server_refuse(s, REFUSE_TLS_AWAY);
    } else if (in.n > line_end) {
        s->note = "data behind STARTTLS (command injection)";
        smtp_server_end(s, smtp_refusal(REFUSE_TLS_INJECTION));
    } else {
        smtp_server_reply(s, 220, "2.0.0", "Ready to start TLS");
        s->starttls_due = true;
    }
}
