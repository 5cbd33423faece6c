/* The JSON codec in one pass: reads a body strictly (RFC 8259), runs a path program, copies the rest verbatim.

   gateway/codecs/json.py is the reference; gateway/codecs/kernel.py prepares programs for this file and calls it.
   Whatever is invalid or merely unusual (duplicate or escaped keys, lone surrogates, great depth, a scalar as the
   whole body) is declined with None, so that there is one place that decides about it: the reference. The kernel
   may therefore be stricter than the reference, and must never be laxer.

   What is read comes from strangers:
   - A bytes object ends in a NUL that is not part of it, and NUL is valid nowhere in JSON. So looking at *p is
     safe wherever p <= end, and every scanner stops at the end by itself; only bulk loads compare with `end`.
   - Nothing recurses: open containers are frames of a fixed array.
   - Duplicate keys are found by hashing with a bound on collisions: a body made to collide is declined.

   Maskers are pure, so it is no harm when one ran before the kernel declines. The kernel keeps no state between
   calls, and a program is never written to once compiled: a masker may call the kernel again. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sha256.h"

enum {
    MAX_DEPTH = 512,   /* the reference takes what is deeper */
    SMALL = 4096,      /* bytes written without asking for memory */
    MAX_NUMBER = 600,  /* bytes; below the least value of Python's limit on digits */
    FEW_KEYS = 24,     /* up to here, comparing all hashes is faster than a table */
    MAX_PROBES = 128,  /* far above what half-full tables of honest keys need */
    MIN_CARD = 13,     /* digits, as in masking/detectors */
    MIN_CHAIN = 7,     /* digits, where nothing else is said */
    MIN_WORD = 8,      /* letters and digits */
    MAX_WORD = 18,
    MIN_WORD_DIGITS = 4,
    MIN_IBAN_TAIL = 11,
};

typedef enum {
    KEPT,     /* stays as it is */
    CHANGED,  /* the replacement has been written */
    GONE,     /* the member or item goes */
    DECLINED, /* the reference decides about the whole body */
    RAISED,   /* a Python exception is set */
} Verdict;

/* ---- bytes ---------------------------------------------------------------------------------------------- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BY_WORDS 1
#else
#define BY_WORDS 0
#endif

static inline uint64_t load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline int is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

static inline int is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

/* A word of up to 7 bytes, zeros after them; the same on every path, for keys are hashed at compile time too. */
static inline uint64_t load_tail(const uint8_t *p, size_t size, const uint8_t *end)
{
    if (BY_WORDS && end - p >= 8)
        return size ? load(p) & (~UINT64_C(0) >> (64 - 8 * size)) : 0;
    uint64_t word = 0;
    memcpy(&word, p, size);
    return word;
}

/* `end` bounds what may be loaded, not what is hashed. */
static inline uint64_t hash_key(const uint8_t *p, size_t size, const uint8_t *end)
{
    uint64_t hash = size * UINT64_C(0x9E3779B97F4A7C15);
    for (; size >= 8; p += 8, size -= 8) {
        hash = (hash ^ load(p)) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
    }
    hash = (hash ^ load_tail(p, size, end)) * UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 32;
}

/* ---- programs ------------------------------------------------------------------------------------------- */

typedef struct Run Run;
typedef struct Mask Mask;
typedef struct Token Token;
typedef Verdict (*Apply)(Run *, const Mask *, const Token *);

struct Mask {
    Apply apply;
    PyObject *call;          /* the Python masker; does what `apply` does not */
    PyObject *text;          /* bytes: what stands for a hidden string, or begins a pseudonym */
    Py_ssize_t first, last;  /* characters shown */
    Sha inner, outer;        /* the keyed halves of HMAC */
};

typedef struct {
    uint64_t hash;
    uint32_t at, size; /* of the name, in Program.names */
    int32_t step;      /* -1: an empty place */
} Entry;

typedef struct {
    int slot, mask, subject, any, items; /* -1: none */
    uint32_t table, wrap;                /* first place in Program.entries, places less one (a power of two) */
} Step;

typedef struct {
    Step *steps;
    Entry *entries;
    uint8_t *names;
    Mask *masks;
    size_t step_count, entry_count, names_size, mask_count;
    int slots, unmapped;
    PyObject *removed, *raw, *encode;
} Program;

static int find_step(const Program *program, const Step *step, const uint8_t *key, size_t size, uint64_t hash)
{
    const Entry *table = program->entries + step->table;
    for (uint32_t at = (uint32_t)hash & step->wrap; table[at].step >= 0; at = (at + 1) & step->wrap)
        if (table[at].hash == hash && table[at].size == size && !memcmp(program->names + table[at].at, key, size))
            return table[at].step;
    return step->any;
}

/* ---- a run ---------------------------------------------------------------------------------------------- */

typedef enum { STRING, INTEGER, FRACTION, TRUTH, NOTHING } Kind;
enum { ESCAPED = 1, WIDE = 2 };

/* A scalar: where it stands, and its text (without the quotes of a string). */
struct Token {
    Kind kind;
    unsigned traits;
    const uint8_t *start, *end, *text;
    size_t size;
};

typedef struct {
    uint64_t hash;
    uint32_t at, size;
} Key;

typedef struct {
    int step; /* -1: nothing is done here */
    char object, kept, swallow;
    size_t comma;    /* where the comma before the current member stands */
    size_t keys;     /* the first of this object's keys in Run.keys */
    uint32_t *table; /* of many keys: their places from `keys`, plus one */
    uint32_t wrap;
    uint32_t record; /* of which record it is a part: the document (0), or an item of an array that is a container */
} Frame;

struct Run {
    const Program *program;
    const uint8_t *body, *p, *end;
    size_t copied; /* what stands before it is written or dropped */
    uint8_t *out;
    size_t size, room;
    int changed;
    Key *keys;
    size_t key_count, key_room;
    uint32_t *seen, *masked;
    PyObject *subjects;
    uint32_t *owners; /* of each subject, the record it stands in */
    size_t owner_count, owner_room;
    uint32_t records;
    Py_ssize_t unmapped;
    int exact; /* whether the reference reads this body with its exact reader; -1: not known yet */
    int depth, limit;
    int after; /* whether a member has just been read */
    Frame stack[MAX_DEPTH];
    uint8_t small[SMALL]; /* what is written, while it fits: most bodies are short */
};

