"""A mailbox, read by a schedule: each message once, nothing touched there."""

from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from fakes import new_collection
from postman import Post, serving

import workers.settings
from ingest import library, mailbox, mailboxes
from ingest.database import reading
from ingest.mailbox import MailboxUnavailable
from ingest.mailboxes import MailboxUnknown
from workers import errands, jobs, letters, schedules
from workers.jobs import JobFilter
from workers.schedules import Schedule, Timing
from workers.settings import Settings
from workers.states import JobKind

pytestmark = pytest.mark.usefixtures("migrated")


def letter(subject: str, text: str = "The pump is repaired.") -> bytes:
    made = EmailMessage()
    made["Subject"], made["From"] = subject, "works@example.org"
    made.set_content(text)
    return made.as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    made = Post({3: letter("Pump"), 5: letter("水管 / 修理", "週一完工。")})
    with serving(made):
        monkeypatch.setenv("LECTERN_MAILBOXES", f"works={made.url()} other={made.url('letmein')}")
        workers.settings.settings.cache_clear()
        yield made


def schedule(name: str = "works") -> Schedule:
    what = {"kind": "mail", "collection_id": new_collection(), "mailbox": name}
    return schedules.create("Mail", Timing("0 * * * *", "UTC"), what)


def run(made: Schedule) -> Schedule:
    schedules.run_now(made.id)
    assert errands.run_due()
    return schedules.get(made.id)


def names(made: Schedule) -> list[str]:
    with reading() as session:
        found = library.documents(session, made.what["collection_id"])
    return sorted(document.name for document in found)


def test_each_message_becomes_a_document_once(post: Post) -> None:
    made = schedule()
    assert run(made).last_outcome == {
        "jobs": 2, "added": 2, "duplicates": 0, "waiting": 0, "failed": 0, "failures": [],
    }  # fmt: skip
    assert names(made) == ["Pump.eml", "水管 - 修理.eml"]
    readings = jobs.listing(JobFilter(kind=JobKind.READ, collection_id=made.what["collection_id"]))
    assert len(readings) == 2
    post.letters[6] = letter("Valve")
    assert (run(made).last_outcome or {})["added"] == 1
    fetched = [one for one in post.said if "BODY" in one]
    assert len(fetched) == 3
    assert all("BODY.PEEK[]" in one for one in fetched)
    assert not any(one.startswith(("SELECT", "STORE", "UID STORE")) for one in post.said)


def test_numbers_given_anew_are_read_anew_and_known_by_content(post: Post) -> None:
    made = schedule()
    run(made)
    post.validity += 1
    assert (run(made).last_outcome or {})["duplicates"] == 2
    assert len(names(made)) == 2


def test_too_large_a_message_is_told_and_not_tried_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    workers.settings.settings.cache_clear()
    post.letters = {9: letter("Large", "x" * (1 << 21))}
    made = schedule()
    for _ in range(2):
        outcome = run(made).last_outcome or {}
        assert (outcome["failed"], outcome["failures"][0]["code"]) == (1, "file_too_large")
    assert not any("BODY" in one for one in post.said)


def test_a_full_mailbox_is_read_turn_by_turn(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "LETTERS_A_TURN", 2)
    post.letters = {number: letter(f"Report {number}", f"Day {number}.") for number in range(1, 6)}
    made = schedule()
    counts = [(run(made).last_outcome or {}) for _ in range(3)]
    assert [(one["added"], one["waiting"]) for one in counts] == [(2, 3), (2, 1), (1, 0)]


@pytest.mark.usefixtures("post")
def test_a_wrong_password_is_said_without_it() -> None:
    error = run(schedule("other")).last_error
    assert error is not None
    assert error["code"] == MailboxUnavailable.code
    assert "wrong password" in error["message"]


def test_a_server_that_is_away(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    made = schedule()
    closed = post.url().replace(str(post.port), "1")
    monkeypatch.setenv("LECTERN_MAILBOXES", f"works={closed}")
    workers.settings.settings.cache_clear()
    error = run(made).last_error
    assert error is not None
    assert error["code"] == "mailbox_unavailable"


@pytest.mark.usefixtures("post")
def test_only_mailboxes_that_are_named() -> None:
    with pytest.raises(MailboxUnknown):
        schedule("boss")


@pytest.mark.parametrize(
    "text", ["works", "works=ftp://a:b@c/d", "=imaps://a:b@c/d", "w=imaps://secret@host/x"]
)
def test_an_address_that_is_none_is_told_without_a_password(text: str) -> None:
    with pytest.raises(ValueError, match="is not NAME=imaps") as caught:
        Settings(mailboxes=text)
    assert "secret@" not in str(caught.value)


def test_addresses() -> None:
    (first, second) = mailboxes.addresses(
        "a=imaps://me%40example.org:p%40ss@mail.example.org/INBOX/Reports b=imap://u:p@127.0.0.1:1143"
    )
    assert (first.user, first.password, first.folder) == ("me@example.org", "p@ss", "INBOX/Reports")
    assert (first.port, first.tls, second.port, second.here) == (993, True, 1143, True)
    assert (second.folder, "p@ss" in repr(first)) == ("INBOX", False)


@pytest.mark.parametrize(
    ("folder", "sent"),
    [
        ("INBOX", "INBOX"),
        ("R&D", "R&-D"),
        ("台北", "&U,BTFw-"),  # RFC 3501's own example
        ("a 報告", "a &WDFUSg-"),
        ('"', '\\"'),
    ],
)
def test_names_of_folders(folder: str, sent: str) -> None:
    assert mailbox.encoded(folder) == sent
