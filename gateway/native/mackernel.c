/* Keyed hashes of identifiers: what gateway/keys.py does in Python, for lists that name hundreds of people. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdio.h>

#include "sha256.h"

enum { TEXT = 22 }; /* base64url characters of 128 bits */

typedef struct {
    PyObject_HEAD
    Sha inner, outer;
} Mac;

static PyObject *mac_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *key;
    Py_ssize_t size;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "y#", &key, &size))
        return NULL;
    Mac *self = (Mac *)type->tp_alloc(type, 0);
    if (self != NULL)
        hmac_key(&self->inner, &self->outer, (const uint8_t *)key, (size_t)size);
    return (PyObject *)self;
}

static PyObject *text_of(const uint8_t *digest)
{
    static const char SIGNS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[18] = {0};
    memcpy(bytes, digest, 16);
    PyObject *text = PyUnicode_New(TEXT, 127);
    if (text == NULL)
        return NULL;
    Py_UCS1 *out = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < TEXT; i++) {
        const uint8_t *group = bytes + i / 4 * 3;
        uint32_t bits = (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];
        out[i] = (Py_UCS1)SIGNS[bits >> (18 - 6 * (i % 4)) & 63];
    }
    return text;
}

/* pseudonym(kind, value) -> text; None for a value that has no UTF-8 form, which Python then spells. */
static PyObject *mac_pseudonym(Mac *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0]) || !PyUnicode_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "pseudonym(kind: str, value: str)");
        return NULL;
    }
    Py_ssize_t kind_size, value_size;
    const char *kind = PyUnicode_AsUTF8AndSize(args[0], &kind_size);
    const char *value = kind == NULL ? NULL : PyUnicode_AsUTF8AndSize(args[1], &value_size);
    if (value == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    Sha sha = self->inner;
    uint8_t digest[32];
    sha_update(&sha, (const uint8_t *)kind, (size_t)kind_size + 1); /* with its terminating zero */
    sha_update(&sha, (const uint8_t *)value, (size_t)value_size);
    hmac_finish(&sha, &self->outer, digest);
    return text_of(digest);
}

/* ---- people named: the usual spellings of contacts/normalise.py, hashed --------------------------------- */

enum { MAX_EMAIL = 254, MAX_LOCAL = 64, MAX_LABEL = 63, MAX_RECORD = 256, SHAPE = 5, SHAPES = 1000 };

static int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static int is_alnum(unsigned char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

static int is_local(unsigned char c)
{
    return is_alnum(c) || (c >= '^' && c <= '~') || (c >= '#' && c <= '\'') || (c != 0 && strchr("!*+-./=?", c));
}

static int is_domain(const char *at, const char *end)
{
    const char *label = at;
    for (;; at++) {
        if (at == end || *at == '.') {
            if (at == label || at - label > MAX_LABEL || !is_alnum((unsigned char)*label) ||
                !is_alnum((unsigned char)at[-1]))
                return 0;
            if (at == end)
                return 1;
            label = at + 1;
        } else if (!is_alnum((unsigned char)*at) && *at != '-' && *at != '_')
            return 0;
    }
}

/* The canonical form in `out` (room for MAX_EMAIL), or 0: Python reads it then. */
static Py_ssize_t plain_email(const char *value, Py_ssize_t size, char *out)
{
    if (size > MAX_EMAIL)
        return 0;
    const char *at = NULL;
    for (Py_ssize_t i = 0; i < size; i++) {
        char c = value[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (c == '@' && at == NULL)
            at = out + i;
    }
    if (at == NULL || at == out || at - out > MAX_LOCAL)
        return 0;
    for (const char *c = out; c < at; c++)
        if (!is_local((unsigned char)*c))
            return 0;
    return is_domain(at + 1, out + size) ? size : 0;
}

/* A shape: digits of the calling code (0: unknown), possible national lengths and first digits that need a
   full parse, both as bits of two bytes, low one first. */
static int plain_phone(const char *value, Py_ssize_t size, const uint8_t *shapes)
{
    if (shapes == NULL || size < 9 || size > 16 || value[0] != '+')
        return 0;
    for (Py_ssize_t i = 1; i < size; i++)
        if (!is_digit((unsigned char)value[i]))
            return 0;
    const uint8_t *shape = shapes + SHAPE * ((value[1] - '0') * 100 + (value[2] - '0') * 10 + value[3] - '0');
    int lengths = shape[1] | shape[2] << 8, first = shape[3] | shape[4] << 8;
    return shape[0] && (lengths >> (size - 1 - shape[0]) & 1) && !(first >> (value[1 + shape[0]] - '0') & 1);
}

static int plain_record(const char *value, Py_ssize_t size)
{
    int blank = 1;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e)
            return 0;
        blank &= value[i] == ' ';
    }
    return size > 0 && size <= MAX_RECORD && !blank;
}

