// The order in which a snapshot is written.

#include "snapshot/snapshot_creator.h"

#include <sys/random.h>
#include <time.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "snapshot/full_write.h"
#include "snapshot/page_source.h"
#include "snapshot/snapshot_state.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "vmm/guest_layout.h"

namespace mayfly {

SnapshotCreator::SnapshotCreator(EventLoop* loop, MicroVm* vm, Options options)
    : vm_(vm), options_(std::move(options)), turn_(loop, [this] { OnTurn(); }), io_(loop) {}

void SnapshotCreator::Start(absl::AnyInvocable<void(absl::Status)> done) {
  done_ = std::move(done);
  turn_.Set(MonotonicTimeUs());
}

void SnapshotCreator::OnTurn() {
  if (memory_ == nullptr) {
    const absl::Status status = Begin();
    if (!status.ok()) {
      Finish(status);
      return;
    }
  }
  const absl::StatusOr<bool> is_done = memory_->Step();
  if (!is_done.ok()) {
    Finish(is_done.status());
  } else if (*is_done) {
    Sync();
  } else {
    turn_.Set(MonotonicTimeUs());
  }
}

absl::Status SnapshotCreator::Begin() {
  if (options_.state_path == options_.memory_path) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.state_path, ": the state and the memory need a file each"));
  }
  // First, as it writes the snapshot's id to guest memory.
  RETURN_IF_ERROR(WriteState());
  ASSIGN_OR_RETURN(PageSet pages, Pages());
  ASSIGN_OR_RETURN(memory_, MemoryWriter::Create(&vm_->memory(), std::move(pages), options_.kind,
                                                 options_.memory_path));
  return absl::OkStatus();
}

absl::Status SnapshotCreator::WriteState() {
  SnapshotState state = {.created_unix_s = time(nullptr),
                         .mayfly_version = options_.mayfly_version,
                         .config_json = options_.config_json};
  if (getrandom(state.id.data(), sizeof(state.id), 0) != sizeof(state.id)) {
    return ErrnoError("getrandom");
  }
  ASSIGN_OR_RETURN(const GuestSlice id,
                   vm_->memory().Resolve({layout::kSnapshotId, layout::kSnapshotIdBytes}));
  id.CopyFrom({reinterpret_cast<const uint8_t*>(state.id.data()), sizeof(state.id)});
  vm_->memory().MarkWritten(id.data(), id.size_bytes());
  ASSIGN_OR_RETURN(state.vm, vm_->Save());
  const std::vector<uint8_t> file = FrameState(EncodeState(state));
  state_bytes_ = file.size();
  auto staged = StagedFile::Create(options_.state_path);
  if (!staged.ok()) {
    return staged.status();
  }
  state_.emplace(*std::move(staged));
  return Annotate(FullWrite(state_->fd(), file, 0), options_.state_path);
}

absl::StatusOr<PageSet> SnapshotCreator::Pages() const {
  RETURN_IF_ERROR(vm_->CollectDirtyPages());
  // The first difference is from nothing.
  if (options_.kind == MemoryWriter::Kind::kFull || !vm_->has_base()) {
    return PopulatedPages(vm_->memory());
  }
  if (vm_->dirty_pages().page_count() > 0) {
    return vm_->dirty_pages();
  }
  return WrittenSinceLoad(vm_->memory());
}

void SnapshotCreator::Sync() {
  struct File {
    int fd;
    const std::string* path;
  };
  for (const File& file :
       {File{memory_->fd(), &options_.memory_path}, File{state_->fd(), &options_.state_path}}) {
    ++syncing_count_;
    io_.SyncData(file.fd, [this, path = file.path](int32_t result) {
      if (result < 0 && sync_status_.ok()) {
        sync_status_ = Annotate(ErrnoError("fdatasync", -result), *path);
      }
      if (--syncing_count_ == 0) {
        Finish(sync_status_.ok() ? Commit() : sync_status_);
      }
    });
  }
}

absl::Status SnapshotCreator::Commit() {
  RETURN_IF_ERROR(memory_->CommitWith(*state_));
  vm_->ForgetDirtyPages();
  return absl::OkStatus();
}

void SnapshotCreator::Finish(const absl::Status& status) { std::exchange(done_, nullptr)(status); }

}  // namespace mayfly
