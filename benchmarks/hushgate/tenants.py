"""Many tenants: rule files of fifty rules each, every file different, all valid."""

from pathlib import Path

from benchmarks.hushgate.deploy import key_hash

RULES = 50
CATEGORIES = (
    "user.financial", "user.government_id", "user.demographic.gender", "user.location.precise",
    "user.device.ip_address", "user.behavior.browsing_history", "user.social", "user.job_title",
    "user.content.private", "user.contact.address.street",
)  # fmt: skip
OPERATIONS = (
    "hubspot.contacts.archive", "hubspot.contacts.merge", "hubspot.contacts.batch_*",
    "hubspot.associations.*", "twilio.recordings.*", "twilio.calls.create",
    "twilio.messages.delete", "hubspot.contacts.gdpr_delete",
)  # fmt: skip
HEAD = """\
tenant: {name}
instruction: {{by: dpo@{name}.example.com, ref: "DPA {number}", date: 2026-01-01}}
clients:
  - {{id: crm-sync, key: "sha256:{key}", role: sync, purposes: [essential.service.operations.support]}}
views:
  sync:
    show: [user]
    mask:
      user.name.last: redact
      user.contact.phone_number: {{partial: {{keep_last: 4}}}}
      user.contact.email: hash
rules:
"""


def name(number: int) -> str:
    """Name of tenant `number`."""
    return f"tenant-{number:05d}"


def key(number: int) -> str:
    """The client key of tenant `number`."""
    return f"bench-tenant-key-{number:05d}"


def rule(tenant: int, n: int) -> str:
    """Rule `n` of a tenant: masks, accesses, contacts and residencies in turn, narrowed in different ways."""
    category = CATEGORIES[(tenant + n) % len(CATEGORIES)]
    operation = OPERATIONS[(tenant * 3 + n) % len(OPERATIONS)]
    kinds = (
        f"{{id: mask-{n}, mask: {category}, with: redact}}",
        f"{{id: cut-{n}, mask: {category}, with: {{partial: {{keep_last: {n % 6 + 1}}}}}, channels: [call]}}",
        f'{{id: deny-{n}, access: {{operations: ["{operation}"]}}, purposes: [marketing]}}',
        f"{{id: ask-{n}, contact: {{channels: [call, whatsapp], require: consent, purposes: [marketing]}}}}",
        f"{{id: stay-{n}, residency: {{data: {category}, regions: [EEA], adequacy: true}}, mode: shadow}}",
    )
    return f"  - {kinds[n % len(kinds)]}\n"


def write(folder: Path, count: int) -> None:
    """Rule files of `count` tenants beside what is there."""
    for number in range(count):
        head = HEAD.format(name=name(number), number=number, key=key_hash(key(number)))
        body = "".join(rule(number, n) for n in range(RULES))
        (folder / f"{name(number)}.yaml").write_text(f"{head}{body}unmapped: pass\n")
