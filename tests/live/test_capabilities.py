"""What a server announces and does not keep: nobody's mail is forged, lost or returned for it."""
FORGED = 'RSET\r\nMAIL FROM:<boss@inside.test>\r\nRCPT TO:<clerk@unread.test>\r\nDATA\r\nSubject: pay this\r\n\r\nnow\r\n..\r\n'


def test_no_body_for_nobody(gateway):
    """A server that refuses BDAT does not read the chunk (emersion/go-smtp#315): lines of a body must not become commands."""
    number = gateway.send('nobody@unread.test', body=FORGED)
    assert gateway.wait_state(number, 'returned')['status'] == '5.1.1'
    number = gateway.send(['nobody@unread.test', 'clerk@unread.test'], body=FORGED)
    gateway.wait_state(number, 'delivered', rcpt=1)
    senders = [m['sender'] for m in gateway.lab.messages('host-mx.unread.test')]
    assert senders == ['nurse@inside.test'], senders
