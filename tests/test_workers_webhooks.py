"""Who is told how jobs end: nothing is lost, nothing is forged, nobody else is reached."""

import base64
import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from fakes import Office, first_step, new_collection, read, store
from receiver import Receiver, listening

import workers.settings
from ingest.database import now, reading, writing
from ingest.errors import DamagedDocument
from ingest.passages import Scope
from workers import courier, jobs, lifecycle, sending, signature, steps, submit, webhooks
from workers.errors import DeliveryNotFound, WebhookNotFound, WebhookUrlRefused
from workers.jobs import Job
from workers.receivers import checked_url, refused
from workers.states import DeliveryStatus, JobKind, JobStatus
from workers.tables import DeliveryRow
from workers.webhooks import Delivery, Webhook

pytestmark = pytest.mark.usefixtures("migrated")
EVERY = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
ANYBODY = frozenset[str]()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


def webhook(url: str = "http://127.0.0.1:9/", *kinds: JobKind) -> Webhook:
    made, _ = webhooks.create(url, EVERY, kinds)
    return made


def reading_job(text: str = "On Monday.") -> Job:
    return submit.read(store(new_collection(text), text).id)


def only(hook: Webhook) -> Delivery:
    (found,) = webhooks.deliveries(hook.id)
    return found


def make_due(delivery: Delivery) -> None:
    """Let the pause before the next attempt be over."""
    with writing() as session:
        session.get_one(DeliveryRow, delivery.id).next_attempt_at = 0.0


# What is told, and when


