#!/usr/bin/python3
"""Two parts of a computation with TCP connections between them: connected_parts.py main|task

The main part (earlier) launches the task, is called by it and calls it, in both families, also by a listener's address of IPv6 that IPv4 reaches. On each connection one side is
behind: there is something in its queue at a checkpoint, in both directions. One direction of one is closed; one has not been accepted. Each word at the FIFO is a round: every
connection carries a line there and back, and what was behind.
"""
import os
import socket
import subprocess
import sys

role = sys.argv[1]
queued = bytes(range(256)) * 900  # more than a buffer takes at once, and not a line


def listener(family, address, both=False):
    made = socket.socket(family)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
    made.bind((address, 0))
    made.listen()
    return made


def exactly(connection, size):
    got = b""
    while len(got) < size:
        part = connection.recv(size - len(got))
        if not part:
            raise SystemExit(f"{role}: the end after {len(got)} of {size} bytes")
        got += part
    return got


def line_from(connection):
    line = b""
    while not line.endswith(b"\n"):
        line += exactly(connection, 1)
    return line


class Here:
    """The ends of one part: those that it accepted and those from which it called."""

    def __init__(self):
        self.four = listener(socket.AF_INET, "127.0.0.1")
        self.six = listener(socket.AF_INET6, "::", both=True)
        self.late = listener(socket.AF_INET, "0.0.0.0")

    def places(self):
        return [one.getsockname()[1] for one in (self.four, self.six, self.late)]

    def call(self, places):
        four = socket.create_connection(("127.0.0.1", places[0]))
        mapped = socket.create_connection(("127.0.0.1", places[1]))
        six = socket.create_connection(("::1", places[1]))
        self.unaccepted = socket.create_connection(("127.0.0.1", places[2]))
        self.calling = [four, mapped, six]

    def accept(self):
        self.called = [self.four.accept()[0], self.six.accept()[0], self.six.accept()[0]]

    def ends(self):
        return self.calling + self.called


def tell(name, values):
    with open(name + ".new", "w") as file:
        print(*values, file=file)
    os.rename(name + ".new", name)


def told(name):
    with open(name) as file:
        return [int(word) for word in file.read().split()]


here = Here()
if role == "main":
    os.mkfifo("main.has")
    os.mkfifo("task.has")
    tell("main.places", here.places())
    step = subprocess.Popen([os.environ["actor"], "launch", os.environ["launch"], "./srun"], close_fds=False)
    open("task.has").read()
    here.call(told("task.places"))
    here.accept()
    open("main.has", "w").close()
else:
    tell("task.places", here.places())
    here.call(told("main.places"))
    open("task.has", "w").close()
    open("main.has").read()
    here.accept()

words = open(f"{role}.go", "r+b", buffering=0)
for end in here.ends():
    end.sendall(queued[: 1 + 20000 * here.ends().index(end)])
# The task's first call is over in this direction; who was called sees its end after what is under way.
if role == "task":
    here.calling[0].shutdown(socket.SHUT_WR)
up = os.open("up", os.O_WRONLY)
os.write(up, f"{role} up\n".encode())

# The n-th that calls is the n-th that is called of the other part, which sent what the place in its list says.
behind = {here.calling[i]: 3 + i for i in range(3)} | {here.called[i]: i for i in range(3)}
accepted = None
n = 0
while True:
    word = b""
    while not word.endswith(b"\n"):
        word += words.read(1)
    word = word.strip()
    n += 1
    for end, place in behind.items():
        if n == 1:
            size = 1 + 20000 * place
            if exactly(end, size) != queued[:size]:
                raise SystemExit(f"{role}: other bytes came")
    half = here.calling[0] if role == "task" else here.called[0]
    for end in here.ends():
        if end is half and role == "task":
            continue
        end.sendall(b"%s %d\n" % (word, n))
    for end in here.ends():
        if end is half and role == "main":
            if end.recv(1) != b"":
                raise SystemExit("main: a direction that was closed is open")
            continue
        if line_from(end) != b"%s %d\n" % (word, n):
            raise SystemExit(f"{role}: another line came")
    if accepted is None and n == 2:
        accepted = here.late.accept()[0]
        accepted.sendall(b"late\n")
        if line_from(here.unaccepted) != b"late\n":
            raise SystemExit(f"{role}: no line from who has accepted late")
    print(f"{role}: {word.decode()}", flush=True)
    if word == b"end":
        break
if role == "task":
    sys.exit(5)
step.wait()
print(f"step: {step.returncode}", flush=True)
sys.exit(step.returncode + 2)
