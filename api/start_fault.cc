// Tells by what an error is about which step of Firecracker's start it belongs to.

#include "api/start_fault.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/fault.h"

namespace mayfly {
namespace {

constexpr absl::string_view kNoMemory =
    "Invalid Memory Configuration: Cannot create mmap region: Out of memory (os error 12)";
constexpr absl::string_view kNoGsi =
    "Could not attach device: Failed to allocate requested resource: Could not allocate GSI: The "
    "requested resource is not available.";

std::string Words(const absl::Status& status, const BootSource* boot) {
  const absl::string_view text = status.message();
  if (absl::StartsWith(text, "guest memory of")) {
    return std::string(kNoMemory);
  }
  if (absl::IsResourceExhausted(status) && absl::StartsWith(text, "a VM has at most")) {
    return std::string(kNoGsi);
  }
  if (boot != nullptr && absl::StartsWith(text, boot->kernel.path())) {
    return absl::StrCat(
        "System configuration error: Cannot load kernel due to invalid memory configuration or "
        "invalid kernel image: ",
        text);
  }
  if (boot != nullptr && boot->initrd && absl::StartsWith(text, boot->initrd->path())) {
    return absl::StrCat("Error with initrd initialization: ", text);
  }
  return std::string(text);
}

}  // namespace

absl::Status StartFault(const absl::Status& status, const BootSource* boot) {
  return FaultAbout(status, absl::StrCat("Start microvm error: ", Words(status, boot)));
}

}  // namespace mayfly
