// KernelCommandLine: the text a Linux guest boots with, checked and extensible.

#ifndef MAYFLY_VMM_KERNEL_COMMAND_LINE_H_
#define MAYFLY_VMM_KERNEL_COMMAND_LINE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// What a guest gets when the user says nothing; text of the user replaces it whole.
inline constexpr absl::string_view kDefaultKernelCommandLine =
    "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd "
    "swiotlb=noforce";

// Printable ASCII, at most layout::kCommandLineMaxBytes - 1 bytes. A value type.
//
//   ASSIGN_OR_RETURN(auto command_line, KernelCommandLine::Parse("console=ttyS0 -- -l"));
//   RETURN_IF_ERROR(command_line.Append("pci=off"));  // text() is "console=ttyS0 pci=off -- -l"
class KernelCommandLine {
 public:
  KernelCommandLine() = default;

  // InvalidArgument for text that is too long or has a byte outside 0x20 to 0x7e.
  static absl::StatusOr<KernelCommandLine> Parse(absl::string_view text);

  // Adds `argument` (one or several, separated by spaces) after those for the kernel and before the
  // "--" that starts those for init. Double quotes group as in the kernel (lib/cmdline.c). On an
  // error the text stays as it was. InvalidArgument when the result would not pass Parse, when the
  // argument is empty, has a "--" of its own or an unclosed quote, or when an unclosed quote before
  // it would swallow it.
  absl::Status Append(absl::string_view argument);

  // Without the terminating NUL.
  const std::string& text() const { return text_; }

 private:
  explicit KernelCommandLine(absl::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace mayfly

#endif  // MAYFLY_VMM_KERNEL_COMMAND_LINE_H_
