// Guest memory for unit tests: anonymous, from address 0 on.

#ifndef MAYFLY_TESTS_FAKES_TEST_MEMORY_H_
#define MAYFLY_TESTS_FAKES_TEST_MEMORY_H_

#include <sys/mman.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/guest_memory.h"

namespace mayfly {

// One region for each range; sizes are multiples of 4 KiB.
inline GuestMemory MakeTestMemory(const std::vector<GuestRange>& ranges) {
  std::vector<GuestMemory::Region> regions;
  for (const GuestRange& range : ranges) {
    auto mapping = Mapping::Create({.size_bytes = range.size_bytes,
                                    .protection = PROT_READ | PROT_WRITE,
                                    .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE});
    MAYFLY_CHECK(mapping.ok());
    regions.push_back({range.start, *std::move(mapping), 0});
  }
  auto memory = GuestMemory::Create(std::move(regions), OwnedFd());
  MAYFLY_CHECK(memory.ok());
  return *std::move(memory);
}

inline GuestMemory MakeTestMemory(uint64_t size_bytes) {
  return MakeTestMemory(std::vector<GuestRange>{{GuestAddress(0), size_bytes}});
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_TEST_MEMORY_H_
