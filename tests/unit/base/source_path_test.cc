// SourcePath: from the root, however the compiler was called.

#include "base/source_path.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(SourcePathTest, IsThePathFromTheRoot) {
  EXPECT_EQ(std::string(SourcePath(__FILE__)), "tests/unit/base/source_path_test.cc");
  EXPECT_EQ(std::string(SourcePath("../../api/main.cc")), "api/main.cc");
  EXPECT_EQ(std::string(SourcePath("api/main.cc")), "api/main.cc");
  EXPECT_EQ(std::string(SourcePath("")), "");
}

}  // namespace
}  // namespace mayfly