static int reserve(Run *r, size_t more)
{
    if (more <= r->room - r->size)
        return 1;
    size_t most = PY_SSIZE_T_MAX;
    if (more > most - r->size) {
        PyErr_NoMemory();
        return 0;
    }
    size_t room = r->size + more;
    room = room < most / 2 ? room + room / 2 : most;
    uint8_t *out = PyMem_Realloc(r->out == r->small ? NULL : r->out, room);
    if (!out) {
        PyErr_NoMemory();
        return 0;
    }
    if (r->out == r->small)
        memcpy(out, r->small, r->size);
    r->out = out;
    r->room = room;
    return 1;
}

static int append(Run *r, const void *data, size_t size)
{
    if (!reserve(r, size))
        return 0;
    if (size)
        memcpy(r->out + r->size, data, size);
    r->size += size;
    return 1;
}

/* Leave out the body from one place to another; what stands before is written first. */
static int cut(Run *r, size_t from, size_t to)
{
    if (!r->changed && !reserve(r, (size_t)(r->end - r->body) + 64))
        return 0;
    r->changed = 1;
    if (!append(r, r->body + r->copied, from - r->copied))
        return 0;
    r->copied = to;
    return 1;
}

/* Replace a scalar by a text that is JSON already. */
static Verdict replace(Run *r, const Token *t, const void *json, size_t size)
{
    int done = cut(r, (size_t)(t->start - r->body), (size_t)(t->end - r->body)) && append(r, json, size);
    return done ? CHANGED : RAISED;
}

/* Replace a scalar by a string. */
static Verdict replace_text(Run *r, const Token *t, const uint8_t *text, size_t size)
{
    static const char HEX[] = "0123456789abcdef";
    if (replace(r, t, "\"", 1) == RAISED || size > (size_t)PY_SSIZE_T_MAX / 6 - 1 || !reserve(r, 6 * size + 1)) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return RAISED;
    }
    uint8_t *out = r->out + r->size;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        if (c < 0x20) {
            memcpy(out, "\\u00", 4);
            out[4] = (uint8_t)HEX[c >> 4];
            out[5] = (uint8_t)HEX[c & 15];
            out += 6;
            continue;
        }
        if (c == '"' || c == '\\')
            *out++ = '\\';
        *out++ = c;
    }
    *out++ = '"';
    r->size = (size_t)(out - r->out);
    return CHANGED;
}

static Verdict replace_bytes(Run *r, const Token *t, PyObject *text)
{
    return replace_text(r, t, (const uint8_t *)PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text));
}

/* ---- scalars to Python ---------------------------------------------------------------------------------- */

static int hex_unit(const uint8_t *p)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        if (is_digit(c))
            unit = unit << 4 | (c - '0');
        else if ((uint8_t)((c | 0x20) - 'a') < 6)
            unit = unit << 4 | ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

static uint8_t *put_code(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (uint8_t)code;
        return out;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t LEAD[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (uint8_t)(LEAD[more] | code >> (6 * more));
    while (more--)
        *out++ = (uint8_t)(0x80 | (code >> (6 * more) & 0x3F));
    return out;
}

/* The text of a string with escapes; it has been validated, and is never longer without them. */
static PyObject *unescape(const Token *t)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    uint8_t *buffer = PyMem_Malloc(t->size ? t->size : 1), *out = buffer;
    if (!buffer)
        return PyErr_NoMemory();
    for (const uint8_t *p = t->text, *end = p + t->size; p < end;) {
        if (*p != '\\') {
            *out++ = *p++;
        } else if (p[1] != 'u') {
            *out++ = (uint8_t)TO[strchr(FROM, p[1]) - FROM];
            p += 2;
        } else {
            uint32_t code = (uint32_t)hex_unit(p + 2);
            p += 6;
            if (code >> 10 == 0xD800 >> 10) {
                code = 0x10000 + ((code & 0x3FF) << 10) + ((uint32_t)hex_unit(p + 2) & 0x3FF);
                p += 6;
            }
            out = put_code(out, code);
        }
    }
    PyObject *text = PyUnicode_DecodeUTF8((const char *)buffer, out - buffer, NULL);
    PyMem_Free(buffer);
    return text;
}

static PyObject *ascii(const uint8_t *p, size_t size)
{
    /* A new object even of one character, as the reference's decoder makes it: "unchanged" is "the same object". */
    PyObject *text = PyUnicode_New((Py_ssize_t)size, 127);
    if (text && size)
        memcpy(PyUnicode_1BYTE_DATA(text), p, size);
    return text;
}

/* What the value is called by where a subject is meant. */
static PyObject *text_of(const Token *t)
{
    if (t->traits & ESCAPED)
        return unescape(t);
    if (t->traits & WIDE)
        return PyUnicode_DecodeUTF8((const char *)t->text, (Py_ssize_t)t->size, NULL);
    return ascii(t->text, t->size);
}

static PyObject *integer(const Token *t)
{
    char digits[MAX_NUMBER + 1];
    memcpy(digits, t->text, t->size);
    digits[t->size] = 0;
    return PyLong_FromString(digits, NULL, 10);
}

static PyObject *value_of(const Run *r, const Token *t)
{
    switch (t->kind) {
    case STRING:
        return text_of(t);
    case INTEGER:
        return integer(t);
    case FRACTION:
        return PyObject_CallFunction(r->program->raw, "y#", (const char *)t->text, (Py_ssize_t)t->size);
    default:
        return PyBool_FromLong(*t->text == 't');
    }
}

/* Where a negative zero seems to stand, the reference reads integers as text (json.py, _negative_zero). */
static int is_read_exactly(Run *r)
{
    if (r->exact >= 0)
        return r->exact;
    r->exact = 0;
    const uint8_t *p = r->body;
    while (!r->exact && (p = memchr(p, '-', (size_t)(r->end - p)))) {
        p++;
        if (*p == '0')
            r->exact = p + 1 == r->end || (p[1] && strchr(" \t\n\r\f\v,]}", p[1]));
    }
    return r->exact;
}

