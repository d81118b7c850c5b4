/* SPDX-License-Identifier: Apache-2.0
 * cmd_help.c: HELP, RFC 5321 4.1.1.8.
 *
 *   help = "HELP" [ SP String ] CRLF
 */
#include "smtp/server_priv.h"

/* RFC 5321 4.1.1.8 SHOULD: HELP is answered */
void smtp_cmd_help(struct smtp_server *s, struct str args)
{
    smtp_server_reply(s, 214, "2.0.0",
                      "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\n"
                      "Questions go to the postmaster of this server");
}
