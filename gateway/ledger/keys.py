"""The keys that sign checkpoints and acts: Ed25519, in a folder of the home directory. The private key is for its
owner's eyes only; old public keys stay, so that what they signed can still be checked."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from toolward.errors import ConfigurationError, NotFound

_CURRENT = "current"
_CONTEXT = (
    b"toolward ledger 1\n"  # what is signed is this, then the body: no signature means anything elsewhere
)


class Signed(NamedTuple):
    body: str
    key_id: str
    signature: str  # hexadecimal


class Keys:
    """The keys in `folder`, which is made where there is none. Keys are read each time: another process may have
    put a new one in force."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}

    def sign(self, body: str) -> Signed:
        """With the current key, made now where there is none. Raises ConfigurationError."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key_id = self.current() or self.rotate()
        try:
            private = (self._folder / f"{key_id}.key").read_bytes()
        except OSError as error:
            raise _unusable(self._folder / f"{key_id}.key", error) from None
        signature = Ed25519PrivateKey.from_private_bytes(private).sign(_CONTEXT + body.encode())
        return Signed(body, key_id, signature.hex())

    def is_valid(self, signed: Signed) -> bool:
        """Raises NotFound when the key that signed is not known here."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        public = Ed25519PublicKey.from_public_bytes(self._public(signed.key_id))
        try:
            public.verify(bytes.fromhex(signed.signature), _CONTEXT + signed.body.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def current(self) -> str:
        """The id of the key in force; empty where there is none yet."""
        try:
            return (self._folder / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _unusable(self._folder / _CURRENT, error) from None

    def rotate(self) -> str:
        """Put a new key in force; its id. The old private key is removed, its public key stays."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        key_id, old = _id(public), self.current()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._folder / f"{key_id}.key", private.private_bytes_raw(), 0o600)
            _write(self._folder / f"{key_id}.pub", public, 0o644)
            _write(self._folder / f"{_CURRENT}.new", key_id.encode(), 0o644)
            (self._folder / f"{_CURRENT}.new").replace(self._folder / _CURRENT)
            if old:
                (self._folder / f"{old}.key").unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self._folder, error) from None
        return key_id

    def _public(self, key_id: str) -> bytes:
        if (found := self._known.get(key_id)) is not None:
            return found
        name = f"{key_id}.pub"
        try:
            public = (self._folder / name).read_bytes() if key_id.isalnum() else b""
        except OSError:
            public = b""
        if not public or _id(public) != key_id:
            raise NotFound(
                f"The public key {key_id[:64]!r} is not in {self._folder}.",
                hint="Put the file that was there when it signed back.",
            )
        self._known[key_id] = public
        return public


def _id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:32]


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger's keys cannot be used: {path}: {(error.strerror or 'it cannot be opened').lower()}.",
        hint="Mend the place and its rights.",
    )
