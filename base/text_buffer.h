// TextBuffer: text in a fixed buffer, made without allocation, also in signal handlers.

#ifndef MAYFLY_BASE_TEXT_BUFFER_H_
#define MAYFLY_BASE_TEXT_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace mayfly {

// What does not fit is cut off. Every method is async-signal-safe. Not thread-safe.
class TextBuffer {
 public:
  // `storage` outlives it.
  explicit TextBuffer(std::span<char> storage) : storage_(storage) {}

  void Append(absl::string_view text);
  void AppendNumber(int64_t value);
  // With leading zeroes up to `digits`, 20 at most.
  void AppendPadded(uint64_t value, size_t digits);

  absl::string_view text() const { return {storage_.data(), size_}; }

 private:
  std::span<char> storage_;
  size_t size_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_TEXT_BUFFER_H_
