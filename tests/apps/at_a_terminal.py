#!/usr/bin/python3
"""at_a_terminal.py SCENARIO: an interactive program survives checkpoint, kill and restart at another terminal.

Somebody sits at a terminal with a shell, starts the program there under stasis launch and types. After the checkpoint the program is killed and the terminal
goes away. In a shell at a new terminal of another size stasis restart brings the program back: what is drawn again, what was half typed, the
size and the modes must be right for the new terminal. What the keyboard sends and what must then be on the screen is in the table SCENARIOS.
STASIS_PREFIX names the installation, else the build tree is used. World: tests.
"""
import fcntl, os, pty, re, select, shutil, signal, struct, sys, tempfile, termios, time

PATIENCE = 20  # seconds for anything that must come; waiting is for events, never for time
PREFIX = os.environ.get("STASIS_PREFIX") or os.environ["STASIS_BUILD_TREE"]
STASIS = os.path.join(PREFIX, "bin", "stasis")
CONTROL = re.compile(rb"\x1b\[[0-9;?>=]*[A-Za-z@]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[=>78cDEHM]|[\x0e\x0f]")


class Failed(Exception):
    pass


class Terminal:
    """A terminal with a shell that somebody types into. What was shown is looked at once."""

    def __init__(self, rows, columns, environment):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.closerange(3, 1024)  # what a test's runner leaves open is not the program's
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.shown = b""
        self.seen = 0  # of what was shown, without control sequences

    def type(self, keys):
        os.write(self.master, keys.encode())

    def look(self, wanted):
        """Waits until `wanted`, a regular expression, is shown after what the last look found; control sequences and carriage returns do not count."""
        deadline = time.monotonic() + PATIENCE
        pattern = re.compile(wanted.encode(), re.S)
        while True:
            plain = CONTROL.sub(b"", self.shown).replace(b"\r", b"")
            found = pattern.search(plain, self.seen)
            if found:
                self.seen = found.end()
                return
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise Failed(f"not shown in time: {wanted!r}; shown: {plain[self.seen:][-1500:]!r}")
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise Failed(f"the terminal was closed before it showed {wanted!r}; shown: {plain[self.seen:][-1500:]!r}")
            self.shown += piece

    def modes(self):
        return termios.tcgetattr(self.master)

    def leave(self):
        os.close(self.master)
        os.waitpid(self.pid, 0)

    def wait(self, expected):
        """Until the shell ends by itself."""
        self.look_at_end()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.master)
        if status != expected:
            raise Failed(f"the shell ended with status {status}, not {expected}; shown: {self.shown[-1500:]!r}")

    def look_at_end(self):
        while select.select([self.master], [], [], PATIENCE)[0]:
            try:
                self.shown += os.read(self.master, 65536)
            except OSError:
                return
        raise Failed(f"the shell did not end in time; shown: {self.shown[-1500:]!r}")


def stasis(*words):
    pid = os.posix_spawn(STASIS, [STASIS, *words], os.environ)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise Failed(f"stasis {' '.join(words)} ended with status {status}")


def children():
    with open("/proc/thread-self/children") as file:
        return [int(word) for word in file.read().split()]


def wait_for_all_gone():
    """Whoever is left when the shells are gone is a child of ours and must end by itself."""
    for pid in children():
        descriptor = os.pidfd_open(pid)
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            with open(f"/proc/{pid}/cmdline") as file:
                raise Failed(f"left behind: {pid} {file.read()!r}")
        os.close(descriptor)
        os.waitpid(pid, 0)


