// Rollback: what undoes the steps done so far, when a later one fails.

#ifndef MAYFLY_JAILER_ROLLBACK_H_
#define MAYFLY_JAILER_ROLLBACK_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace mayfly {

// Runs on destruction, the last step's first, unless it was dismissed. Whatever the functions use
// must outlive it. Not thread-safe.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    while (!undo_.empty()) {
      undo_.back()();
      undo_.pop_back();
    }
  }

  // `undo` tries what it can: its failure would hide the one that is being reported.
  void Add(std::function<void()> undo) { undo_.push_back(std::move(undo)); }

  // What was made stays.
  void Dismiss() { undo_.clear(); }

 private:
  std::vector<std::function<void()>> undo_;
};

// Takes the result of a system call that undoes something: nobody is left to be told.
inline void IgnoreResult(int64_t /*result*/) {}

}  // namespace mayfly

#endif  // MAYFLY_JAILER_ROLLBACK_H_
