// Published: a value that any thread and any signal handler reads while another thread replaces it.

#ifndef MAYFLY_BASE_PUBLISHED_H_
#define MAYFLY_BASE_PUBLISHED_H_

#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace mayfly {

// Two places for a T: readers use the one, Set fills the other and turns to it. Read takes no lock,
// waits for nobody and allocates nothing, so it is async-signal-safe when what it calls is.
template <typename T>
class Published {
 public:
  Published() = default;
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Calls `reader(const T&)`, which must not call Set. The value lives as long as the call.
  template <typename Reader>
  void Read(Reader&& reader) const {
    size_t index = active_.load();
    for (;;) {
      slots_[index].reader_count.fetch_add(1);
      // Set either sees this reader, or has turned to the other place before this load.
      const size_t active = active_.load();
      if (active == index) {
        break;
      }
      slots_[index].reader_count.fetch_sub(1);
      index = active;
    }
    reader(slots_[index].value);
    slots_[index].reader_count.fetch_sub(1);
  }

  // One thread at a time, not in a signal handler. Returns once nobody reads the old value, which
  // is destroyed.
  void Set(T value) {
    const size_t old = active_.load();
    slots_[1 - old].value = std::move(value);
    active_.store(1 - old);
    while (slots_[old].reader_count.load() != 0) {
      sched_yield();
    }
    slots_[old].value = T{};
  }

 private:
  struct Slot {
    mutable std::atomic<size_t> reader_count{0};
    T value{};
  };

  std::array<Slot, 2> slots_;
  std::atomic<size_t> active_{0};
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_PUBLISHED_H_
