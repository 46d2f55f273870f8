"""A way to a Kafka broker that asks for TLS and for a user, as a managed broker does.

Belongs here: ending TLS, SASL PLAIN by Kafka's protocol (SaslHandshake, SaslAuthenticate), and passing on the rest.
Does not belong here: the broker behind it, which advertises the gateway's port.
"""

import asyncio
import datetime
import ipaddress
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HANDSHAKE, _AUTHENTICATE, _API_VERSIONS = 17, 36, 18
_REFUSED = 58  # SASL_AUTHENTICATION_FAILED


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that it signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "broker.pem", folder / "broker.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@contextmanager
def gateway(port: int, target: int, files: tuple[Path, Path], user: str, password: str) -> Iterator[None]:
    """Within the block the gateway listens on a loopback port, and leads to another."""
    loop = asyncio.new_event_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    wanted = f"\0{user}\0{password}".encode()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
            try:
                if await _authenticated(reader, writer, there, back, wanted):
                    await asyncio.gather(_pass(reader, back), _pass(there, writer))
            finally:
                back.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side is gone
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", port, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()


async def _authenticated(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    back: asyncio.StreamWriter,
    wanted: bytes,
) -> bool:
    """Whether the client has shown itself; until then it may ask for versions alone."""
    while True:
        frame = await _frame(reader)
        kind, version, number = struct.unpack(">hhi", frame[:8])
        if kind == _API_VERSIONS:
            back.write(struct.pack(">i", len(frame)) + frame)
            _send(writer, await _frame(there))
        elif kind == _HANDSHAKE:
            _send(writer, struct.pack(">ihih", number, 0, 1, 5) + b"PLAIN")
        elif kind == _AUTHENTICATE and version < 2:
            is_right = frame.endswith(struct.pack(">i", len(wanted)) + wanted)
            session = struct.pack(">q", 0) if version == 1 else b""
            told = struct.pack(">hh", 0, -1) if is_right else struct.pack(">hh", _REFUSED, 8) + b"no entry"
            _send(writer, struct.pack(">i", number) + told + struct.pack(">i", 0) + session)
            await writer.drain()
            if is_right:
                return True
        else:
            return False


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
