# Executes a file by each function of the C library that can: exec_variants.py PATH NAME, where NAME is to be found in PATH's directory by $PATH.
# Each prints what the file prints, one after the other, in a child process.
import ctypes, os, sys

path, name = (word.encode() for word in sys.argv[1:3])
libc = ctypes.CDLL(None, use_errno=True)
words = [name, b"-n1", b"two words", b""]
argv = (ctypes.c_char_p * 5)(*words, None)
environment = [b"%s=%s" % item for item in os.environb.items()]
envp = (ctypes.c_char_p * (len(environment) + 1))(*environment, None)
flags_empty_path = 0x1000


def spawn(function, file):
    child = ctypes.c_int()
    if function(ctypes.byref(child), file, None, None, argv, envp) == 0:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child.value, 0)[1]))


variants = {
    "execv": lambda: libc.execv(path, argv),
    "execve": lambda: libc.execve(path, argv, envp),
    "execvp": lambda: libc.execvp(name, argv),
    "execvp with a path": lambda: libc.execvp(path, argv),
    "execvpe": lambda: libc.execvpe(name, argv, envp),
    "execl": lambda: libc.execl(path, *words, None),
    "execlp": lambda: libc.execlp(name, *words, None),
    "execle": lambda: libc.execle(path, *words, None, envp),
    "fexecve": lambda: libc.fexecve(os.open(path, os.O_RDONLY), argv, envp),
    "execveat": lambda: libc.execveat(os.open(os.path.dirname(path), os.O_RDONLY), os.path.basename(path), argv, envp, 0),
    "execveat of a descriptor": lambda: libc.execveat(os.open(path, os.O_PATH), b"", argv, envp, flags_empty_path),
    "posix_spawn": lambda: spawn(libc.posix_spawn, path),
    "posix_spawnp": lambda: spawn(libc.posix_spawnp, name),
}
for variant, execute in variants.items():
    print(variant, end=": ", flush=True)
    child = os.fork()
    if child == 0:
        execute()
        print("failed", os.strerror(ctypes.get_errno()), flush=True)
        os._exit(1)
    os.waitpid(child, 0)
