// FilterFile: the filters that the seccompiler wrote, for --seccomp-filter.

#ifndef MAYFLY_JAILER_FILTER_FILE_H_
#define MAYFLY_JAILER_FILTER_FILE_H_

#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// By the thread's name, in small letters.
using FilterSet = std::map<std::string, std::vector<sock_filter>>;

// As Firecracker's.
inline constexpr size_t kFilterFileMaxBytes = 100'000;

// 1 to 32 small letters and '_'.
bool IsThreadName(absl::string_view name);

// A header (magic, version, architecture, number of filters), then for each filter its name and its
// instructions; all numbers little-endian. Names are thread names, and programs such as the kernel
// takes.
std::vector<uint8_t> EncodeFilterFile(const FilterSet& filters);

// `bytes` may be anybody's. InvalidArgument, saying what is wrong. The kernel checks the programs
// themselves when they are installed.
absl::StatusOr<FilterSet> DecodeFilterFile(std::span<const uint8_t> bytes);

// Reads the file, which must have a filter for each of Firecracker's threads, "vmm", "api" and
// "vcpu", and no other. Errors in its words, for behind "Seccomp error: ".
absl::StatusOr<FilterSet> ReadFilterFile(const std::string& path);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_FILTER_FILE_H_
