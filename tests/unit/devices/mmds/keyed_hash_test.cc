// KeyedHash: what changes the value and what does not, and the comparison.

#include "devices/mmds/keyed_hash.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(KeyedHashTest, DependsOnTheKeyTheBytesAndTheText) {
  const auto hash = KeyedHash::Create();
  const auto other = KeyedHash::Create();
  ASSERT_TRUE(hash.ok() && other.ok());
  const std::vector<uint8_t> bytes = {1, 2, 3};
  const std::vector<uint8_t> changed = {1, 2, 4};
  EXPECT_EQ(hash->Hash(bytes, "a"), hash->Hash(bytes, "a"));
  EXPECT_NE(hash->Hash(bytes, "a"), hash->Hash(bytes, "b"));
  EXPECT_NE(hash->Hash(bytes, "a"), hash->Hash(changed, "a"));
  EXPECT_NE(hash->Hash(bytes, "a"), other->Hash(bytes, "a"));
}

TEST(KeyedHashTest, ComparesEveryByte) {
  const auto hash = KeyedHash::Create();
  ASSERT_TRUE(hash.ok());
  const KeyedHash::Value value = hash->Hash({}, "");
  EXPECT_TRUE(KeyedHash::AreEqual(value, value));
  for (size_t i = 0; i < value.size(); ++i) {
    KeyedHash::Value changed = value;
    changed[i] ^= 1;
    EXPECT_FALSE(KeyedHash::AreEqual(value, changed)) << i;
  }
  EXPECT_FALSE(KeyedHash::AreEqual(value, std::span(value).first(31)));
  EXPECT_FALSE(KeyedHash::AreEqual(value, {}));
}

}  // namespace
}  // namespace mayfly
