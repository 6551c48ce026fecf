// The frame structures are CPython's own and change with each version; what is not known here is asked through the
// public (slower) functions.
#include <Python.h>
#include <frameobject.h>

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030E0000
#define RL_FAST_FRAMES 1
#define Py_BUILD_CORE 1
#include <internal/pycore_frame.h>
#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_code.h>
#endif
#undef Py_BUILD_CORE
#endif

#include <string>

#include "autograd/frame.h"
#include "autograd/node.h"

namespace rl {
namespace {

// A bit of co_flags that no CPython uses.
constexpr int kInternal = 0x40000000;
bool is_internal(PyObject* code) { return reinterpret_cast<PyCodeObject*>(code)->co_flags & kInternal; }

/// A line, kept alive by its code object.
struct Line {
  PyObject* code = nullptr;
  int instruction = 0;

  void take() {
    PyObject* old = code;
    current_line(code, instruction);
    Py_XDECREF(old);
  }
};

struct Change {
  const std::uint32_t* counter;
  std::uint32_t version;
  std::uint64_t sequence;
  Line line;
};
constexpr std::size_t kChanges = 1024, kBackwards = 256;
Change changes[kChanges];
Line backwards[kBackwards];
std::size_t next_change = 0;
std::uint32_t backward_count = 0;

const std::uint32_t* counter_of(const Tensor& t) {
  return t->has(kOwnVersion) ? &t->extra->version->value : &t->storage->version;
}

}  // namespace

void mark_internal(PyObject* code) {
  std::vector<PyObject*> stack{code};
  while (!stack.empty()) {
    auto* c = reinterpret_cast<PyCodeObject*>(stack.back());
    stack.pop_back();
    c->co_flags |= kInternal;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(c->co_consts); ++i) {
      PyObject* inner = PyTuple_GET_ITEM(c->co_consts, i);
      if (PyCode_Check(inner)) stack.push_back(inner);
    }
  }
}

void note_change(const Tensor& t) {
  Change& c = changes[next_change++ % kChanges];
  c.counter = counter_of(t);
  c.version = *c.counter;
  c.sequence = upcoming_sequence();
  c.line.take();
}
std::string change_line(const Tensor& t, std::uint32_t version, std::uint64_t after) {
  const std::uint32_t* counter = counter_of(t);
  for (std::size_t i = 0; i < kChanges && i < next_change; ++i) {
    const Change& c = changes[(next_change - 1 - i) % kChanges];
    if (c.sequence < after) break;
    if (c.counter == counter && c.version == version + 1 && c.line.code != nullptr)
      return describe_line(c.line.code, c.line.instruction);
  }
  return "";
}
std::uint32_t note_backward() {
  const std::uint32_t number = ++backward_count;
  backwards[number % kBackwards].take();
  return number;
}
std::string backward_line(std::uint32_t run) {
  if (run == 0 || backward_count - run >= kBackwards) return "";
  const Line& l = backwards[run % kBackwards];
  return l.code == nullptr ? "" : describe_line(l.code, l.instruction);
}

void current_line(PyObject*& code, int& instruction) {
  code = nullptr;
  instruction = 0;
#if PY_VERSION_HEX >= 0x030D0000
  PyThreadState* state = PyThreadState_GetUnchecked();
#else
  PyThreadState* state = _PyThreadState_UncheckedGet();
#endif
  if (state == nullptr) return;
#if defined(RL_FAST_FRAMES)
#if PY_VERSION_HEX >= 0x030D0000
  _PyInterpreterFrame* frame = state->current_frame;
#else
  _PyInterpreterFrame* frame = state->cframe->current_frame;
#endif
  PyObject* c;
  for (;; frame = frame->previous) {
#if PY_VERSION_HEX >= 0x030C0000
    while (frame != nullptr && frame->owner == FRAME_OWNED_BY_CSTACK) frame = frame->previous;
#endif
    if (frame == nullptr) return;
#if PY_VERSION_HEX >= 0x030D0000
    c = frame->f_executable;
    if (!PyCode_Check(c)) return;
#else
    c = reinterpret_cast<PyObject*>(frame->f_code);
#endif
    if (!is_internal(c) || frame->previous == nullptr) [[likely]]
      break;
  }
#if PY_VERSION_HEX >= 0x030D0000
  instruction = int(reinterpret_cast<char*>(frame->instr_ptr) -
                    reinterpret_cast<char*>(_PyCode_CODE(reinterpret_cast<PyCodeObject*>(c))));
#else
  instruction = int(reinterpret_cast<char*>(frame->prev_instr) -
                    reinterpret_cast<char*>(_PyCode_CODE(reinterpret_cast<PyCodeObject*>(c))));
#endif
  Py_INCREF(c);
  code = c;
#elif PY_VERSION_HEX >= 0x030B0000
  PyFrameObject* frame = PyThreadState_GetFrame(state);
  if (frame == nullptr) return;
  for (;;) {
    code = reinterpret_cast<PyObject*>(PyFrame_GetCode(frame));
    PyFrameObject* back = is_internal(code) ? PyFrame_GetBack(frame) : nullptr;
    if (back == nullptr) break;
    Py_DECREF(code);
    Py_SETREF(frame, back);
  }
  instruction = PyFrame_GetLasti(frame);
  Py_DECREF(frame);
#else
  PyFrameObject* frame = state->frame;
  while (frame != nullptr && is_internal(reinterpret_cast<PyObject*>(frame->f_code)) && frame->f_back != nullptr)
    frame = frame->f_back;
  if (frame == nullptr) return;
  code = reinterpret_cast<PyObject*>(frame->f_code);
  Py_INCREF(code);
  instruction = frame->f_lasti * int(sizeof(_Py_CODEUNIT));
#endif
}

std::string describe_line(PyObject* code, int instruction) {
  if (code == nullptr) return "an unknown line";
  auto* c = reinterpret_cast<PyCodeObject*>(code);
  const char* file = PyUnicode_AsUTF8(c->co_filename);
  if (file == nullptr) {
    PyErr_Clear();
    file = "?";
  }
  return cat(file, ":", PyCode_Addr2Line(c, instruction));
}

}  // namespace rl
