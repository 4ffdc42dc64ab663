// The log's line format: its head and what a message may not contain.

#ifndef MAYFLY_BASE_LOG_LINE_H_
#define MAYFLY_BASE_LOG_LINE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/local_time.h"
#include "base/text_buffer.h"

namespace mayfly {

struct LogLineHead {
  LocalTime time;
  absl::string_view instance_id;
  absl::string_view thread;
  // Empty: not shown.
  absl::string_view level;
  // Relative to the source's root; empty: not shown.
  absl::string_view file;
  int line = 0;
};

// "YYYY-MM-DDTHH:MM:SS.nnnnnnnnn [ID:THREAD[:LEVEL][:FILE:LINE]] ". Async-signal-safe.
void AppendLogHead(const LogLineHead& head, TextBuffer* buffer);

// `text` with every control character, of ASCII and of Unicode's second set, as an escape sequence
// ("\n", "\x1b", "\u009b"): a message stays on its line, and cannot drive a terminal.
std::string EscapeLogText(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_BASE_LOG_LINE_H_
