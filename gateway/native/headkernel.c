/* Heads of HTTP/1.1 messages: read in their canonical form, and written anew for the next hop. Pure.
 *
 * The reference is gateway/http1 (head.py, fields.py, encode.py). What is read here is a part of what the
 * reference accepts, with the same result; for everything else, and for everything that is wrong, these
 * functions return None and the reference decides. So a missing case costs time, never safety: in doubt, None.
 *
 * Scanning relies on one property of bytes objects: a NUL stands after their last byte. NUL belongs to no
 * class of characters below, so every loop over a class ends there at the latest. Bytes are compared one after
 * the other, and a mismatch stops before the next is looked at; where memcmp is used, the room is checked.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char byte;

/* ---- characters ---------------------------------------------------------------------------------------- */

enum {
    NAME = 1,    /* letters, digits, hyphen: narrower than a token */
    TEXT = 2,    /* SP, VCHAR, obs-text; a tab is left to the reference */
    TARGET = 4,  /* VCHAR without # and \ (grammar.py, REQUEST_LINE) */
    HOST = 8,    /* letters, digits, "-._": a registered name or an IPv4 address */
    DIGIT = 16,
    HEX = 32
};

static byte classes[256];
static byte lower[256];

static void
fill_classes(void)
{
    for (int c = 0; c < 256; c++) {
        int upper_letter = c >= 'A' && c <= 'Z';
        int letter = upper_letter || (c >= 'a' && c <= 'z');
        int digit = c >= '0' && c <= '9';
        int visible = c > 0x20 && c < 0x7f;
        lower[c] = (byte)(upper_letter ? c + 0x20 : c);
        classes[c] = (byte)(
            (letter || digit || c == '-' ? NAME : 0)
            | (c == ' ' || visible || c >= 0x80 ? TEXT : 0)
            | (visible && c != '#' && c != '\\' ? TARGET : 0)
            | (letter || digit || c == '-' || c == '.' || c == '_' ? HOST : 0)
            | (digit ? DIGIT : 0)
            | (digit || (lower[c] >= 'a' && lower[c] <= 'f') ? HEX : 0));
    }
}

static inline int
is(byte c, int class)
{
    return classes[c] & class;
}

/* Whether `size` bytes are `word` in any case; `word` is lower-case. */
static int
same(const byte *text, Py_ssize_t size, const char *word, Py_ssize_t word_size)
{
    if (size != word_size)
        return 0;
    for (Py_ssize_t i = 0; i < size; i++)
        if (lower[text[i]] != (byte)word[i])
            return 0;
    return 1;
}

/* ---- names that are met often -------------------------------------------------------------------------- */

enum role { PLAIN, ROLE_HOST, ROLE_LENGTH, ROLE_CODING, ROLE_CONNECTION, ROLE_EXPECT };

struct known {
    const char *usual; /* as most programs write it */
    enum role role;
    int hop_by_hop; /* RFC 9110 section 7.6.1; grammar.py, HOP_BY_HOP */
    Py_ssize_t size;
    PyObject *usual_name; /* bytes, made once: no allocation and no hashing per message */
    PyObject *lower_name;
};

#define HOP(name) {name, PLAIN, 1, 0, NULL, NULL}
#define END(name) {name, PLAIN, 0, 0, NULL, NULL}

