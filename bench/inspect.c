/* SPDX-License-Identifier: Apache-2.0
 * inspect.c: how long an inspection takes, in CPU time of this process: texts of several sizes,
 * documents, and a mix as it comes; with the hipaa pack, then with all. Arguments: the directory
 * of packs, and documents to attach.
 */
#include "proc/inspecting.h"
#include "policy/inspection.h"
#include "sys/file.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double cpu_ms(void)
{
    struct rusage own, children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec + children.ru_utime.tv_sec +
                    children.ru_stime.tv_sec) *
               1000 +
           (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec + children.ru_utime.tv_usec +
                    children.ru_stime.tv_usec) /
               1000;
}

static double wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static struct conf *configuration(const char *packs, const char *names)
{
    struct buf text = BUF_INIT(1 << 16), problems = BUF_INIT(1 << 16);
    struct conf *c;
    must(buf_printf(&text,
                    "hostname a.test; listen smtp { address 127.0.0.1:25; } inspection { packs %s; "
                    "} content \"k\" { pack %s; }",
                    packs, names) == 0);
    must(conf_parse(buf_str(&text), "bench", &problems, &c) == 0);
    buf_free(&text);
    return c;
}

/* Ordinary sentences, with a number or a name in each fifth line. */
static void write_text(size_t octets, struct buf *out)
{
    static const char *const lines[] = {
        "Thank you for the minutes of the last meeting; I have two "
        "remarks about the second item on the list.\r\n",
        "The delivery left our house on Tuesday with order "
        "4711-2208 and should be with you on Thursday morning.\r\n",
        "Please send me the figures for the third quarter, so that "
        "I can finish the report before the weekend.\r\n",
        "We have moved: the new telephone number is +1 555 010 "
        "4477, and the door is on the other side.\r\n",
        "Ms Jones asked whether the appointment on 03/14/2026 at "
        "10:30 could be later; room 204 is free then.\r\n",
    };
    for (size_t i = 0; buf_len(out) < octets; i++) {
        must(buf_add(out, str_c(lines[i % ARRAY_LEN(lines)])) == 0);
    }
}

static void message_of_text(size_t octets, struct buf *out)
{
    must(buf_add(out, STR("From: <a@clinic.example>\r\nTo: <b@bank.example>\r\nSubject: the "
                          "minutes\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
                          "charset=utf-8\r\n\r\n")) == 0);
    write_text(octets, out);
}

static void message_of_file(const char *path, struct buf *out)
{
    struct buf octets = BUF_INIT(64 << 20);
    must(file_read(path, &octets) == 0);
    must(buf_printf(
             out,
             "From: <a@clinic.example>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: "
             "application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
             path) == 0);
    must(base64_write(buf_str(&octets), 76, out) == 0);
    buf_free(&octets);
}

static void measure(const struct inspecting *i, const char *what, struct str message,
                    unsigned times)
{
    struct buf facts = BUF_INIT(INSPECTION_MAX);
    inspecting_run(i, message, &facts); /* warm */
    double cpu = cpu_ms(), wall = wall_ms();
    for (unsigned n = 0; n < times; n++) {
        buf_reset(&facts);
        inspecting_run(i, message, &facts);
    }
    cpu = cpu_ms() - cpu;
    wall = wall_ms() - wall;
    printf("  %-28s %9.2f ms CPU here, %9.2f ms in all, %8.0f a second\n", what, cpu / times,
           wall / times, times * 1000 / wall);
    buf_free(&facts);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {2000, 10000, 50000, 1000000};
    static const char *const packs[] = {"hipaa", "hipaa pci glba uk-health secrets"};
    must(argc >= 2);
    mime_init();
    struct mime_pdf *pdf = mime_pdf_new();
    for (size_t p = 0; p < ARRAY_LEN(packs); p++) {
        struct buf problems = BUF_INIT(1 << 16);
        struct inspecting *i;
        struct conf *c = configuration(argv[1], packs[p]);
        must(inspecting_new(c, pdf, &problems, &i) == 0);
        printf("packs: %s\n", packs[p]);
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct buf m = BUF_INIT(4 << 20);
            char what[64];
            snprintf(what, sizeof what, "text, %zu KB", sizes[s] / 1000);
            message_of_text(sizes[s], &m);
            measure(i, what, buf_str(&m), sizes[s] > 100000 ? 10 : 200);
            buf_free(&m);
        }
        for (int a = 2; a < argc; a++) {
            struct buf m = BUF_INIT(96 << 20);
            message_of_file(argv[a], &m);
            measure(i, argv[a], buf_str(&m), 10);
            buf_free(&m);
        }
        inspecting_free(i);
        conf_free(c);
    }
    mime_pdf_free(pdf);
    return 0;
}
