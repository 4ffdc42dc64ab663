// Checks and extends a kernel command line, splitting it as the kernel does.

#include "vmm/kernel_command_line.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kMaxBytes = layout::kCommandLineMaxBytes - 1;  // without the NUL

absl::Status Check(absl::string_view text) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "kernel command line of %u bytes; at most %u are allowed", text.size(), kMaxBytes));
  }
  const auto* bad =
      std::find_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
  if (bad != text.end()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("kernel command line has byte 0x%02x at offset %d; only printable ASCII "
                        "is allowed",
                        static_cast<unsigned char>(*bad), bad - text.begin()));
  }
  return absl::OkStatus();
}

// How the kernel divides a command line between itself and init.
struct Split {
  size_t separator = 0;     // offset of the "--"; size of the text when there is none
  bool open_quote = false;  // a double quote of the kernel's part is not closed
};

// Whether the kernel takes `word` for the separator: it drops quotes around a whole word.
bool IsSeparator(absl::string_view word) {
  return word == "--" || word == "\"--\"" || word == "\"--";
}

Split SplitText(absl::string_view text) {
  size_t begin = 0;
  while (begin < text.size()) {
    if (text[begin] == ' ') {
      ++begin;
      continue;
    }
    bool in_quote = false;
    size_t end = begin;
    while (end < text.size() && (in_quote || text[end] != ' ')) {
      in_quote ^= text[end] == '"';
      ++end;
    }
    if (IsSeparator(text.substr(begin, end - begin))) {
      return {.separator = begin};
    }
    if (in_quote) {
      return {.separator = text.size(), .open_quote = true};
    }
    begin = end;
  }
  return {.separator = text.size()};
}

}  // namespace

absl::StatusOr<KernelCommandLine> KernelCommandLine::Parse(absl::string_view text) {
  RETURN_IF_ERROR(Check(text));
  return KernelCommandLine(text);
}

absl::Status KernelCommandLine::Append(absl::string_view argument) {
  const Split added = SplitText(argument);
  if (argument.find_first_not_of(' ') == absl::string_view::npos) {
    return absl::InvalidArgumentError("kernel argument is empty");
  }
  if (added.open_quote || added.separator != argument.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("kernel argument has %s",
                        added.open_quote ? "an unclosed double quote" : "a \"--\" of its own"));
  }
  const Split split = SplitText(text_);
  if (split.open_quote) {
    return absl::InvalidArgumentError("kernel command line has an unclosed double quote");
  }
  const absl::string_view text = text_;
  absl::string_view kernel_part = text.substr(0, split.separator);
  const absl::string_view init_part = text.substr(split.separator);
  const bool needs_space = !kernel_part.empty() && kernel_part.back() != ' ';
  std::string result = absl::StrCat(kernel_part, needs_space ? " " : "", argument,
                                    init_part.empty() ? "" : " ", init_part);
  RETURN_IF_ERROR(Check(result));
  text_ = std::move(result);
  return absl::OkStatus();
}

}  // namespace mayfly
