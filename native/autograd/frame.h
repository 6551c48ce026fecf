// The Python line that is running now, cheaply.
#pragma once

#include <Python.h>

#include <cstdint>
#include <string>

namespace rl {

/// Gives a new reference to the code object of the innermost Python frame and the offset of its current instruction
/// in bytes (what PyCode_Addr2Line takes), or null if there is none. Costs two loads and a reference.
///
/// Frames of the package's own functions (see mark_internal) are passed over: a line is the user's.
void current_line(PyObject*& code, int& instruction);
/// Marks the code of a function, and the code within it, as the package's own.
void mark_internal(PyObject* code);

class Tensor;
// NOTE [Lines of changes]: which line changed a tensor in place, and which backward pass freed a saved tensor, is kept
// in rings of fixed size: no tensor and no node grows by it, and what is told is what happened lately. A change is
// found by the version counter it moved; a backward pass has a number, which the saved tensors that it frees keep.
/// `t` has just been changed in place.
void note_change(const Tensor& t);
/// The line that moved `t` on from `version` after the node of this sequence number was made; empty if unknown.
std::string change_line(const Tensor& t, std::uint32_t version, std::uint64_t after);
/// A backward pass begins: its number.
std::uint32_t note_backward();
std::string backward_line(std::uint32_t run);
/// The sequence number that the next node will get.
std::uint64_t upcoming_sequence();

}  // namespace rl
