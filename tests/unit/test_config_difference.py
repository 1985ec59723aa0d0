"""What one configuration changes in another, decided without I/O."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.difference import Difference, difference
from gateway.config.settings import PrincipalSettings, Settings
from gateway.core.catalog import ToolFacts
from gateway.core.model_spec import ModelSpec
from gateway.core.spec import GrpcSpec, HttpSpec, Spec
from toolward.doors.address import Address


def settings(*backends: Spec, **others: object) -> Settings:
    given: dict[str, object] = {"agents": (), "policies": (), "principals": (), **others}
    return Settings(source="f.yaml", backends=backends, **given)  # pyright: ignore[reportArgumentType] -- of any kind


def backend(name: str, token: str = "") -> Spec:
    return HttpSpec(name=name, address="x", url="http://127.0.0.1:1/mcp", token=token)


def test_every_kind_of_change() -> None:
    before = settings(backend("kept"), backend("gone"), backend("other"), backend("secret", "a"))
    after = settings(
        backend("added"),
        backend("kept"),
        GrpcSpec(name="other", address="x", target="127.0.0.1:1"),
        backend("secret", "b"),
        principals=(PrincipalSettings(id="ada"),),
        facts={"kept.read": ToolFacts(changes=False)},
        trusted_annotations=frozenset({"kept"}),
        http=Address("127.0.0.1", 1),
        models=(ModelSpec(name="m", wire="offline"),),
    )
    found = difference(before, after)
    assert found == Difference(
        added=("added",),
        removed=("gone",),
        changed=("other", "secret"),
        others=("facts", "trusted_annotations", "models", "principals"),
        restart=("http",),
    )
    assert found.said == (
        "added added; removed gone; changed other, secret; facts; trusted_annotations; models; principals"
    )
    assert difference(after, after) == Difference()
    assert Difference().said == ""


NAMES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy")), unique_by=lambda one: one[0])


@given(NAMES, NAMES)
def test_applying_a_difference_gives_the_other_configuration(
    one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]
) -> None:
    before, after = settings(*(backend(*it) for it in one)), settings(*(backend(*it) for it in other))
    found = difference(before, after)
    old, new = dict(one), dict(other)
    untouched = set(old) - set(found.removed) - set(found.changed)
    assert all(old[name] == new[name] for name in untouched)
    assert untouched | set(found.changed) | set(found.added) == set(new)
    assert not set(found.added) & set(old)
