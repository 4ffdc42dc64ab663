// VmResourcesTest: a test with the resources of one VM and a file for its disks.

#ifndef MAYFLY_TESTS_UNIT_API_VM_RESOURCES_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_API_VM_RESOURCES_FIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "api/vm_resources.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {

// The values of `key` in one of the lists of GET /vm/config.
inline std::vector<std::string> Ids(const VmResources& resources, const char* list,
                                    const char* key) {
  std::vector<std::string> ids;
  const auto config = resources.ToJson();
  for (const auto& one : config[list]) {
    ids.push_back(one[key].get<std::string>());
  }
  return ids;
}

class VmResourcesTest : public testing::Test {
 protected:
  DriveConfig Drive(const std::string& id, bool is_root = false) const {
    return {.drive_id = id, .is_root_device = is_root, .path_on_host = file_.path()};
  }

  std::vector<std::string> DriveIds() const { return Ids(resources_, "drives", "drive_id"); }

  // The kernel's command line.
  std::string CommandLine() {
    const auto boot = resources_.BuildBootSource();
    EXPECT_TRUE(boot.ok()) << boot.status();
    return boot.ok() ? (*boot)->command_line.text() : "";
  }

  const TemporaryFile file_{std::vector<uint8_t>(1024)};
  VmResources resources_{Tap::Missing::kIsCreated};
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_API_VM_RESOURCES_FIXTURE_H_
