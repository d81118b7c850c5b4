/* SPDX-License-Identifier: Apache-2.0
 * cmd_starttls.c: STARTTLS, RFC 3207.
 *
 *   starttls = "STARTTLS" CRLF
 *
 * Bytes that stand behind the command in the same read came in clear and would be taken as
 * commands inside TLS (command injection, CVE-2011-0411): the session is ended, not purged.
 */
#include "smtp/server_priv.h"

void smtp_cmd_starttls(struct smtp_server *s, struct str args)
{
    struct str in = buf_str(&s->in);
    size_t line_end = str_find(in, '\n', 0) + 1;
    if (args.n > 0) {
        smtp_server_reply(s, 501, "5.5.4", "STARTTLS takes no parameter");
    } else if (s->in_tls) {
        smtp_server_reply(s, 503, "5.5.1", "This session is encrypted already");
    } else if (!s->config.can_starttls) {
        smtp_server_reply(s, 454, "4.7.0", "TLS is not available now");
    } else if (in.n > line_end) {
        s->note = "data behind STARTTLS (command injection)";
        smtp_server_end(s, &(struct smtp_reply){
                               554, "5.5.0", "Data behind STARTTLS came in clear; closing"});
    } else {
        smtp_server_reply(s, 220, "2.0.0", "Ready to start TLS");
        s->starttls_due = true;
    }
}
