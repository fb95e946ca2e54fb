"""Talks to a mail server with Python's smtplib.

smtp_client.py SCENARIO HOST PORT USER PASSWORD; status 0 when the server has
answered as the scenario wants.
"""

import smtplib
import ssl
import sys
from email.message import EmailMessage


def letter(sender, recipient):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, "From Python"
    message.set_content("Good morning.\n.\nThe line above is a dot.\n")
    return message


def starttls(client):
    # The certificate is made at start-up and signed by nobody.
    client.starttls(context=ssl._create_unverified_context())


def plain(client, user, _):
    client.send_message(letter("python@shop.example", f"{user}@example.org"))


def submit(client, user, password):
    starttls(client)
    client.login(user, password)
    client.send_message(letter(f"{user}@example.org", "friend@partner.example"))


def login(client, user, password):
    """The old mechanism, which smtplib takes only when told to."""
    starttls(client)
    client.ehlo()
    client.user, client.password = user, password
    client.auth("LOGIN", client.auth_login, initial_response_ok=False)


def wrong_password(client, user, password):
    starttls(client)
    client.ehlo()
    client.user, client.password = user, password + "?"
    try:
        # login() would go on to the next mechanism.
        client.auth("PLAIN", client.auth_plain)
    except smtplib.SMTPAuthenticationError as refusal:
        assert refusal.smtp_code == 535, refusal
    else:
        raise AssertionError("a wrong password was accepted")


def unknown_user(client, user, _):
    message = letter("python@shop.example", f"{user}@example.org")
    refused = client.send_message(message, to_addrs=[f"{user}@example.org", "nobody@example.org"])
    assert list(refused) == ["nobody@example.org"], refused
    assert refused["nobody@example.org"][0] == 550, refused


def nobody(client, _user, _password):
    try:
        client.send_message(letter("python@shop.example", "nobody@example.org"))
    except smtplib.SMTPRecipientsRefused as refusal:
        assert refusal.recipients["nobody@example.org"][0] == 550, refusal
    else:
        raise AssertionError("mail for nobody was accepted")


SCENARIOS = {f.__name__: f for f in (plain, submit, login, wrong_password, unknown_user, nobody)}


def main():
    scenario, host, port, user, password = sys.argv[1:]
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        SCENARIOS[scenario](client, user, password)


if __name__ == "__main__":
    main()