static Verdict replace_object(Run *r, const Token *t, PyObject *value)
{
    if (value == Py_None)
        return replace(r, t, "null", 4);
    if (PyUnicode_CheckExact(value)) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(value, &size);
        return text ? replace_text(r, t, (const uint8_t *)text, (size_t)size) : RAISED;
    }
    PyObject *json = PyObject_CallOneArg(r->program->encode, value);
    if (!json)
        return RAISED;
    Verdict verdict = RAISED;
    if (PyBytes_Check(json))
        verdict = replace(r, t, PyBytes_AS_STRING(json), (size_t)PyBytes_GET_SIZE(json));
    else
        PyErr_SetString(PyExc_TypeError, "the encoder has to return bytes");
    Py_DECREF(json);
    return verdict;
}

/* ---- operators: each as masking/operators.py has it ----------------------------------------------------- */

static Verdict apply_call(Run *r, const Mask *mask, const Token *t)
{
    /* An integer's class, and whether a character is a shared object, depend on the reference's reader. */
    if ((t->kind == INTEGER || (t->kind == STRING && t->size == 1)) && is_read_exactly(r))
        return DECLINED;
    PyObject *old = value_of(r, t);
    if (!old)
        return RAISED;
    PyObject *new = PyObject_CallOneArg(mask->call, old);
    Verdict verdict = RAISED;
    if (new)
        verdict = new == old ? KEPT : new == r->program->removed ? GONE : replace_object(r, t, new);
    Py_XDECREF(new);
    Py_DECREF(old);
    return verdict;
}

static Verdict hide(Run *r, const Token *t)
{
    return replace(r, t, "null", 4);
}

static Verdict apply_redact(Run *r, const Mask *mask, const Token *t)
{
    return t->kind == STRING ? replace_bytes(r, t, mask->text) : hide(r, t);
}

static Verdict apply_remove(Run *r, const Mask *mask, const Token *t)
{
    (void)r, (void)mask, (void)t;
    return GONE;
}

static void sha_update_lower(Sha *sha, const uint8_t *text, size_t size)
{
    uint8_t part[64];
    while (size) {
        size_t now = size < sizeof part ? size : sizeof part;
        for (size_t i = 0; i < now; i++)
            part[i] = (uint8_t)(text[i] + (text[i] >= 'A' && text[i] <= 'Z' ? 'a' - 'A' : 0));
        sha_update(sha, part, now);
        text += now;
        size -= now;
    }
}

static Verdict apply_hash(Run *r, const Mask *mask, const Token *t)
{
    static const char HEX[] = "0123456789abcdef";
    if (t->kind == TRUTH)
        return hide(r, t);
    if (t->traits)
        return apply_call(r, mask, t); /* case and white space beyond ASCII are Python's to know */
    if (!t->size)
        return KEPT;
    const uint8_t *text = t->text, *end = text + t->size;
    while (text < end && *text == ' ')
        text++;
    while (end > text && end[-1] == ' ')
        end--;
    Sha sha = mask->inner;
    uint8_t digest[32], name[32];
    sha_update_lower(&sha, text, (size_t)(end - text));
    hmac_finish(&sha, &mask->outer, digest);
    for (int i = 0; i < 16; i++) {
        name[2 * i] = (uint8_t)HEX[digest[i] >> 4];
        name[2 * i + 1] = (uint8_t)HEX[digest[i] & 15];
    }
    if (replace_bytes(r, t, mask->text) == RAISED)
        return RAISED;
    r->size--; /* the digits go before the closing quote */
    return append(r, name, sizeof name) && append(r, "\"", 1) ? CHANGED : RAISED;
}

static Verdict apply_partial(Run *r, const Mask *mask, const Token *t)
{
    if (t->kind == TRUTH)
        return hide(r, t);
    /* A lone `*` may or may not come back as the same object. */
    if (t->traits || (t->kind == STRING && t->size == 1 && *t->text == '*'))
        return apply_call(r, mask, t);
    if (!t->size)
        return KEPT;
    size_t half = t->size / 2, tail = (size_t)mask->last < half ? (size_t)mask->last : half;
    size_t head = (size_t)mask->first < half - tail ? (size_t)mask->first : half - tail;
    size_t stars = t->size - head - tail;
    if (replace(r, t, "\"", 1) == RAISED || !append(r, t->text, head) || !reserve(r, stars))
        return RAISED;
    memset(r->out + r->size, '*', stars);
    r->size += stars;
    return append(r, t->text + t->size - tail, tail) && append(r, "\"", 1) ? CHANGED : RAISED;
}

/* The end of two digits after a hyphen, or the place itself. */
static const uint8_t *two_more(const uint8_t *p, const uint8_t *end)
{
    return end - p >= 3 && p[0] == '-' && is_digit(p[1]) && is_digit(p[2]) ? p + 3 : p;
}

/* YYYY, YYYY-MM, YYYY-MM-DD, and those with a time; what Python recognises beyond that is left to it. */
static int is_iso_date(const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size, *from;
    if (size < 4 || !(is_digit(p[0]) && is_digit(p[1]) && is_digit(p[2]) && is_digit(p[3])))
        return 0;
    const uint8_t *month = two_more(p + 4, end), *day = two_more(month, end);
    if (day == end)
        return 1;
    if (day != p + 10 || (*day != 'T' && *day != ' '))
        return 0;
    for (p = from = day + 1; p < end && (is_digit(*p) || *p == ':' || *p == '.' || *p == ',');)
        p++;
    if (p - from < 2 || p - from > 18)
        return 0;
    if (p == end)
        return 1;
    if (*p == 'Z')
        return p + 1 == end;
    if (*p != '+' && *p != '-')
        return 0;
    for (from = ++p; p < end && (is_digit(*p) || *p == ':');)
        p++;
    return p == end && p - from >= 2 && p - from <= 6;
}

static Verdict apply_year(Run *r, const Mask *mask, const Token *t)
{
    if (t->kind != STRING || t->traits || !is_iso_date(t->text, t->size))
        return apply_call(r, mask, t);
    return t->size == 4 ? KEPT : replace_text(r, t, t->text, 4);
}

static Verdict apply_truncate(Run *r, const Mask *mask, const Token *t)
{
    size_t keep = (size_t)mask->first;
    if (t->kind == TRUTH)
        return hide(r, t);
    if (t->kind == STRING && t->size <= keep)
        return KEPT; /* with escapes, or beyond ASCII, it has even fewer characters */
    if (t->traits)
        return apply_call(r, mask, t);
    return replace_text(r, t, t->text, t->size < keep ? t->size : keep);
}