static struct known known_names[] = {
    {"Host", ROLE_HOST, 0, 0, NULL, NULL},
    {"Content-Length", ROLE_LENGTH, 0, 0, NULL, NULL},
    {"Transfer-Encoding", ROLE_CODING, 1, 0, NULL, NULL},
    {"Connection", ROLE_CONNECTION, 1, 0, NULL, NULL},
    {"Expect", ROLE_EXPECT, 0, 0, NULL, NULL},
    HOP("Keep-Alive"), HOP("Proxy-Connection"), HOP("TE"), HOP("Upgrade"), HOP("HTTP2-Settings"),
    HOP("Proxy-Authenticate"), HOP("Proxy-Authorization"), HOP("Proxy-Authentication-Info"),
    END("Accept"), END("Accept-Charset"), END("Accept-Encoding"), END("Accept-Language"),
    END("Accept-Ranges"), END("Access-Control-Allow-Credentials"), END("Access-Control-Allow-Headers"),
    END("Access-Control-Allow-Methods"), END("Access-Control-Allow-Origin"),
    END("Access-Control-Expose-Headers"), END("Age"), END("Allow"), END("Alt-Svc"), END("Authorization"),
    END("Cache-Control"), END("CF-Cache-Status"), END("CF-RAY"), END("Content-Disposition"),
    END("Content-Encoding"), END("Content-Language"), END("Content-Location"), END("Content-Range"),
    END("Content-Security-Policy"), END("Content-Type"), END("Cookie"), END("Date"), END("ETag"),
    END("Expires"), END("Forwarded"), END("Hushgate-Key"), END("Hushgate-Purpose"), END("Idempotency-Key"),
    END("If-Match"), END("If-Modified-Since"), END("If-None-Match"), END("If-Range"), END("Last-Modified"),
    END("Link"), END("Location"), END("NEL"), END("Origin"), END("Pragma"), END("Range"), END("Referer"),
    END("Report-To"), END("Retry-After"), END("Sec-Fetch-Dest"), END("Sec-Fetch-Mode"),
    END("Sec-Fetch-Site"), END("Server"), END("Set-Cookie"), END("Strict-Transport-Security"),
    END("Traceparent"), END("Trailer"), END("User-Agent"), END("Vary"), END("Via"), END("WWW-Authenticate"),
    END("X-Content-Type-Options"), END("X-Forwarded-For"), END("X-Forwarded-Host"),
    END("X-Forwarded-Proto"), END("X-Frame-Options"), END("X-Powered-By"), END("X-Real-IP"),
    END("X-Request-ID"), END("X-Trace"),
};

#define KNOWN ((Py_ssize_t)(sizeof known_names / sizeof known_names[0]))
#define SLOTS 512 /* a power of two, several times the names: short probes, and always an empty slot */

static struct known *slots[SLOTS];

/* Three letters and the size tell the names apart well enough. `size` is not 0. */
static inline unsigned
slot_of(const byte *name, Py_ssize_t size)
{
    unsigned first = lower[name[0]], middle = lower[name[size / 2]], last = lower[name[size - 1]];
    return ((unsigned)size * 61 + first * 37 + middle * 17 + last * 5) % SLOTS;
}

static const struct known *
find_known(const byte *name, Py_ssize_t size)
{
    for (unsigned slot = slot_of(name, size); slots[slot] != NULL; slot = (slot + 1) % SLOTS) {
        const struct known *entry = slots[slot];
        const char *low = PyBytes_AS_STRING(entry->lower_name);
        if (size == entry->size && same(name, size, low, size))
            return entry;
    }
    return NULL;
}

static PyObject *
lower_bytes(const byte *text, Py_ssize_t size)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made != NULL) {
        byte *to = (byte *)PyBytes_AS_STRING(made);
        for (Py_ssize_t i = 0; i < size; i++)
            to[i] = lower[text[i]];
    }
    return made;
}

static int
fill_known(void)
{
    for (Py_ssize_t i = 0; i < KNOWN; i++) {
        struct known *entry = &known_names[i];
        const byte *usual = (const byte *)entry->usual;
        entry->size = (Py_ssize_t)strlen(entry->usual);
        entry->usual_name = PyBytes_FromStringAndSize(entry->usual, entry->size);
        entry->lower_name = lower_bytes(usual, entry->size);
        if (entry->usual_name == NULL || entry->lower_name == NULL)
            return -1;
        unsigned slot = slot_of(usual, entry->size);
        while (slots[slot] != NULL)
            slot = (slot + 1) % SLOTS;
        slots[slot] = entry;
    }
    return 0;
}

/* ---- scanning: no object is made before the whole head is known to be good ------------------------------ */

/* More field lines than this are left to the reference, whose limit is the operator's. */
#define MAX_FIELDS 128

struct span {
    const byte *at;
    Py_ssize_t size;
};

struct field {
    struct span name, value;
    const struct known *known;
};

struct section {
    Py_ssize_t count;
    struct field fields[MAX_FIELDS];
    /* The lines that decide framing and routing, else NULL. */
    const struct field *host, *length, *coding, *connection;
};

/* What RFC 9112 sections 6 and 9 make of these lines. */
struct framing {
    long long length; /* -1: no Content-Length */
    int chunked, keep_alive;
};

