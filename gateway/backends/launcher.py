"""Starts the program that it is told to start, and sees to it that nothing of it outlives its parent.

Run as a script by `gateway.backends.children`: `python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT...`. A process
that execs needs no fork hook in the gateway, which has threads and gRPC in it and must not run Python between fork
and exec.

On Linux it stays as the program's supervisor. It is a *subreaper*: whoever below it loses their parent becomes its
child, also those that left their session or forked twice, so that walking down from it finds every descendant. It
hears three things: SIGTERM, passed on to the program's process group; KILL_ALL, sent by the parent or by the kernel
when the parent dies; and the end of the program, after which what the program leaves behind is ended too. Then it
ends as the program did, by the same code or the same signal. The program itself is killed by the kernel when its
supervisor is. Elsewhere this process becomes the program.

This cleans up after programs; it contains none. One that wants to get away (kills its supervisor, asks the kernel
not to be killed with it) can: what holds such a program is a container.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator

KILL_ALL = signal.SIGUSR1
"""To a supervisor: end everything at once, and yourself."""

_DESCRIPTORS = 1 << 20
_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_CANNOT_START = 127
_HEARD = {signal.SIGCHLD, signal.SIGTERM, KILL_ALL}
_TO_LEAVE = 0.2  # seconds that descendants of a program that ended have after SIGTERM
_LOOK = 0.02
_PASSES = 200  # stopping rounds in a row that find somebody new: forking that fast needs a bound elsewhere
_ROUNDS = 100  # of killing and reaping, _LOOK apart


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    os.closerange(
        3, _DESCRIPTORS
    )  # whatever came along: uvloop's own copies of the standard streams, or its caller's
    if sys.platform == "linux":
        _supervise(parent, command)
    _become(command)


def _become(command: list[str]) -> None:
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 -- this is what it is for
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(_CANNOT_START)


def _supervise(parent: int, command: list[str]) -> None:
    """Does not return."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)  # they are waited for, one after the other
    _ask_kernel(_SET_PDEATHSIG, KILL_ALL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(_CANNOT_START)
    _ask_kernel(_SET_CHILD_SUBREAPER, 1)
    if (program := os.fork()) == 0:
        _start(os.getppid(), command)
    _let_go_of_streams()
    status = _until_all_ended(program)
    _end_as(status)


def _start(supervisor: int, command: list[str]) -> None:
    os.setsid()
    _ask_kernel(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(_CANNOT_START)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    _become(command)


def _ask_kernel(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _let_go_of_streams() -> None:
    """They are the program's: its end must be the end of them."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _until_all_ended(program: int) -> int:
    """The wait status of the program, when nothing of it is left."""
    status: int | None = None
    told = False
    until = float("inf")
    while (left := until - time.monotonic()) > 0:
        heard = signal.sigtimedwait(_HEARD, min(left, 3600.0))
        number = heard.si_signo if heard else None
        if number == KILL_ALL:
            break
        if number == signal.SIGTERM:
            told, until = True, float("inf")  # from here the parent says when it is enough
            _tell(program if status is None else None)
        for pid, ended_with in _reaped():
            if pid == program:
                status = ended_with
                _signal_all(_descendants(), signal.SIGTERM)
                until = until if told else time.monotonic() + _TO_LEAVE
        if status is not None and _nobody_is_left():
            break
    return _kill_all(program, status)


def _kill_all(program: int, status: int | None) -> int:
    """Stopped first, for who is stopped does not fork; then killed; until nobody is found."""
    for _ in range(_ROUNDS):
        _signal_all(_stopped(), signal.SIGKILL)
        status = dict(_reaped()).get(program, status)
        if _nobody_is_left():
            break
        time.sleep(_LOOK)
    return signal.SIGKILL if status is None else status


def _stopped() -> set[int]:
    known: set[int] = set()
    for _ in range(_PASSES):
        new = _descendants() - known
        if not new:
            break
        _signal_all(new, signal.SIGSTOP)
        known |= new
    return known


def _descendants() -> set[int]:
    """Of this process, but for those that are dead and not reaped yet."""
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    to_see = [os.getpid()]
    while to_see:
        below = children.get(to_see.pop(), [])
        found.update(below)
        to_see += below
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """Number and parent of all that live."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent, *_ = file.read().rpartition(b")")[2].split()  # a name may hold anything
        except OSError:  # it has ended meanwhile
            continue
        if state not in (b"Z", b"X"):
            yield int(name), int(parent)


def _reaped() -> Iterator[tuple[int, int]]:
    """Children that have ended, with their wait status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _nobody_is_left() -> bool:
    """By the kernel's word: whoever loses their parent becomes a child of ours. A look at /proc misses who is
    born while it is read."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _signal_all(pids: set[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):  # gone, or another user's now
            continue


def _tell(program: int | None) -> None:
    """SIGTERM to the program's group; to whoever is left where the program has ended."""
    if program is None:
        _signal_all(_descendants(), signal.SIGTERM)
        return
    try:
        os.killpg(program, signal.SIGTERM)
    except ProcessLookupError:  # it has not called setsid yet
        _signal_all({program}, signal.SIGTERM)


def _end_as(status: int) -> None:
    if os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left its own
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main()
