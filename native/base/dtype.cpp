#include "base/dtype.h"

#include <algorithm>

namespace rl {

const char* dtype_name(DType d) {
  static constexpr const char* names[kDTypes] = {"bool",    "uint8",   "int8",      "int16",
                                                 "int32",   "int64",   "float16",   "bfloat16",
                                                 "float32", "float64", "complex64", "complex128"};
  return names[int(d)];
}

const char* scalar_type_name(DType d) {
  static constexpr const char* names[kDTypes] = {"Bool",  "Byte",   "Char",         "Short",
                                                 "Int",   "Long",   "Half",         "BFloat16",
                                                 "Float", "Double", "ComplexFloat", "ComplexDouble"};
  return names[int(d)];
}

const char* cpp_type_name(DType d) {
  static constexpr const char* names[kDTypes] = {
      "bool",  "unsigned char", "signed char",         "short int",
      "int",   "long int",      "c10::Half",           "c10::BFloat16",
      "float", "double",        "c10::complex<float>", "c10::complex<double>"};
  return names[int(d)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  // From here a < b in the enum's order; within a category the larger one wins but for these:
  if (a == DType::UInt8 && b == DType::Int8) return DType::Int16;
  if (a == DType::Half && b == DType::BFloat16) return DType::Float;
  if (b == DType::CFloat && a == DType::Double) return DType::CDouble;
  return b;
}

}  // namespace rl
