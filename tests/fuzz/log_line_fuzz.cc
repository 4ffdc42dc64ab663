// Escapes any text for the log and checks that it stays one line, loses nothing that may be shown
// and does not change once it is escaped.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/log_line.h"

namespace mayfly {
namespace {

void Check(absl::string_view text) {
  const std::string escaped = EscapeLogText(text);
  MAYFLY_CHECK(escaped.size() >= text.size());
  MAYFLY_CHECK(escaped.size() <= 4 * text.size());
  for (size_t i = 0; i < escaped.size(); ++i) {
    const auto byte = static_cast<uint8_t>(escaped[i]);
    MAYFLY_CHECK(byte >= 0x20 && byte != 0x7f);
    const auto next = static_cast<uint8_t>(i + 1 < escaped.size() ? escaped[i + 1] : 0);
    MAYFLY_CHECK(byte != 0xc2 || next < 0x80 || next > 0x9f);
  }
  MAYFLY_CHECK(EscapeLogText(escaped) == escaped);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