/* The pseudonym of a value in a usual spelling; None (borrowed) for any other. */
static PyObject *plain_name(Mac *self, PyObject *kind, PyObject *value, const uint8_t *shapes)
{
    char lowered[MAX_EMAIL];
    if (!PyUnicode_Check(value) || !PyUnicode_IS_COMPACT_ASCII(value))
        return Py_None;
    Py_ssize_t size = PyUnicode_GET_LENGTH(value), kind_size;
    const char *text = (const char *)PyUnicode_1BYTE_DATA(value);
    const char *name = PyUnicode_AsUTF8AndSize(kind, &kind_size);
    if (name == NULL)
        return NULL;
    if (!strcmp(name, "email")) {
        size = plain_email(text, size, lowered);
        text = lowered;
        if (size == 0)
            return Py_None;
    } else if (!(strcmp(name, "phone") ? !strcmp(name, "record") && plain_record(text, size)
                                       : plain_phone(text, size, shapes)))
        return Py_None;
    Sha sha = self->inner;
    uint8_t digest[32];
    /* A record's kind ends with the space before its id (contacts/records.py), and not with a zero then. */
    sha_update(&sha, (const uint8_t *)name, (size_t)kind_size + (strlen(name) == (size_t)kind_size));
    sha_update(&sha, (const uint8_t *)text, (size_t)size);
    hmac_finish(&sha, &self->outer, digest);
    return text_of(digest);
}

static PyObject *name_one(Mac *self, PyObject *met, PyObject *kinds, const uint8_t *shapes, PyObject *slow)
{
    Py_ssize_t slot = PyTuple_Check(met) && PyTuple_GET_SIZE(met) == 2 ? PyLong_AsSsize_t(PyTuple_GET_ITEM(met, 0)) : -1;
    if (slot < 0 || slot >= PyTuple_GET_SIZE(kinds)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_IndexError, "met: (slot, value)");
        return NULL;
    }
    PyObject *kind = PyTuple_GET_ITEM(kinds, slot), *value = PyTuple_GET_ITEM(met, 1);
    PyObject *name = plain_name(self, kind, value, shapes);
    if (name == Py_None)
        name = PyObject_CallFunctionObjArgs(slow, kind, value, NULL);
    return name;
}

/* name(into, met, kinds, shapes, slow) -> names: that of every (slot, value) of `met`, in order, each a key of
   `into`, too; `slow(kind, value)` says the pseudonym of what is spelt in an unusual way. */