/* Two letters and two digits that stand as a word's beginning, and enough after them. */
static int may_be_iban(const uint8_t *text, const uint8_t *at, const uint8_t *end)
{
    if (at - text < 3 || !is_digit(at[-1]) || !is_letter(at[-2]) || !is_letter(at[-3]))
        return 0;
    if (at - text > 3 && (is_letter(at[-4]) || is_digit(at[-4])))
        return 0;
    int tail = 0;
    for (const uint8_t *p = at + 1; tail < MIN_IBAN_TAIL; tail++, p++) {
        if (p < end && *p == ' ')
            p++;
        if (p >= end || !(is_letter(*p) || is_digit(*p)))
            return 0;
    }
    return 1;
}

/* `2024-01-05` on its own, which is no number's part. */
static int is_date(const uint8_t *p, const uint8_t *end)
{
    static const char low[] = "1000-00-00", high[] = "2999-19-39";
    if (end - p < 10)
        return 0;
    for (int i = 0; i < 10; i++)
        if (p[i] < (uint8_t)low[i] || p[i] > (uint8_t)high[i])
            return 0;
    return p[1] == (p[0] == '1' ? '9' : '0') && (end - p == 10 || !is_digit(p[10]));
}

/* A whole word of letters and digits as numbers with letters are. */
static inline int is_id(int word, int digits)
{
    return word >= MIN_WORD && word <= MAX_WORD && digits >= MIN_WORD_DIGITS && word > digits;
}

/* Whether masking/detectors could find anything in a text without escapes, `least` being Finder.least. May say
   yes for nothing, which costs time; must never say no wrongly. Beyond ASCII there are digits (all of whose first
   bytes are 0xD9 and above), other forms of `@` (0xEF), and much that may stand between digits. */
static int is_suspect(const uint8_t *text, size_t size, Py_ssize_t least)
{
    const uint8_t *end = text + size;
    Py_ssize_t chain = 0; /* digits with nothing but blanks and punctuation between them */
    int colons = 0, dots = 0, digits = 0;
    int word = 0, word_digits = 0;
    for (const uint8_t *p = text; p < end; p++) {
        uint8_t c = *p;
        if (is_digit(c)) {
            if (!word && is_date(p, end)) {
                p += 9;
                word = word_digits = 2;
                chain = 0;
                digits += 8;
                continue;
            }
            digits++;
            word++;
            word_digits++;
            if (++chain >= least || may_be_iban(text, p, end))
                return 1;
        } else if (is_letter(c)) {
            word++;
            chain = 0;
        } else {
            if (is_id(word, word_digits))
                return 1;
            word = word_digits = 0;
            if (c == '@' || c == 0xEF)
                return 1;
            if (c == ':' && ((p > text && p[-1] == ':') || ++colons >= 6))
                return 1;
            dots += c == '.';
            if (c >= 0xD9) {
                if (++chain >= least)
                    return 1;
            } else if (c > ' ' && c < 0x80 && !strchr(".()/+-", c)) {
                chain = 0;
            }
            if (c == '%' && end - p > 2 && p[1] == '4' && p[2] == '0')
                return 1;
        }
    }
    return is_id(word, word_digits) || (dots >= 3 && digits >= 4);
}

static Verdict apply_detect(Run *r, const Mask *mask, const Token *t)
{
    if (t->kind == TRUTH)
        return KEPT;
    if (t->kind == STRING ? !(t->traits & ESCAPED) && !is_suspect(t->text, t->size, mask->first)
                          : t->size < MIN_CARD)
        return KEPT;
    return apply_call(r, mask, t);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static inline void skip_space(Run *r)
{
    const uint8_t *p = r->p;
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    r->p = p;
}

static inline int continues(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* The end of one character beyond ASCII (RFC 3629: shortest form, no surrogates, at most U+10FFFF), or NULL. */
static const uint8_t *wide(const uint8_t *p)
{
    uint8_t c = p[0], next = p[1];
    if (!continues(next) || c < 0xC2 || c > 0xF4)
        return NULL;
    if (c < 0xE0)
        return p + 2;
    if (!continues(p[2]) || (c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F))
        return NULL;
    if (c < 0xF0)
        return p + 3;
    return continues(p[3]) && !(c == 0xF0 && next < 0x90) && !(c == 0xF4 && next > 0x8F) ? p + 4 : NULL;
}

/* The end of one escape, or of the two that make a pair of surrogates; NULL for a broken one. */
static const uint8_t *escape(const uint8_t *p)
{
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
    int unit = hex_unit(p + 2);
    if (unit < 0 || unit >> 10 == 0xDC00 >> 10)
        return NULL;
    p += 6;
    if (unit >> 10 != 0xD800 >> 10)
        return p;
    return p[0] == '\\' && p[1] == 'u' && hex_unit(p + 2) >> 10 == 0xDC00 >> 10 ? p + 6 : NULL;
}

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))
#define BELOW(word, byte) (((word) - EVERY(byte)) & ~(word))

/* The closing quote of a string, or NULL; `p` stands after the opening one. */
static const uint8_t *scan_string(const uint8_t *p, const uint8_t *end, unsigned *traits)
{
    for (;;) {
        while (BY_WORDS && end - p >= 8) {
            uint64_t word = load(p), quote = word ^ EVERY('"'), slash = word ^ EVERY('\\');
            uint64_t stop = (BELOW(word, 0x20) | BELOW(quote, 1) | BELOW(slash, 1) | word) & EVERY(0x80);
            if (stop) {
                p += __builtin_ctzll(stop) >> 3;
                break;
            }
            p += 8;
        }
        uint8_t c = *p;
        if (c == '"')
            return p;
        if (c == '\\') {
            *traits |= ESCAPED;
            p = escape(p);
        } else if (c >= 0x80) {
            *traits |= WIDE;
            p = wide(p);
        } else {
            p = c < 0x20 ? NULL : p + 1;
        }
        if (!p)
            return NULL;
    }
}

static const uint8_t *digits_end(const uint8_t *p)
{
    while (is_digit(*p))
        p++;
    return p;
}

