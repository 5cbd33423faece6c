"""How the registry is laid out in Redis: keys, rows, and the scripts that keep them in step. Pure.

    hushgate:{tenant}:s:SUBJECT   string: the subject's entries, one JSON array a line, in the order they came
    hushgate:{tenant}:l:SUBJECT   set: `i` + identifier (of a record), `r` + record (of an identifier)
    hushgate:{tenant}:ids         hash: entry id -> its number in the ledger
    hushgate:{tenant}:ledger      stream: number -> id and subject of an entry, for reading all in order
    hushgate:{tenant}:edges       stream: (record, identifier) pairs in the order they were seen
    hushgate:{tenant}:meta        hash: `n` the last number, `mark` made with the tenant's first entry
    hushgate:{tenant}:c:NAME:SUBJECT   sorted set: reservations counted under a cap, by their time
    hushgate:{tenant}:r:ID        JSON: what one reservation was counted under; it expires

Everything of a tenant is in one hash slot: a script can then add entries all or none and follow links in one
round trip, in a Cluster, too. The price is that one tenant is never spread over several servers; tenants are.
Scripts name one key, the tenant's prefix, for routing; those they compute are in its slot. Every script that
changes what a standing follows from says so on CHANGES, to the subscribers of the server it runs on.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace

from gateway.contacts.ledger import LOOKED
from gateway.contacts.model import Act, Entry
from gateway.errors import StoreError
from gateway.model import Channel

CHANGES: Final = "hushgate:changes"
"""Channel: MessagePack array of a tenant and the subjects that changed; of the tenant when they are many."""
MANY: Final = 1000
"""subjects that are named in one change at most"""


def prefix(tenant: str) -> str:
    """What the keys of a tenant begin with. Raises StoreError for a name that could not be a hash tag."""
    if not tenant or "{" in tenant or "}" in tenant:
        raise StoreError("registry_unavailable", "a tenant's name is empty or holds a brace")
    return f"hushgate:{{{tenant}}}:"


class Row(msgspec.Struct, array_like=True, frozen=True):
    """An entry as it is stored under its subject; what it says has the names that it has there."""

    id: str
    act: Act
    at: float
    channel: Channel | None
    purpose: str | None
    sender: str | None
    source: str
    until: float | None
    department: str
    text: str
    evidence: str
    detail: str


_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f\ud800-\udfff]')
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Row).decode_lines
_values: Final = attrgetter(*Row.__struct_fields__)
_pack: Final = msgspec.msgpack.Encoder().encode
changed: Final = msgspec.msgpack.Decoder(list[str]).decode
"""What is said on CHANGES -> [tenant, subject...]. Raises msgspec.DecodeError."""


def row(entry: Entry) -> bytes:
    """An entry's line."""
    return _encode(Row(*_values(entry))) + b"\n"


