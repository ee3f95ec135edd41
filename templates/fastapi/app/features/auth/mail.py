# fastman: file jwt or oauth or passkey
"""Sends mail: over SMTP or into a directory, in the background, with some patience."""

import logging
import os
import secrets
import smtplib
import ssl
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from email_validator import validate_email

from .background import background
from .config import config
from .events import log_event, logger

_TIMEOUT = 10  # seconds for each answer of the mail server
_PAUSES = (2, 8)  # seconds before the second and the third try
_PROJECT_ROOT = Path(__file__).resolve().parents[3]

# A line may have 998 characters (RFC 5322, section 2.1.1), so links stay whole.
_POLICY = SMTP.clone(max_line_length=998)


@dataclass(frozen=True)
class Server:
    """A mail server, as AUTH_MAIL_URL names it."""

    host: str
    port: int
    security: Literal["tls", "starttls", "opportunistic", "none"]
    user: str
    password: str


@dataclass(frozen=True)
class MailConfig:
    sender: str
    server: Server | None = None
    directory: Path | None = None
    to_log: bool = False


def send_mail(to: str, subject: str, text: str) -> None:
    """Hand a mail over; nobody waits for it, and nobody is told if it fails."""
    if _config.server or _config.directory or _config.to_log:
        background.submit(partial(_send, to, subject, text))


def _send(to: str, subject: str, text: str) -> None:
    if _config.to_log:
        # The one place where tokens and addresses reach the log: in development.
        text = f"To: {to}\nSubject: {subject}\n\n{text}"
        logger.warning("AUTH_MAIL_URL is not set; this mail would be sent:\n%s", text)
        return
    message = _compose(to, subject, text)
    for pause in (*_PAUSES, None):
        try:
            _deliver(message)
        except (OSError, smtplib.SMTPException) as error:
            if pause is None or _is_final(error):
                # Its text may hold the address.
                kind = type(error).__name__
                log_event("auth.mail.failed", level=logging.ERROR, error=kind)
                return
            time.sleep(pause)
        else:
            log_event("auth.mail.sent")
            return


def _compose(to: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = _config.sender
    message["To"] = _to_ascii(to)
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(
        domain=_config.sender.rpartition("@")[2].strip(">")
    )
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers, please
    message.set_content(text)
    return message


def _to_ascii(address: str) -> str:
    """Write the domain as every mail server understands it (RFC 5891)."""
    parsed = validate_email(
        address, check_deliverability=False, test_environment=not config.production
    )
    return parsed.ascii_email or parsed.normalized


def _is_final(error: Exception) -> bool:
    """Tell whether another try can change nothing (RFC 5321, section 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(
        error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError
    )


def _deliver(message: EmailMessage) -> None:
    if _config.directory:
        _write(message, _config.directory)
    elif _config.server:
        with _connect(_config.server) as smtp:
            smtp.send_message(message)


def _write(message: EmailMessage, directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{secrets.token_hex(4)}"
    part = directory / f".{name}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(message.as_bytes())
    part.rename(directory / f"{name}.eml")


def _connect(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_TIMEOUT, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT)
    try:
        _secure(smtp, server, context)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _secure(smtp: smtplib.SMTP, server: Server, context: ssl.SSLContext) -> None:
    smtp.ehlo()
    encrypted = server.security == "tls"
    offered = smtp.has_extn("starttls")
    if server.security == "starttls" or (
        server.security == "opportunistic" and offered
    ):
        smtp.starttls(context=context)  # raises when it is not offered
        smtp.ehlo()
        encrypted = True
    if not server.user:
        return
    if not encrypted and not _is_loopback(server.host):
        raise smtplib.SMTPNotSupportedError("a password does not go out in clear")
    smtp.login(server.user, server.password)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _load(url: str) -> MailConfig:
    scheme, _, rest = url.partition(":")
    if not url:
        return MailConfig(_sender({}), to_log=config.development)
    if scheme == "file" and rest:
        return MailConfig(
            _sender({}), directory=_PROJECT_ROOT / rest.removeprefix("//")
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refusal() from None
    if scheme not in ("smtp", "smtps") or not parts.hostname:
        raise _refusal()
    options = dict(parse_qsl(parts.query))
    server = Server(
        host=parts.hostname,
        port=port or (465 if scheme == "smtps" else 587),
        security=_security(scheme, parts.hostname, options),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    return MailConfig(_sender(options), server=server)


def _refusal() -> RuntimeError:
    # The address itself may hold a password.
    return RuntimeError(
        "AUTH_MAIL_URL is not an address for mail\n"
        "set it to smtp://user:password@host:587?from=app@example.com, smtps://... "
        "or file:DIR"
    )


def _security(
    scheme: str, host: str, options: dict[str, str]
) -> Literal["tls", "starttls", "opportunistic", "none"]:
    if scheme == "smtps":
        return "tls"
    if options.get("tls") == "none":
        return "none"
    # Whoever can change the answers of a mail server can also hide its STARTTLS.
    if config.production and not _is_loopback(host):
        return "starttls"
    return "opportunistic"


def _sender(options: dict[str, str]) -> str:
    host = urlsplit(config.public_url).hostname or "localhost"
    sender = options.get("from", f"no-reply@{host}")
    if "@" not in sender or not sender.isprintable():
        raise _refusal()
    return sender


_config = _load(config.mail_url)
if config.production and not config.mail_url:
    log_event(
        "auth.mail.off",
        level=logging.WARNING,
        problem="AUTH_MAIL_URL is not set: no mail is sent",
    )
