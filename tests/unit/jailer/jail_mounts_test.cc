// MountPointsBelow and DetachMountsBelow.

#include "jailer/jail_mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(JailMountsTest, FindsWhatIsBelowInTheOrderOfUnmounting) {
  const std::vector<Mount> table = {{.mount_point = "/"},           {.mount_point = "/jails/a"},
                                    {.mount_point = "/jails/a/x"},  {.mount_point = "/jails/a/x/y"},
                                    {.mount_point = "/jails/ab/x"}, {.mount_point = "/jails/a/z"}};
  EXPECT_THAT(MountPointsBelow(table, "/jails/a"), ElementsAre("z", "x/y", "x"));
  EXPECT_THAT(MountPointsBelow(table, "/jails/b"), IsEmpty());
}

TEST(JailMountsTest, DetachesStackedAndNestedMountsAndNoOther) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can mount";
  }
  TemporaryFolder folder;
  for (const char* name : {"jail/x", "jail/a b", "other"}) {
    std::filesystem::create_directories(folder.PathOf(name));
  }
  const std::string answer = ForkedProcess::Run([&folder]() -> std::string {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0) {
      return "no mount namespace";
    }
    for (const char* name : {"jail/x", "jail/x", "jail/x/inner", "jail/a b", "other"}) {
      std::filesystem::create_directories(folder.PathOf(name));
      if (mount("none", folder.PathOf(name).c_str(), "tmpfs", 0, nullptr) != 0) {
        return "cannot mount";
      }
    }
    const absl::Status status = DetachMountsBelow(*Directory::Open(folder.PathOf("jail")));
    std::string left;
    for (const std::string& mount_point : MountPointsBelow(*ReadMountTable(), folder.path())) {
      absl::StrAppend(&left, mount_point, " ");
    }
    return absl::StrCat(status.message(), left);
  });
  EXPECT_EQ(answer, "other ");
}

}  // namespace
}  // namespace mayfly
