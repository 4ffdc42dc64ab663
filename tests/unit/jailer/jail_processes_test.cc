// FindProcessIn and FindMember.

#include "jailer/jail_processes.h"

#include <unistd.h>

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

TEST(JailProcessesTest, FindsAProcessByItsRoot) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can change its root directory";
  }
  TemporaryFolder folder;
  const Directory root = *Directory::Open(folder.path());
  EXPECT_FALSE(FindProcessIn(root)->has_value());
  int ready[2] = {};
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool is_in = chroot(folder.path().c_str()) == 0;
    _exit(write(ready[1], "r", 1) == 1 && is_in ? pause() : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto found = FindProcessIn(root);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, child);
  EXPECT_FALSE(FindProcessIn(root)->has_value());
}

TEST(JailProcessesTest, FindsTheFirstMember) {
  TemporaryFolder folder;
  const Directory group = *Directory::Open(folder.path());
  EXPECT_FALSE(FindMember(group).ok());
  WriteWholeFile(folder.PathOf("cgroup.procs"), {});
  EXPECT_FALSE(FindMember(group)->has_value());
  WriteWholeFile(folder.PathOf("cgroup.procs"), {'1', '2', '\n', '3', '\n'});
  EXPECT_EQ(*FindMember(group), 12);
}

}  // namespace
}  // namespace mayfly
