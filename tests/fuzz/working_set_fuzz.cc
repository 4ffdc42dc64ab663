// Feeds WorkingSetFile::Parse any bytes, as they are and with the right checksum after them.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "snapshot/working_set_file.h"

namespace mayfly {
namespace {

constexpr uint64_t kSnapshotId = 7;
constexpr uint64_t kPageCount = 4096;

void ParseAndCheck(std::span<const uint8_t> bytes) {
  const auto set = WorkingSetFile::Parse(bytes, kSnapshotId, kPageCount);
  if (!set.ok()) {
    return;
  }
  PageSet both = set->read;
  both.AddAll(set->written);
  MAYFLY_CHECK(both.page_count() == kPageCount);
  MAYFLY_CHECK(both.Count() == set->read.Count() + set->written.Count());
  const auto again = WorkingSetFile::Serialize(*set, kSnapshotId);
  MAYFLY_CHECK(again.ok());
  const auto same = WorkingSetFile::Parse(*again, kSnapshotId, kPageCount);
  MAYFLY_CHECK(same.ok() && *same == *set);
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::ParseAndCheck({data, size});
  std::vector<uint8_t> sealed(data, data + size);
  const uint64_t hash = XXH3_64bits(sealed.data(), sealed.size());
  sealed.resize(size + sizeof(hash));
  std::memcpy(sealed.data() + size, &hash, sizeof(hash));
  mayfly::ParseAndCheck(sealed);
  return 0;
}
