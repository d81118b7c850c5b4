/* SPDX-License-Identifier: Apache-2.0
 * test_conf_cases.c: the configurations of conf-cases.txt through conf_load() and preflight(),
 * as postern check-config does: each verdict, the line it names and its words.
 */
#include "check.h"
#include "conf/conf.h"
#include "conf/tree.h"
#include "proc/preflight.h"
#include "sys/file.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024 };

static char dir[] = "/tmp/postern-cases-XXXXXX";

/* An address of this machine that is not a loopback one; empty: it has none. */
static char own_address[64];

static void find_own_address(void)
{
    struct ifaddrs *all = NULL;
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK)) {
            assert_int_equal(getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in), own_address,
                                         sizeof own_address, NULL, 0, NI_NUMERICHOST),
                             0);
        }
    }
    freeifaddrs(all);
}

static bool is_possible(struct str needs)
{
    return str_eq(needs, STR("root"))        ? geteuid() == 0 /* rights are seen by root alone */
           : str_eq(needs, STR("address"))   ? *own_address
           : str_eq(needs, STR("no syslog")) ? access("/dev/log", F_OK) < 0
                                             : true;
}

static int make_files(void **state)
{
    static const char more[] =
        "set -e; cd \"$1\"; mkdir run secret-place kept begun begun/spool; : >kept/postern.db; "
        "chmod 755 . ; chmod 700 secret-place; : >empty; head -c 32 /dev/urandom >at-rest.key; "
        "echo . IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D "
        ">root.ds; cp root.ds secret-place/;openssl x509 -in wild.pem -outform der -out wild.der; "
        "cat ca.pem wild.pem >reversed.pem; cat wild.pem good.pem >stranger.pem; cat good.pem "
        "good.key >both.pem;cat good.pem ca.pem >full.pem; openssl pkey -in wild.key -aes256 "
        "-passout pass:x -out locked.key; cp wild.key open.key; chmod 600 *.key both.pem; chmod "
        "644 open.key;openssl genrsa -out small.key 1024 2>/dev/null; openssl genpkey -algorithm "
        "ed25519 -out ed.key; echo secret >secret; printf 'one\\ntwo\\n' >lines;openssl ca -batch "
        "-config ca.cnf -cert ca.pem -keyfile ca.key -in wild.csr -out future.pem -notext "
        "-startdate 20900101000000Z -enddate 20910101000000Z 2>/dev/null;openssl req -newkey ec "
        "-pkeyopt ec_paramgen_curve:P-256 -nodes -keyout two.key -out two.csr -subj "
        "/CN=mx.good.test -addext subjectAltName=DNS:mx.good.test,DNS:more.good.test "
        "2>/dev/null;openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in two.csr "
        "-out two.pem -notext -days 20 2>/dev/null;cp -r \"$2/packs\" \"$2/pages\" .; chmod -R "
        "a+rX packs pages; head -c 32 /dev/urandom >open-at-rest.key; chmod 644 open-at-rest.key; "
        "echo 'organization \"x\";' >loose.conf; chmod 666 loose.conf; mkdir texts; echo "
        "'nosuchkey = x' >texts/texts.yy;" /* the tree may lie where only root comes */
        "{ cat good.pem; head -n 5 ca.pem; } >cut.pem; { cat good.pem; sed '3s/./!/' ca.pem; cat "
        "ca.pem; } >damaged.pem; head -n 3 good.key >cut.key;{ cat ca.pem; sed '3s/./!/' self.pem; "
        "cat self.pem; } >damaged-trust.pem; { for i in 1 2 3 4 5 6 7 8 9 10; do cat ca.pem "
        "self.pem; done; sed '3s/./!/' self.pem; cat self.pem; } >damaged-bundle.pem; { printf %s "
        "\"$(cat good.pem)\"; cat ca.pem; } >joined.pem;{ printf '\\357\\273\\277'; cat good.pem; "
        "cat ca.pem; } >mark.pem; { cat good.pem; sed 's/^-----BEGIN/BEGIN/' ca.pem; } "
        ">headless.pem;{ echo '; the root'; cut -c1-80 root.ds; } >cut.ds; sed 's/E06D44B8/&   /' "
        "root.ds >pieces.ds; cat wild.pem wild.key >with-key.pem; chmod 644 with-key.pem cut.ds "
        "pieces.ds;echo 'include \"./ring-b.conf\";' >ring-a.conf; { echo; echo 'include "
        "\"ring-c.conf\";'; } >ring-b.conf; echo 'include \"ring-b.conf\";' >ring-c.conf; cp "
        "wild.key future.key; chmod 600 small.key ed.key secret lines; echo 'include "
        "\"loop.conf\";' >loop.conf; echo 'organization \"x\";' >part.conf";
    char tree[4096];
    assert_non_null(getcwd(tree, sizeof tree));
    assert_non_null(mkdtemp(dir));
    find_own_address();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        char program[] = "make-certs", *argv[] = {program, dir, NULL};
        execv("tests/unit/make-certs", argv);
        _exit(1);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", more, "sh", dir, tree, (char *)NULL);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    return 0;
}

static int remove_files(void **state)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-r", dir, (char *)NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    return 0;
}

