// SnapshotCreator: writes the snapshot of a paused VM, a state file and a memory file.

#ifndef MAYFLY_SNAPSHOT_SNAPSHOT_CREATOR_H_
#define MAYFLY_SNAPSHOT_SNAPSHOT_CREATOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/operation_group.h"
#include "base/timer.h"
#include "snapshot/memory_writer.h"
#include "snapshot/staged_file.h"
#include "vmm/micro_vm.h"

namespace mayfly {

// In steps of some milliseconds, between which the loop serves others. Both files are complete and
// on the disk before either takes its place, the memory file first: a reader tells by the id in
// both when the process died in between. Destroying the creator before it is done cancels: nothing
// is left of it, the VM is as it was, and no dirty page is forgotten.
//
// Used once. Owned by whoever paused the VM, which stays paused and outlives the creator; loop
// thread.
class SnapshotCreator {
 public:
  struct Options {
    MemoryWriter::Kind kind = MemoryWriter::Kind::kFull;
    std::string state_path;
    std::string memory_path;
    // For the state file: the VM's configuration and the program's version.
    std::string config_json;
    std::string mayfly_version;
  };

  SnapshotCreator(EventLoop* loop, MicroVm* vm, Options options);
  SnapshotCreator(const SnapshotCreator&) = delete;
  SnapshotCreator& operator=(const SnapshotCreator&) = delete;

  // Runs `done` when the snapshot is complete or failed, never inside this call; `done` may destroy
  // the creator. Errors: InvalidArgument for one path twice; those of MicroVm::Save, MemoryWriter
  // and StagedFile, which name the file.
  void Start(absl::AnyInvocable<void(absl::Status)> done);

  // What was written of guest memory, and the size of the state file.
  uint64_t memory_bytes() const { return memory_ != nullptr ? memory_->written_bytes() : 0; }
  uint64_t state_bytes() const { return state_bytes_; }

 private:
  void OnTurn();
  absl::Status Begin();
  absl::Status WriteState();
  absl::StatusOr<PageSet> Pages() const;
  void Sync();
  absl::Status Commit();
  void Finish(const absl::Status& status);

  MicroVm* const vm_;
  const Options options_;
  absl::AnyInvocable<void(absl::Status)> done_;
  std::optional<StagedFile> state_;
  std::unique_ptr<MemoryWriter> memory_;
  uint64_t state_bytes_ = 0;
  // Files whose data is on its way to the disk.
  int syncing_count_ = 0;
  absl::Status sync_status_;
  Timer turn_;
  // After the files, whose descriptors its operations use.
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_SNAPSHOT_CREATOR_H_