/* The end of a number, or NULL. */
static const uint8_t *scan_number(const uint8_t *p, Kind *kind)
{
    const uint8_t *from;
    *kind = INTEGER;
    p += *p == '-';
    if (!is_digit(*p))
        return NULL;
    p = *p == '0' ? p + 1 : digits_end(p);
    if (*p == '.') {
        *kind = FRACTION;
        from = p + 1;
        if ((p = digits_end(from)) == from)
            return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        *kind = FRACTION;
        p++;
        from = p + (*p == '+' || *p == '-');
        if ((p = digits_end(from)) == from)
            return NULL;
    }
    return p;
}

static const uint8_t *scan_word(const uint8_t *p, const uint8_t *end, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(end - p) >= size && !memcmp(p, word, size) ? p + size : NULL;
}

/* Read one scalar; 0 when there is none. */
static int scan_scalar(Run *r, Token *t)
{
    const uint8_t *p = r->p;
    t->start = t->text = p;
    t->traits = 0;
    if (*p == '"') {
        t->kind = STRING;
        t->text = p + 1;
        const uint8_t *quote = scan_string(p + 1, r->end, &t->traits);
        if (!quote)
            return 0;
        t->size = (size_t)(quote - t->text);
        t->end = r->p = quote + 1;
        return 1;
    }
    if (*p == '-' || is_digit(*p)) {
        t->end = scan_number(p, &t->kind);
    } else {
        t->kind = *p == 'n' ? NOTHING : TRUTH;
        t->end = scan_word(p, r->end, *p == 'n' ? "null" : *p == 't' ? "true" : "false");
    }
    if (!t->end)
        return 0;
    t->size = (size_t)(t->end - p);
    r->p = t->end;
    return t->size <= MAX_NUMBER;
}