/* Says by its role which line this is. 0 when it needs the reference. */
static int
note_role(struct section *section, const struct field *field)
{
    if (field->known == NULL)
        return 1;
    switch (field->known->role) {
    case PLAIN: return 1;
    case ROLE_HOST: section->host = field; return 1;
    case ROLE_LENGTH: section->length = field; return 1;
    case ROLE_CODING: section->coding = field; return 1;
    case ROLE_CONNECTION: section->connection = field; return 1;
    case ROLE_EXPECT: return 0;
    }
    return 0;
}

/* One line `Name: value` CRLF in canonical form: the byte after it, else NULL. */
static const byte *
scan_field(const byte *p, struct field *field)
{
    field->name.at = p;
    while (is(*p, NAME))
        p++;
    field->name.size = p - field->name.at;
    if (field->name.size == 0 || p[0] != ':' || p[1] != ' ')
        return NULL;
    p += 2;
    field->value.at = p;
    while (is(*p, TEXT))
        p++;
    field->value.size = p - field->value.at;
    if (field->value.size == 0 || *field->value.at == ' ' || p[-1] == ' ')
        return NULL;
    return p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* All lines up to the empty one, which must end the block. Repeated names are found later, by the index. */
static int
scan_section(const byte *p, const byte *end, Py_ssize_t max_fields, struct section *section)
{
    section->count = 0;
    section->host = section->length = section->coding = section->connection = NULL;
    while (*p != '\r') {
        if (section->count == MAX_FIELDS)
            return 0;
        struct field *field = &section->fields[section->count++];
        p = scan_field(p, field);
        if (p == NULL)
            return 0;
        field->known = find_known(field->name.at, field->name.size);
        if (!note_role(section, field))
            return 0;
    }
    return p[1] == '\n' && p + 2 == end && section->count <= max_fields;
}

/* A decimal without leading zeros, at most 18 digits (fields.py, MAX_DIGITS): -1 otherwise. */
static long long
scan_decimal(const struct span *value)
{
    long long number = 0;
    if (value->size > 18 || (value->at[0] == '0' && value->size > 1))
        return -1;
    for (Py_ssize_t i = 0; i < value->size; i++) {
        if (!is(value->at[i], DIGIT))
            return -1;
        number = number * 10 + (value->at[i] - '0');
    }
    return number;
}

/* The two options nearly everybody sends; lists of them and other options are left to the reference. */
static int
scan_connection(const struct span *value, int *keep_alive)
{
    if (same(value->at, value->size, "keep-alive", 10))
        *keep_alive = 1;
    else if (same(value->at, value->size, "close", 5))
        *keep_alive = 0;
    else
        return 0;
    return 1;
}

/* 0 when the reference has to decide: two ways to frame a body, or a value out of the ordinary. */
static int
scan_framing(const struct section *section, struct framing *framing)
{
    *framing = (struct framing){.length = -1, .chunked = 0, .keep_alive = 1};
    if (section->coding != NULL) {
        const struct span *coding = &section->coding->value;
        if (section->length != NULL || !same(coding->at, coding->size, "chunked", 7))
            return 0;
        framing->chunked = 1;
    }
    if (section->length != NULL && (framing->length = scan_decimal(&section->length->value)) < 0)
        return 0;
    return section->connection == NULL || scan_connection(&section->connection->value, &framing->keep_alive);
}

/* A name or IPv4 address with an optional port (grammar.py, HOST, without escapes and brackets). */
static int
scan_host(const struct span *host)
{
    const byte *p = host->at, *end = host->at + host->size;
    while (p < end && is(*p, HOST))
        p++;
    if (p == host->at)
        return 0;
    if (p == end)
        return 1;
    long port = 0;
    Py_ssize_t digits = end - ++p;
    if (p[-1] != ':' || digits < 1 || digits > 5)
        return 0;
    for (; p < end; p++) {
        if (!is(*p, DIGIT))
            return 0;
        port = port * 10 + (*p - '0');
    }
    return port <= 65535;
}

/* ---- request line -------------------------------------------------------------------------------------- */

/* Methods of grammar.py, METHODS, with the space that ends them. */
static struct {
    const char *text;
    Py_ssize_t size;
    PyObject *name;
} methods[] = {
    {"GET ", 4, NULL},    {"POST ", 5, NULL},   {"PUT ", 4, NULL},      {"PATCH ", 6, NULL},
    {"DELETE ", 7, NULL}, {"HEAD ", 5, NULL},   {"OPTIONS ", 8, NULL},  {"TRACE ", 6, NULL},
};
#define METHODS ((Py_ssize_t)(sizeof methods / sizeof methods[0]))

static const char request_end[] = " HTTP/1.1\r\n";
static const char status_start[] = "HTTP/1.1 ";

struct request_line {
    PyObject *method; /* borrowed from `methods` */
    struct span target, path, query;
};

/* Origin-form alone, its escapes checked (target.py, refuse_bad_escape). */
static const byte *
scan_target(const byte *p, struct request_line *line)
{
    const byte *mark = NULL;
    line->target.at = p;
    if (*p != '/')
        return NULL;
    for (; is(*p, TARGET); p++) {
        if (*p == '?' && mark == NULL)
            mark = p;
        if (*p == '%' && !(is(p[1], HEX) && is(p[2], HEX)))
            return NULL;
    }
    line->target.size = p - line->target.at;
    line->path = (struct span){line->target.at, mark == NULL ? line->target.size : mark - line->target.at};
    line->query = mark == NULL ? (struct span){p, 0} : (struct span){mark + 1, p - mark - 1};
    return p;
}

/* The byte after the line's CRLF, else NULL. */
static const byte *
scan_request_line(const byte *p, const byte *end, Py_ssize_t max_target, struct request_line *line)
{
    Py_ssize_t i = 0;
    while (i < METHODS && !(end - p > methods[i].size && memcmp(p, methods[i].text, methods[i].size) == 0))
        i++;
    if (i == METHODS)
        return NULL;
    line->method = methods[i].name;
    p = scan_target(p + methods[i].size, line);
    Py_ssize_t rest = sizeof request_end - 1;
    if (p == NULL || line->target.size > max_target || end - p < rest || memcmp(p, request_end, rest) != 0)
        return NULL;
    return p + rest;
}

/* `HTTP/1.1 ` three digits, and a space with the reason or nothing. */
static const byte *
scan_status_line(const byte *p, const byte *end, long *status, struct span *reason)
{
    Py_ssize_t start = sizeof status_start - 1;
    if (end - p < start + 3 || memcmp(p, status_start, start) != 0)
        return NULL;
    p += start;
    if (!is(p[0], DIGIT) || p[0] == '0' || !is(p[1], DIGIT) || !is(p[2], DIGIT))
        return NULL;
    *status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
    p += 3;
    if (*p == ' ')
        p++;
    else if (*p != '\r')
        return NULL;
    reason->at = p;
    while (is(*p, TEXT))
        p++;
    reason->size = p - reason->at;
    return p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* ---- objects ------------------------------------------------------------------------------------------- */

static inline PyObject *
bytes_of(const struct span *span)
{
    return PyBytes_FromStringAndSize((const char *)span->at, span->size);
}

/* The name as received, and lower-case: new references, shared where the name is a known one; or NULL. */
static void
make_names(const struct field *field, PyObject **name, PyObject **low)
{
    const struct known *known = field->known;
    if (known == NULL) {
        *name = bytes_of(&field->name);
        *low = lower_bytes(field->name.at, field->name.size);
        return;
    }
    *low = Py_NewRef(known->lower_name);
    if (memcmp(field->name.at, known->usual, field->name.size) == 0)
        *name = Py_NewRef(known->usual_name);
    else if (memcmp(field->name.at, PyBytes_AS_STRING(known->lower_name), field->name.size) == 0)
        *name = Py_NewRef(known->lower_name);
    else
        *name = bytes_of(&field->name);
}

/* Adds one field to both containers; -1 with an exception. */
static int
add_field(PyObject *headers, PyObject *index, Py_ssize_t at, const struct field *field)
{
    PyObject *name, *low;
    make_names(field, &name, &low);
    PyObject *value = bytes_of(&field->value);
    PyObject *pair = name == NULL || value == NULL ? NULL : PyTuple_Pack(2, name, value);
    int failed = pair == NULL || low == NULL || PyDict_SetItem(index, low, value) < 0;
    if (failed)
        Py_XDECREF(pair);
    else
        PyList_SET_ITEM(headers, at, pair);
    Py_XDECREF(name);
    Py_XDECREF(low);
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

/* Headers as a list of pairs and the index by lower-case name. 1 done, 0 a name repeats, -1 an exception. */
static int
make_fields(const struct section *section, PyObject **headers, PyObject **index)
{
    *headers = PyList_New(section->count);
    *index = PyDict_New();
    int made = *headers == NULL || *index == NULL ? -1 : 1;
    for (Py_ssize_t i = 0; made == 1 && i < section->count; i++)
        made = add_field(*headers, *index, i, &section->fields[i]) < 0 ? -1 : 1;
    /* Joining lines and refusing to join them is the reference's business. */
    if (made == 1 && PyDict_GET_SIZE(*index) != section->count)
        made = 0;
    if (made != 1) {
        Py_CLEAR(*headers);
        Py_CLEAR(*index);
    }
    return made;
}

static PyObject *
make_length(const struct framing *framing)
{
    return framing->length < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(framing->length);
}

/* A tuple that takes over the references; NULL when one of them is NULL. */
static PyObject *
tuple_of(PyObject **items, Py_ssize_t count)
{
    PyObject *made = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (items[i] == NULL)
            Py_CLEAR(made);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (made != NULL)
            PyTuple_SET_ITEM(made, i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    return made;
}

/* ---- request(), response() ----------------------------------------------------------------------------- */

/* Reads `count` arguments, the block and then limits: 1; 0 when the reference has to decide; -1 an exception. */
static int
read_arguments(PyObject *const *arguments, Py_ssize_t given, Py_ssize_t count, Py_ssize_t *limits)
{
    if (given != count) {
        PyErr_Format(PyExc_TypeError, "%zd arguments are needed", count);
        return -1;
    }
    int readable = PyBytes_CheckExact(arguments[0]);
    for (Py_ssize_t i = 1; i < count; i++) {
        readable &= PyLong_CheckExact(arguments[i]);
        limits[i - 1] = PyLong_CheckExact(arguments[i]) ? PyLong_AsSsize_t(arguments[i]) : 0;
        if (limits[i - 1] == -1 && PyErr_Occurred()) {
            PyErr_Clear(); /* a limit beyond any size is a limit all the same, to Python */
            readable = 0;
        }
    }
    return readable;
}

PyDoc_STRVAR(request_doc,
"request(block, max_target, max_head, max_headers)\n\n"
"The fields of RequestHead in their order, or None: parse_request_head decides then.");

static PyObject *
request(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    Py_ssize_t limits[3];
    int readable = read_arguments(arguments, given, 4, limits);
    if (readable < 1)
        return readable < 0 ? NULL : Py_NewRef(Py_None);
    const byte *block = (const byte *)PyBytes_AS_STRING(arguments[0]);
    const byte *end = block + PyBytes_GET_SIZE(arguments[0]);
    struct request_line line;
    struct section section;
    struct framing framing;
    const byte *p = end - block > limits[1] ? NULL : scan_request_line(block, end, limits[0], &line);
    if (p == NULL || !scan_section(p, end, limits[2], &section) || !scan_framing(&section, &framing)
        || section.host == NULL || !scan_host(&section.host->value))
        Py_RETURN_NONE;
    PyObject *headers, *index;
    int made = make_fields(&section, &headers, &index);
    if (made < 1)
        return made < 0 ? NULL : Py_NewRef(Py_None);
    PyObject *target = bytes_of(&line.target);
    PyObject *items[] = {
        Py_NewRef(line.method),
        target,
        line.path.size == line.target.size ? Py_XNewRef(target) : bytes_of(&line.path),
        bytes_of(&line.query),
        PyLong_FromLong(1),
        headers,
        index,
        lower_bytes(section.host->value.at, section.host->value.size),
        make_length(&framing),
        PyBool_FromLong(framing.chunked),
        PyBool_FromLong(framing.keep_alive),
        Py_NewRef(Py_False), /* expects_continue: a head with Expect is left to the reference */
        Py_NewRef(Py_False), /* upgrade: so is one whose Connection names it */
    };
    return tuple_of(items, sizeof items / sizeof items[0]);
}

struct answer {
    long status;
    struct span reason;
    struct section section;
    struct framing framing;
};

static int
scan_answer(const byte *block, const byte *end, const Py_ssize_t *limits, struct answer *answer)
{
    const byte *p = end - block > limits[0] ? NULL : scan_status_line(block, end, &answer->status, &answer->reason);
    return p != NULL && scan_section(p, end, limits[1], &answer->section)
        && scan_framing(&answer->section, &answer->framing);
}

PyDoc_STRVAR(response_doc,
"response(block, max_head, max_headers)\n\n"
"(status, reason, version_minor, headers, index, length, chunked, keep_alive) as the fields say, or None.");

static PyObject *
response(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    Py_ssize_t limits[2];
    int readable = read_arguments(arguments, given, 3, limits);
    if (readable < 1)
        return readable < 0 ? NULL : Py_NewRef(Py_None);
    const byte *block = (const byte *)PyBytes_AS_STRING(arguments[0]);
    struct answer answer;
    if (!scan_answer(block, block + PyBytes_GET_SIZE(arguments[0]), limits, &answer))
        Py_RETURN_NONE;
    PyObject *headers, *index;
    int made = make_fields(&answer.section, &headers, &index);
    if (made < 1)
        return made < 0 ? NULL : Py_NewRef(Py_None);
    PyObject *items[] = {
        PyLong_FromLong(answer.status),
        bytes_of(&answer.reason),
        PyLong_FromLong(1),
        headers,
        index,
        make_length(&answer.framing),
        PyBool_FromLong(answer.framing.chunked),
        PyBool_FromLong(answer.framing.keep_alive),
    };
    return tuple_of(items, sizeof items / sizeof items[0]);
}

static const byte *
end_of_head(const byte *text, Py_ssize_t size)
{
    for (const byte *p = text, *end = text + size; end - p > 3; p++) {
        p = memchr(p, '\r', (size_t)(end - p - 3));
        if (p == NULL)
            return NULL;
        if (memcmp(p, "\r\n\r\n", 4) == 0)
            return p + 4;
    }
    return NULL;
}

PyDoc_STRVAR(sized_doc,
"sized(buffer, max_head, max_headers, make)\n\n"
"(make(*the fields of ResponseHead), where its body begins) of an answer that is no HEAD's and has a body of a\n"
"length that is said, or None.");

static PyObject *
sized(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    Py_ssize_t limits[2];
    int readable = read_arguments(arguments, given - 1, 3, limits);
    if (readable < 1)
        return readable < 0 ? NULL : Py_NewRef(Py_None);
    const byte *block = (const byte *)PyBytes_AS_STRING(arguments[0]);
    const byte *end = end_of_head(block, PyBytes_GET_SIZE(arguments[0]));
    struct answer answer;
    if (end == NULL || !scan_answer(block, end, limits, &answer))
        Py_RETURN_NONE;
    if (answer.status < 200 || answer.status == 204 || answer.status == 304 || answer.framing.length < 0
        || answer.framing.chunked)
        Py_RETURN_NONE;
    PyObject *headers, *index;
    int done = make_fields(&answer.section, &headers, &index);
    if (done < 1)
        return done < 0 ? NULL : Py_NewRef(Py_None);
    PyObject *items[] = {
        PyLong_FromLong(answer.status),
        bytes_of(&answer.reason),
        PyLong_FromLong(1),
        headers,
        index,
        make_length(&answer.framing),
        Py_NewRef(Py_False), /* chunked */
        Py_NewRef(Py_False), /* close_delimited */
        PyBool_FromLong(answer.framing.keep_alive),
    };
    const size_t count = sizeof items / sizeof items[0];
    int complete = 1;
    for (size_t i = 0; i < count; i++)
        complete &= items[i] != NULL;
    PyObject *head = complete ? PyObject_Vectorcall(arguments[3], items, count, NULL) : NULL;
    for (size_t i = 0; i < count; i++)
        Py_XDECREF(items[i]);
    if (head == NULL)
        return NULL;
    PyObject *pair[] = {head, PyLong_FromSsize_t(end - block)};
    return tuple_of(pair, 2);
}

/* ---- forward() ----------------------------------------------------------------------------------------- */

/* Whether no byte is below SP: CR, LF and NUL must not leave here, the other controls are not worth a case. */
static int
is_clean(const byte *text, Py_ssize_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t below = 0, word;
    for (; size >= 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        /* The high bit of a byte that is < 0x20 (a borrow may mark a further byte: only then is one < 0x20). */
        below |= (word - ones * 0x20) & ~word & (ones * 0x80);
    }
    for (; size > 0; text++, size--)
        below |= *text < 0x20;
    return below == 0;
}

struct copied {
    const byte *name, *value;
    Py_ssize_t name_size, value_size;
};

struct outgoing {
    Py_ssize_t count, size;
    struct copied lines[2 * MAX_FIELDS];
};

/* Appends a pair of bytes that is clean; 0 when the reference has to decide. */
static int
add_line(struct outgoing *out, PyObject *name, PyObject *value)
{
    if (out->count == 2 * MAX_FIELDS)
        return 0;
    struct copied *line = &out->lines[out->count++];
    *line = (struct copied){
        (const byte *)PyBytes_AS_STRING(name),
        (const byte *)PyBytes_AS_STRING(value),
        PyBytes_GET_SIZE(name),
        PyBytes_GET_SIZE(value),
    };
    /* Both are objects in memory: their sizes and four more cannot overflow together, nor 256 such sums. */
    out->size += line->name_size + line->value_size + 4;
    return is_clean(line->name, line->name_size) && is_clean(line->value, line->value_size);
}

/* Whether a field stays here: 1 or 0; -1 with an exception, -2 when the reference has to decide. */
static int
is_dropped(PyObject *name, PyObject *value, PyObject *drop)
{
    const byte *text = (const byte *)PyBytes_AS_STRING(name);
    Py_ssize_t size = PyBytes_GET_SIZE(name);
    const struct known *known = size == 0 ? NULL : find_known(text, size);
    if (known == NULL) {
        PyObject *low = lower_bytes(text, size);
        int found = low == NULL ? -1 : PySet_Contains(drop, low);
        Py_XDECREF(low);
        return found;
    }
    if (known->role == ROLE_CONNECTION) {
        struct span options = {(const byte *)PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)};
        int ignored;
        return scan_connection(&options, &ignored) ? 1 : -2;
    }
    return known->hop_by_hop ? 1 : PySet_Contains(drop, known->lower_name);
}

/* The lines point into the pairs, which stay alive: `drop` holds bytes, so looking into it runs no Python code
 * that could change them. */
/* Takes over a list or tuple of pairs of bytes: 1, else as is_dropped. `drop` NULL: all of them, as they are. */
static int
add_lines(struct outgoing *out, PyObject *pairs, PyObject *drop)
{
    if (!PyList_CheckExact(pairs) && !PyTuple_CheckExact(pairs))
        return -2;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(pairs); i++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(pairs, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
            return -2;
        PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
        if (!PyBytes_CheckExact(name) || !PyBytes_CheckExact(value))
            return -2;
        int dropped = drop == NULL ? 0 : is_dropped(name, value, drop);
        if (dropped < 0)
            return dropped;
        if (!dropped && !add_line(out, name, value))
            return -2;
    }
    return 1;
}

static byte *
put(byte *to, const void *from, Py_ssize_t size)
{
    memcpy(to, from, (size_t)size);
    return to + size;
}

static PyObject *
write_head(const struct span *line, const struct outgoing *out)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, line->size + out->size + 4);
    if (made == NULL)
        return NULL;
    byte *to = (byte *)PyBytes_AS_STRING(made);
    to = put(to, line->at, line->size);
    to = put(to, "\r\n", 2);
    for (Py_ssize_t i = 0; i < out->count; i++) {
        const struct copied *copied = &out->lines[i];
        to = put(to, copied->name, copied->name_size);
        to = put(to, ": ", 2);
        to = put(to, copied->value, copied->value_size);
        to = put(to, "\r\n", 2);
    }
    put(to, "\r\n", 2);
    return made;
}

PyDoc_STRVAR(forward_doc,
"forward(line, first, headers, drop, extra)\n\n"
"The head that goes on (encode.py, forward), or None: the reference decides then.");

static PyObject *
forward(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 5) {
        PyErr_SetString(PyExc_TypeError, "5 arguments are needed");
        return NULL;
    }
    PyObject *line = arguments[0], *drop = arguments[3];
    if (!PyBytes_CheckExact(line) || !PyFrozenSet_CheckExact(drop)
        || !is_clean((const byte *)PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line)))
        Py_RETURN_NONE;
    struct outgoing out;
    out.count = out.size = 0;
    int taken = add_lines(&out, arguments[1], NULL);
    if (taken == 1)
        taken = add_lines(&out, arguments[2], drop);
    if (taken == 1)
        taken = add_lines(&out, arguments[4], NULL);
    if (taken == -1)
        return NULL;
    const struct span first = {(const byte *)PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line)};
    return taken == 1 ? write_head(&first, &out) : Py_NewRef(Py_None);
}

