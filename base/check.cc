// MAYFLY_CHECK's failure path.

#include "base/check.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/text_buffer.h"

namespace mayfly {
namespace {

constexpr size_t kMaxMessageBytes = 200;

}  // namespace

void CheckFailed(const char* file, int line, const char* condition) {
  // An abort may come from anywhere, so as a handler would.
  std::array<char, kMaxMessageBytes> storage;
  TextBuffer message(storage);
  message.Append("check failed: ");
  message.Append(condition);
  WriteLogInSignal(file, line, message.text());
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace mayfly
