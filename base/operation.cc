// The pool of operations.

#include "base/operation.h"

#include "base/check.h"

namespace mayfly {

Operation* OperationPool::Take() {
  if (free_.empty()) {
    chunks_.push_back(std::make_unique<Operation[]>(kChunkSize));
    for (size_t i = 0; i < kChunkSize; ++i) {
      free_.PushBack(&chunks_.back()[i]);
    }
  }
  return free_.PopFront();
}

void OperationPool::Return(Operation* operation) {
  MAYFLY_CHECK(!operation->in_kernel && !operation->group_link().is_linked());
  operation->group = nullptr;
  operation->is_cancelling = false;
  operation->is_announcement = false;
  operation->result_is_fd = false;
  free_.PushBack(operation);
}

}  // namespace mayfly
