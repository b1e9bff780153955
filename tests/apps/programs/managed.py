#!/usr/bin/python3
"""Processes that work on data of another one, which they reach through sockets, and send each other descriptors and queues: prints the sums, in order."""
import multiprocessing
import sys
from multiprocessing import reduction

rounds = int(sys.argv[1])


def work(tasks, results, shared, total, lock):
    for number in iter(tasks.get, None):
        with lock:
            total.value += number
        shared[number % 50] = shared.get(number % 50, 0) + number
        results.put(number * number % 1000)


def echo(way):
    while (connection := way.recv()) is not None:
        connection.send(connection.recv() * 2)
        connection.close()


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Manager() as manager:
        shared, tasks, results = manager.dict(), multiprocessing.Queue(), multiprocessing.Queue()
        total, lock = multiprocessing.Value("q", 0), multiprocessing.Lock()
        here, there = multiprocessing.Pipe()
        workers = [multiprocessing.Process(target=work, args=(tasks, results, shared, total, lock)) for _ in range(3)]
        workers.append(multiprocessing.Process(target=echo, args=(there,)))
        for worker in workers:
            worker.start()
        for number in range(rounds):
            for index in range(6):
                tasks.put(number * 6 + index)
            mine, its = multiprocessing.Pipe()
            here.send(its)
            mine.send(number)
            squares = sum(results.get() for _ in range(6))
            with lock:
                now = total.value
            print(f"round {number}: {squares} {now} {mine.recv()}", flush=True)
        for _ in range(3):
            tasks.put(None)
        here.send(None)
        for worker in workers:
            worker.join()
        print(sorted(shared.items())[:5], sum(shared.values()), reduction.HAVE_SEND_HANDLE)