/* The words that begin with $ and what they stand for; what they hold is expanded in turn. */
static const struct macro {
    const char *name, *text;
} macros[] = {
    {"$BASE",
     "$HEAD inside { domains ours.example; networks 10.0.0.0/8; deliver-to mail.ours.example { tls "
     "encrypt; } } partner \"p\" { domains p.example; outbound require encrypt; }"},
    {"$HEAD", "hostname mx.good.test; listen smtp { address [::]:2525; } certificate { chain "
              "$DIR/good.pem; key $DIR/good.key; } $FILES"},
    {"$FILES", "store sqlite $DIR/store; at-rest-key $DIR/at-rest.key; run-directory $DIR/run; "
               "trust-store $DIR/ca.pem; resolver { trust-anchor $DIR/root.ds; } user daemon;"},
    {"$DIR", dir},
    {"$OWN", own_address},
    {"$CR", "\r"},
    {"$NBSP", "\xc2\xa0"},
    {"$LATIN1", "\xfc"},
    {"$UTF16", "\xff\xfeh"},
};

static void expand(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        const struct macro *found = NULL;
        for (size_t k = 0; k < ARRAY_LEN(macros); k++) {
            if (text.n - i >= strlen(macros[k].name) &&
                memcmp(text.p + i, macros[k].name, strlen(macros[k].name)) == 0) {
                found = &macros[k];
                break;
            }
        }
        if (found) {
            expand(str_c(found->text), out);
            i += strlen(found->name);
        } else {
            assert_int_equal(buf_append(out, text.p + i++, 1), 0);
        }
    }
}

struct expected {
    struct str verdict, words, source, text;
    unsigned line;
    struct str needs; /* root; address: one of this machine besides loopback; no syslog */
};

/* "%% verdict | line | words | source [| needs]" and the text up to the next one. */
static bool next_case(struct str *rest, struct expected *ret)
{
    struct str line, field[5] = {{0}};
    if (rest->n < 3 || !str_split(rest, '\n', &line)) {
        return false;
    }
    struct str left = str_slice(line, 3, line.n);
    for (size_t i = 0; i < ARRAY_LEN(field) && left.n > 0; i++) {
        (void)str_split(&left, '|', &field[i]);
        field[i] = str_trim(field[i]);
    }
    uint64_t number = 0;
    assert_int_equal(str_to_u64(field[1], 1000, &number), 0);
    const char *end = memmem(rest->p, rest->n, "\n%% ", 4);
    size_t n = end ? (size_t)(end - rest->p) + 1 : rest->n;
    *ret = (struct expected){field[0],         field[2], field[3], str_slice(*rest, 0, n),
                             (unsigned)number, field[4]};
    *rest = str_slice(*rest, n, rest->n);
    return true;
}

static bool says(struct str lines, const struct expected *e, bool is_warning)
{
    CLEANUP(buf_free) struct buf words = BUF_INIT(4096);
    struct conf_finding f;
    expand(e->words, &words);
    while (conf_finding_next(&lines, &f)) {
        char all[2048];
        snprintf(all, sizeof all, STR_FMT ". " STR_FMT, STR_ARG(f.text), STR_ARG(f.hint));
        if (f.is_warning == is_warning && (e->line == 0 || f.line == e->line) &&
            memmem(all, strlen(all), words.p, buf_len(&words))) {
            return true;
        }
    }
    return false;
}

/* In the order of the lines (a first try by a new user: the first error shown was that of the
 * last line). */
static bool in_order(struct str lines)
{
    struct conf_finding f;
    unsigned last = 0;
    char file[200] = "";
    while (conf_finding_next(&lines, &f)) {
        bool same = str_eq(f.file, str_c(file));
        if (same && f.line < last) {
            return false;
        }
        str_copy_cut(f.file, file, sizeof file);
        last = f.line;
    }
    return true;
}

static bool run_case(const struct expected *e)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(TEXT_MAX), problems = BUF_INIT(TEXT_MAX);
    struct conf *c = NULL;
    char path[64];
    snprintf(path, sizeof path, "%s/case.conf", dir);
    expand(e->text, &text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && file_write_all(fd, buf_str(&text)) == 0);
    close(fd);
    int r = conf_load(path, &problems, &c);
    r = r < 0 ? r : preflight(c, PREFLIGHT_CHECK, NULL, &problems);
    conf_free(c);
    bool right = str_eq(e->verdict, STR("wrong"))  ? r < 0 && says(buf_str(&problems), e, false)
                 : str_eq(e->verdict, STR("warn")) ? r == 0 && says(buf_str(&problems), e, true)
                                                   : r == 0 && buf_len(&problems) == 0;
    right = right && in_order(buf_str(&problems));
    if (!right) {
        print_message("wanted: " STR_FMT ", line %u: " STR_FMT "\ngot %d: " STR_FMT "of:\n" STR_FMT
                      "\n",
                      STR_ARG(e->verdict), e->line, STR_ARG(e->words), r,
                      STR_ARG(buf_str(&problems)), STR_ARG(e->text));
    }
    return right;
}

static void each_case(void **state)
{
    CLEANUP(buf_free) struct buf file = BUF_INIT(TEXT_MAX);
    size_t n_wrong = 0, n_fine = 0, failed = 0;
    struct expected e;
    assert_int_equal(file_read("tests/unit/conf-cases.txt", &file), 0);
    const char *first = memmem(buf_str(&file).p, buf_len(&file), "\n%% ", 4);
    assert_non_null(first);
    struct str rest =
        str_slice(buf_str(&file), (size_t)(first - buf_str(&file).p) + 1, buf_len(&file));
    while (next_case(&rest, &e)) {
        assert_true(e.source.n > 0);
        *(str_eq(e.verdict, STR("fine")) ? &n_fine : &n_wrong) += 1;
        if (is_possible(e.needs)) {
            failed += !run_case(&e);
        }
    }
    assert_true(n_wrong >= 100 && n_fine >= 30);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_case)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
