from pathlib import Path

import pytest

from toolward.auth import bearer, local_secret
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Principal

ADA = Principal("ada", ("operator",))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer \u00e9"])
def test_a_caller_who_proves_nothing_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer({"right": ADA})({"authorization": header} if header else {})


def test_the_token_says_who_calls() -> None:
    authenticate = bearer({"right": ADA, "other": Principal("bo")})
    assert authenticate({"authorization": "bearer right"}) == ADA


def test_the_local_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"
    first = local_secret(path)
    assert local_secret(path) == first
    assert len(first) >= 43
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    local_secret(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        local_secret(path)
