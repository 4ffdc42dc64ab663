// JoinNetworkNamespace: what it refuses, and joining one.

#include "jailer/network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

TEST(NetworkNamespaceTest, RefusesWhatIsNone) {
  TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("file"), {1});
  ASSERT_EQ(mkfifo(folder.PathOf("fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder.PathOf("file"), folder.PathOf("fifo"), folder.path(),
                                  std::string("/dev/null"), std::string("/proc/self/ns/mnt")}) {
    EXPECT_EQ(JoinNetworkNamespace(path).message(),
              absl::StrCat(path, " is not a network namespace"));
  }
  EXPECT_EQ(JoinNetworkNamespace("/none").message(),
            "Failed to open the network namespace /none: No such file or directory (os error 2)");
}

TEST(NetworkNamespaceTest, JoinsOneOverALink) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can join network namespaces";
  }
  TemporaryFolder folder;
  const std::string link = folder.PathOf("link");
  EXPECT_EQ(ForkedProcess::Run([&link]() -> std::string {
              struct stat before = {};
              struct stat after = {};
              const pid_t parent = getpid();
              const std::string path = absl::StrCat("/proc/", parent, "/ns/net");
              stat(path.c_str(), &before);
              return ForkedProcess::Run([&]() -> std::string {
                if (symlink(path.c_str(), link.c_str()) != 0 || unshare(CLONE_NEWNET) != 0) {
                  return "no namespace";
                }
                const absl::Status status = JoinNetworkNamespace(link);
                stat("/proc/self/ns/net", &after);
                return status.ok() && before.st_ino == after.st_ino ? "joined"
                                                                    : std::string(status.message());
              });
            }),
            "joined");
}

}  // namespace
}  // namespace mayfly
