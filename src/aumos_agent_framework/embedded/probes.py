"""Ways to see whether a server answers, without its client library."""

import asyncio

_PROBE_SECONDS = 2.0


async def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether something accepts TCP connections on the port."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def answers(port: int, request: bytes, expected: bytes, host: str = "127.0.0.1") -> bool:
    """Tell whether the server's answer to ``request`` begins with ``expected``."""
    writer = None
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            return await reader.readexactly(len(expected)) == expected
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        if writer is not None:
            writer.close()


async def output(*argv: str, env: dict[str, str]) -> bytes | None:
    """Return what a command prints, or nothing if it fails or takes too long."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet, env=env
    )
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed if process.returncode == 0 else None
