-- The work of benchmarks/work.py in Lua, as fast as its author could make it: LuaJIT, cjson, libcrypto's
-- SHA-256 by FFI with the HMAC pads hashed once per key, a shared dict, one write per log record.
local ffi = require "ffi"
local bit = require "bit"
local cjson = require "cjson"

ffi.cdef [[
int SHA256_Init(void *c);
int SHA256_Update(void *c, const void *d, size_t n);
int SHA256_Final(unsigned char *md, void *c);
int open(const char *path, int flags, int mode);
long write(int fd, const void *buffer, size_t n);
]]
local C = ffi.C

local CTX = 112 -- sizeof(SHA256_CTX)
local scratch, digest = ffi.new("char[?]", CTX), ffi.new("unsigned char[32]")
local hex16, text = ffi.new("uint16_t[256]"), ffi.new("uint16_t[32]")
for i = 0, 255 do
    local pair = string.format("%02x", i)
    hex16[i] = pair:byte(1) + bit.lshift(pair:byte(2), 8)
end

local M = {}
local settings, clients, log, standings
local mask_key, subject_key

local function sha256(value)
    C.SHA256_Init(scratch)
    C.SHA256_Update(scratch, value, #value)
    C.SHA256_Final(digest, scratch)
end

local function hex(bytes)
    for i = 0, bytes - 1 do text[i] = hex16[digest[i]] end
    return ffi.string(text, bytes * 2)
end

-- RFC 2104 with the inner and outer pads already hashed.
local function key_state(key)
    local state = { inner = ffi.new("char[?]", CTX), outer = ffi.new("char[?]", CTX) }
    for name, byte in pairs { inner = 0x36, outer = 0x5c } do
        local pad = ffi.new("unsigned char[64]")
        ffi.copy(pad, key, #key)
        for i = 0, 63 do pad[i] = bit.bxor(pad[i], byte) end
        C.SHA256_Init(state[name])
        C.SHA256_Update(state[name], pad, 64)
    end
    return state
end

local function keyed(state, value)
    ffi.copy(scratch, state.inner, CTX)
    C.SHA256_Update(scratch, value, #value)
    C.SHA256_Final(digest, scratch)
    ffi.copy(scratch, state.outer, CTX)
    C.SHA256_Update(scratch, digest, 32)
    C.SHA256_Final(digest, scratch)
    return hex(16)
end

function M.start(path)
    local file = assert(io.open(path))
    settings = cjson.decode(file:read("*a"))
    file:close()
    clients = settings.clients
    mask_key, subject_key = key_state(settings.mask_key), key_state(settings.subject_key)
    standings = ngx.shared.standings
    for _, number in ipairs(settings.suppressed) do
        assert(standings:set(keyed(subject_key, "phone:" .. number), true))
    end
    log = C.open(settings.log, 0x441, 384) -- O_WRONLY|O_CREAT|O_APPEND, 0600
    assert(log >= 0, "the log cannot be opened")
end

local function partial(value)
    local keep = settings.keep_last
    return ("*"):rep(#value - keep) .. value:sub(-keep)
end

local function append(record)
    local line = cjson.encode(record) .. "\n"
    if C.write(log, line, #line) ~= #line then ngx.exit(503) end
end

local normal = {
    record = function(value) return value end,
    email = function(value) return value:match("^%s*(.-)%s*$"):lower() end,
    phone = function(value) return value:find("[^+0-9]") and value:gsub("[^+0-9]", "") or value end,
}

local function pseudonym(kind, value)
    return keyed(subject_key, kind .. ":" .. normal[kind](value))
end

local function mask_contact(one, subjects)
    local fields, n = one.properties, #subjects
    subjects[n + 1] = pseudonym("record", one.id)
    subjects[n + 2] = pseudonym("email", fields.email)
    subjects[n + 3] = pseudonym("phone", fields.phone)
    fields.lastname = settings.redacted
    fields.phone = partial(fields.phone)
    fields.email = "h_" .. keyed(mask_key, fields.email)
end

local function answer(record, status, content_type, body)
    record.status, record.response_bytes = status, #body
    append(record)
    local header = ngx.header
    ngx.status = status
    header["Content-Type"] = content_type
    header["Content-Length"] = #body
    header["Hushgate-Decision"] = record.id
    if record.masked then header["Hushgate-Masked"] = record.masked end
    ngx.print(body)
end

local function new_record(client, phase)
    return {
        phase = phase, id = ngx.var.request_id, at = ngx.now(), tenant = "bench", client = client,
        method = ngx.req.get_method(), effect = "allow",
    }
end

local function refuse(record, status, reason)
    record.phase, record.effect, record.reason = "refusal", "refuse", reason
    answer(record, status, "application/problem+json",
        cjson.encode { type = "urn:hushgate:" .. reason, status = status, instance = record.id })
end

local function read_contacts(client)
    local record, subjects, count = new_record(client, "read"), {}, 0
    local result = ngx.location.capture("/forward" .. ngx.var.uri, { args = ngx.var.args })
    local body = cjson.decode(result.body)
    for _, one in ipairs(body.results or { body }) do
        mask_contact(one, subjects)
        count = count + 3
    end
    record.operation, record.subjects, record.masked = "contacts", subjects, count
    answer(record, result.status, "application/json", cjson.encode(body))
end

local function send_message(client)
    local record = new_record(client, "intent")
    record.operation = "messages.create"
    ngx.req.read_body()
    local form = ngx.req.get_post_args()
    local to = form.To and pseudonym("phone", form.To)
    if not to then return refuse(record, 403, "contact_unknown_recipient") end
    record.subjects = { to }
    if standings:get(to) then return refuse(record, 403, "contact_suppressed") end
    append(record)
    local result = ngx.location.capture("/forward" .. ngx.var.uri,
        { method = ngx.HTTP_POST, always_forward_body = true })
    local body = cjson.decode(result.body)
    body.to, body.from = partial(body.to), partial(body.from)
    record.phase, record.masked = "outcome", 2
    answer(record, result.status, "application/json", cjson.encode(body))
end

function M.exchange()
    local key = ngx.var.http_hushgate_key or ""
    sha256(key)
    local client = clients[hex(32)]
    if not client then return refuse(new_record("-", "refusal"), 401, "unknown_client") end
    if ngx.req.get_method() == "POST" then return send_message(client) end
    return read_contacts(client)
end

return M
