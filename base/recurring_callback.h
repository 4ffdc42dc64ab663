// RecurringCallback: a callback that runs many times and may destroy what holds it.

#ifndef MAYFLY_BASE_RECURRING_CALLBACK_H_
#define MAYFLY_BASE_RECURRING_CALLBACK_H_

#include <utility>

#include "absl/functional/any_invocable.h"

namespace mayfly {

// A member of a timer, a signal or a watch. Not thread-safe; Run does not nest.
template <typename... Args>
class RecurringCallback {
 public:
  explicit RecurringCallback(absl::AnyInvocable<void(Args...)> function)
      : function_(std::move(function)) {}
  RecurringCallback(const RecurringCallback&) = delete;
  RecurringCallback& operator=(const RecurringCallback&) = delete;
  ~RecurringCallback() {
    if (is_destroyed_ != nullptr) {
      *is_destroyed_ = true;
    }
  }

  // The function may destroy this object: it is not touched afterwards, and what the function
  // captured lives until the function returned.
  void Run(Args... args) {
    bool is_destroyed = false;
    is_destroyed_ = &is_destroyed;
    absl::AnyInvocable<void(Args...)> function = std::move(function_);
    function(std::forward<Args>(args)...);
    if (!is_destroyed) {
      is_destroyed_ = nullptr;
      function_ = std::move(function);
    }
  }

 private:
  absl::AnyInvocable<void(Args...)> function_;
  // Where Run learns of the destruction; null outside of Run.
  bool* is_destroyed_ = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_RECURRING_CALLBACK_H_
