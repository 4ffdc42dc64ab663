// MemoryMerge: a diff of a guest's memory put onto the file it is a diff of.

#ifndef MAYFLY_SNAPSHOT_MEMORY_MERGE_H_
#define MAYFLY_SNAPSHOT_MEMORY_MERGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace mayfly {

// Gives the base the diff's data (snapshot/memory_writer.h): what is a hole in the diff stays as it
// is, and pages of zeros become holes. The base is replaced when all is done, as StagedFile does
// it, and whole at any time. Returns how many bytes of the diff were written. For a program that
// does nothing else: waits for the disk.
//
// A diff that lost its holes on the way, or is on a file system without any, overwrites all.
//
// Errors: "PATH: call: reason"; InvalidArgument for files of different sizes, and for a diff that
// is the base.
absl::StatusOr<uint64_t> MergeMemory(const std::string& base_path, const std::string& diff_path);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_MEMORY_MERGE_H_
