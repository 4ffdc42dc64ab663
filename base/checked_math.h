// Overflow-checked unsigned arithmetic for values that a guest, a file or a client chose.

#ifndef MAYFLY_BASE_CHECKED_MATH_H_
#define MAYFLY_BASE_CHECKED_MATH_H_

#include <concepts>
#include <optional>

namespace mayfly {

// a + b, or nothing when it does not fit.
template <std::unsigned_integral T>
constexpr std::optional<T> CheckedAdd(T a, T b) {
  T result = 0;
  if (__builtin_add_overflow(a, b, &result)) {
    return std::nullopt;
  }
  return result;
}

// a * b, or nothing when it does not fit.
template <std::unsigned_integral T>
constexpr std::optional<T> CheckedMultiply(T a, T b) {
  T result = 0;
  if (__builtin_mul_overflow(a, b, &result)) {
    return std::nullopt;
  }
  return result;
}

// `alignment` is a power of two.
template <std::unsigned_integral T>
constexpr T AlignDown(T value, T alignment) {
  return value & ~(alignment - 1);
}

// The next multiple of `alignment` (a power of two), or nothing when it does not fit.
template <std::unsigned_integral T>
constexpr std::optional<T> AlignUp(T value, T alignment) {
  const std::optional<T> sum = CheckedAdd<T>(value, alignment - 1);
  if (!sum) {
    return std::nullopt;
  }
  return AlignDown<T>(*sum, alignment);
}

}  // namespace mayfly

#endif  // MAYFLY_BASE_CHECKED_MATH_H_
