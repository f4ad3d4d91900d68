#!/usr/bin/python3
"""A TCP proxy that misbehaves on request: fault_proxy.py LISTEN_HOST:PORT TARGET_HOST:PORT [--control PORT]

Control by HTTP GET, e.g. curl 'localhost:PORT/set?latency_ms=80&rate_kbit=500':
  latency_ms, jitter_ms  delay each direction           rate_kbit     throttle, 0 = off
  reset_probability      reset a connection per chunk   cut_after     reset after N bytes from the server, 0 = off
  refuse=1               accept, then reset at once     black_hole=1  accept and read, never answer
  chunk=N                split into writes of N bytes
  /kill resets all open connections now; every answer is the settings and the counts as JSON.
With port 0 the chosen ports are printed: "listening LISTEN CONTROL".
"""
import argparse
import asyncio
import json
import random
import socket
import struct
import urllib.parse

SETTINGS = dict.fromkeys(
    ["latency_ms", "jitter_ms", "rate_kbit", "reset_probability", "cut_after", "refuse", "black_hole", "chunk"], 0.0
)
COUNTS = {"connections": 0, "up": 0, "down": 0, "resets": 0}
OPEN = set()


def reset(writer):
    COUNTS["resets"] += 1
    peer = writer.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def delay():
    if SETTINGS["latency_ms"]:
        await asyncio.sleep(max(0, SETTINGS["latency_ms"] + random.uniform(-1, 1) * SETTINGS["jitter_ms"]) / 1000)
    while SETTINGS["black_hole"]:
        await asyncio.sleep(0.2)


def is_cut(direction, total):
    by_chance = SETTINGS["reset_probability"] and random.random() < SETTINGS["reset_probability"]
    by_length = direction == "down" and SETTINGS["cut_after"] and total > SETTINGS["cut_after"]
    return by_chance or by_length


async def write_slowly(writer, content):
    step = int(SETTINGS["chunk"]) or len(content)
    for at in range(0, len(content), step):
        part = content[at : at + step]
        writer.write(part)
        await writer.drain()
        if SETTINGS["rate_kbit"]:
            await asyncio.sleep(len(part) * 8 / (SETTINGS["rate_kbit"] * 1000))


async def pump(reader, writer, other, direction):
    total = 0
    try:
        while content := await reader.read(16384):
            await delay()
            total += len(content)
            if is_cut(direction, total):
                reset(writer)
                reset(other)
                return
            await write_slowly(writer, content)
            COUNTS[direction] += len(content)
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        reset(writer)


async def connection(target, reader, writer):
    COUNTS["connections"] += 1
    if SETTINGS["refuse"]:
        return reset(writer)
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        return reset(writer)
    OPEN.update((writer, far_writer))
    up, down = pump(reader, far_writer, writer, "up"), pump(far_reader, writer, far_writer, "down")
    await asyncio.gather(up, down, return_exceptions=True)
    for each in (writer, far_writer):
        OPEN.discard(each)
        each.close()


async def control(reader, writer):
    words = (await reader.readline()).decode().split()
    url = urllib.parse.urlparse(words[1] if len(words) > 1 else "/")
    if url.path == "/set":
        SETTINGS.update({name: float(value) for name, value in urllib.parse.parse_qsl(url.query) if name in SETTINGS})
    elif url.path == "/kill":
        for each in list(OPEN):
            reset(each)
    body = json.dumps({**SETTINGS, **COUNTS, "open": len(OPEN) // 2}).encode() + b"\n"
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("listen", type=address)
    parser.add_argument("target", type=address)
    parser.add_argument("--control", type=int, default=0)
    options = parser.parse_args()
    proxy = await asyncio.start_server(lambda r, w: connection(options.target, r, w), *options.listen)
    controls = await asyncio.start_server(control, "127.0.0.1", options.control)
    print("listening", *(server.sockets[0].getsockname()[1] for server in (proxy, controls)), flush=True)
    await asyncio.gather(proxy.serve_forever(), controls.serve_forever())


asyncio.run(main())
