/* SPDX-License-Identifier: Apache-2.0
 * system_mail.c: mail that the gateway itself writes (bounces, notices, alarms, TLS reports):
 * sealed like any other and submitted to the queue. Called by bounce.c and tlsrpt.c; alarms come
 * from the queue as text.
 *
 * What such mail needs of its way is read from its own octets, never taken over from what it is
 * about.
 *
 * What can go wrong: keys has not told its public key yet, or the text is too large: -errno.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "store/store.h"
#include "wire/date.h"
#include "wire/encoded.h"
#include "wire/id.h"
#include "wire/marks.h"
#include "wire/qp.h"

enum { SEALED_MAX = 1024 * 1024 };

uint64_t own_id(struct smtpout *out)
{
    return id_make(clock_wall_ms(), ID_MAKERS_SMTPOUT + child_index(out->child), out->id_count++);
}

static int system_mail_seal(struct smtpout *out, struct str text,
                            unsigned char wrapped[REST_WRAPPED], struct buf *sealed)
{
    unsigned char key[REST_KEY];
    if (!out->wrapper || rest_wrap(out->wrapper, clock_mono_ms(), key, wrapped) < 0) {
        return -EAGAIN;
    }
    struct rest_sealer *sealer = rest_sealer_new(key);
    int r = rest_seal(sealer, text, sealed);
    r = r < 0 ? r : rest_seal_end(sealer, sealed);
    rest_sealer_free(sealer);
    explicit_bzero(key, sizeof key);
    return r == 0 && buf_len(sealed) > STORE_INLINE_MAX ? -EMSGSIZE : r;
}

/* RFC 5321 3.6.3 MUST: a notice has the null reverse-path
 * RFC 5321 4.5.5 MUST: notices have the null reverse-path
 * RFC 3461 6.1 MUST: notices have the null reverse-path */
int own_submit(struct smtpout *out, const struct own *o)
{
    unsigned char wrapped[REST_WRAPPED];
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(SEALED_MAX);
    struct marks marks = {0};
    marks_look(&marks, o->text);
    marks_end(&marks);
    int r = system_mail_seal(out, o->text, wrapped, &sealed);
    if (r < 0) {
        return r;
    }
    ipc_send(out->queue,
             &(struct ipc_msg){.type = IPC_submit_rcpt,
                               .submit_rcpt = {.token = o->token, .forward_path = o->to}});
    ipc_send(out->queue,
             &(struct ipc_msg){.type = IPC_submit,
                               .submit = {
                                   .token = o->token,
                                   .id = o->id,
                                   .lease = o->order,
                                   .size = o->text.n,
                                   .is_8bit = marks.eight_bit,
                                   .is_utf8 = marks.utf8_header,
                                   .is_binary = marks.binary || marks.long_line,
                                   .protocol = STR("own"),
                                   .sealed_key = str_from((const char *)wrapped, REST_WRAPPED),
                                   .body = buf_str(&sealed),
                               }});
    return 0;
}

/* A text for the administrator. */
void own_on_mail(void *owner, struct ipc_channel *ch, const struct ipc_system_mail *a)
{
    struct smtpout *out = owner;
    const struct conf *c = child_conf(out->child);
    char date[DATE_MAX], id[ID_TEXT];
    uint64_t number = own_id(out);
    CLEANUP(buf_free) struct buf text = BUF_INIT(128 * 1024);
    id_text(number, id);
    date_rfc5322(clock_wall_ms(), date);
    int r =
        buf_printf(&text, "From: Mail gateway <MAILER-DAEMON@%s>\r\nTo: <" STR_FMT ">\r\nSubject: ",
                   c->hostname, STR_ARG(a->to));
    r = r < 0 ? r : encoded_write(a->subject, false, &text);
    r = r < 0 ? r
              : buf_printf(&text,
                           "\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: "
                           "auto-generated\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n",
                           date, id, c->hostname);
    r = r < 0 ? r : qp_part(a->text, &text);
    const struct own own = {
        .token = ++out->next_token,
        .id = number,
        .order = a->lease,
        .to = a->to,
        .text = buf_str(&text),
    };
    r = r < 0 ? r : own_submit(out, &own);
    if (r < 0) {
        log_warn("own-mail-not-written", KVS("to", a->to), KV("problem", strerror(-r)),
                 KV("what", "will be tried again"));
    }
}
