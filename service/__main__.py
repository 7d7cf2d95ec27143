"""`python -m service`: brings the schema up to date and serves until it is told to stop."""

import uvicorn
from fastapi import FastAPI

from ingest.database import migrate
from service.app import create_app
from service.settings import settings

GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
HEADER_BYTES = 64 * 1024


class Server(uvicorn.Server):
    """uvicorn, ending open event streams before it waits for connections to close."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        """Serve `app`."""
        super().__init__(config)
        self._app = app

    async def shutdown(self, *args: object, **kwargs: object) -> None:
        """Tell the streams, then shut down as ever."""
        self._app.state.closing.set()
        await super().shutdown(*args, **kwargs)  # type: ignore[arg-type]


def main() -> None:
    """Run the service."""
    migrate()
    app = create_app()
    ours = settings()
    config = uvicorn.Config(
        app,
        host=ours.host,
        port=ours.port,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        http="h11",  # the only one of its parsers that bounds the headers of a request
        h11_max_incomplete_event_size=HEADER_BYTES,
        server_header=False,
        proxy_headers=False,  # nothing here depends on a client's address
    )
    Server(app, config).run()


if __name__ == "__main__":
    main()
