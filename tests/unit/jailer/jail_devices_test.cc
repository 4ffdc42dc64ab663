// JailDevices: which devices a jail gets.

#include "jailer/jail_devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/misc_device.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JailDevicesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "only root can make devices";
    }
  }

  absl::Status Make() {
    return JailDevices::AsNodes().Make(*Directory::Open(dev_.path()), *Directory::Open(net_.path()),
                                       1234, 1234, *rollback_);
  }

  TemporaryFolder dev_;
  TemporaryFolder net_;
  std::optional<Rollback> rollback_{std::in_place};
};

TEST_F(JailDevicesTest, MakesFirecrackersDevices) {
  const absl::Status status = Make();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(net_.Names(), ElementsAre("tun"));
  if (FindMiscDevice("userfaultfd")) {
    EXPECT_THAT(dev_.Names(), ElementsAre("kvm", "urandom", "userfaultfd"));
  } else {
    EXPECT_THAT(dev_.Names(), ElementsAre("kvm", "urandom"));
  }
  rollback_.reset();
  EXPECT_THAT(dev_.Names(), IsEmpty());
  EXPECT_THAT(net_.Names(), IsEmpty());
}

TEST_F(JailDevicesTest, RefusesPlantedRandomNumbers) {
  WriteWholeFile(dev_.PathOf("urandom"), {4, 4, 4});
  EXPECT_TRUE(absl::IsAlreadyExists(Make()));
  rollback_.reset();
  EXPECT_THAT(dev_.Names(), ElementsAre("urandom"));
}

}  // namespace
}  // namespace mayfly
