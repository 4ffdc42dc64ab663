// SnapshotFiles: the two files of a snapshot of a VM that never ran, for tests of what reads them.

#ifndef MAYFLY_TESTS_UNIT_API_SNAPSHOT_FILES_H_
#define MAYFLY_TESTS_UNIT_API_SNAPSHOT_FILES_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/snapshot_request.h"
#include "snapshot/snapshot_state.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "tests/fakes/temporary_folder.h"
#include "vmm/guest_layout.h"
#include "vmm/guest_ram.h"

namespace mayfly {

// 4 MiB of RAM and one vCPU; which devices it has is up to its configuration.
class SnapshotFiles {
 public:
  static constexpr uint64_t kRamBytes = uint64_t{4} << 20;

  // `drives_json` are elements of the configuration's list of disks, `more_json` more members of
  // it, each with a comma in front.
  explicit SnapshotFiles(const std::string& drives_json = "", const std::string& more_json = "") {
    state.config_json =
        R"({"machine-config":{"vcpu_count":1,"mem_size_mib":4,"track_dirty_pages":true},)"
        R"("boot-source":{"kernel_image_path":"/no/such/kernel"},"drives":[)" +
        drives_json + "]" + more_json + "}";
    state.id = {0x1122334455667788, 0x99aabbccddeeff00};
    state.vm.ram = GuestRamRanges(kRamBytes);
    state.vm.vcpus.resize(1);
    std::vector<uint8_t> memory(kRamBytes);
    // The bytes of numbers.
    const auto* id = reinterpret_cast<const uint8_t*>(state.id.data());
    std::copy_n(id, layout::kSnapshotIdBytes,
                memory.begin() + static_cast<std::ptrdiff_t>(layout::kSnapshotId.value()));
    WriteWholeFile(memory_path(), memory);
    WriteState();
  }

  // After a change of `state`.
  void WriteState() const { WriteWholeFile(state_path(), FrameState(EncodeState(state))); }

  std::string state_path() const { return folder.PathOf("state"); }
  std::string memory_path() const { return folder.PathOf("memory"); }
  SnapshotLoadRequest Request() const {
    SnapshotLoadRequest request = {.snapshot_path = state_path()};
    request.mem_backend = {.path = memory_path(), .type = MemoryBackendType::kFile};
    return request;
  }

  const TemporaryFolder folder;
  SnapshotState state;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_API_SNAPSHOT_FILES_H_
