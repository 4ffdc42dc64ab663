// Formats log lines.

#include "base/log_line.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace mayfly {
namespace {

// UTF-8's first byte of U+0080 to U+00bf; the first half of these are control characters.
constexpr uint8_t kSecondSetLead = 0xc2;
constexpr uint8_t kSecondSetFirst = 0x80;
constexpr uint8_t kSecondSetLast = 0x9f;

bool IsAsciiControl(uint8_t byte) { return byte < 0x20 || byte == 0x7f; }

void AppendEscaped(uint8_t byte, std::string* out) {
  switch (byte) {
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      absl::StrAppendFormat(out, "\\x%02x", byte);
  }
}

}  // namespace

void AppendLogHead(const LogLineHead& head, TextBuffer* buffer) {
  buffer->AppendPadded(static_cast<uint64_t>(head.time.year), 4);
  buffer->Append("-");
  buffer->AppendPadded(head.time.month, 2);
  buffer->Append("-");
  buffer->AppendPadded(head.time.day, 2);
  buffer->Append("T");
  buffer->AppendPadded(head.time.hour, 2);
  buffer->Append(":");
  buffer->AppendPadded(head.time.minute, 2);
  buffer->Append(":");
  buffer->AppendPadded(head.time.second, 2);
  buffer->Append(".");
  buffer->AppendPadded(head.time.nanosecond, 9);
  buffer->Append(" [");
  buffer->Append(head.instance_id);
  buffer->Append(":");
  buffer->Append(head.thread);
  if (!head.level.empty()) {
    buffer->Append(":");
    buffer->Append(head.level);
  }
  if (!head.file.empty()) {
    buffer->Append(":");
    buffer->Append(head.file);
    buffer->Append(":");
    buffer->AppendNumber(head.line);
  }
  buffer->Append("] ");
}

std::string EscapeLogText(absl::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const uint8_t next = i + 1 < text.size() ? static_cast<uint8_t>(text[i + 1]) : 0;
    if (IsAsciiControl(byte)) {
      AppendEscaped(byte, &escaped);
    } else if (byte == kSecondSetLead && next >= kSecondSetFirst && next <= kSecondSetLast) {
      absl::StrAppendFormat(&escaped, "\\u%04x", next);
      ++i;
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

}  // namespace mayfly
