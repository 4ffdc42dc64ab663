// EnterMountNamespace and PivotIntoJail.

#include "jailer/mount_namespace.h"

#include <sys/stat.h>
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

class MountNamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root can make mount namespaces";
    }
    WriteWholeFile(folder_.PathOf("inside"), {1});
  }

  TemporaryFolder folder_;
};

std::string NamesIn(const std::string& path) {
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    absl::StrAppend(&names, entry.path().string(), " ");
  }
  return names;
}

TEST_F(MountNamespaceTest, TheFolderBecomesTheRootAndAllThereIs) {
  const std::string answer = ForkedProcess::Run([this]() -> std::string {
    const Directory root = *Directory::Open(folder_.path());
    const absl::Status entered = EnterMountNamespace(root);
    if (!entered.ok()) {
      return std::string(entered.message());
    }
    const auto inside = PivotIntoJail(root);
    return inside.ok() ? absl::StrCat(NamesIn("/"), NamesIn("/.."), inside->PathOf("x"))
                       : std::string(inside.status().message());
  });
  EXPECT_EQ(answer, absl::StrCat("/inside /../inside ", folder_.PathOf("x")));
  EXPECT_THAT(folder_.Names(), ElementsAre("inside"));
}

TEST_F(MountNamespaceTest, OpenDirectoriesOfTheHostStayUsable) {
  const std::string answer = ForkedProcess::Run([this]() -> std::string {
    const Directory root = *Directory::Open(folder_.path());
    const Directory host = *Directory::Open("/");
    if (!EnterMountNamespace(root).ok() || !PivotIntoJail(root).ok()) {
      return "no jail";
    }
    return host.OpenChild("tmp").ok() && unlinkat(root.fd(), "inside", 0) == 0 ? "usable" : "not";
  });
  EXPECT_EQ(answer, "usable");
  EXPECT_TRUE(folder_.Names().empty());
}

}  // namespace
}  // namespace mayfly
