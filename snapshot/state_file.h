// The frame of a state file: what says that it is one, which, and that it is whole.

#ifndef MAYFLY_SNAPSHOT_STATE_FILE_H_
#define MAYFLY_SNAPSHOT_STATE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// The format's version. Files of the same major and of this or a lower minor version can be read:
// see snapshot/state.fbs for what may change.
inline constexpr uint16_t kStateMajorVersion = 1;
inline constexpr uint16_t kStateMinorVersion = 0;

struct StateVersion {
  uint16_t major = kStateMajorVersion;
  uint16_t minor = kStateMinorVersion;

  // "1.0.0", as clients expect a version.
  std::string Text() const;
};

// A header, the payload (snapshot/state_codec.h) and a checksum, little-endian:
//
//   0  "MAYFLYST"
//   8  major version (16 bits), minor version (16), machine (32; 62 is x86-64, as in ELF)
//  16  size of the payload in bytes (64)
//  24  the payload
//   -  XXH3-64 of all before it (64)
//
// So every damaged bit, and every byte missing or too many, is noticed before the payload is looked
// at.
inline constexpr size_t kStateHeaderBytes = 24;
inline constexpr size_t kStateChecksumBytes = 8;
// Far more than a VM with all its devices needs.
inline constexpr size_t kStateMaxBytes = size_t{16} << 20;

std::vector<uint8_t> FrameState(std::span<const uint8_t> payload);

// Of a whole file. Errors, none with the file's name: OutOfRange for a file that is too short or
// too long, InvalidArgument for one that is no state file, Unimplemented for one of another version
// or machine, DataLoss for a damaged one.
absl::StatusOr<StateVersion> ReadStateVersion(std::span<const uint8_t> file);
// The payload, a part of `file`.
absl::StatusOr<std::span<const uint8_t>> UnframeState(std::span<const uint8_t> file);

// The bytes of the file at `path`, at most kStateMaxBytes. Errors: "open PATH: reason", "read PATH:
// reason", OutOfRange as above.
absl::StatusOr<std::vector<uint8_t>> ReadStateFile(const std::string& path);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_STATE_FILE_H_
