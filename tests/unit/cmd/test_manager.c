/* SPDX-License-Identifier: Apache-2.0
 * test_manager.c: a service manager that does not read what it is told (sd_notify(3)) is not waited
 * for, and hears it later.
 */
#include "check.h"
#include "cmd/posternd/posternd.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int fd, char *text, size_t size)
{
    ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? 0 : -1;
}

/* unix(7): a send to a socket whose queue is full (max_dgram_qlen) waits, or fails with EAGAIN. */
static void a_manager_that_does_not_read(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[200];
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/test-manager-%d", (int)getpid());
    (void)unlink(at.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
    notify_manager("RELOADING=1");
    assert_int_equal(receive(fd, text, sizeof text), 0);
    assert_string_equal(text, "RELOADING=1");
    while (sendto(other, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&at, sizeof at) == 1) {
    }
    (void)alarm(20); /* where it waits */
    notify_alive();
    notify_manager("RELOADING=1\nMONOTONIC_USEC=1");
    notify_manager("READY=1");
    notify_again();
    (void)alarm(0);
    do {
        assert_int_equal(receive(fd, text, sizeof text), 0);
        assert_string_equal(text, "x");
    } while (recv(fd, text, sizeof text, MSG_DONTWAIT | MSG_PEEK) > 0);
    notify_again();
    notify_again();
    assert_int_equal(receive(fd, text, sizeof text), 0);
    assert_string_equal(text, "READY=1");
    assert_int_equal(receive(fd, text, sizeof text), -1);
    close(fd);
    close(other);
    (void)unlink(at.sun_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_manager_that_does_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
