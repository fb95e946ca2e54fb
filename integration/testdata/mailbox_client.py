"""Reads a mailbox with Python's imaplib and poplib.

mailbox_client.py SCENARIO HOST PORT USER PASSWORD; status 0 when the server has
answered as the scenario wants. The mailbox holds one message.
"""

import imaplib
import poplib
import ssl
import sys


def unverified():
    # The certificate is made at start-up and signed by nobody.
    return ssl._create_unverified_context()


def imap(host, port, user, password):
    with imaplib.IMAP4(host, port) as client:  # CAPABILITY, and LOGOUT at the end
        assert client.login(user, password)[0] == "OK"
        assert client.list()[0] == "OK"
        status, count = client.select("INBOX")
        assert status == "OK" and count == [b"1"], count
        assert client.search(None, "ALL") == ("OK", [b"1"])
        status, data = client.fetch("1", "(FLAGS BODY.PEEK[])")
        assert status == "OK" and b"Good morning." in data[0][1], data
        assert client.store("1", "+FLAGS", r"(\Flagged)")[0] == "OK"
        assert client.select("missing")[0] == "NO"


def imap_starttls(host, port, user, password):
    with imaplib.IMAP4(host, port) as client:
        client.starttls(unverified())
        assert client.login(user, password)[0] == "OK"
        assert client.select("INBOX", readonly=True)[0] == "OK"


def imap_wrong_password(host, port, user, password):
    with imaplib.IMAP4(host, port) as client:
        try:
            client.login(user, password + "?")
        except imaplib.IMAP4.error:
            return
        raise AssertionError("a wrong password was accepted")


def pop3(host, port, user, password):
    client = poplib.POP3(host, port)
    client.user(user)
    client.pass_(password)
    assert client.stat()[0] == 1
    assert len(client.list()[1]) == 1
    assert len(client.uidl()[1]) == 1
    assert b"Good morning." in client.retr(1)[1]
    client.dele(1)
    client.rset()
    client.quit()


def pop3_stls(host, port, user, password):
    client = poplib.POP3(host, port)
    client.stls(unverified())
    client.user(user)
    client.pass_(password)
    client.quit()


def pop3_wrong_password(host, port, user, password):
    client = poplib.POP3(host, port)
    client.user(user)
    try:
        client.pass_(password + "?")
    except poplib.error_proto:
        client.quit()
        return
    raise AssertionError("a wrong password was accepted")


if __name__ == "__main__":
    scenario, host, port, user, password = sys.argv[1:]
    globals()[scenario](host, int(port), user, password)
