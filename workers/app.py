"""The Celery application: a doorbell that carries step ids, nothing else.

No result backend, no chords, no pickle: what is true stands in the database.
"""

from urllib.parse import parse_qs, quote, urlsplit

from celery import Celery

from workers.settings import settings

RUN_STEP = "lectern.run_step"


def broker_url(redis_url: str) -> str:
    """kombu's spelling of a redis-py URL: its unix sockets are `redis+socket://`."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    password = f":{quote(parts.password, safe='')}@" if parts.password else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={database}"


app = Celery(
    "lectern",
    broker=broker_url(settings().redis_url),
    include=["workers.tasks"],
    fixups=[],  # Celery's Django fixup would load its worker into the web process
)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=False,  # the lease in the database, not the broker, notices a lost worker
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,  # a Redis that has become a replica may become a master again
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 15,
        # A request must not hang on a dead Redis: kombu would try to connect for six seconds.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
    },
    task_publish_retry=False,  # the tick publishes again; a request must not hang on Redis
)
