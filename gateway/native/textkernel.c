/* Audit records that are alike, written around the pieces they share; and moments as their text. Pure.
 *
 * The references are gateway/audit/template.py (by_rule) and gateway/audit/chain.py (moments): whatever is out of
 * the ordinary here goes to them, untouched, so that what comes of it, errors included, is theirs.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { STAMP = 27, DIGITS = 20, BETWEEN = 3 }; /* characters: a moment, the longest number, between subjects */
enum { IDENTIFIER, AT, SUBJECTS, NUMBERS }; /* places of arguments */

#define DAY INT64_C(86400)
#define MICROS INT64_C(1000000)
/* microseconds since the epoch: when year 1 begins, and year 10000 */
#define FIRST (INT64_C(-62135596800) * MICROS)
#define PAST (INT64_C(253402300800) * MICROS)

/* ---- moments ------------------------------------------------------------------------------------------- */

/* Microseconds since the epoch, ties to even as Python's round; PAST for what no record can say. */
static int64_t micros_of(double at)
{
    double micros = at * 1e6;
    if (!(micros >= (double)FIRST && micros < (double)PAST))
        return PAST;
    int64_t whole = (int64_t)micros;
    double rest = micros - (double)whole; /* exact: beyond 2**53 there is none */
    if (rest > 0.5 || (rest == 0.5 && whole & 1))
        return whole + 1;
    return rest < -0.5 || (rest == -0.5 && whole & 1) ? whole - 1 : whole;
}

/* Two digits and the sign after them; returns what follows that. */
static inline char *put_two(char *to, uint32_t number, char sign)
{
    to[0] = (char)('0' + number / 10);
    to[1] = (char)('0' + number % 10);
    to[2] = sign;
    return to + 3;
}

/* The date of a day since 1970 in the Gregorian calendar, also before that began (RFC 3339). Years begin in
   March here, and are counted in eras of 400, so that leap days are each the last of something. */
static char *put_date(char *to, int64_t day)
{
    uint32_t days = (uint32_t)(day + 719468); /* since 0000-03-01; no day before year 1 comes here */
    uint32_t era = days / 146097, of_era = days % 146097;
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153;
    uint32_t of_month = of_year - (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    to = put_two(put_two(to, year / 100, 0) - 1, year % 100, '-');
    to = put_two(to, month < 10 ? month + 3 : month - 9, '-');
    return put_two(to, of_month + 1, 'T');
}

static char *put_stamp(char *to, int64_t micros)
{
    int64_t since = micros - FIRST; /* not negative */
    int64_t second = since / MICROS;
    uint32_t of_day = (uint32_t)(second % DAY), of_second = (uint32_t)(since % MICROS);
    to = put_date(to, second / DAY + FIRST / MICROS / DAY);
    to = put_two(to, of_day / 3600, ':');
    to = put_two(to, of_day / 60 % 60, ':');
    to = put_two(to, of_day % 60, '.');
    to = put_two(to, of_second / 10000, 0) - 1;
    to = put_two(to, of_second / 100 % 100, 0) - 1;
    return put_two(to, of_second % 100, 'Z');
}

PyDoc_STRVAR(stamp_doc,
"stamp(at: float) -> bytes: epoch seconds in RFC 3339 with microseconds; None leaves it to the reference.");

static PyObject *stamp(PyObject *Py_UNUSED(module), PyObject *at)
{
    int64_t micros = PyFloat_CheckExact(at) ? micros_of(PyFloat_AS_DOUBLE(at)) : PAST;
    if (micros == PAST)
        Py_RETURN_NONE;
    char text[STAMP];
    put_stamp(text, micros);
    return PyBytes_FromStringAndSize(text, STAMP);
}

/* ---- what stands in the gaps --------------------------------------------------------------------------- */

typedef struct {
    const char *text;
    Py_ssize_t size;
} Span;

static inline char *put(char *to, Span span)
{
    memcpy(to, span.text, (size_t)span.size);
    return to + span.size;
}

static inline char *put_bytes(char *to, PyObject *bytes)
{
    return put(to, (Span){PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)});
}

/* Of an ASCII text; without a text for any other object. */
static inline Span ascii_span(PyObject *text)
{
    if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_COMPACT_ASCII(text))
        return (Span){NULL, 0};
    return (Span){(const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)};
}

/* The next of a dict's keys, or of a list's or tuple's members; NULL after the last. `place` begins at 0. */
static inline PyObject *next_of(PyObject *subjects, int is_dict, Py_ssize_t *place)
{
    PyObject *key;
    if (is_dict)
        return PyDict_Next(subjects, place, &key, NULL) ? key : NULL;
    return *place < PySequence_Fast_GET_SIZE(subjects) ? PySequence_Fast_GET_ITEM(subjects, (*place)++) : NULL;
}

/* Texts with `","` between them; NULL for what is left to the reference: other objects, more than `room` bytes. */
static char *put_subjects(char *to, PyObject *subjects, Py_ssize_t room)
{
    int is_dict = PyDict_CheckExact(subjects);
    if (!is_dict && !PyList_CheckExact(subjects) && !PyTuple_CheckExact(subjects))
        return NULL;
    Py_ssize_t place = 0;
    const char *start = to;
    for (PyObject *one; (one = next_of(subjects, is_dict, &place)) != NULL;) {
        Span span = ascii_span(one);
        if (span.text == NULL || span.size > room - BETWEEN)
            return NULL;
        room -= span.size + BETWEEN;
        to = put(to, span);
        memcpy(to, "\",\"", BETWEEN);
        to += BETWEEN;
    }
    return to == start ? to : to - BETWEEN;
}

