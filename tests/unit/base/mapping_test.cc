// Mapping: alignment, ownership, errors.

#include "base/mapping.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t k2M = size_t{2} << 20;

Mapping::Options Anonymous(size_t size_bytes, size_t alignment_bytes = 0) {
  return {.size_bytes = size_bytes,
          .protection = PROT_READ | PROT_WRITE,
          .flags = MAP_PRIVATE | MAP_ANONYMOUS,
          .alignment_bytes = alignment_bytes};
}

// Whether a page is mapped: mincore fails on one that is not.
bool IsMapped(uint8_t* page) {
  unsigned char state = 0;
  return mincore(page, kPage, &state) == 0;
}

TEST(MappingTest, AlignedMappingIsWhollyUsableAndLeavesNothingBehind) {
  uint8_t* data = nullptr;
  {
    const auto mapping = Mapping::Create(Anonymous(3 * kPage, k2M));
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    data = mapping->data();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % k2M, 0u);
    mapping->bytes().front() = 1;
    mapping->bytes().back() = 1;
  }
  EXPECT_FALSE(IsMapped(data));
  EXPECT_FALSE(IsMapped(data + 2 * kPage));
}

TEST(MappingTest, MoveTransfersOwnership) {
  auto mapping = Mapping::Create(Anonymous(kPage));
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  uint8_t* data = mapping->data();
  Mapping other = *std::move(mapping);
  EXPECT_EQ(other.data(), data);
  other = Mapping();
  EXPECT_FALSE(IsMapped(data));
}

TEST(MappingTest, ErrorsNameTheCall) {
  EXPECT_EQ(Mapping::Create(Anonymous(0)).status().message(), "mmap: Invalid argument");
  EXPECT_EQ(Mapping::Create(Anonymous(SIZE_MAX, k2M)).status().message(),
            "mmap: Cannot allocate memory");
}

}  // namespace
}  // namespace mayfly
