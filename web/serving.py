"""`earprint serve`: what has to be right before anything is served, and then uvicorn with our options."""

import os
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from core.errors import EarprintError
from web import logs
from web.server import REQUEST_SECONDS, serve, serve_by_workers
from web.settings import Settings

NO_TOKEN = (
    "{host} is reached by others on the network, who could change the library: set a token with --token-file or EARPRINT_TOKEN"
    " (python3 -c 'import secrets; print(secrets.token_urlsafe())' makes one), or allow it with --open"
)
TOKEN = "EARPRINT_TOKEN"
MESSAGE_SPARE = 1024  # bytes: a message that is no more than this too large gets a proper error from us, others are closed without a word


@dataclass(frozen=True)
class Tls:
    """Key and certificate, as PEM files; neither for http."""

    keyfile: Path | None = None
    certfile: Path | None = None

    def __bool__(self) -> bool:
        return self.certfile is not None

    @classmethod
    def checked(cls, keyfile: Path | None, certfile: Path | None) -> "Tls":
        """Raises EarprintError when they cannot be used together."""
        if bool(keyfile) != bool(certfile):
            raise EarprintError("https needs both: --ssl-keyfile and --ssl-certfile")
        if keyfile and certfile:
            try:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certfile, keyfile)
            except OSError as error:  # SSLError is one
                raise EarprintError(f"{certfile} and {keyfile} cannot be used for https: {error.strerror or error}") from error
        return cls(keyfile, certfile)


def checked_settings(host: str, is_open: bool, given: Mapping[str, str]) -> Settings:
    """The settings from the environment, and those given in its place. Raises EarprintError when they are wrong, or would let strangers in.

    Takes the token out of the environment: the processes that decode strangers' files inherit that, and need not know it.
    """
    settings = Settings.from_env(os.environ | given)
    os.environ.pop(TOKEN, None)
    if not (settings.token or is_open or _is_loopback(host)):
        raise EarprintError(NO_TOKEN.format(host=host or "every address"))
    return settings


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name has to mean that everywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listeners(host: str, port: int, workers: int) -> list[socket.socket]:
    """A socket for each worker, all with one address, so that the kernel spreads connections over them; where it cannot, they share one.

    Raises EarprintError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        one = socket.create_server((host, port), family=family)
        if workers == 1 or not sys.platform.startswith("linux"):
            return [one] * workers
        port = one.getsockname()[1]
        one.close()  # it has made sure that nobody else has the port; those that share it would not have noticed
        return [socket.create_server((host, port), family=family, reuse_port=True) for _ in range(workers)]
    except OSError as error:
        raise EarprintError(f"{error.strerror}; choose another with --host or --port") from error


def url_of(host: str, listener: socket.socket, tls: Tls) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def run(listeners: list[socket.socket], settings: Settings, tls: Tls) -> None:
    """Serves until it is told to stop."""
    if settings.workers > 1:
        serve_by_workers(listeners, partial(config_of, settings, tls))
    else:
        serve(config_of(settings, tls), listeners[0])


def config_of(settings: Settings, tls: Tls) -> uvicorn.Config:
    return uvicorn.Config(
        partial(_application, settings),
        factory=True,
        http="web.protocols:Http",
        ws="web.protocols:WebSocket",
        ws_per_message_deflate=False,  # sound does not compress, and trying costs five times the rest
        ws_max_size=settings.message_bytes + MESSAGE_SPARE,
        ws_ping_interval=None,  # an answer to a ping waits behind unread sound; the idle time-out finds who is gone
        root_path=settings.root_path,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=sorted(settings.proxies),
        server_header=False,
        ssl_keyfile=tls.keyfile,
        ssl_certfile=tls.certfile,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        access_log=False,  # ours has no addresses in it
        log_config=logs.config(settings.log),
    )


def _application(settings: Settings) -> Starlette:
    from web.app import create_app  # heavy, and of no use to a process that only watches over its workers

    return create_app(settings)
