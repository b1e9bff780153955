#!/usr/bin/python3
"""An event loop that serves clients over TCP and a UNIX socket, with timers and child processes: prints what the clients were answered, in order."""
import asyncio
import os
import sys

rounds = int(sys.argv[1])


async def answer(reader, writer):
    while line := await reader.readline():
        number = int(line)
        writer.write(f"{(number * 1103515245 + 12345) % 2147483648}\n".encode())
        await writer.drain()
    writer.close()


async def ask(reader, writer, number):
    writer.write(f"{number}\n".encode())
    return int(await reader.readline())


async def add_up(first):
    child = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"read a; read b; echo $((a + b + {first}))", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate(b"20\n22\n")
    return int(said)


async def main():
    served = await asyncio.start_server(answer, "127.0.0.1", 0)
    local = await asyncio.start_unix_server(answer, "served")
    port = served.sockets[0].getsockname()[1]
    ways = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)] + [await asyncio.open_unix_connection("served") for _ in range(4)]
    for number in range(rounds):
        answers = await asyncio.gather(*(ask(*way, number * 8 + index) for index, way in enumerate(ways)))
        short = await asyncio.open_connection("127.0.0.1", port)
        answers.append(await ask(*short, number))
        short[1].close()
        await asyncio.sleep(0.001)
        if number % 20 == 0:
            answers.append(await add_up(number))
        print(f"round {number}: {sum(answers)}", flush=True)
    for _, writer in ways:
        writer.close()
    served.close(), local.close()
    os.unlink("served")


asyncio.run(main())
