#!/usr/bin/python3
"""A pool of processes, each with threads, and short-lived children: prints what they computed, in order."""
import multiprocessing
import subprocess
import sys
import threading

rounds = int(sys.argv[1])


def compute(number):
    results = [0] * 3

    def part(index):
        value = number * 3 + index
        for _ in range(20000):
            value = (value * 1103515245 + 12345) % 2147483648
        results[index] = value

    threads = [threading.Thread(target=part, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(3) as pool:
        for number in range(rounds):
            values = pool.map(compute, range(number, number + 6))
            said = subprocess.run(["echo", str(number)], capture_output=True, text=True, check=True).stdout.strip()
            print(f"round {said}", sum(map(sum, values)), flush=True)
