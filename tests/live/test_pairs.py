"""Processes that are slow, stopped or started again while mail flows: nothing ends for good, nothing is lost or doubled, nothing
goes in clear."""
import os
import signal
import smtplib
import ssl
import threading
import time

import pytest
from conftest import OUTSIDE, client_context


def shake(gateway, timeout=30):
    """A handshake; None when it is good, else what went wrong."""
    try:
        with smtplib.SMTP(gateway.address, 25, timeout=timeout, source_address=(OUTSIDE, 0)) as c:
            c.starttls(context=client_context(gateway.lab, check_hostname=False))
            c.ehlo()
            return None
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        return repr(error)


def shake_in_background(gateway, n):
    found = [0] * n

    def one(i):
        found[i] = shake(gateway)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    return threads, found


def paused(gateway, name, seconds):
    """Stops a process for a while."""
    pid = gateway.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_slow_keys_costs_one_handshake_a_process(gateway):
    """keys stopped for longer than an answer is waited for (field report: afterwards every second handshake failed until a restart;
    the same shape as a stalled tlsmgr of Postfix)."""
    before = gateway.pids()
    assert shake(gateway) is None
    keys = before['keys-0']
    os.kill(keys, signal.SIGSTOP)
    try:
        threads, found = shake_in_background(gateway, 12)
        time.sleep(1)
        began = time.time()
        with smtplib.SMTP(gateway.address, 25, timeout=30, source_address=(OUTSIDE, 0)) as c:  # their loops do not stand still for each
            c.ehlo()
            code, words = c.mail('a@outside.test')
            assert code == 451 and b'in clear' in words, (code, words)  # and what could have come encrypted does not come in clear
        assert time.time() - began < 4
        time.sleep(3)
    finally:
        os.kill(keys, signal.SIGCONT)
    for t in threads:
        t.join()
    bad = [f for f in found if f]
    assert len(bad) <= 2, bad  # those that found it out, one a process; the others waited
    assert [f for f in (shake(gateway) for _ in range(20)) if f] == []
    assert gateway.pids() == before  # nothing was started again
    log = gateway.lab.log()
    assert 'keys-did-not-answer' in log and 'keys-answer-again' in log, log[-3000:]
