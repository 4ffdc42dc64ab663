// CheckInstanceId: which ids, and Firecracker's words for the others.

#include "base/instance_id.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(InstanceIdTest, TakesLettersDigitsAndHyphens) {
  EXPECT_TRUE(CheckInstanceId("a").ok());
  EXPECT_TRUE(CheckInstanceId("-Az09-").ok());
  EXPECT_TRUE(CheckInstanceId(std::string(64, 'x')).ok());
}

TEST(InstanceIdTest, RefusesOtherLengths) {
  EXPECT_EQ(CheckInstanceId("").message(),
            "Invalid instance ID: Invalid len (0);  the length must be between 1 and 64");
  EXPECT_EQ(CheckInstanceId(std::string(65, 'x')).message(),
            "Invalid instance ID: Invalid len (65);  the length must be between 1 and 64");
}

TEST(InstanceIdTest, RefusesWhatCouldLeaveTheFolder) {
  EXPECT_EQ(CheckInstanceId("..").message(), "Invalid instance ID: Invalid char (.) at position 0");
  EXPECT_EQ(CheckInstanceId("a/b").message(),
            "Invalid instance ID: Invalid char (/) at position 1");
  for (const char* id : {"a_b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(CheckInstanceId(id).ok()) << id;
  }
}

}  // namespace
}  // namespace mayfly
