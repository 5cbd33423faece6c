"""Plans are compiled once, expire with the day, and are bounded."""

from datetime import UTC, datetime

import pytest

from gateway.codecs.paths import compile_names
from gateway.codecs.program import Slot
from gateway.model import Operation, SubjectKind, Upstream
from gateway.policy import snapshot as snapshots
from gateway.policy.identity import Identity
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot, states_allowed
from tests.world import RULES, World

DATED = (
    RULES
    + """rules:
  - {id: april, access: {operations: "*.fetch"}, from: 2026-04-02, until: 2026-04-03}
"""
)
EVENING = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC).timestamp()


def plan(snapshot: Snapshot, now: float, client: int = 0, purpose: str | None = None) -> Plan:
    found = snapshot.operation("crm", "GET", b"/contacts/7")
    target = snapshot.routes.find(b"gw", b"/crm/contacts/7", "acme")
    assert found and target
    identity = Identity("acme", snapshot.tenants["acme"].clients[client])
    return snapshot.plan(identity, purpose, found[0], target.upstream, now)


def test_a_plan_is_compiled_once() -> None:
    snapshot = World().snapshot
    first = plan(snapshot, EVENING)
    assert plan(snapshot, EVENING + 0.5) is first and snapshot.plans == 1
    assert plan(snapshot, EVENING, 1) is not first and snapshot.plans == 2
    assert plan(snapshot, EVENING, 0, "essential.service.operations.support.x").purposes != first.purposes


def test_a_plan_expires_at_midnight_utc() -> None:
    snapshot = World(rules=DATED).snapshot
    today = plan(snapshot, EVENING)
    assert today.denial is None and today.expires == EVENING + 1
    tomorrow = plan(snapshot, EVENING + 1)
    assert tomorrow.denial is not None and tomorrow.denial.rules == ("april",)
    assert plan(snapshot, EVENING + 1 + 86_400).denial is None
    assert snapshot.plans == 1, "the day's plan takes the place of yesterday's"


def test_the_number_of_plans_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_PLANS", 2)
    snapshot = World().snapshot
    for client in (0, 1, 2, 0, 1):
        plan(snapshot, EVENING, client)
        assert snapshot.plans <= 2


def test_subjects_have_one_pseudonym_however_they_are_written() -> None:
    snapshot = World().snapshot
    kinds: tuple[SubjectKind, ...] = ("phone", "email")
    program = compile_names([Slot(kind, "user", subject=kind) for kind in kinds], None)

    def named(kind: SubjectKind, written: str, country: str | None = "FR") -> str:
        subjects: dict[str, None] = {}
        snapshot.remember(subjects, "acme", country, program, [(kinds.index(kind), written)])
        return next(iter(subjects))

    kept = snapshot.pseudonymiser("acme")("phone", "+33639980001")
    for written in ("+33639980001", "06 39 98 00 01", "whatsapp:+33639980001"):
        assert named("phone", written) == kept
    assert named("phone", "06 39 98 00 01", None) != kept
    assert named("email", " No Address ") == named("email", "no address")


@pytest.mark.parametrize(
    ("purpose", "allowed"),
    [
        ("essential.service.operations.support", True),
        ("essential.service.operations.support.chat", True),
        ("essential.service.operations", False),
        ("", False),
    ],
)
def test_a_stated_purpose_is_one_of_the_clients_or_narrower(purpose: str, allowed: bool) -> None:
    assert states_allowed(World().snapshot.tenants["acme"].clients[0], purpose) is allowed


def test_another_upstream_has_another_plan() -> None:
    snapshot = World().snapshot
    identity = Identity("acme", snapshot.tenants["acme"].clients[0])
    operation = Operation(id="x", method="GET", path="/x")
    made = [
        snapshot.plan(
            identity,
            None,
            operation,
            Upstream(
                name=name, provider="crm", url=f"https://{name}.example/base/", region="FR", operator="OVH"
            ),
            EVENING,
        )
        for name in ("a", "b")
    ]
    assert [(p.authority, p.base_path) for p in made] == [(b"a.example", b"/base"), (b"b.example", b"/base")]


def test_warming_compiles_a_plan_of_every_operation() -> None:
    snapshot = World().snapshot
    snapshot.warm(EVENING)
    assert snapshot.plans == len(snapshot.packs["crm"].operations)