static PyObject *mac_name(Mac *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 5 || !PyDict_Check(args[0]) || !PyList_Check(args[1]) || !PyTuple_Check(args[2]) ||
        !PyByteArray_Check(args[3]) || PyByteArray_GET_SIZE(args[3]) != SHAPE * SHAPES) {
        PyErr_SetString(PyExc_TypeError, "name(into: dict, met: list, kinds: tuple, shapes: bytearray, slow)");
        return NULL;
    }
    PyObject *names = PyList_New(0);
    for (Py_ssize_t i = 0; names != NULL && i < PyList_GET_SIZE(args[1]); i++) {
        PyObject *met = Py_NewRef(PyList_GET_ITEM(args[1], i));
        /* `slow` learns, that is writes to it; it must not have been made smaller. */
        const uint8_t *shapes =
            PyByteArray_GET_SIZE(args[3]) == SHAPE * SHAPES ? (const uint8_t *)PyByteArray_AS_STRING(args[3]) : NULL;
        PyObject *name = name_one(self, met, args[2], shapes, args[4]);
        Py_DECREF(met);
        if (name == NULL || PyDict_SetItem(args[0], name, Py_None) < 0 || PyList_Append(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* ---- plain hashes --------------------------------------------------------------------------------------- */

static PyObject *digest(PyObject *module, PyObject *data)
{
    (void)module;
    if (!PyBytes_CheckExact(data)) {
        PyErr_SetString(PyExc_TypeError, "digest(data: bytes)");
        return NULL;
    }
    Sha sha;
    uint8_t made[32];
    sha_start(&sha);
    sha_update(&sha, (const uint8_t *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
    sha_finish(&sha, made);
    return PyBytes_FromStringAndSize((const char *)made, sizeof made);
}

enum { HEX = 64, FRONT = 128 }; /* bytes of a hash as text, and room for what stands before a record */

/* Writes a line, its newline too, and the hash of it over `prev`; returns its end. */
static char *put_line(char *to, unsigned long long number, char prev[HEX], PyObject *body)
{
    static const char SIGNS[] = "0123456789abcdef";
    char *start = to;
    Sha sha;
    uint8_t made[32];
    to += snprintf(to, FRONT, "{\"seq\":%llu,\"prev\":\"%.64s\",", number, prev);
    memcpy(to, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body));
    to += PyBytes_GET_SIZE(body);
    sha_start(&sha);
    sha_update(&sha, (const uint8_t *)start, (size_t)(to - start));
    sha_finish(&sha, made);
    for (int i = 0; i < 32; i++) {
        prev[2 * i] = SIGNS[made[i] >> 4];
        prev[2 * i + 1] = SIGNS[made[i] & 15];
    }
    *to++ = '\n';
    return to;
}

/* Bytes that lines around these bodies take at most; -1 with an exception. */
static Py_ssize_t room_of(PyObject *bodies)
{
    Py_ssize_t room = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(bodies); i++) {
        PyObject *body = PyList_GET_ITEM(bodies, i);
        if (!PyBytes_CheckExact(body) || PyBytes_GET_SIZE(body) > PY_SSIZE_T_MAX - FRONT - 1 - room) {
            PyErr_SetString(PyExc_TypeError, "chain: bodies are bytes");
            return -1;
        }
        room += PyBytes_GET_SIZE(body) + FRONT + 1;
    }
    return room;
}

/* chain(seq, prev, bodies) -> (lines, hash of the last): what audit/chain.py does line by line. */
static PyObject *chain(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3 || !PyLong_CheckExact(args[0]) || !PyUnicode_Check(args[1]) || !PyList_CheckExact(args[2])
        || !PyUnicode_IS_COMPACT_ASCII(args[1]) || PyUnicode_GET_LENGTH(args[1]) != HEX) {
        PyErr_SetString(PyExc_TypeError, "chain(seq: int, prev: 64 characters, bodies: list)");
        return NULL;
    }
    unsigned long long number = PyLong_AsUnsignedLongLong(args[0]);
    Py_ssize_t room = PyErr_Occurred() ? -1 : room_of(args[2]);
    if (room < 0)
        return NULL;
    char prev[HEX];
    memcpy(prev, PyUnicode_1BYTE_DATA(args[1]), HEX);
    PyObject *lines = PyBytes_FromStringAndSize(NULL, room);
    if (lines == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(lines);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[2]); i++)
        to = put_line(to, number++, prev, PyList_GET_ITEM(args[2], i));
    if (_PyBytes_Resize(&lines, to - PyBytes_AS_STRING(lines)) < 0)
        return NULL;
    return Py_BuildValue("(Ns#)", lines, prev, (Py_ssize_t)HEX);
}

static PyMethodDef FUNCTIONS[] = {
    {"digest", digest, METH_O, "digest(data) -> 32 bytes: SHA-256."},
    {"chain", (PyCFunction)(void (*)(void))chain, METH_FASTCALL,
     "chain(seq, prev, bodies) -> (lines, hash): the next lines of an audit chain, each with its newline."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef MAC_METHODS[] = {
    {"name", (PyCFunction)(void (*)(void))mac_name, METH_FASTCALL,
     "name(into, met, kinds, shapes, slow) -> the pseudonyms of (slot, value) pairs, also as keys of a dict."},
    {"pseudonym", (PyCFunction)(void (*)(void))mac_pseudonym, METH_FASTCALL,
     "pseudonym(kind, value) -> 22 characters of base64url: HMAC-SHA-256 over kind, a zero byte, value."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject MAC_TYPE = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native.mackernel.Mac",
    .tp_basicsize = sizeof(Mac),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "HMAC-SHA-256 under one key, with both key blocks already hashed.",
    .tp_methods = MAC_METHODS,
    .tp_new = mac_new,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "mackernel", .m_doc = "Keyed hashes of identifiers.", .m_size = -1,
    .m_methods = FUNCTIONS,
};

PyMODINIT_FUNC PyInit_mackernel(void)
{
    sha_choose();
    if (PyType_Ready(&MAC_TYPE) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&MODULE);
    if (module != NULL && PyModule_AddObjectRef(module, "Mac", (PyObject *)&MAC_TYPE) < 0)
        Py_CLEAR(module);
    return module;
}