/* A tuple of new references, which it takes; NULL (and all released) where one of them is missing. */
static PyObject *row_of(PyObject *const *items, int count)
{
    PyObject *row = PyTuple_New(count);
    for (int i = 0; i < count; i++)
        if (!items[i])
            Py_CLEAR(row);
    for (int i = 0; i < count; i++) {
        if (row)
            PyTuple_SET_ITEM(row, i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    return row;
}

static int append_row(PyObject *list, PyObject *row)
{
    int done = row && !PyList_Append(list, row);
    Py_XDECREF(row);
    return done;
}

static int note_owner(Run *r)
{
    if (r->owner_count == r->owner_room) {
        size_t room = r->owner_room ? 2 * r->owner_room : 64;
        uint32_t *owners =
            room <= (size_t)PY_SSIZE_T_MAX / sizeof *owners ? PyMem_Realloc(r->owners, room * sizeof *owners) : NULL;
        if (!owners) {
            PyErr_NoMemory();
            return 0;
        }
        r->owners = owners;
        r->owner_room = room;
    }
    r->owners[r->owner_count++] = r->stack[r->depth - 1].record;
    return 1;
}

static int note_subject(Run *r, int slot, const Token *t)
{
    if (!note_owner(r) || (!r->subjects && !(r->subjects = PyList_New(0))))
        return 0;
    PyObject *text = text_of(t);
    PyObject *items[] = {text ? PyLong_FromLong(slot) : NULL, text};
    return append_row(r->subjects, row_of(items, 2));
}

/* Read a scalar and do what the program says. */
static Verdict scalar(Run *r, int at)
{
    const Program *program = r->program;
    Token t;
    if (!scan_scalar(r, &t))
        return DECLINED;
    if (at < 0 || t.kind == NOTHING)
        return KEPT;
    const Step *step = program->steps + at;
    int index = step->mask;
    if (step->slot < 0) {
        index = program->unmapped;
    } else {
        r->seen[step->slot]++;
        if (step->subject && !note_subject(r, step->slot, &t))
            return RAISED;
    }
    if (index < 0)
        return KEPT;
    const Mask *mask = program->masks + index;
    Verdict verdict = mask->apply(r, mask, &t);
    if (verdict == CHANGED || verdict == GONE) {
        if (step->slot < 0)
            r->unmapped++;
        else
            r->masked[step->slot]++;
    }
    return verdict;
}

/* ---- keys of one object --------------------------------------------------------------------------------- */

static int same_key(const Run *r, const Key *a, const Key *b)
{
    return a->hash == b->hash && a->size == b->size && !memcmp(r->body + a->at, r->body + b->at, a->size);
}

/* Put the key at place `at` of a frame into its table: KEPT, or DECLINED for a duplicate or many collisions. */
static Verdict place_key(Run *r, Frame *f, size_t at)
{
    const Key *keys = r->keys + f->keys;
    uint32_t place = (uint32_t)keys[at].hash & f->wrap;
    for (int probes = 0; probes < MAX_PROBES; probes++, place = (place + 1) & f->wrap) {
        if (!f->table[place]) {
            f->table[place] = (uint32_t)at + 1;
            return KEPT;
        }
        if (same_key(r, keys + f->table[place] - 1, keys + at))
            return DECLINED;
    }
    return DECLINED;
}

static Verdict rebuild_table(Run *r, Frame *f, size_t count)
{
    /* A body has fewer than 2^32 bytes, so fewer than 2^30 keys; beyond 2^28 the table would not be indexable. */
    if (count >= (size_t)1 << 28)
        return DECLINED;
    size_t places = 4 * FEW_KEYS;
    while (places < 4 * count)
        places *= 2;
    size_t whole = 1;
    while (whole < places)
        whole *= 2;
    PyMem_Free(f->table);
    f->table = PyMem_Calloc(whole, sizeof *f->table);
    if (!f->table) {
        PyErr_NoMemory();
        return RAISED;
    }
    f->wrap = (uint32_t)(whole - 1);
    for (size_t i = 0; i < count; i++)
        if (place_key(r, f, i) != KEPT)
            return DECLINED;
    return KEPT;
}

/* Note a key of the innermost object: KEPT when it is the first of its name. */
static Verdict note_key(Run *r, Frame *f, const Key *key)
{
    if (r->key_count == r->key_room) {
        size_t room = r->key_room ? 2 * r->key_room : 64;
        Key *keys = room <= (size_t)PY_SSIZE_T_MAX / sizeof *keys ? PyMem_Realloc(r->keys, room * sizeof *keys) : NULL;
        if (!keys) {
            PyErr_NoMemory();
            return RAISED;
        }
        r->keys = keys;
        r->key_room = room;
    }
    size_t count = r->key_count - f->keys;
    r->keys[r->key_count++] = *key;
    if (count < FEW_KEYS) {
        const Key *keys = r->keys + f->keys;
        for (size_t i = 0; i < count; i++)
            if (same_key(r, keys + i, key))
                return DECLINED;
        return KEPT;
    }
    if (!f->table || 2 * (count + 1) > (size_t)f->wrap + 1)
        return rebuild_table(r, f, count + 1);
    return place_key(r, f, count);
}

/* ---- containers ----------------------------------------------------------------------------------------- */

static void leave(Run *r)
{
    Frame *f = r->stack + --r->depth;
    r->key_count = f->keys;
    PyMem_Free(f->table);
    f->table = NULL;
    r->after = 1;
    r->p++;
}

static Verdict enter(Run *r, int step)
{
    if (r->depth >= r->limit)
        return DECLINED;
    const Frame *outer = r->depth ? r->stack + r->depth - 1 : NULL;
    uint32_t record = !outer ? 0 : outer->object ? outer->record : ++r->records;
    Frame *f = r->stack + r->depth++;
    *f = (Frame){.step = step, .object = *r->p++ == '{', .keys = r->key_count, .record = record};
    r->after = 0;
    skip_space(r);
    if (*r->p == (f->object ? '}' : ']'))
        leave(r);
    return KEPT;
}

/* Read a key and its colon; where its value leads goes to `step`. */
static Verdict key(Run *r, Frame *f, int *step)
{
    unsigned traits = 0;
    if (*r->p != '"')
        return DECLINED;
    const uint8_t *name = r->p + 1, *quote = scan_string(name, r->end, &traits);
    if (!quote || traits & ESCAPED)
        return DECLINED;
    size_t size = (size_t)(quote - name);
    Key noted = {hash_key(name, size, r->end), (uint32_t)(name - r->body), (uint32_t)size};
    Verdict verdict = note_key(r, f, &noted);
    if (verdict != KEPT)
        return verdict;
    *step = f->step < 0 ? -1 : find_step(r->program, r->program->steps + f->step, name, size, noted.hash);
    r->p = quote + 1;
    skip_space(r);
    if (*r->p != ':')
        return DECLINED;
    r->p++;
    skip_space(r);
    return KEPT;
}

/* Take out what stands from `start` to here, with one comma: the one before, or else the one to come. */
static Verdict take_out(Run *r, Frame *f, const uint8_t *start)
{
    if (!cut(r, f->kept ? f->comma : (size_t)(start - r->body), (size_t)(r->p - r->body)))
        return RAISED;
    f->swallow = !f->kept;
    return KEPT;
}

/* Read one member of an object or item of an array, up to the opening bracket of a container. */
static Verdict member(Run *r)
{
    Frame *f = r->stack + r->depth - 1;
    skip_space(r);
    const uint8_t *start = r->p;
    int step = f->step < 0 ? -1 : r->program->steps[f->step].items;
    if (f->object) {
        Verdict verdict = key(r, f, &step);
        if (verdict != KEPT)
            return verdict;
    }
    if (*r->p == '{' || *r->p == '[') {
        f->kept = 1;
        return enter(r, step);
    }
    r->after = 1;
    Verdict verdict = scalar(r, step);
    if (verdict == GONE)
        return take_out(r, f, start);
    f->kept = 1;
    return verdict;
}

/* Read what follows a member: a comma, or the end of its container. */
static Verdict follow(Run *r)
{
    Frame *f = r->stack + r->depth - 1;
    skip_space(r);
    if (*r->p == ',') {
        f->comma = (size_t)(r->p++ - r->body);
        if (f->swallow)
            r->copied = f->comma + 1;
        f->swallow = 0;
        r->after = 0;
        return KEPT;
    }
    if (*r->p != (f->object ? '}' : ']'))
        return DECLINED;
    leave(r);
    return KEPT;
}

static Verdict walk(Run *r)
{
    skip_space(r);
    if (*r->p != '{' && *r->p != '[')
        return DECLINED;
    Verdict verdict = enter(r, 0);
    while (verdict <= CHANGED && r->depth)
        verdict = r->after ? follow(r) : member(r);
    if (verdict > CHANGED)
        return verdict;
    skip_space(r);
    return r->p == r->end ? KEPT : DECLINED;
}

/* ---- what Python sees: a run ---------------------------------------------------------------------------- */

static const char NAME[] = "gateway.native.jsonkernel.program";

/* A Pattern of codecs/program.py. */
static PyObject *counts_of(const Run *r)
{
    Py_ssize_t used = 0;
    for (int slot = 0; slot < r->program->slots; slot++)
        used += r->seen[slot] != 0;
    PyObject *counts = PyBytes_FromStringAndSize(NULL, used * 3 * (Py_ssize_t)sizeof(uint32_t));
    if (counts == NULL)
        return NULL;
    char *at = PyBytes_AS_STRING(counts);
    for (int slot = 0; slot < r->program->slots; slot++)
        if (r->seen[slot]) {
            uint32_t triple[3] = {(uint32_t)slot, r->seen[slot], r->masked[slot]};
            memcpy(at, triple, sizeof triple);
            at += sizeof triple;
        }
    return counts;
}

static PyObject *rewritten(Run *r, PyObject *body)
{
    if (!r->changed)
        return Py_NewRef(body);
    if (!append(r, r->body + r->copied, (size_t)(r->end - r->body) - r->copied))
        return NULL;
    return PyBytes_FromStringAndSize((const char *)r->out, (Py_ssize_t)r->size);
}

static PyObject *result_of(Run *r, PyObject *body)
{
    /* Each is made only while no exception is set. */
    PyObject *items[5] = {rewritten(r, body)};
    items[1] = items[0] ? counts_of(r) : NULL;
    items[2] = items[1] ? (r->subjects ? Py_NewRef(r->subjects) : PyList_New(0)) : NULL;
    items[3] = items[2] ? PyLong_FromSsize_t(r->unmapped) : NULL;
    Py_ssize_t size = (Py_ssize_t)(r->owner_count * sizeof *r->owners);
    items[4] = items[3] ? PyBytes_FromStringAndSize((const char *)r->owners, size) : NULL;
    return row_of(items, 5);
}

static void close_run(Run *r)
{
    while (r->depth)
        PyMem_Free(r->stack[--r->depth].table);
    if (r->out != r->small)
        PyMem_Free(r->out);
    PyMem_Free(r->keys);
    PyMem_Free(r->seen);
    PyMem_Free(r->owners);
    Py_XDECREF(r->subjects);
}

PyDoc_STRVAR(transform_doc,
"transform(body, program, max_depth) -> (out, counts, subjects, unmapped, owners) | None\n\n"
"Read and rewrite a body. `counts` are (slot, seen, masked) of the slots that were seen, `subjects` are\n"
"(slot, text) in document order, `owners` the number of the record each stands in (4 bytes, native order):\n"
"0 is the document, others are items of arrays that are containers, in the order they begin. `out` is `body` itself where nothing changed. None: the reference decides.\n"
"Raises what a masker raises, and MemoryError.");

static PyObject *transform(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "transform takes a body, a program and the greatest depth");
        return NULL;
    }
    const Program *program = PyCapsule_GetPointer(args[1], NAME);
    long depth = program ? PyLong_AsLong(args[2]) : -1;
    if (!program || (depth == -1 && PyErr_Occurred()))
        return NULL;
    PyObject *body = args[0];
    if (!PyBytes_CheckExact(body) || (uint64_t)PyBytes_GET_SIZE(body) >= UINT32_MAX || depth < 0)
        Py_RETURN_NONE;
    Run r;
    /* All but the stack, whose frames are set when they are entered. */
    memset(&r, 0, offsetof(Run, stack));
    r.program = program;
    r.body = r.p = (const uint8_t *)PyBytes_AS_STRING(body);
    r.end = r.body + PyBytes_GET_SIZE(body);
    r.limit = depth < MAX_DEPTH ? (int)depth : MAX_DEPTH;
    r.exact = -1;
    r.out = r.small;
    r.room = SMALL;
    r.seen = PyMem_Calloc(2 * (size_t)program->slots + 1, sizeof *r.seen);
    if (!r.seen)
        return PyErr_NoMemory();
    r.masked = r.seen + program->slots;
    Verdict verdict = walk(&r);
    PyObject *result = NULL;
    if (verdict == DECLINED)
        result = Py_NewRef(Py_None);
    else if (verdict != RAISED)
        result = result_of(&r, body);
    close_run(&r);
    return result;
}

