"""What follows from entries: the latest counts, of a moment the least permissive; links lend no consent."""

from itertools import permutations
from math import inf

import pytest
from msgspec.structs import replace

from gateway.contacts.ledger import KINDS, RANK, fold, joined
from gateway.contacts.model import UNKNOWN, Act, Consent, Entry, Objection, Standing, Suppression


def entry(act: Act, at: float = 1.0, **more: object) -> Entry:
    return Entry(id=f"{act}-{at}", subject="s", act=act, at=at, **more)  # type: ignore[arg-type]


def test_nothing_gives_the_unknown_standing() -> None:
    assert fold([]) == UNKNOWN


def test_every_act_has_a_kind_and_a_rank() -> None:
    assert KINDS.keys() == RANK.keys() == set(Act.__args__)  # type: ignore[attr-defined]  # a Literal's words


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        ("lifted", "suppressed"),
        ("granted", "withdrawn"),
        ("confirmed", "pending"),
        ("objection_lifted", "objected"),
        ("unrestricted", "restricted"),
        ("customer", "customer_ended"),
    ],
)
def test_of_the_same_moment_the_least_permissive_is_in_force(weak: Act, strong: Act) -> None:
    assert fold([entry(weak), entry(strong)]) == fold([entry(strong), entry(weak)]) == fold([entry(strong)])


def test_the_order_in_which_entries_come_does_not_matter() -> None:
    entries = [
        entry("suppressed", 1, channel="sms"),
        entry("lifted", 2, channel="sms"),
        entry("granted", 3, purpose="marketing"),
        entry("withdrawn", 4, purpose="marketing"),
        entry("restricted", 5, purpose="essential"),
    ]
    standings = {repr(fold(order).restricted) for order in permutations(entries)}
    assert standings == {"('essential',)"}
    for order in permutations(entries):
        standing = fold(order)
        assert standing.suppressions == ()
        assert [c.state for c in standing.consents] == ["withdrawn"]


def test_lifting_ends_exactly_that_suppression() -> None:
    entries = [
        entry("suppressed", 1, sender="a"),
        entry("suppressed", 1, sender="b"),
        entry("lifted", 2, sender="a"),
    ]
    assert fold(entries).suppressions == (Suppression(sender="b"),)


def test_a_restriction_names_the_uses_it_leaves_and_one_end_ends_it() -> None:
    uses = [entry("restricted", 1, purpose="a"), entry("restricted", 1, purpose="b")]
    assert fold(uses).restricted == ("a", "b")
    assert fold([*uses, entry("restricted", 1)]).restricted == (None,)
    assert fold([*uses, entry("unrestricted", 2)]).restricted is None


def test_what_else_is_known() -> None:
    standing = fold([entry("customer"), entry("zone", detail="Europe/Paris"), entry("erased")])
    assert standing == Standing(customer=inf, zone="Europe/Paris", erased=True)
    assert fold([entry("customer", until=9.0)]).customer == 9.0


def test_a_proof_is_a_text_and_its_evidence() -> None:
    (with_proof,) = fold([entry("granted", text="v1", evidence="00")]).consents
    (without,) = fold([entry("granted", text="v1")]).consents
    assert (with_proof.proven, without.proven) == (True, False)


def test_links_forbid_from_afar_and_allow_from_near() -> None:
    yes, no = Consent(state="granted"), Consent(state="withdrawn", channel="sms")
    stop, never = Suppression(channel="sms"), Objection(channel="email")
    bad = Standing(
        suppressions=(stop,), consents=(no,), objections=(never,), restricted=("a", "b"), erased=True
    )
    far = replace(bad, consents=(yes, no), customer=inf, zone="Europe/Rome")
    assert joined(UNKNOWN, [], [far]) == bad
    assert joined(UNKNOWN, [far]) == replace(far, linked=True)
    assert joined(Standing(restricted=("b", "c")), [far]).restricted == ("b",)
    assert joined(Standing(restricted=("c",)), [far]).restricted == (None,)
