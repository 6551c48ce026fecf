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
#if PY_VERSION_HEX >= 0x030C0000
  while (frame != nullptr && frame->owner == FRAME_OWNED_BY_CSTACK) frame = frame->previous;
#endif
  if (frame == nullptr) return;
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* c = frame->f_executable;
  if (!PyCode_Check(c)) return;
  instruction = int(reinterpret_cast<char*>(frame->instr_ptr) -
                    reinterpret_cast<char*>(_PyCode_CODE(reinterpret_cast<PyCodeObject*>(c))));
#else
  PyObject* c = reinterpret_cast<PyObject*>(frame->f_code);
  instruction = int(reinterpret_cast<char*>(frame->prev_instr) -
                    reinterpret_cast<char*>(_PyCode_CODE(reinterpret_cast<PyCodeObject*>(c))));
#endif
  Py_INCREF(c);
  code = c;
#elif PY_VERSION_HEX >= 0x030B0000
  PyFrameObject* frame = PyThreadState_GetFrame(state);
  if (frame == nullptr) return;
  code = reinterpret_cast<PyObject*>(PyFrame_GetCode(frame));
  instruction = PyFrame_GetLasti(frame);
  Py_DECREF(frame);
#else
  PyFrameObject* frame = state->frame;
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
