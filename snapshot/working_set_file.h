// WorkingSetFile: a recorded working set as bytes, in a file beside the memory file.

#ifndef MAYFLY_SNAPSHOT_WORKING_SET_FILE_H_
#define MAYFLY_SNAPSHOT_WORKING_SET_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "snapshot/working_set.h"

namespace mayfly {

// The format, version 1, all little-endian:
//
//   offset  bytes
//        0      8  magic "MFLYWSET"
//        8      4  version
//       12      4  0
//       16      8  snapshot id: which snapshot the set is of
//       24      8  pages of the RAM
//       32      8  number of runs, at most kMaxRuns
//       40     16  for each run: first page (8), pages (4, not 0), kind (4: 0 read, 1 written);
//                  ascending, without overlap, within the RAM
//        -      8  XXH3-64 of all before it
//
// A set is advice: whoever cannot read one goes without.
struct WorkingSetFile {
  static constexpr uint64_t kMaxRuns = uint64_t{1} << 20;
  static constexpr uint64_t kMaxBytes = 48 + 16 * kMaxRuns;

  // "MEMORY_FILE.working_set".
  static std::string PathOf(const std::string& memory_path);

  // ResourceExhausted when the set has more runs than kMaxRuns.
  static absl::StatusOr<std::vector<uint8_t>> Serialize(const WorkingSet& set,
                                                        uint64_t snapshot_id);
  // Of a RAM of `page_count` pages, restored from the snapshot `snapshot_id`. `bytes` may be
  // anything. Errors: DataLoss for bytes that are no such file; FailedPrecondition for another
  // version, snapshot or RAM.
  static absl::StatusOr<WorkingSet> Parse(std::span<const uint8_t> bytes, uint64_t snapshot_id,
                                          uint64_t page_count);

  // Staged (snapshot/staged_file.h). Errors: Serialize's; "PATH: call: reason".
  static absl::Status Write(const std::string& path, const WorkingSet& set, uint64_t snapshot_id);
  // Errors: Parse's; "PATH: call: reason".
  static absl::StatusOr<WorkingSet> Read(const std::string& path, uint64_t snapshot_id,
                                         uint64_t page_count);
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_WORKING_SET_FILE_H_
