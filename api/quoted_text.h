// Quotes text for messages, as Firecracker's messages do.

#ifndef MAYFLY_API_QUOTED_TEXT_H_
#define MAYFLY_API_QUOTED_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mayfly {

// In double quotes, on one line: quotes, backslashes and control characters are escaped as Rust's
// Debug format escapes them. Bytes that are not ASCII stay as they are.
std::string QuotedText(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_API_QUOTED_TEXT_H_
