"""A program at a pseudo-terminal that says more than there is room for, and one that slowly passes on what it says and answers: relay.py LINES."""
import hashlib, os, pty, sys, tty

lines = int(sys.argv[1])
pid, master = pty.fork()
if pid == 0:
    tty.setcbreak(0)
    for i in range(lines):
        print(i, hashlib.sha256(str(i).encode()).hexdigest()[:20], flush=True)
        if i % 100 == 99:
            print("answered", os.read(0, 3).decode(), flush=True)
    os._exit(0)
rest, answers = b"", 0
while True:
    try:
        rest += os.read(master, 200)
    except OSError:
        break
    digest = b"slowly"
    for _ in range(4000):
        digest = hashlib.sha256(digest).digest()
    while rest.count(b"\n"):
        line, rest = rest.split(b"\n", 1)
        os.write(1, line + b"\n")
        if line.split()[0].isdigit() and int(line.split()[0]) % 100 == 50:
            answers += 1
            os.write(master, b"%03d" % answers)
print("ended with", os.waitpid(pid, 0)[1], flush=True)
