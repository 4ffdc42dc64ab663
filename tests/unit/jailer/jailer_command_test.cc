// JailerCommand: exit status, and one line for an error.

#include "jailer/jailer_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/forked_process.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

class JailerCommandTest : public testing::Test {
 protected:
  // Exit status, then what was written to standard output and standard error.
  std::string Run(const std::vector<const char*>& arguments) {
    // In a process of its own: the command closes every descriptor.
    ForkedProcess::Run([&]() -> std::string {
      const int output = open(folder_.PathOf("output").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
      dup2(output, STDOUT_FILENO);
      dup2(output, STDERR_FILENO);
      const int status = JailerCommand(arguments, "version 9\n");
      std::fflush(stdout);
      dprintf(STDOUT_FILENO, "%d", status);
      _exit(0);
    });
    const auto bytes = ReadWholeFile(folder_.PathOf("output"));
    return {bytes.begin(), bytes.end()};
  }

  TemporaryFolder folder_;
};

TEST_F(JailerCommandTest, SaysItsVersion) { EXPECT_EQ(Run({"--version"}), "version 9\n0"); }

TEST_F(JailerCommandTest, AnErrorIsOneLineAndStatus1) {
  EXPECT_EQ(Run({}), "mayfly-jailer: Argument 'id' required, but not found.\n1");
  EXPECT_EQ(Run({"--a\nb"}),
            "mayfly-jailer: Found argument 'a?b' which wasn't expected, or isn't valid in this "
            "context.\n1");
}

TEST_F(JailerCommandTest, CleaningNothingIsSuccess) {
  EXPECT_EQ(Run({"--clean", "--id", "no-such-jail", "--exec-file", "fc", "--chroot-base-dir",
                 folder_.path().c_str()}),
            "0");
}

}  // namespace
}  // namespace mayfly