/* ---- answered() ---------------------------------------------------------------------------------------- */

enum { NUMBER = 20 }; /* digits of any number that fits 64 bits */

/* Writes a number that is not negative to the end of NUMBER bytes; where it begins. */
static const byte *
digits_of(Py_ssize_t number, byte *room)
{
    byte *to = room + NUMBER;
    do
        *--to = (byte)('0' + number % 10);
    while (number /= 10);
    return to;
}

/* A field of our own; its bytes stay where they are until the head is written. */
static int
add_own(struct outgoing *out, const char *name, const byte *value, Py_ssize_t size)
{
    if (out->count == 2 * MAX_FIELDS)
        return 0;
    out->lines[out->count++] = (struct copied){(const byte *)name, value, (Py_ssize_t)strlen(name), size};
    out->size += (Py_ssize_t)strlen(name) + size + 4;
    return is_clean(value, size);
}

PyDoc_STRVAR(answered_doc,
"answered(status, reason, headers, drop, size, decision, masked)\n\n"
"The head of an answer whose body has `size` bytes (encode.py, answer_head), or None.");

static PyObject *
answered(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    Py_ssize_t numbers[3]; /* status, size, masked */
    if (given != 7) {
        PyErr_SetString(PyExc_TypeError, "7 arguments are needed");
        return NULL;
    }
    PyObject *reason = arguments[1], *drop = arguments[3], *decision = arguments[5];
    if (!PyBytes_CheckExact(reason) || !PyFrozenSet_CheckExact(drop) || !PyBytes_CheckExact(decision))
        Py_RETURN_NONE;
    for (int i = 0; i < 3; i++) {
        PyObject *number = arguments[(int[]){0, 4, 6}[i]];
        numbers[i] = PyLong_CheckExact(number) ? PyLong_AsSsize_t(number) : -1;
        if (numbers[i] < 0) {
            PyErr_Clear();
            Py_RETURN_NONE;
        }
    }
    struct outgoing out;
    out.count = out.size = 0;
    int taken = add_lines(&out, arguments[2], drop);
    if (taken == -1)
        return NULL;
    byte room[3][NUMBER];
    const byte *size = digits_of(numbers[1], room[1]), *masked = digits_of(numbers[2], room[2]);
    if (taken != 1 || !add_own(&out, "Content-Length", size, room[1] + NUMBER - size)
        || !add_own(&out, "Hushgate-Decision", (const byte *)PyBytes_AS_STRING(decision), PyBytes_GET_SIZE(decision))
        || (numbers[2] > 0 && !add_own(&out, "Hushgate-Masked", masked, room[2] + NUMBER - masked)))
        Py_RETURN_NONE;
    byte line[64], *to = put(line, "HTTP/1.1 ", 9);
    const byte *status = digits_of(numbers[0], room[0]), *text = (const byte *)PyBytes_AS_STRING(reason);
    if (PyBytes_GET_SIZE(reason) > 32 || !is_clean(text, PyBytes_GET_SIZE(reason)))
        Py_RETURN_NONE;
    to = put(to, status, room[0] + NUMBER - status);
    *to++ = ' ';
    to = put(to, text, PyBytes_GET_SIZE(reason));
    return write_head(&(struct span){line, to - line}, &out);
}

