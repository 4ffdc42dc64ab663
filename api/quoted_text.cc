// Escapes what does not print.

#include "api/quoted_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mayfly {

std::string QuotedText(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\':
        absl::StrAppend(&quoted, "\\", std::string(1, c));
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\0':
        quoted += "\\0";
        break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) {
          absl::StrAppendFormat(&quoted, "\\u{%x}", byte);
        } else {
          quoted += c;
        }
    }
  }
  return quoted + "\"";
}

}  // namespace mayfly
