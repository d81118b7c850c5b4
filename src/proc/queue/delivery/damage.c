/* SPDX-License-Identifier: Apache-2.0
 * damage.c: one letter to each sender whose mail the disk lost (store/damage.h): what happened,
 * why, and what to do. Called by schedule.c with its ticks; submit.c marks the row in the commit
 * that stores the letter. What can go wrong: no smtpout, or a letter lost on the way there:
 * written again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/queue.h"
#include "store/damage.h"
#include "wire/date.h"
#include "wire/id.h"

enum { LOOK_MS = 5 * 60 * 1000, LETTERS_MAX = 20, LETTER_MAX = 40 * 1024, RCPTS_SHOWN = 20000 };

static const char subject[] = "Your mail was not delivered: it was lost here";

static void damage_write_letter(const struct conf *c, const struct store_damage *d, struct buf *out)
{
    char id[ID_TEXT], date[DATE_MAX];
    bool is_cut = d->rcpts.n > RCPTS_SHOWN;
    id_text(d->id, id);
    date_iso(d->arrived_ms, date);
    (void)!buf_printf(out,
                      "Your mail was not delivered, and cannot be any more.\r\n\r\n"
                      "To:     " STR_FMT "%s\r\nTaken:  %s by %s\r\nNumber: %s\r\n\r\n",
                      STR_ARG(str_slice(d->rcpts, 0, is_cut ? RCPTS_SHOWN : d->rcpts.n)),
                      is_cut ? " and others" : "", date, c->hostname, id);
    (void)!buf_printf(
        out,
        "Why: the mail gateway had taken your mail and kept it on its disk until it could be\r\n"
        "delivered. The disk damaged it there: " STR_FMT ".\r\n"
        "Nothing of it is left that could be sent. The recipients did not get it, and will "
        "not.\r\n\r\n"
        "What to do: please send it again.\r\n",
        STR_ARG(d->what));
    if (*c->admin) {
        (void)!buf_printf(out, "Who looks after this gateway, and knows of it: %s\r\n", c->admin);
    }
}

static void on_damage(void *arg, const struct store_damage *d)
{
    struct queue *q = arg;
    CLEANUP(buf_free) struct buf text = BUF_INIT(LETTER_MAX);
    damage_write_letter(child_conf(q->child), d, &text);
    worker_write(q, &(struct system_mail){
                        .about = ABOUT_DAMAGE,
                        .about_id = d->id,
                        .to = d->reverse_path,
                        .subject = str_c(subject),
                        .text = buf_str(&text),
                    });
}

static void damage_on_read(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_warn("store-unreadable", KV("what", "messages that were lost; looked at again"));
    }
}

void damage_tick(struct queue *q)
{
    int64_t now = clock_mono_ms();
    if (!queue_can_send(q) ||
        (q->delivery.damage_looked_ms && now - q->delivery.damage_looked_ms < LOOK_MS)) {
        return;
    }
    q->delivery.damage_looked_ms = now;
    store_read(q->store, &(struct store_query){.what = STORE_DAMAGE, .kind = 1, .max = LETTERS_MAX},
               &(struct store_rows){.arg = q, .damage = on_damage, .done = damage_on_read});
}
