// Writes and parses working sets.

#include "snapshot/working_set_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "snapshot/full_write.h"
#include "snapshot/staged_file.h"

namespace mayfly {
namespace {

constexpr std::array<char, 8> kMagic = {'M', 'F', 'L', 'Y', 'W', 'S', 'E', 'T'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kMaxRunPages = UINT32_MAX;

// As they lie in the file: x86-64 is little-endian.
struct Header {
  std::array<char, 8> magic{};
  uint32_t version = 0;
  uint32_t reserved = 0;
  uint64_t snapshot_id = 0;
  uint64_t page_count = 0;
  uint64_t run_count = 0;
};
static_assert(sizeof(Header) == 40);

enum class RunKind : uint32_t { kRead = 0, kWritten = 1 };

struct Run {
  uint64_t first = 0;
  uint32_t count = 0;
  uint32_t kind = 0;
};
static_assert(sizeof(Run) == 16);

constexpr size_t kChecksumBytes = sizeof(uint64_t);
static_assert(WorkingSetFile::kMaxBytes ==
              sizeof(Header) + WorkingSetFile::kMaxRuns * sizeof(Run) + kChecksumBytes);

template <typename T>
void Append(const T& object, std::vector<uint8_t>* bytes) {
  const size_t at = bytes->size();
  bytes->resize(at + sizeof(object));
  std::memcpy(bytes->data() + at, &object, sizeof(object));
}

// At `offset_bytes`, where there is as much.
template <typename T>
T ObjectAt(std::span<const uint8_t> bytes, size_t offset_bytes) {
  MAYFLY_CHECK(offset_bytes <= bytes.size() && sizeof(T) <= bytes.size() - offset_bytes);
  T object;
  std::memcpy(&object, bytes.data() + offset_bytes, sizeof(object));
  return object;
}

// Both sets' runs in the order of their pages.
std::vector<Run> MergeRuns(const WorkingSet& set) {
  std::vector<Run> runs;
  const auto add = [&runs](const PageSet& pages, RunKind kind) {
    for (auto run = pages.NextRun(0, kMaxRunPages); run;
         run = pages.NextRun(run->first + run->count, kMaxRunPages)) {
      runs.push_back({run->first, static_cast<uint32_t>(run->count), static_cast<uint32_t>(kind)});
    }
  };
  add(set.read, RunKind::kRead);
  add(set.written, RunKind::kWritten);
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.first < b.first; });
  return runs;
}

absl::Status CheckHeader(const Header& header, size_t file_bytes) {
  if (header.magic != kMagic) {
    return absl::DataLossError("is no working set");
  }
  if (header.version != kVersion || header.reserved != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("is a working set of version ", header.version, ", not ", kVersion));
  }
  if (header.run_count > WorkingSetFile::kMaxRuns ||
      file_bytes != sizeof(Header) + header.run_count * sizeof(Run) + kChecksumBytes) {
    return absl::DataLossError("the working set is cut or too long");
  }
  return absl::OkStatus();
}

absl::Status AddRuns(std::span<const uint8_t> bytes, const Header& header, WorkingSet* set) {
  uint64_t previous_end = 0;
  for (uint64_t i = 0; i < header.run_count; ++i) {
    const Run run = ObjectAt<Run>(bytes, sizeof(Header) + i * sizeof(Run));
    const bool is_inside =
        run.first <= header.page_count && run.count <= header.page_count - run.first;
    const bool is_known = run.kind == static_cast<uint32_t>(RunKind::kRead) ||
                          run.kind == static_cast<uint32_t>(RunKind::kWritten);
    if (run.first < previous_end || run.count == 0 || !is_inside || !is_known) {
      return absl::DataLossError(absl::StrCat("run ", i, " of the working set is wrong"));
    }
    previous_end = run.first + run.count;
    const bool is_read = run.kind == static_cast<uint32_t>(RunKind::kRead);
    (is_read ? set->read : set->written).AddRun({run.first, run.count});
  }
  return absl::OkStatus();
}

// The whole file, which is not longer than a working set may be.
absl::StatusOr<std::vector<uint8_t>> ReadFile(const std::string& path) {
  // Opening a pipe would wait for its other end.
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open()) {
    return ErrnoError("open");
  }
  struct stat now = {};
  if (fstat(fd.get(), &now) != 0) {
    return ErrnoError("fstat");
  }
  if (!S_ISREG(now.st_mode) || static_cast<uint64_t>(now.st_size) > WorkingSetFile::kMaxBytes) {
    return absl::DataLossError("is no working set");
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(now.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return ErrnoError("read", count < 0 ? errno : EIO);
    }
    done += static_cast<size_t>(count);
  }
  return bytes;
}

}  // namespace

std::string WorkingSetFile::PathOf(const std::string& memory_path) {
  return absl::StrCat(memory_path, ".working_set");
}

absl::StatusOr<std::vector<uint8_t>> WorkingSetFile::Serialize(const WorkingSet& set,
                                                               uint64_t snapshot_id) {
  MAYFLY_CHECK(set.read.page_count() == set.written.page_count());
  const std::vector<Run> runs = MergeRuns(set);
  if (runs.size() > kMaxRuns) {
    return absl::ResourceExhaustedError("the working set is in too many pieces to be kept");
  }
  std::vector<uint8_t> bytes;
  bytes.reserve(sizeof(Header) + runs.size() * sizeof(Run) + kChecksumBytes);
  Append(Header{.magic = kMagic,
                .version = kVersion,
                .snapshot_id = snapshot_id,
                .page_count = set.read.page_count(),
                .run_count = runs.size()},
         &bytes);
  for (const Run& run : runs) {
    Append(run, &bytes);
  }
  Append(uint64_t{XXH3_64bits(bytes.data(), bytes.size())}, &bytes);
  return bytes;
}

absl::StatusOr<WorkingSet> WorkingSetFile::Parse(std::span<const uint8_t> bytes,
                                                 uint64_t snapshot_id, uint64_t page_count) {
  if (bytes.size() < sizeof(Header) + kChecksumBytes) {
    return absl::DataLossError("is no working set");
  }
  const auto header = ObjectAt<Header>(bytes, 0);
  RETURN_IF_ERROR(CheckHeader(header, bytes.size()));
  const size_t hashed_bytes = bytes.size() - kChecksumBytes;
  if (ObjectAt<uint64_t>(bytes, hashed_bytes) != XXH3_64bits(bytes.data(), hashed_bytes)) {
    return absl::DataLossError("the working set's checksum is wrong");
  }
  if (header.snapshot_id != snapshot_id || header.page_count != page_count) {
    return absl::FailedPreconditionError("is the working set of another snapshot");
  }
  WorkingSet set{PageSet(page_count), PageSet(page_count)};
  RETURN_IF_ERROR(AddRuns(bytes, header, &set));
  return set;
}

absl::Status WorkingSetFile::Write(const std::string& path, const WorkingSet& set,
                                   uint64_t snapshot_id) {
  ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, Serialize(set, snapshot_id));
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Create(path));
  RETURN_IF_ERROR(Annotate(FullWrite(file.fd(), bytes, 0), path));
  return file.Commit();
}

absl::StatusOr<WorkingSet> WorkingSetFile::Read(const std::string& path, uint64_t snapshot_id,
                                                uint64_t page_count) {
  const auto bytes = ReadFile(path);
  if (!bytes.ok()) {
    return Annotate(bytes.status(), path);
  }
  auto set = Parse(*bytes, snapshot_id, page_count);
  if (!set.ok()) {
    return Annotate(set.status(), path);
  }
  return set;
}

}  // namespace mayfly
