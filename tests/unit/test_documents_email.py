"""E-mail as text: headers, the form of the body that is taken, what is attached and what is left out."""

from email.message import EmailMessage

import pytest

from tests.sound import require_sound
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable


def mail(subject: str = "Grüße aus Köln", body: str = "Hallo,\nim März.\n") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Änna Berg <anna@fernhill.example>"
    message["To"] = "b@x.example"
    message["Date"] = "Tue, 03 Mar 2026 10:00:00 +0100"
    message.set_content(body)
    return message


def read(message: EmailMessage) -> Extracted:
    found = extract(message.as_bytes(), "a.eml")
    require_sound(found)
    return found


def test_headers_stand_above_the_body_and_in_the_metadata():
    found = read(mail())
    assert found.text == (
        "Grüße aus Köln\n\nFrom: Änna Berg <anna@fernhill.example>\nTo: b@x.example\n"
        "Date: Tue, 03 Mar 2026 10:00:00 +0100\n\nHallo,\nim März."
    )
    assert found.title == "Grüße aus Köln"
    assert found.metadata["from"] == "Änna Berg <anna@fernhill.example>"
    assert found.metadata["updated"] == "2026-03-03T09:00:00+00:00"
    assert found.heading_path(40) == ("Grüße aus Köln",)


@pytest.mark.parametrize(
    ("plain", "rich", "taken", "not_taken"),
    [
        ("The whole text.", "<p>The <b>whole</b> text.", "The whole text.", "\n\nT\n"),
        ("", "<h2>T</h2><p>caf&eacute;", "T\n\ncafé", "<p>"),
        ("See HTML.", f"<p>{'words of a newsletter ' * 5}", "newsletter", "See HTML."),
    ],
)
def test_the_form_of_the_body_that_says_most(plain: str, rich: str, taken: str, not_taken: str):
    message = mail(body=plain)
    message.add_alternative(rich, subtype="html")
    text = read(message).text
    assert taken in text
    assert not_taken not in text


def with_attachments() -> EmailMessage:
    message = mail()
    message.add_attachment(b"sku;n\nFG-1;3\n", maintype="text", subtype="csv", filename="Prüf/preise.csv")
    message.add_attachment(b"\x89PNG\r\n\x1a\nx", maintype="image", subtype="png", filename="logo.png")
    message.add_attachment(b"# Head\n\ntext\n\n## Sub\nmore", maintype="text", subtype="x", filename="n.md")
    return message


def test_what_is_attached_stands_under_headings_of_its_own():
    found = read(with_attachments())
    assert found.heading_path(found.text.index("more")) == (
        "Grüße aus Köln",
        "Attachment: n.md",
        "Head",
        "Sub",
    )
    assert found.heading_path(found.text.index("n: 3"))[-1] == "Attachment: preise.csv"
    assert [found.text[one.start : one.end] for one in found.headings][-1] == "## Sub"
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("Attachment logo.png: It is an image")


def test_forwarded_messages_are_read_three_deep():
    message = with_attachments()
    for level in range(5):
        outer = mail(f"level {level}")
        outer.add_attachment(message)
        message = outer
    found = read(message)
    assert [one.title for one in found.headings] == ["level 4", "level 3", "level 2", "level 1"]
    assert found.left_out == ("A message inside of 3 others.",)


def test_a_mailbox_is_all_of_its_messages():
    found = extract(b"From a\nSubject: one\n\nhi\n>From here\n\nFrom b\nSubject: two\n\nho\n", "a.mbox")
    assert found.text == "one\n\nhi\nFrom here\n\ntwo\n\nho"
    assert [one.title for one in found.headings] == ["one", "two"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Subject: caf\xe9\nContent-Type: text/plain; charset=koi8-r\n\n\xd0\xd2\xc9\n", "café\n\nпри"),
        (b"Subject: =?utf-8?b?!!!?= =?no?q?a?=\nDate: no\n\nx", "a\n\nDate: no\n\nx"),
        (
            b"Content-Type: text/plain; format=flowed\n\nfrom \n7 to 8\nend\n>> a \n>> b\n-- \nme",
            "from 7 to 8\nend\n>> a b\n-- \nme",
        ),
        (b"no header at all", "no header at all"),
        (b'Content-Type: text/plain; charset="x\n\nx', "x"),
        (b"Content-Type: nonsense\n\nx", "x"),
        (b"Content-Transfer-Encoding: base64\n\naGFsbG8=!!", "hallo"),
        (
            b"Content-Type: multipart/report; boundary=y\n\n--y\n\nbounce\n--y\n"
            b"Content-Type: message/delivery-status\n\nReporting-MTA: a\n\nStatus: 5.0.0\n--y--",
            "bounce\n\nReporting-MTA: a\n\nStatus: 5.0.0",
        ),
    ],
)
def test_damaged_and_unusual_mail_is_read_as_far_as_it_goes(data: bytes, expected: str):
    assert extract(data, "a.eml").text == expected


def test_what_is_encrypted_is_said():
    head = b"Subject: secret\nContent-Type: multipart/encrypted; boundary=y\n\n"
    found = extract(head + b"--y\nContent-Type: application/octet-stream\n\nAAAA\n--y--", "a.eml")
    assert found.text == "secret"
    assert found.left_out == ("An encrypted part: it can be read only where its key is.",)
    with pytest.raises(Unreadable, match="its key is"):
        extract(head.replace(b"Subject: secret\n", b"") + b"--y\n\nAAAA\n--y--", "a.eml")


def test_many_parts_are_bounded():
    found = extract(b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nhi\n" * 1000, "a.eml")
    assert found.text.count("hi") == 499
    assert found.left_out == ("Parts after the first 500, or inside of 20 others.",)
