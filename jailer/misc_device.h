// MiscDevice: minor numbers that the kernel gives out as it starts.

#ifndef MAYFLY_JAILER_MISC_DEVICE_H_
#define MAYFLY_JAILER_MISC_DEVICE_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace mayfly {

// The minor number of the device `name` of major number 10; `text` is the content of /proc/misc,
// lines "  232 kvm". Empty when it is not there.
std::optional<unsigned> FindMiscDevice(absl::string_view text, absl::string_view name);

// The same of this host; empty, too, when /proc/misc cannot be read.
std::optional<unsigned> FindMiscDevice(absl::string_view name);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_MISC_DEVICE_H_
