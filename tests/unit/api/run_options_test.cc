// ParseRunOptions: defaults, values, refusals.

#include "api/run_options.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

absl::StatusOr<RunOptions> Parse(const std::vector<const char*>& arguments) {
  return ParseRunOptions(arguments);
}

TEST(RunOptionsTest, DefaultsAreASmallGuestWithASerialConsole) {
  const auto options = Parse({"--kernel", "vmlinux"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->kernel_path, "vmlinux");
  EXPECT_EQ(options->initrd_path, std::nullopt);
  EXPECT_THAT(options->command_line, HasSubstr("console=ttyS0"));
  EXPECT_EQ(options->memory_mib, 128u);
  EXPECT_EQ(options->vcpu_count, 1u);
  EXPECT_EQ(options->huge_pages, HugePages::kNone);
  EXPECT_FALSE(options->has_boot_timer);
}

TEST(RunOptionsTest, TakesEveryFlag) {
  const auto options =
      Parse({"--kernel=k", "--initrd", "i", "--cmdline", "quiet -- -l", "--memory-mib", "5000",
             "--vcpus", "32", "--huge-pages", "2M", "--boot-timer", "--timings"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->initrd_path, "i");
  EXPECT_EQ(options->command_line, "quiet -- -l");
  EXPECT_EQ(options->memory_mib, 5000u);
  EXPECT_EQ(options->vcpu_count, 32u);
  EXPECT_EQ(options->huge_pages, HugePages::k2M);
  EXPECT_TRUE(options->has_boot_timer);
  EXPECT_TRUE(options->shows_timings);
}

TEST(RunOptionsTest, RefusalsNameTheFlag) {
  EXPECT_THAT(Parse({}).status().message(), HasSubstr("--kernel is required"));
  EXPECT_THAT(Parse({"--kernel", ""}).status().message(), HasSubstr("--kernel: needs a file name"));
  EXPECT_THAT(Parse({"--vcpus", "0"}).status().message(), HasSubstr("--vcpus: must be a number"));
  EXPECT_THAT(Parse({"--vcpus", "33"}).status().message(), HasSubstr("from 1 to 32, not '33'"));
  EXPECT_THAT(Parse({"--memory-mib", "0"}).status().message(), HasSubstr("--memory-mib: must be"));
  EXPECT_THAT(Parse({"--huge-pages", "1G"}).status().message(),
              HasSubstr("--huge-pages: must be None, Transparent or 2M"));
}

TEST(RunOptionsTest, HelpNeedsNoKernelAndListsEveryFlag) {
  const auto options = Parse({"--help"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->wants_help);
  for (const char* flag : {"--kernel FILE", "--initrd", "--cmdline", "--memory-mib", "--vcpus",
                           "--huge-pages", "--boot-timer", "--timings", "Ctrl-A"}) {
    EXPECT_THAT(RunHelp(), HasSubstr(flag));
  }
}

TEST(RunOptionsTest, TakesDisksAndCardsInTheirOrder) {
  const auto options = Parse({"--kernel=k", "--initrd=i", "--vcpus", "4", "--disk", "path=a,ro",
                              "--net=tap=t0", "--disk=path=b,queues=2", "--net", "tap=t1"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->disks.size(), 2u);
  EXPECT_EQ(options->disks[0].path_on_host, "a");
  EXPECT_EQ(options->disks[0].num_queues, 4u);
  EXPECT_EQ(options->disks[1].path_on_host, "b");
  EXPECT_EQ(options->disks[1].num_queues, 2u);
  ASSERT_EQ(options->networks.size(), 2u);
  EXPECT_EQ(options->networks[1].host_dev_name, "t1");
  EXPECT_EQ(options->command_line.find("root="), std::string::npos);
}

TEST(RunOptionsTest, BootsFromTheFirstDiskWhenNothingElseIsSaid) {
  EXPECT_THAT(Parse({"--kernel=k", "--disk=path=a"})->command_line, HasSubstr(" root=/dev/vda rw"));
  EXPECT_THAT(Parse({"--kernel=k", "--disk=path=a,ro"})->command_line,
              HasSubstr(" root=/dev/vda ro"));
  EXPECT_EQ(Parse({"--kernel=k", "--disk=path=a", "--cmdline=quiet"})->command_line, "quiet");
}

TEST(RunOptionsTest, RefusesMoreQueuesThanVcpus) {
  EXPECT_EQ(Parse({"--kernel=k", "--disk=path=a,queues=2"}).status().message(),
            "--disk queues: must be at most the number of vCPUs, 1");
}

TEST(RunOptionsTest, RefusesOneDescriptorForTwoCards) {
  EXPECT_EQ(Parse({"--kernel=k", "--net=fd=7", "--net=tap=t", "--net=fd=7"}).status().message(),
            "--net fd: 7 is given to two network cards");
  EXPECT_TRUE(Parse({"--kernel=k", "--net=fd=7", "--net=fd=8"}).ok());
}

TEST(RunOptionsTest, RefusalsNameTheDeviceFlag) {
  EXPECT_EQ(Parse({"--kernel=k", "--disk", "path=a,bogus"}).status().message(),
            "--disk: 'bogus' is not a setting of it");
  EXPECT_EQ(Parse({"--kernel=k", "--net", "mtu=5"}).status().message(),
            "--net: mtu: must be a number from 68 to 65535, not '5'");
}

}  // namespace
}  // namespace mayfly