static char *put_number(char *to, long long number)
{
    char digits[DIGITS];
    int at = DIGITS;
    unsigned long long left = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        digits[--at] = '-';
    return put(to, (Span){digits + at, DIGITS - at});
}

/* ---- records ------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *pieces, *rule; /* a tuple of bytes; what does the same in Python */
    Py_ssize_t fixed;        /* bytes of all but identifier and subjects, at most */
} Text;

/* Writes numbers, each with the piece after it; NULL for what is left to the reference. */
static char *put_numbers(char *to, PyObject *const *numbers, PyObject *const *pieces, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        int over = 1;
        long long number = PyLong_CheckExact(numbers[i]) ? PyLong_AsLongLongAndOverflow(numbers[i], &over) : 0;
        if (over)
            return NULL;
        to = put_bytes(put_number(to, number), pieces[i]);
    }
    return to;
}

/* Writes a record; its end, or NULL for what is left to the reference. `room` for what is not fixed: what is
   negative has none even for an empty identifier. */
static char *put_record(char *to, const Text *self, PyObject *const *args, Py_ssize_t room)
{
    PyObject *const *pieces = PySequence_Fast_ITEMS(self->pieces), *name = args[IDENTIFIER];
    Span span = PyBytes_CheckExact(name) ? (Span){PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)} : ascii_span(name);
    int64_t at = PyFloat_CheckExact(args[AT]) ? micros_of(PyFloat_AS_DOUBLE(args[AT])) : PAST;
    if (at == PAST || span.text == NULL || span.size > room)
        return NULL;
    to = put_bytes(put_stamp(put_bytes(to, pieces[0]), at), pieces[1]);
    to = put_bytes(put(to, span), pieces[2]);
    to = put_subjects(to, args[SUBJECTS], room - span.size);
    if (to == NULL)
        return NULL;
    to = put_bytes(to, pieces[3]);
    return put_numbers(to, args + NUMBERS, pieces + NUMBERS + 1, PyTuple_GET_SIZE(self->pieces) - NUMBERS - 1);
}

enum { ROOM = 8192 }; /* bytes of a record that is written here: one that names some 300 people */

/* The record's text; None for what is left to the reference. */
static PyObject *written(const Text *self, PyObject *const *args, Py_ssize_t count)
{
    char room[ROOM];
    const char *end = NULL;
    if (count == PyTuple_GET_SIZE(self->pieces) - 1)
        end = put_record(room, self, args, ROOM - self->fixed);
    if (end == NULL)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(room, end - room);
}

static PyObject *text_call(PyObject *of, PyObject *const *args, size_t flags, PyObject *names)
{
    const Text *self = (const Text *)of;
    PyObject *text = names == NULL ? written(self, args, PyVectorcall_NARGS(flags)) : Py_NewRef(Py_None);
    if (text != Py_None)
        return text;
    Py_DECREF(text);
    return PyObject_Vectorcall(self->rule, args, flags, names);
}

/* Bytes of the pieces, a moment, and numbers at their longest; -1 with an exception. */
static Py_ssize_t fixed_size(PyObject *pieces)
{
    Py_ssize_t size = STAMP, count = PyTuple_GET_SIZE(pieces);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *piece = PyTuple_GET_ITEM(pieces, i);
        if (!PyBytes_CheckExact(piece) || PyBytes_GET_SIZE(piece) > PY_SSIZE_T_MAX - DIGITS - size)
            count = 0;
        else
            size += PyBytes_GET_SIZE(piece) + (i > NUMBERS ? DIGITS : 0);
    }
    if (count > NUMBERS)
        return size;
    PyErr_SetString(PyExc_TypeError, "Text: pieces are four bytes objects or more");
    return -1;
}

static PyObject *text_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *pieces, *rule;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Text takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!O:Text", &PyTuple_Type, &pieces, &rule))
        return NULL;
    Py_ssize_t fixed = fixed_size(pieces);
    Text *self = fixed < 0 ? NULL : (Text *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->call = text_call;
    self->pieces = Py_NewRef(pieces);
    self->rule = Py_NewRef(rule);
    self->fixed = fixed;
    return (PyObject *)self;
}

static int text_traverse(PyObject *of, visitproc visit, void *arg)
{
    Py_VISIT(((Text *)of)->pieces);
    Py_VISIT(((Text *)of)->rule);
    return 0;
}

/* No tp_clear: neither member can be set, so that a cycle passes through something else, which has one. */
static void text_dealloc(PyObject *of)
{
    PyObject_GC_UnTrack(of);
    Py_DECREF(((Text *)of)->pieces);
    Py_DECREF(((Text *)of)->rule);
    Py_TYPE(of)->tp_free(of);
}

static PyTypeObject TEXT_TYPE = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native.textkernel.Text",
    .tp_basicsize = sizeof(Text),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "Text(pieces, rule): called with identifier, at, subjects, *numbers for the record around them.",
    .tp_new = text_new,
    .tp_dealloc = text_dealloc,
    .tp_traverse = text_traverse,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Text, call),
};

/* ---- module -------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"stamp", stamp, METH_O, stamp_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "textkernel", .m_doc = "Audit records written around what they share.",
    .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit_textkernel(void)
{
    if (PyType_Ready(&TEXT_TYPE) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddObjectRef(module, "Text", (PyObject *)&TEXT_TYPE) < 0)
        Py_CLEAR(module);
    return module;
}
