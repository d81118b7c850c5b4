/* SPDX-License-Identifier: Apache-2.0
 * notice.c: tells the sender that a letter which waited in the drop directory was refused when it
 * was handed in. Nobody reads standard error then, and the program that sent it had status 0.
 * Called by main.c.
 */
#include "cmd/sendmail/sendmail.h"
#include "wire/date.h"
#include "wire/header.h"

#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024 };

/* The header section, or as many whole fields of it as a notice can carry. */
static struct str head_of(struct str text)
{
    struct str rest = text, name, value;
    size_t end = 0;
    while (header_next(&rest, &name, &value) && name.n > 0 && text.n - rest.n <= HEAD_MAX) {
        end = text.n - rest.n;
    }
    return str_slice(text, 0, end);
}

static int write_fields(const char *hostname, struct str to, struct buf *out)
{
    char date[DATE_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    date_rfc5322((int64_t)now.tv_sec * 1000, date);
    return buf_printf(
        out,
        "From: MAILER-DAEMON@%s\r\nTo: " STR_FMT
        "\r\nSubject: Your mail was refused\r\nDate: %s\r\n"
        "Message-ID: <%llx.%lx.%d@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        hostname, STR_ARG(to), date, (unsigned long long)now.tv_sec, now.tv_nsec, (int)getpid(),
        hostname);
}

int sendmail_notice(const char *hostname, struct str to, const struct letter *refused,
                    const bool *put_off, const char *answer, struct letter *ret)
{
    *ret = (struct letter){.text = BUF_INIT(1024 * 1024)};
    int r = letter_add(ret, to);
    r = r < 0 ? r : write_fields(hostname, to, &ret->text);
    r = r < 0 ? r
              : buf_printf(&ret->text,
                           "This is the mail gateway %s.\r\n\r\nA mail from %s was given to "
                           "sendmail while the gateway was not running.\r\n"
                           "Now the gateway has refused it, for all or some of its "
                           "recipients.\r\nIt will not be tried again.\r\n\r\n"
                           "The answer: %s\r\n\r\nThe recipients:\r\n",
                           hostname, refused->sender, answer);
    for (size_t i = 0; r == 0 && i < refused->n_rcpts; i++) {
        r = put_off[i] ? 0 : buf_printf(&ret->text, "  %s\r\n", refused->rcpts[i]);
    }
    r = r < 0 ? r : buf_add(&ret->text, STR("\r\nThe header section of the mail:\r\n\r\n"));
    return r < 0 ? r : buf_add(&ret->text, head_of(buf_str(&refused->text)));
}
