// Frames state files and looks into their frames.

#include "snapshot/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/owned_fd.h"
#include "base/status.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mayfly {
namespace {

constexpr char kMagic[] = "MAYFLYST";
// EM_X86_64.
constexpr uint32_t kMachine = 62;

struct Header {
  char magic[8];
  uint16_t major;
  uint16_t minor;
  uint32_t machine;
  uint64_t payload_bytes;
};
static_assert(sizeof(Header) == kStateHeaderBytes);

absl::StatusOr<Header> ReadHeader(std::span<const uint8_t> file) {
  if (file.size() < kStateHeaderBytes + kStateChecksumBytes) {
    return absl::OutOfRangeError("File too short to contain CRC");
  }
  if (file.size() > kStateMaxBytes) {
    return absl::OutOfRangeError(
        absl::StrFormat("Snapshot size exceeds limit of %u bytes", kStateMaxBytes));
  }
  Header header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(header.magic)) != 0) {
    return absl::InvalidArgumentError("not a snapshot state file of Mayfly");
  }
  return header;
}

}  // namespace

std::string StateVersion::Text() const { return absl::StrCat(major, ".", minor, ".0"); }

std::vector<uint8_t> FrameState(std::span<const uint8_t> payload) {
  Header header = {.major = kStateMajorVersion,
                   .minor = kStateMinorVersion,
                   .machine = kMachine,
                   .payload_bytes = payload.size()};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  const size_t hashed_bytes = kStateHeaderBytes + payload.size();
  std::vector<uint8_t> file(hashed_bytes + kStateChecksumBytes);
  std::memcpy(file.data(), &header, sizeof(header));
  std::copy(payload.begin(), payload.end(), file.begin() + kStateHeaderBytes);
  const uint64_t checksum = XXH3_64bits(file.data(), hashed_bytes);
  std::memcpy(file.data() + hashed_bytes, &checksum, sizeof(checksum));
  return file;
}

absl::StatusOr<StateVersion> ReadStateVersion(std::span<const uint8_t> file) {
  ASSIGN_OR_RETURN(const Header header, ReadHeader(file));
  return StateVersion{header.major, header.minor};
}

absl::StatusOr<std::span<const uint8_t>> UnframeState(std::span<const uint8_t> file) {
  ASSIGN_OR_RETURN(const Header header, ReadHeader(file));
  const size_t hashed_bytes = file.size() - kStateChecksumBytes;
  const std::span<const uint8_t> payload =
      file.subspan(kStateHeaderBytes, hashed_bytes - kStateHeaderBytes);
  const StateVersion version{header.major, header.minor};
  if (version.major != kStateMajorVersion || version.minor > kStateMinorVersion) {
    return absl::UnimplementedError(absl::StrCat("Invalid data version: ", version.Text(),
                                                 " (this program reads ", kStateMajorVersion,
                                                 ".0.0 to ", StateVersion().Text(), ")"));
  }
  if (header.machine != kMachine) {
    return absl::UnimplementedError(
        absl::StrFormat("Magic value does not match arch: machine %u", header.machine));
  }
  if (header.payload_bytes != payload.size()) {
    return absl::DataLossError(absl::StrFormat("the file has %u bytes of state where it says %u",
                                               payload.size(), header.payload_bytes));
  }
  uint64_t checksum = 0;
  std::memcpy(&checksum, file.data() + hashed_bytes, sizeof(checksum));
  if (checksum != XXH3_64bits(file.data(), hashed_bytes)) {
    return absl::DataLossError("CRC64 validation failed: the file is damaged");
  }
  return payload;
}

absl::StatusOr<std::vector<uint8_t>> ReadStateFile(const std::string& path) {
  // A FIFO would let the open wait.
  ASSIGN_OR_RETURN(const OwnedFd fd, OwnedFd::Open(path.c_str(), O_RDONLY | O_NONBLOCK));
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0) {
    return ErrnoError(absl::StrCat("fstat ", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  if (static_cast<uint64_t>(status.st_size) > kStateMaxBytes) {
    return absl::OutOfRangeError(
        absl::StrFormat("Snapshot size exceeds limit of %u bytes", kStateMaxBytes));
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0) {
      return ErrnoError(absl::StrCat("read ", path));
    }
    if (count == 0) {
      break;
    }
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace mayfly
