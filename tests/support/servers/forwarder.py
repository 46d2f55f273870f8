"""A forwarder of TCP connections: `python -m tests.support.servers.forwarder PORT TARGET_PORT`.

Belongs here: passing bytes between two loopback ports. Does not belong here: the servers behind it.

The S3 and the broker of the tests keep their data in memory. What is stopped, killed and paused is the way to them: to
a client that looks the same, and the data are there afterwards, as those of a real S3 and a real broker are.
"""

import asyncio
import sys
from functools import partial


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one side is gone, so the other one is closed
    finally:
        writer.close()


async def _connected(target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        there, back = await asyncio.open_connection("127.0.0.1", target)
    except ConnectionError:
        writer.close()
        return
    await asyncio.gather(_pass(reader, back), _pass(there, writer))


async def _serve(port: int, target: int) -> None:
    server = await asyncio.start_server(partial(_connected, target), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
