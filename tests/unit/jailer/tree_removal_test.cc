// RemoveTree: links, depth, numbers and mount points.

#include "jailer/tree_removal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
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
using testing::HasSubstr;

class TreeRemovalTest : public testing::Test {
 protected:
  absl::Status Remove() { return RemoveTree(parent_, "tree"); }
  void MakeFolder(const std::string& name) {
    std::filesystem::create_directories(folder_.PathOf(name));
  }

  TemporaryFolder folder_;
  Directory parent_ = *Directory::Open(folder_.path());
};

TEST_F(TreeRemovalTest, RemovesEverything) {
  MakeFolder("tree/a/b/c");
  MakeFolder("tree/.removed-0/d");
  WriteWholeFile(folder_.PathOf("tree/a/b/file"), {1});
  ASSERT_EQ(mkfifo(folder_.PathOf("tree/a/fifo").c_str(), 0), 0);
  const absl::Status status = Remove();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(TreeRemovalTest, NothingThereIsSuccess) { EXPECT_TRUE(Remove().ok()); }

TEST_F(TreeRemovalTest, LinksAreRemovedAndNotFollowed) {
  TemporaryFolder other;
  WriteWholeFile(other.PathOf("victim"), {1});
  MakeFolder("tree/a");
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("tree/link").c_str()), 0);
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("tree/a/link").c_str()), 0);
  ASSERT_EQ(link(other.PathOf("victim").c_str(), folder_.PathOf("tree/hard").c_str()), 0);
  EXPECT_TRUE(Remove().ok());
  EXPECT_TRUE(folder_.Names().empty());
  EXPECT_THAT(ReadWholeFile(other.PathOf("victim")), ElementsAre(1));
  ASSERT_EQ(symlink(other.path().c_str(), folder_.PathOf("tree").c_str()), 0);
  EXPECT_TRUE(Remove().ok());
  EXPECT_THAT(other.Names(), ElementsAre("victim"));
}

TEST_F(TreeRemovalTest, DepthHasNoLimit) {
  MakeFolder("tree");
  int fd = open(folder_.PathOf("tree").c_str(), O_RDONLY | O_DIRECTORY);
  // Further than a path of PATH_MAX bytes leads, and than there are descriptors.
  for (int depth = 0; depth < 3000; ++depth) {
    ASSERT_EQ(mkdirat(fd, "d", 0700), 0);
    const int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
    close(fd);
    fd = next;
  }
  close(fd);
  const absl::Status status = Remove();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(TreeRemovalTest, NumbersHaveNoLimit) {
  MakeFolder("tree/a");
  for (int i = 0; i < 5000; ++i) {
    const std::string name = absl::StrCat("tree/a/", i);
    ASSERT_EQ(mknod(folder_.PathOf(name).c_str(), S_IFREG, 0), 0);
  }
  EXPECT_TRUE(Remove().ok());
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(TreeRemovalTest, UsersRemoveTheirClosedFolders) {
  MakeFolder("tree/a/b/c");
  if (geteuid() == 0) {
    ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
    for (const char* name : {"tree", "tree/a", "tree/a/b", "tree/a/b/c"}) {
      ASSERT_EQ(chown(folder_.PathOf(name).c_str(), 1234, 1234), 0);
    }
  }
  ASSERT_EQ(chmod(folder_.PathOf("tree/a/b").c_str(), 0), 0);
  ASSERT_EQ(chmod(folder_.PathOf("tree/a").c_str(), 0), 0);
  ASSERT_EQ(chmod(folder_.PathOf("tree").c_str(), 0500), 0);
  EXPECT_EQ(ForkedProcess::Run([this] {
              if (geteuid() == 0 && setresuid(1234, 1234, 1234) != 0) {
                return std::string("cannot become a user");
              }
              return std::string(Remove().message());
            }),
            "");
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(TreeRemovalTest, StopsAtMountPoints) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can mount";
  }
  TemporaryFolder other;
  WriteWholeFile(other.PathOf("victim"), {1});
  MakeFolder("tree/a/mount");
  const std::string answer = ForkedProcess::Run([&]() -> std::string {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0 ||
        mount(other.path().c_str(), folder_.PathOf("tree/a/mount").c_str(), nullptr, MS_BIND,
              nullptr) != 0) {
      return "cannot mount";
    }
    return std::string(Remove().message());
  });
  EXPECT_THAT(answer, HasSubstr("/mount: Resource busy (os error 16)"));
  EXPECT_THAT(other.Names(), ElementsAre("victim"));
}

}  // namespace
}  // namespace mayfly
