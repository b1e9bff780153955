#!/usr/bin/python3
"""Matrices in threads: numpy, its BLAS threads, and Python's own; prints a digest of every round."""
import hashlib
import sys
import threading

import numpy

rounds = int(sys.argv[1])
barrier = threading.Barrier(5)
digests = [None] * 4


def work(number):
    random = numpy.random.default_rng(number)
    matrix = random.random((120, 120))
    for _ in range(rounds):
        for _ in range(12):
            matrix = matrix @ matrix.T
            matrix /= matrix.max()
        digests[number] = hashlib.sha256(numpy.round(matrix, 9).tobytes()).hexdigest()[:12]
        barrier.wait()
        barrier.wait()


threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for number in range(rounds):
    barrier.wait()
    print(f"round {number}", *digests, flush=True)
    barrier.wait()
for thread in threads:
    thread.join()
