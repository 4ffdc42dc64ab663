// ReadChanges: guest memory that changes behind whoever reads it.

#ifndef MAYFLY_TESTS_FUZZ_READ_CHANGES_H_
#define MAYFLY_TESTS_FUZZ_READ_CHANGES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace mayfly {

// While one lives, at most one, reads of guest memory are counted and their bytes changed. Does
// nothing unless the libraries are built for it (base/guest_read_hook.h). One thread.
class ReadChanges {
 public:
  enum class Kind {
    kNone,
    // Descriptors become others, right or nearly so; words move on; other bytes are random.
    kDriverLike,
    // The available index runs ahead of whoever looks at it.
    kAvailIndexAhead,
  };

  // Where the available indices are, and what the random numbers begin with.
  ReadChanges(Kind kind, std::vector<const uint8_t*> avail_indices, uint64_t seed);
  ~ReadChanges();
  ReadChanges(const ReadChanges&) = delete;
  ReadChanges& operator=(const ReadChanges&) = delete;

  // Checks that there are not so many that somebody reads for ever.
  void AfterRead(std::span<uint8_t> guest_bytes);

 private:
  uint64_t NextRandom();
  void ChangeDescriptor(std::span<uint8_t> guest_bytes);

  const Kind kind_;
  const std::vector<const uint8_t*> avail_indices_;
  uint64_t random_;
  uint64_t read_count_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FUZZ_READ_CHANGES_H_