/* ---- what Python sees: compilation ---------------------------------------------------------------------- */

static void free_program(Program *program)
{
    for (size_t i = 0; program->masks && i < program->mask_count; i++) {
        Py_XDECREF(program->masks[i].call);
        Py_XDECREF(program->masks[i].text);
    }
    Py_XDECREF(program->removed);
    Py_XDECREF(program->raw);
    Py_XDECREF(program->encode);
    PyMem_Free(program->steps);
    PyMem_Free(program->entries);
    PyMem_Free(program->names);
    PyMem_Free(program->masks);
    PyMem_Free(program);
}

static void free_capsule(PyObject *capsule)
{
    free_program(PyCapsule_GetPointer(capsule, NAME));
}

static int complain(const char *what)
{
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, what);
    return 0;
}

/* The operators done here. The letters are what follows the name: t text, k the key of HMAC, p what is hashed
   before a value, f and l characters shown. */
static const struct {
    const char *name, *takes;
    Apply apply;
} OPERATORS[] = {
    {"redact", "t", apply_redact},  {"remove", "", apply_remove}, {"hash", "tkp", apply_hash},
    {"partial", "fl", apply_partial}, {"year", "", apply_year},   {"truncate", "f", apply_truncate},
    {"detect", "f", apply_detect},
};

static int take_parameter(Mask *mask, char letter, PyObject *value)
{
    if (letter == 'f' || letter == 'l') {
        Py_ssize_t *into = letter == 'f' ? &mask->first : &mask->last;
        *into = PyNumber_AsSsize_t(value, PyExc_OverflowError);
        return *into >= 0 || complain("a count is not negative");
    }
    if (!PyBytes_Check(value))
        return complain("bytes expected");
    const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(value);
    size_t size = (size_t)PyBytes_GET_SIZE(value);
    if (letter == 'k')
        hmac_key(&mask->inner, &mask->outer, bytes, size);
    else if (letter == 'p')
        sha_update(&mask->inner, bytes, size); /* after the key */
    else
        mask->text = Py_NewRef(value);
    return 1;
}

/* A mask is (callable, name of an operator, its parameters ...); a name unknown here is left to the callable. */
static int take_mask(Mask *mask, PyObject *row)
{
    if (!PyTuple_Check(row) || PyTuple_GET_SIZE(row) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(row, 1)))
        return complain("a mask is (callable, name, parameters ...)");
    mask->call = Py_NewRef(PyTuple_GET_ITEM(row, 0));
    mask->apply = apply_call;
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(row, 1), OPERATORS[i].name))
            continue;
        const char *takes = OPERATORS[i].takes;
        if ((size_t)PyTuple_GET_SIZE(row) != 2 + strlen(takes))
            return complain("a wrong number of parameters");
        for (Py_ssize_t at = 0; takes[at]; at++)
            if (!take_parameter(mask, takes[at], PyTuple_GET_ITEM(row, 2 + at)))
                return 0;
        mask->apply = OPERATORS[i].apply;
    }
    return 1;
}

static int take_masks(Program *program, PyObject *rows)
{
    program->mask_count = (size_t)PyList_GET_SIZE(rows);
    program->masks = PyMem_Calloc(program->mask_count + 1, sizeof(Mask));
    if (!program->masks)
        return PyErr_NoMemory() != NULL;
    for (size_t i = 0; i < program->mask_count; i++)
        if (!take_mask(program->masks + i, PyList_GET_ITEM(rows, (Py_ssize_t)i)))
            return 0;
    return 1;
}

static uint32_t places_for(Py_ssize_t keys)
{
    uint32_t places = 1;
    while (places < 2 * (size_t)keys + 1)
        places *= 2;
    return places;
}

/* The step whose keys this one shares, when that is all there is to say of them; a step before it. */
static int share_keys(const Program *program, PyObject *index, Step *step)
{
    long of = PyLong_AsLong(index);
    if (of < 0 || of >= step - program->steps)
        return complain("a step shares the keys of one before it");
    step->table = program->steps[of].table;
    step->wrap = program->steps[of].wrap;
    return 1;
}

