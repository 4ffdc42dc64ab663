// Appending to a fixed buffer.

#include "base/text_buffer.h"

#include <algorithm>

namespace mayfly {
namespace {

// Of 2^64 - 1.
constexpr size_t kMaxDigits = 20;

}  // namespace

void TextBuffer::Append(absl::string_view text) {
  const size_t count = std::min(text.size(), storage_.size() - size_);
  std::copy_n(text.data(), count, storage_.data() + size_);
  size_ += count;
}

void TextBuffer::AppendNumber(int64_t value) {
  uint64_t magnitude = static_cast<uint64_t>(value);
  if (value < 0) {
    Append("-");
    magnitude = 0 - magnitude;
  }
  AppendPadded(magnitude, 1);
}

void TextBuffer::AppendPadded(uint64_t value, size_t digits) {
  char text[kMaxDigits];
  size_t start = kMaxDigits;
  const size_t first = kMaxDigits - std::min(digits, kMaxDigits);
  while (start > first || value != 0) {
    text[--start] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  Append({text + start, kMaxDigits - start});
}

}  // namespace mayfly