/* ---- module -------------------------------------------------------------------------------------------- */

static int
exec_module(PyObject *Py_UNUSED(module))
{
    if (known_names[0].lower_name != NULL)
        return 0; /* loaded a second time: the tables are those of the process */
    fill_classes();
    for (Py_ssize_t i = 0; i < METHODS; i++) {
        methods[i].name = PyUnicode_FromStringAndSize(methods[i].text, methods[i].size - 1);
        if (methods[i].name == NULL)
            return -1;
        PyUnicode_InternInPlace(&methods[i].name);
    }
    return fill_known();
}

static PyMethodDef functions[] = {
    {"request", (PyCFunction)(void (*)(void))request, METH_FASTCALL, request_doc},
    {"response", (PyCFunction)(void (*)(void))response, METH_FASTCALL, response_doc},
    {"sized", (PyCFunction)(void (*)(void))sized, METH_FASTCALL, sized_doc},
    {"answered", (PyCFunction)(void (*)(void))answered, METH_FASTCALL, answered_doc},
    {"forward", (PyCFunction)(void (*)(void))forward, METH_FASTCALL, forward_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, exec_module},
    /* The tables hold objects, which belong to one interpreter. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "headkernel",
    .m_doc = "Heads of HTTP/1.1 messages, read in canonical form and written anew.",
    .m_size = 0,
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_headkernel(void)
{
    return PyModuleDef_Init(&definition);
}