# Scenario: command, then what is done before the checkpoint and what after the restart. A text is typed (after ! it is written into a FIFO), a tuple must be shown.
INNER_SHELL = "bash --norc --noprofile -i"
SCENARIOS = {
    # readline redraws the line that was being typed; jobs, the size, and the exit status are the shell's own business and work.
    "bash": (f"env PS1='ready> ' {INNER_SHELL}",
             [("ready> ",), "n=42\r", ("ready> ",), "echo value$((n", ("echo value\\$\\(\\(n",)],
             [("ready> echo value\\$\\(\\(n",), "+1))\r", ("\nvalue43",), "stty size\r", ("\n31 111",), "(echo runs; exec cat)\r", ("\nruns\n",), "one\r", ("one\none\n",), "\x1a",
              ("Stopped.*ready> ",), "fg\r", ("fg\n\\(.*cat *\\)\n",), "two\r", ("two\ntwo\n",), "\x03", ("ready> ",), "tty; tty </dev/tty\r", ("\n/dev/pts/\\d+\n/dev/tty",), "exit 7\r", ("left 7",)]),
    # As a terminal window or ssh start it: it leads the terminal's session itself.
    "leader": (f"env PS1='ready> ' {INNER_SHELL}", [("ready> ",), "n=42\r", ("ready> ",), "echo value$((n", ("echo value\\$\\(\\(n",)],
               [("ready> echo value\\$\\(\\(n",), "+1))\r", ("\nvalue43",), "(echo runs; exec cat)\r", ("\nruns\n",), "one\r", ("one\none\n",), "\x03", ("ready> ",), "exit 7\r"]),
    # The shell waits, its job has the terminal.
    "job": (f"env PS1='ready> ' {INNER_SHELL}",
            [("ready> ",), "echo runs; cat; echo after cat\r", ("\nruns\n",), "one\r", ("one\none\n",)],
            ["two\r", ("two\ntwo\n",), "\x04", ("after cat\n",), ("ready> ",), "exit 0\r", ("left 0",)]),
    "python": ("/usr/bin/python3 -q", [(">>> ",), "x = 20\r", (">>> ",), "print(x *", ("print\\(x \\*",)],
               [(">>> print\\(x \\*",), " 3)\r", ("\n60",), ("\n>>> ",), "exit(5)\r", ("left 5",)]),
    # The terminal's name is the old one while the program has one of its own with the number that the new terminal has.
    "named": ("/usr/bin/python3 -q", [(">>> ",), "import os; pairs = [os.openpty() for i in range(9)]; names = [os.ttyname(s) for m, s in pairs] + [os.ttyname(0)]\r", ("\n>>> ",)],
              [(">>> ",), "[os.ttyname(s) for m, s in pairs] + [os.ttyname(0)] == names\r", ("\nTrue\n",), "open(names[-1], 'w').write('to it by name\\n')\r", ("\nto it by name\n",),
               "os.readlink('/proc/self/fd/0') == names[-1]\r", ("\nTrue\n",), "exit(5)\r", ("left 5",)]),
    "vim": ("vim -u NONE -N -i NONE -n text", [("\"text\"",), "ifirst line\rsecond", ("second",)],
            [("first line.*second.*INSERT",), " half\x1b:set lines? columns?\r", ("lines=31.*columns=111",), "\r:wq\r", ("left 0",), "cat text\r", ("first line\nsecond half",)]),
    "nano": ("nano -I text", [("GNU nano",), "first line\rsecond", ("second",)],
             [("GNU nano.*first line.*second",), " half\x0f", ("File Name to Write",), "\r", ("Wrote 2 lines",), "\x18", ("left 0",), "cat text\r", ("first line\nsecond half",)]),
    # In the background the modes are the shell's, who edits a line: they are not the program's to come back with.
    "background": ("sh -c 'echo up; read word <go; stty -a; echo left $word'", [("\\[1\\].*up\n",)], ["!end\n", (" icanon .* echo .*left end",)]),
    "less": ("less text", [("line 1\n",), " ", ("line 3",)], ["q", ("left 0",)]),
    "script": (f"script -q -c \"env PS1='inner> ' {INNER_SHELL}\" typescript", [("inner> ",), "n=42\r", ("inner> ",), "echo value$((n", ("echo value\\$\\(\\(n",)],
               [("inner> echo value\\$\\(\\(n",), "+1))\r", ("\nvalue43",), "until [ \"$(stty size)\" = \"31 111\" ]; do :; done; tty\r", ("/dev/pts/\\d+",), "exit 7\r", ("left",), "grep -c value43 typescript\r", ("\n1",)]),
    "expect": ("expect -c \"spawn env PS1=inner> " + INNER_SHELL + "; interact\"", [("inner>",), "n=42\r", ("inner>",), "echo value$((n", ("echo value\\$\\(\\(n",)],
               ["+1))\r", ("\nvalue43",), "exit\r", ("left 0",)]),
    "tmux": (f"tmux -L stasis -f /dev/null new-session \"env PS1='inner> ' {INNER_SHELL}\"", [("inner> ",), "n=42\r", ("inner> ",), "echo value$((n", ("echo value\\$\\(\\(n",)],
             [("inner> echo value\\$\\(\\(n",), "+1))\r", ("value43",), "until [ \"$(stty size)\" = \"30 111\" ]; do :; done; tty\r", ("/dev/pts/\\d+",), "exit\r", ("left 0",)]),
    # Servers without a terminal; after the restart one is asked from outside, the other opens the new terminal by the name that its client says.
    "detached": (f"env PS1='ready> ' {INNER_SHELL}",
                 [("ready> ",), f"tmux -L stasis -f /dev/null new-session -d {INNER_SHELL}; tmux -L stasis send-keys n=42 Enter; screen -c /dev/null -dmS s env PS1='inner> ' {INNER_SHELL}\r",
                  ("ready> ",), "until screen -ls | grep Detached; do :; done; screen -S s -X stuff 'n=1; touch set^M'; until [ -e set ]; do :; done; echo is set\r", ("\nis set\n.*ready> ",)],
                 [("ready> ",), "tmux -L stasis send-keys 'echo value$((n+1))' Enter; until tmux -L stasis capture-pane -p | grep ^value; do :; done\r", ("\nvalue43\n",), ("ready> ",),
                  "screen -r s\r", ("inner> ",), "echo value$((n+1))\r", ("value2",), "\x01d", ("detached from.*ready> ",), "screen -S s -X quit; tmux -L stasis kill-server; exit 6\r", ("left 6",)]),
    "screen": (f"screen -c /dev/null -q env PS1='inner> ' {INNER_SHELL}", [("inner> ",), "n=42\r", ("inner> ",), "echo value$((n", ("echo value\\$\\(\\(n",)],
               [("inner> echo value\\$\\(\\(n",), "+1))\r", ("value43",), "until [ \"$(stty size)\" = \"31 111\" ]; do :; done; tty\r", ("/dev/pts/\\d+",), "exit\r", ("left 0",)]),
}


