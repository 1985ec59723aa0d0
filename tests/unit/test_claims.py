"""What the claims of a token say of a caller."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.auth.claims import principal_of
from toolward.auth.jwt_settings import JwtSettings
from toolward.errors import Unauthenticated
from toolward.types import Principal

CLAIMS: dict[str, Any] = {
    "sub": "ada",
    "realm_access": {"roles": ["staff", "cooks"]},
    "https://corp.example/org": "acme",
    "scope": "crm.read other",
    "email": "ada@corp.example",
}


def who(changed: dict[str, Any] | None = None, **settings: Any) -> Principal:
    return principal_of(CLAIMS | (changed or {}), JwtSettings("https://id.example", "toolward", **settings))


ROLES: dict[str, Any] = {"roles_claim": "realm_access.roles"}
UNCHANGED: dict[str, Any] = {}
NOTHING: dict[str, Any] = {"roles": {}}
ORG: dict[str, Any] = {"tenant_claim": "https://corp.example/org"}
SCOPES: dict[str, Any] = {"scopes": {"crm.read": ("crm.get_*", "crm.find_*"), "crm.write": ("crm.*",)}}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (UNCHANGED, Principal("ada")),
        ({"prefix": "corp:", "id_claim": "email"}, Principal("corp:ada@corp.example")),
        (ROLES, Principal("ada", ("staff", "cooks"))),
        (ROLES | {"roles": {"staff": "support", "chefs": "operator"}}, Principal("ada", ("support",))),
        (ROLES | {"roles": {"staff": "x", "cooks": "x"}}, Principal("ada", ("x",))),
        (ROLES | NOTHING, Principal("ada")),
        ({"roles_claim": "realm_access.roles.deeper"}, Principal("ada")),
        (ORG, Principal("ada", tenant="acme")),
        (ORG | {"tenant": ""}, Principal("ada", tenant="acme")),
        ({"tenant_claim": "", "tenant": "shop"}, Principal("ada", tenant="shop")),
        ({"tenant_claim": "absent", "tenant": "shop"}, Principal("ada", tenant="shop")),
        (SCOPES, Principal("ada", scopes=("crm.get_*", "crm.find_*"))),
    ],
)
def test_a_caller_is_as_claims_and_settings_say(settings: dict[str, Any], expected: Principal) -> None:
    assert who(**settings) == expected


@pytest.mark.parametrize(
    ("changed", "scopes"),
    [({"scope": ""}, ()), ({"scope": "unknown"}, ()), ({"scope": ["crm.write"]}, ("crm.*",))],
)
def test_with_scopes_a_caller_may_do_what_they_name_and_nothing_else(
    changed: dict[str, Any], scopes: tuple[str, ...]
) -> None:
    assert who(changed, **SCOPES).scopes == scopes


def test_scp_is_another_name_of_scope() -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "scope"}
    settings = JwtSettings("https://id.example", "toolward", **SCOPES)
    assert principal_of(claims | {"scp": ["crm.read"]}, settings).scopes == ("crm.get_*", "crm.find_*")
    assert principal_of(claims, settings).scopes == ()


@pytest.mark.parametrize(
    ("changed", "settings", "said"),
    [
        ({"sub": 7}, {}, "sub"),
        ({"sub": ""}, {}, "sub"),
        ({"sub": "a\nb"}, {}, "no name"),
        ({"sub": " ada"}, {}, "no name"),
        ({"sub": "a\u202eb"}, {}, "no name"),
        ({"sub": "a" * 256}, {}, "no name"),
        ({}, {"id_claim": "absent"}, "absent"),
        ({}, {"tenant_claim": "absent", "tenant": ""}, "lacks the claim 'absent'"),
        ({"tenant": ["a"]}, {}, "tenant"),
        ({"roles": 1}, {}, "no list of roles"),
        ({"roles": ["a"] * 501}, {}, "no list of roles"),
        ({"scope": {"a": 1}}, SCOPES, "no list of scopes"),
    ],
)
def test_what_cannot_be_understood_refuses_the_token(
    changed: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(Unauthenticated, match=said):
        who(changed, **settings)


few = st.sampled_from(["", "a", "b", "operator"])


@given(
    st.one_of(st.none(), few, st.lists(few | st.none() | st.integers()), st.dictionaries(few, few)),
    st.sets(few),
)
def test_law_nobody_gets_a_role_that_is_not_mapped(said: Any, ours: set[str]) -> None:
    settings = JwtSettings("i", "a", roles_claim="r", roles={one: one for one in ours}, prefix="corp:")
    try:
        found = principal_of({"r": said, "sub": "ada"}, settings)
    except Unauthenticated:
        return
    assert set(found.roles) <= ours
    assert found.id.startswith("corp:")