/* The first look at a step: everything but its keys, and how much room those need. */
static int measure_step(Program *program, PyObject *row, Step *step)
{
    PyObject *keys;
    if (!PyTuple_Check(row) || !PyArg_ParseTuple(row, "iiiiiO:step", &step->slot, &step->mask, &step->subject,
                                                 &step->any, &step->items, &keys))
        return complain("a step is (slot, mask, subject, any, items, keys)");
    int count = (int)program->step_count;
    if (step->slot < -1 || step->slot >= program->slots || step->mask < -1 ||
        step->mask >= (int)program->mask_count || step->any < -1 || step->any >= count || step->items < -1 ||
        step->items >= count)
        return complain("a step leads outside of the program");
    if (PyLong_Check(keys))
        return share_keys(program, keys, step);
    if (!PyTuple_Check(keys))
        return complain("keys are a tuple, or a number");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *pair = PyTuple_GET_ITEM(keys, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyBytes_Check(PyTuple_GET_ITEM(pair, 0)))
            return complain("a key is (bytes, step)");
        program->names_size += (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(pair, 0));
    }
    step->wrap = places_for(PyTuple_GET_SIZE(keys)) - 1;
    step->table = (uint32_t)program->entry_count;
    program->entry_count += (size_t)step->wrap + 1;
    if (program->entry_count >= INT32_MAX || program->names_size >= INT32_MAX)
        return complain("the program is too large");
    return 1;
}

/* The second look: its keys; `used` bytes of the names are taken already. */
static int take_keys(Program *program, const Step *step, PyObject *keys, size_t *used)
{
    Entry *table = program->entries + step->table;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *pair = PyTuple_GET_ITEM(keys, i), *name = PyTuple_GET_ITEM(pair, 0);
        size_t size = (size_t)PyBytes_GET_SIZE(name);
        long to = PyLong_AsLong(PyTuple_GET_ITEM(pair, 1));
        if (to < 0 || (size_t)to >= program->step_count)
            return complain("a key leads outside of the program");
        uint8_t *place = program->names + *used;
        memcpy(place, PyBytes_AS_STRING(name), size);
        uint64_t hash = hash_key(place, size, place + size);
        uint32_t at = (uint32_t)hash & step->wrap;
        while (table[at].step >= 0)
            at = (at + 1) & step->wrap;
        table[at] = (Entry){hash, (uint32_t)*used, (uint32_t)size, (int32_t)to};
        *used += size;
    }
    return 1;
}

static int take_steps(Program *program, PyObject *rows)
{
    program->step_count = (size_t)PyList_GET_SIZE(rows);
    if (!program->step_count || program->step_count >= INT32_MAX)
        return complain("a program has at least one step");
    program->steps = PyMem_Calloc(program->step_count, sizeof(Step));
    if (!program->steps)
        return PyErr_NoMemory() != NULL;
    for (size_t i = 0; i < program->step_count; i++)
        if (!measure_step(program, PyList_GET_ITEM(rows, (Py_ssize_t)i), program->steps + i))
            return 0;
    program->entries = PyMem_Calloc(program->entry_count, sizeof(Entry));
    program->names = PyMem_Malloc(program->names_size + 1);
    if (!program->entries || !program->names)
        return PyErr_NoMemory() != NULL;
    for (size_t i = 0; i < program->entry_count; i++)
        program->entries[i].step = -1;
    size_t used = 0;
    for (size_t i = 0; i < program->step_count; i++) {
        PyObject *keys = PyTuple_GET_ITEM(PyList_GET_ITEM(rows, (Py_ssize_t)i), 5);
        if (PyTuple_Check(keys) && !take_keys(program, program->steps + i, keys, &used))
            return 0;
    }
    return 1;
}

PyDoc_STRVAR(compile_doc,
"compile(steps, masks, slots, unmapped, removed, raw, encode) -> program\n\n"
"Steps are (slot, mask, subject, any, items, ((key, step), ...)) with -1 for none, the first is the start; the\n"
"number of a step before it in place of the keys shares that step's.\n"
"Masks are (callable, operator, parameters ...); `unmapped` is a mask's index or -1. `removed` is the answer of\n"
"a masker that takes a value out, `raw` makes number text a value, `encode` writes values as JSON.\n"
"Raises TypeError, ValueError, OverflowError.");

static PyObject *compile(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *steps, *masks, *removed, *raw, *encode;
    int slots, unmapped;
    if (!PyArg_ParseTuple(args, "O!O!iiOOO:compile", &PyList_Type, &steps, &PyList_Type, &masks, &slots, &unmapped,
                          &removed, &raw, &encode))
        return NULL;
    Program *program = PyMem_Calloc(1, sizeof *program);
    if (!program)
        return PyErr_NoMemory();
    program->removed = Py_NewRef(removed);
    program->raw = Py_NewRef(raw);
    program->encode = Py_NewRef(encode);
    program->slots = slots;
    program->unmapped = unmapped;
    int taken = slots >= 0 && PyList_GET_SIZE(masks) < INT32_MAX && unmapped >= -1 &&
                unmapped < (int)PyList_GET_SIZE(masks);
    taken = taken ? take_masks(program, masks) && take_steps(program, steps) : complain("a count is out of range");
    PyObject *capsule = taken ? PyCapsule_New(program, NAME, free_capsule) : NULL;
    if (!capsule)
        free_program(program);
    return capsule;
}

PyDoc_STRVAR(suspect_doc,
"suspect(text, least=7) -> bool\n\nWhether the detectors are asked about a text (UTF-8, nothing escaped). For tests.");

static PyObject *suspect(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *text;
    Py_ssize_t least = MIN_CHAIN;
    if (!PyArg_ParseTuple(args, "S|n:suspect", &text, &least))
        return NULL;
    const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(text);
    return PyBool_FromLong(is_suspect(bytes, (size_t)PyBytes_GET_SIZE(text), least));
}

static PyMethodDef METHODS[] = {
    {"compile", compile, METH_VARARGS, compile_doc},
    {"transform", (PyCFunction)(void (*)(void))transform, METH_FASTCALL, transform_doc},
    {"suspect", suspect, METH_VARARGS, suspect_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "jsonkernel",
    .m_doc = "The JSON codec in one pass; see gateway/codecs/kernel.py.",
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit_jsonkernel(void)
{
    sha_choose();
    return PyModuleDef_Init(&MODULE);
}
