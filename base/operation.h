// Operation: one request of an OperationGroup, from its submission to its callback.

#ifndef MAYFLY_BASE_OPERATION_H_
#define MAYFLY_BASE_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/intrusive_list.h"

namespace mayfly {

class OperationGroup;

// Takes the result of the system call: a count or other non-negative value, or a negative errno.
using OperationCallback = absl::AnyInvocable<void(int32_t result)>;

// Its group's list of pending operations.
struct GroupTag;
// One of the loop's lists of completed operations, its group's list of those that announce the end
// of a Cancel, or the pool's list of free ones.
struct QueueTag;

// Owned by an OperationPool; its address is the request's user_data in the kernel. Loop thread
// only.
struct Operation : ListLink<GroupTag>, ListLink<QueueTag> {
  ListLink<GroupTag>& group_link() { return *this; }
  ListLink<QueueTag>& queue_link() { return *this; }

  OperationCallback callback;
  OperationGroup* group = nullptr;
  int32_t result = 0;
  bool in_kernel = false;
  // A Cancel of its group waits for it.
  bool is_cancelling = false;
  // The result is a new descriptor, to be closed when nobody takes it.
  bool result_is_fd = false;
  // Never in the kernel: its callback announces the end of a Cancel.
  bool is_announcement = false;
};

// Operations for reuse: grows in chunks to the largest number ever pending, and never shrinks. Loop
// thread only.
class OperationPool {
 public:
  Operation* Take();
  // `operation` is in no list and has no callback.
  void Return(Operation* operation);

  size_t capacity() const { return chunks_.size() * kChunkSize; }

 private:
  static constexpr size_t kChunkSize = 32;

  std::vector<std::unique_ptr<Operation[]>> chunks_;
  IntrusiveList<Operation, QueueTag> free_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_OPERATION_H_