def test_the_end_of_a_job_is_told_without_a_word_of_its_document(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    document = read(Office(), new_collection(), "The harbour is closed.")
    assert courier.deliver()
    (heard,) = receiver.heard
    (job,) = jobs.listing(jobs.JobFilter())
    assert heard.path == "/lectern?to=me"
    assert heard.json["type"] == "job.succeeded"
    assert heard.json["timestamp"].endswith("Z")
    assert heard.json["data"] == {
        "id": job.id,
        "kind": "read",
        "status": "succeeded",
        "collection_id": job.collection_id,
        "document_id": document.id,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": None,
    }
    assert b"harbour" not in heard.body
    told = only(hook)
    assert (told.status, told.attempts, told.response_code) == (DeliveryStatus.DELIVERED, 1, 204)
    assert (told.job_id, told.next_attempt_at, told.id) == (job.id, None, heard.id)
    assert not courier.deliver()
    assert len(receiver.heard) == 1


def test_every_way_to_end_is_told() -> None:
    hook = webhook()
    cancelled, failed, lost, deleted = (reading_job(f"On day {day}.") for day in range(4))
    jobs.cancel(cancelled.id)
    claim = steps.claim(first_step(failed).id, "a", 60)
    assert claim is not None
    with steps.fenced(claim.step) as session:
        lifecycle.give_up(session, claim.step, DamagedDocument())
    claim = steps.claim(first_step(lost).id, "a", 60)
    jobs.cancel(lost.id)
    assert claim is not None
    with steps.fenced(claim.step) as session:
        lifecycle.put_back(session, claim.step, None)
    submit.delete_document(str(deleted.document_id))
    told = {each.job_id: each.event for each in webhooks.deliveries(hook.id)}
    assert told == {
        cancelled.id: "job.cancelled",
        failed.id: "job.failed",
        lost.id: "job.cancelled",
        deleted.id: "job.cancelled",
    }


def test_the_message_is_written_with_the_end_or_not_at_all() -> None:
    hook = webhook()
    job = reading_job()
    with suppress(RuntimeError), writing() as session:
        row = session.get_one(jobs.JobRow, job.id)
        jobs.request_cancel(session, row)
        raise RuntimeError  # a crash before the commit
    assert jobs.get(job.id).status is JobStatus.QUEUED
    assert webhooks.deliveries(hook.id) == []


def test_only_what_is_wanted_is_told() -> None:
    failures, _ = webhooks.create("http://a.example/", [JobStatus.FAILED], [])
    summaries = webhook("http://b.example/", JobKind.SUMMARY)
    held = webhook("http://c.example/")
    webhooks.set_active(held.id, active=False)
    wanted = webhook("http://d.example/", JobKind.READ)
    jobs.cancel(reading_job().id)
    told = [len(webhooks.deliveries(each.id)) for each in (failures, summaries, held, wanted)]
    assert told == [0, 0, 0, 1]


def test_what_was_told_of_a_job_stays_when_the_job_goes(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    office, collection = Office(), new_collection()
    document = read(office, collection, "On Monday.")
    office.work(submit.delete_document(document.id))
    while courier.deliver():
        pass
    assert sorted(heard.json["data"]["kind"] for heard in receiver.heard) == ["delete", "read"]
    assert {each.status for each in webhooks.deliveries(hook.id)} == {DeliveryStatus.DELIVERED}


# How it is signed


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that Standard Webhooks' own libraries are tested with."""
    made = signature.headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert made["webhook-timestamp"] == "1614265330"


def test_a_receiver_can_check_who_sent_it_and_when(receiver: Receiver) -> None:
    hook, secret = webhooks.create(receiver.url, EVERY, [])
    assert "secret" not in webhooks.get(hook.id).public()
    webhooks.test(hook.id)
    courier.deliver()
    (heard,) = receiver.heard
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(key) >= 24
    signed = f"{heard.id}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert heard.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(heard.headers["webhook-timestamp"]) - time.time()) < 60
    assert heard.headers["content-type"] == "application/json"


# What is tried again


def test_a_failed_attempt_is_tried_again_later_and_later_and_then_given_up(
    receiver: Receiver,
) -> None:
    hook = webhook(receiver.url)
    receiver.status, receiver.body = 503, b"later\0, " + b"please " * 200
    jobs.cancel(reading_job().id)
    pauses = []
    for attempt in range(1, len(courier.RETRY_DELAYS) + 1):
        assert courier.deliver()
        told = only(hook)
        assert (told.status, told.attempts) == (DeliveryStatus.PENDING, attempt)
        assert not courier.deliver()
        with reading() as session:
            pauses.append(round((told.next_attempt_at or 0.0) - now(session)))
        make_due(told)
    assert pauses == [5, 30, 120, 600, 3_600, 21_600]
    assert courier.deliver()
    told = only(hook)
    assert (told.status, told.attempts, told.response_code) == (DeliveryStatus.FAILED, 7, 503)
    assert (told.response or "").startswith("later, please")
    assert len(told.response or "") <= 300
    assert len({heard.id for heard in receiver.heard}) == 1
    assert not courier.deliver()
    receiver.status = 200
    again = webhooks.retry(hook.id, told.id)
    assert (again.status, again.attempts) == (DeliveryStatus.PENDING, 0)
    courier.deliver()
    assert only(hook).status is DeliveryStatus.DELIVERED


def test_nobody_there_is_a_failed_attempt() -> None:
    hook = webhook("http://127.0.0.1:9/")
    jobs.cancel(reading_job().id)
    courier.deliver()
    told = only(hook)
    assert (told.status, told.response_code) == (DeliveryStatus.PENDING, None)
    assert told.error


def test_who_is_slow_is_not_waited_for(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.2)
    receiver.seconds = 2.0
    hook = webhook(receiver.url)
    jobs.cancel(reading_job().id)
    began = time.monotonic()
    courier.deliver()
    assert time.monotonic() - began < 1.5
    assert only(hook).error == "No answer within 0.2 s."


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    jobs.cancel(reading_job().id)
    courier.deliver()
    assert (only(hook).status, only(hook).response_code) == (DeliveryStatus.PENDING, 307)
    assert len(receiver.heard) == 1


def test_a_receiver_that_is_gone_is_held(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    receiver.status = 410
    jobs.cancel(reading_job().id)
    courier.deliver()
    assert only(hook).status is DeliveryStatus.FAILED
    assert webhooks.get(hook.id).active is False


def test_what_is_held_back_goes_out_when_it_is_let_go(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    jobs.cancel(reading_job().id)
    webhooks.set_active(hook.id, active=False)
    assert not courier.deliver()
    webhooks.set_active(hook.id, active=True)
    assert courier.deliver()
    assert only(hook).status is DeliveryStatus.DELIVERED


def test_a_test_is_sent_once_and_to_a_held_webhook_too(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    webhooks.set_active(hook.id, active=False)
    receiver.status = 500
    sent = webhooks.test(hook.id)
    courier.deliver()
    told = webhooks.delivery(hook.id, sent.id)
    assert (told.event, told.status, told.job_id) == ("webhook.test", DeliveryStatus.FAILED, None)
    assert receiver.heard[0].json["data"] == {"id": hook.id}


# Who sends it


def test_a_claim_keeps_others_away_until_it_runs_out(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhook(receiver.url)
    jobs.cancel(reading_job().id)
    (held,) = courier._claimed()
    assert courier._claimed() == []
    assert not courier.deliver()
    make_due(only(hook))  # the worker that held it has died
    courier.deliver()
    assert (only(hook).status, only(hook).attempts) == (DeliveryStatus.DELIVERED, 2)
    with writing() as session:  # or was only slow
        courier._settle(session, held, sending.Outcome(1.0, error="lost"))
    assert only(hook).status is DeliveryStatus.DELIVERED


def test_a_webhook_that_hangs_does_not_hold_up_the_others() -> None:
    flooded, other = webhook("http://a.example/"), webhook("http://b.example/", JobKind.SEARCH)
    collection = new_collection()
    for day in range(30):
        jobs.cancel(submit.read(store(collection, f"On day {day}.").id).id)
    jobs.cancel(submit.search(Scope(collection), "Monday", 3).id)
    claimed = [parcel.url for parcel in courier._claimed()]
    assert claimed.count(flooded.url) == courier.AT_ONCE_EACH
    assert claimed.count(other.url) == 1


def test_what_ended_long_ago_is_forgotten(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    jobs.cancel(reading_job().id)
    courier.deliver()
    pending = webhooks.test(hook.id)
    with writing() as session:
        for row in session.query(DeliveryRow):
            row.created_at -= courier.KEPT_SECONDS + 1
    courier.tidy()
    assert [each.id for each in webhooks.deliveries(hook.id)] == [pending.id]


def test_a_webhook_goes_with_its_deliveries_even_while_one_is_sent(receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    jobs.cancel(reading_job().id)
    (parcel,) = courier._claimed()
    webhooks.delete(hook.id)
    with writing() as session:
        courier._settle(session, parcel, sending.Outcome(0.1, 200))
    with reading() as session:
        assert session.query(DeliveryRow).count() == 0


def test_what_is_not_there_is_not_found() -> None:
    hook, other = webhook(), webhook("http://b.example/")
    sent = webhooks.test(hook.id)
    for ask in (webhooks.get, webhooks.delete, webhooks.test, webhooks.deliveries):
        with pytest.raises(WebhookNotFound):
            ask("hook_none")
    for given in ((hook.id, "msg_none"), (other.id, sent.id)):
        with pytest.raises(DeliveryNotFound):
            webhooks.retry(*given)


# Whom it may reach


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "a.example/hook",
        "http://",
        "http://:80/",
        "http://a.example:99999/",
        "http://user:word@a.example/",
        "http://user@a.example/",
        "http://[::1/",
        "http://a.example/\nX: y",
        "http://ä.example/",
        "http://a.example/" + "x" * 2_000,
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
    ],
)
def test_some_urls_are_refused_at_once(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        webhook(url)
    assert webhooks.listing() == []


def test_a_company_can_name_the_only_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_WEBHOOK_HOSTS", "Hooks.example, 10.0.0.7")
    workers.settings.settings.cache_clear()
    for url in ("https://hooks.example/x", "http://HOOKS.example:8080/", "http://10.0.0.7/"):
        assert webhook(url).url == url
    with pytest.raises(WebhookUrlRefused):
        webhook("http://other.example/")


@pytest.mark.parametrize(
    ("address", "no"),
    [
        ("169.254.1.2", True),
        ("0.0.0.0", True),
        ("255.255.255.255", True),
        ("224.0.0.1", True),
        ("100.100.100.200", True),
        ("::", True),
        ("fe80::1%2", True),
        ("fd00:ec2::254", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.9", False),
        ("fd12:3456::1", False),
        ("64:ff9b::a00:1", False),
        ("93.184.216.34", False),
    ],
)
def test_addresses_inside_the_building_are_reached_and_metadata_is_not(
    address: str, no: bool
) -> None:
    assert refused(ip_address(address)) is no


def test_a_name_is_judged_by_what_it_resolves_to_each_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].partition("/")[0])
    url = f"http://inside.example:{port}/x"
    hook = webhook(url)
    found = ["127.0.0.1"]

    def resolve(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        assert host == "inside.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    jobs.cancel(reading_job().id)
    courier.deliver()
    assert only(hook).status is DeliveryStatus.DELIVERED
    assert receiver.heard[0].headers["host"] == f"inside.example:{port}"
    found += ["169.254.169.254"]
    webhooks.retry(hook.id, only(hook).id)
    courier.deliver()
    assert "169.254.169.254" in (only(hook).error or "")
    assert len(receiver.heard) == 1


def test_another_address_of_a_name_is_tried_when_the_first_is_dead(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].partition("/")[0])
    places = [("::1", socket.AF_INET6), ("127.0.0.1", socket.AF_INET)]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, *_, **__: [
            (family, socket.SOCK_STREAM, 6, "", (address, port)) for address, family in places
        ],
    )
    hook = webhook(f"http://inside.example:{port}/")
    webhooks.test(hook.id)
    courier.deliver()
    assert only(hook).status is DeliveryStatus.DELIVERED


def test_a_url_is_checked_again_before_anything_is_sent() -> None:
    assert checked_url("http://a.example/x", ANYBODY)
    with pytest.raises(WebhookUrlRefused):
        checked_url("http://a.example/x", frozenset({"b.example"}))


def test_the_guides_example_checks_what_is_sent(receiver: Receiver) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "guide.md").read_text()
    example = guide.partition("## Webhooks")[2].partition("```python\n")[2].partition("```")[0]
    verified = names_of(example)["verified"]
    hook, secret = webhooks.create(receiver.url, EVERY, [])
    webhooks.test(hook.id)
    courier.deliver()
    (heard,) = receiver.heard
    assert verified(secret, heard.headers, heard.body)
    assert not verified(secret, heard.headers, heard.body + b" ")
    assert not verified(signature.new_secret(), heard.headers, heard.body)
    old = {**heard.headers, "webhook-timestamp": "1614265330"}
    assert not verified(secret, old, heard.body)


def names_of(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "guide", "exec"), names)
    return names