def act(terminal, steps):
    for step in steps:
        if isinstance(step, tuple):
            terminal.look(step[0])
        elif step.startswith("!"):
            with open("go", "w") as file:
                file.write(step[1:])
        else:
            terminal.type(step)


def in_background(terminal, command):
    terminal.look("outer> ")
    terminal.type(f"{command} &\r")


def at_shell(terminal, command, becomes):
    """Types a command at the outer shell, which becomes it or says what it ended with. While the shell still edits the line, Return is no end of a line."""
    terminal.look("outer> ")
    terminal.type(f"echo starts; exec {command}\r" if becomes else f"echo starts; {command}; echo left $?\r")
    terminal.look("\nstarts\n")


def run(name):
    command, before, after = SCENARIOS[name]
    place = tempfile.mkdtemp(prefix="stasis-terminal.")
    os.chdir(place)
    with open("text", "w") as file:
        file.write("" if name != "less" else "".join(f"line {i}\n" for i in range(1, 200)))
    if name in ("vim", "nano"):
        os.unlink("text")
    environment = {"PATH": "/usr/bin:/bin", "HOME": place, "TERM": "xterm", "PS1": "outer> ", "LC_ALL": "C.UTF-8", "TMPDIR": place, "TMUX_TMPDIR": place, "SCREENDIR": place + "/screens"}
    os.mkdir("screens", 0o700)
    becomes = name == "leader"
    terminal = Terminal(24, 80, environment)
    if name == "background":
        os.mkfifo("go")
        in_background(terminal, f"{STASIS} launch --dir {place}/store -- {command}")
    else:
        at_shell(terminal, f"{STASIS} launch --dir {place}/store -- {command}", becomes)
    act(terminal, before)
    # What shows that the program is back does so at the first new terminal, too, and there it is checkpointed again.
    for size in ((31, 111),) if isinstance(after[0], str) else ((28, 90), (31, 111)):
        modes = terminal.modes()
        stasis("checkpoint", "--dir", f"{place}/store")
        if terminal.modes() != modes:
            raise Failed("the checkpoint changed the terminal's modes")
        stasis("kill", "--dir", f"{place}/store")
        terminal.leave()
        terminal = Terminal(*size, environment)
        at_shell(terminal, f"{STASIS} restart {place}/store", becomes)
        act(terminal, after[:1])
    act(terminal, after[1:])
    if becomes:
        terminal.wait(7)
    else:
        terminal.type("exit 3\r")
        terminal.wait(3)
    wait_for_all_gone()
    os.chdir("/")
    shutil.rmtree(place)


def main():
    import ctypes, pwd
    if os.getuid() == 0 and os.environ.get("STASIS_TEST_AS_ROOT") is None:
        user = pwd.getpwnam("stasis-test")
        os.setgroups([]), os.setgid(user.pw_gid), os.setuid(user.pw_uid)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    try:
        run(sys.argv[1])
    except Failed as failure:
        print("FAILED:", failure)
        for path in ("store/coordinator.log",):
            if os.path.exists(path):
                print(open(path).read())
        while left := children():  # whose own children become ours
            for pid in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        return 1
    return 0


sys.exit(main())
