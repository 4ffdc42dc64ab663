// Version 1: inheritance in folders that play groups. Joining is tested in tests/jailer.

#include "jailer/cgroup_v1.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "jailer/small_file.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

class CgroupV1Test : public testing::Test {
 protected:
  CgroupV1Test() { path_ = *MakeCgroupPath(top_, {.parent = "a/b", .id = "c"}, rollback_); }

  void Set(const std::string& file, const std::string& value) {
    WriteWholeFile(folder_.PathOf(file), {value.begin(), value.end()});
  }
  std::string Get(const std::string& file) {
    const auto bytes = ReadWholeFile(folder_.PathOf(file));
    return {bytes.begin(), bytes.end()};
  }

  TemporaryFolder folder_;
  Directory top_ = *Directory::Open(folder_.path());
  Rollback rollback_;
  std::vector<Directory> path_;
};

TEST_F(CgroupV1Test, EmptyValuesComeFromTheGroupAbove) {
  Set("cpus", "0-3\n");
  Set("a/cpus", "1\n");
  Set("a/b/cpus", "\n");
  Set("a/b/c/cpus", "");
  const absl::Status status = InheritCgroupValues(path_, {"cpus"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Get("a/cpus"), "1\n");
  EXPECT_EQ(Get("a/b/cpus"), "1");
  EXPECT_EQ(Get("a/b/c/cpus"), "1");
}

TEST_F(CgroupV1Test, ValuesStay) {
  for (const char* file : {"cpus", "a/cpus", "a/b/cpus", "a/b/c/cpus"}) {
    Set(file, file);
  }
  ASSERT_TRUE(InheritCgroupValues(path_, {"cpus"}).ok());
  EXPECT_EQ(Get("a/b/c/cpus"), "a/b/c/cpus");
}

TEST_F(CgroupV1Test, FilesThatAreMissingAboveAreNotInherited) {
  Set("a/b/cpus", "2");
  Set("a/b/c/cpus", "");
  ASSERT_TRUE(InheritCgroupValues(path_, {"none", "cpus"}).ok());
  EXPECT_EQ(Get("a/b/c/cpus"), "2");
}

TEST_F(CgroupV1Test, RefusesControllersThatTheHostHasNot) {
  const absl::Status status =
      JoinCgroupsV1(CgroupMounts({}), {{.controller = "foo", .file = "foo.bar", .value = "1"}},
                    {.parent = "a", .id = "b"}, rollback_);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(),
            "Failed to set foo.bar: this host has no controller foo of version 1");
}

}  // namespace
}  // namespace mayfly
