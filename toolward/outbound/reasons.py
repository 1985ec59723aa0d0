"""Why a connection could not be made, in words for people."""

import errno
import os
import socket
import ssl

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ETIMEDOUT: "the connection timed out",
    errno.ECONNRESET: "the connection was reset",
    errno.EMFILE: "this program has too many open files",
}


def why_unreachable(error: OSError) -> str:
    """Several addresses of one name fail as one error without a number; then the first number in it speaks."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS, or none that is accepted here"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    number = error.errno
    if number is None:
        refused = f"[Errno {errno.ECONNREFUSED}]" in str(error)
        return _WORDS[errno.ECONNREFUSED] if refused else "no address of it can be reached"
    return _WORDS.get(number) or os.strerror(number).lower()