def entries(subject: str, lines: bytes | None) -> list[Entry]:
    """The entries in the lines of a subject. Raises StoreError for lines that are none."""
    if not lines:
        return []
    try:
        return [Entry(subject=subject, **asdict(one)) for one in _decode(lines)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError("registry_unavailable", "the registry holds what it did not write") from error


def page(rows: Sequence[Sequence[Any]]) -> Iterator[Entry]:
    """The entries of an answer of LEDGER, in its order."""
    known = {
        entry.id: entry
        for _, _, subject, lines in rows
        if lines
        for entry in entries(subject.decode(), lines)
    }
    for _, name, _, _ in rows:
        yield known[name.decode()]


def batch(given: Sequence[Entry]) -> bytes:
    """ENTER's argument. Raises StoreError for what is no text."""
    try:
        return _pack([(entry.id, entry.subject, row(entry).decode()) for entry in given])
    except UnicodeEncodeError:
        raise StoreError("registry_unavailable", "an entry makes no sense") from None


def packed(given: Iterable[object]) -> bytes:
    """The argument of a script that takes one array. Raises StoreError for what is no text."""
    try:
        return _pack(list(given))
    except UnicodeEncodeError:
        raise StoreError("registry_unavailable", "an entry makes no sense") from None


def verbatim(subjects: Sequence[str]) -> bool:
    """Whether JSON writes all of them as they are, between quotes."""
    return not _ESCAPED.search("".join(subjects)) and "" not in subjects


def around(template: Entry) -> tuple[bytes, bytes]:
    """What stands before and after the subject in the line of an entry whose id ends with `:` and it."""
    line = row(replace(template, id=template.id + ":\x00"))
    head, _, tail = line.partition(b"\\u0000")
    return head, tail


_LINKED: Final = """
local function linked(p, subject)
  local near, far, seen, full = {}, {}, {[subject] = true}, false
  local function add(list, one)
    if seen[one] then return end
    if #near + #far >= LOOKED then full = true return end
    seen[one] = true
    list[#list + 1] = one
  end
  local records = {}
  for _, edge in ipairs(redis.call('SMEMBERS', p .. 'l:' .. subject)) do
    local one = string.sub(edge, 2)
    add(near, one)
    if string.sub(edge, 1, 1) == 'r' then records[#records + 1] = one end
  end
  for _, record in ipairs(records) do
    if full then break end
    for _, edge in ipairs(redis.call('SMEMBERS', p .. 'l:' .. record)) do
      if string.sub(edge, 1, 1) == 'i' then add(far, string.sub(edge, 2)) end
    end
  end
  return near, far, full
end
""".replace("LOOKED", str(LOOKED))

_CHANGED: Final = """
local function tell(tenant, subjects)
  if #subjects > MANY then subjects = {} end
  table.insert(subjects, 1, tenant)
  redis.call('PUBLISH', 'CHANGES', cmsgpack.pack(subjects))
end
""".replace("MANY", str(MANY)).replace("CHANGES", CHANGES)

STANDINGS: Final = (
    _LINKED
    + """
local p, out = KEYS[1], {}
out[1] = redis.call('HGET', p .. 'meta', 'mark')
for n, subject in ipairs(ARGV) do
  local own = redis.call('GET', p .. 's:' .. subject)
  local near, far, full = linked(p, subject)
  if #near == 0 then
    out[n + 1] = own
  else
    local lines = {}
    for i, one in ipairs(near) do lines[i] = redis.call('GET', p .. 's:' .. one) end
    for i, one in ipairs(far) do lines[#near + i] = redis.call('GET', p .. 's:' .. one) end
    out[n + 1] = {own, near, far, lines, full and 1 or 0}
  end
end
return out
"""
)
"""Subjects -> the tenant's mark, then of each its lines, or what its person's standing follows from."""

ENTER: Final = (
    _CHANGED
    + """
local p, call = KEYS[1], redis.call
local n = tonumber(call('HGET', p .. 'meta', 'n') or 0)
local before, subjects, seen = n, {}, {}
for _, entry in ipairs(cmsgpack.unpack(ARGV[1])) do
  local id, subject = entry[1], entry[2]
  if call('HSETNX', p .. 'ids', id, n + 1) == 1 then
    n = n + 1
    call('XADD', p .. 'ledger', n .. '-1', 'i', id, 's', subject)
    call('APPEND', p .. 's:' .. subject, entry[3])
    if not seen[subject] then
      seen[subject] = true
      subjects[#subjects + 1] = subject
    end
  end
end
call('HSET', p .. 'meta', 'n', n) -- written again, too: a server is waited for by a connection's last write
call('HSETNX', p .. 'meta', 'mark', ARGV[3])
if n > before then tell(ARGV[2], subjects) end
return n - before
"""
)
"""Packed [id, subject, line]..., tenant, mark -> how many were new."""

SUPPRESS: Final = (
    _CHANGED
    + """
local p, call = KEYS[1], redis.call
local n = tonumber(call('HGET', p .. 'meta', 'n') or 0)
local before, subjects = n, {}
local list, head, tail = ARGV[4], ARGV[5], ARGV[6]
for _, subject in ipairs(cmsgpack.unpack(ARGV[1])) do
  local id = list .. subject
  if call('HSETNX', p .. 'ids', id, n + 1) == 1 then
    n = n + 1
    call('XADD', p .. 'ledger', n .. '-1', 'i', id, 's', subject)
    call('APPEND', p .. 's:' .. subject, head .. subject .. tail)
    subjects[#subjects + 1] = subject
  end
end
call('HSET', p .. 'meta', 'n', n) -- written again, too: a server is waited for by a connection's last write
call('HSETNX', p .. 'meta', 'mark', ARGV[3])
if n > before then tell(ARGV[2], subjects) end
return n - before
"""
)
"""Packed subjects, tenant, mark, id before the subject, line before and after it -> how many were new."""

LINK: Final = (
    _CHANGED
    + """
local p, call, subjects, new = KEYS[1], redis.call, {}, 0
for _, pair in ipairs(cmsgpack.unpack(ARGV[1])) do
  local record, identifier = pair[1], pair[2]
  if call('SADD', p .. 'l:' .. record, 'i' .. identifier) == 1 then
    call('SADD', p .. 'l:' .. identifier, 'r' .. record)
    call('XADD', p .. 'edges', '*', 'r', record, 'i', identifier)
    new = new + 1
    subjects[#subjects + 1] = record
    subjects[#subjects + 1] = identifier
  end
end
if new > 0 then tell(ARGV[2], subjects) end
return new
"""
)
"""Packed [record, identifier]..., tenant -> how many were new."""

RESERVE: Final = (
    _LINKED
    + """
local p, now, out, call = KEYS[1], tonumber(ARGV[2]), {}, redis.call
for n, wanted in ipairs(cmsgpack.unpack(ARGV[1])) do
  local id, subject, caps, person, when, names = wanted[1], wanted[2], wanted[3], nil, nil, {}
  if call('EXISTS', p .. 'r:' .. id) == 0 then
    for _, cap in ipairs(caps) do
      local name, limit, window, inside = cap[1], cap[2], cap[3], {}
      names[name] = math.max(names[name] or 0, window)
      if not person then
        local near, far = linked(p, subject)
        person = {subject}
        for _, one in ipairs(near) do person[#person + 1] = one end
        for _, one in ipairs(far) do person[#person + 1] = one end
      end
      for _, one in ipairs(person) do
        local from = '(' .. string.format('%.17g', now - window - 1)
        local counted = call('ZRANGEBYSCORE', p .. 'c:' .. name .. ':' .. one, from, '+inf', 'WITHSCORES')
        for i = 2, #counted, 2 do
          local at = tonumber(counted[i])
          if at + window > now then inside[#inside + 1] = at end
        end
      end
      if #inside >= limit then
        table.sort(inside)
        local opens = limit > 0 and inside[#inside - limit + 1] + window or math.huge
        when = math.max(when or opens, opens)
      end
    end
    if not when then
      local longest, kept = 0, {}
      for name, window in pairs(names) do
        local key = p .. 'c:' .. name .. ':' .. subject
        call('ZADD', key, string.format('%.17g', now), id)
        call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.17g', now - 2 * window))
        call('PEXPIRE', key, math.max(call('PTTL', key), math.ceil((window + SPARE) * 1000)))
        longest = math.max(longest, window)
        kept[#kept + 1] = name
      end
      call('SET', p .. 'r:' .. id, cmsgpack.pack({subject, kept}), 'PX', math.ceil((longest + SPARE) * 1000))
    end
  end
  out[n] = when and string.format('%.17g', when) or ''
end
return out
""".replace("SPARE", "3600")
)
"""Packed [id, subject, [[cap, limit, window]...]]..., now -> of each an empty text, or when it would pass."""

RESERVED: Final = """
local p, out = KEYS[1], {}
for n, id in ipairs(ARGV) do
  local kept = redis.call('GET', p .. 'r:' .. id)
  out[n] = kept and cmsgpack.unpack(kept)[1] or ''
end
return out
"""
"""Ids of reservations -> the subject of each, or an empty text."""

RELEASE: Final = """
local p, call = KEYS[1], redis.call
for n, id in ipairs(ARGV) do
  local kept = call('GET', p .. 'r:' .. id)
  if kept then
    local made = cmsgpack.unpack(kept)
    for _, name in ipairs(made[2]) do call('ZREM', p .. 'c:' .. name .. ':' .. made[1], id) end
    call('DEL', p .. 'r:' .. id)
  end
end
return 0
"""
"""Ids of reservations."""

LINKED_TO: Final = (
    _LINKED
    + """
local near, far = linked(KEYS[1], ARGV[1])
for _, one in ipairs(far) do near[#near + 1] = one end
return near
"""
)
"""A subject -> those whose entries count for it."""

LEDGER: Final = """
local p, out, lines = KEYS[1], {}, {}
for n, item in ipairs(redis.call('XRANGE', p .. 'ledger', ARGV[1], '+', 'COUNT', ARGV[2])) do
  local id, subject = item[2][2], item[2][4]
  local first = not lines[subject]
  if first then lines[subject] = true end
  out[n] = {item[1], id, subject, first and redis.call('GET', p .. 's:' .. subject)}
end
return out
"""
"""Where to begin, how many -> [position, id, subject, the subject's lines where it comes first]."""

SCRIPTS: Final = (STANDINGS, ENTER, SUPPRESS, LINK, RESERVE, RESERVED, RELEASE, LINKED_TO, LEDGER)
