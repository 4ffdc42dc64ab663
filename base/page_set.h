// PageSet: which pages of a guest's RAM, as a bitmap.

#ifndef MAYFLY_BASE_PAGE_SET_H_
#define MAYFLY_BASE_PAGE_SET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mayfly {

// Consecutive pages.
struct PageRun {
  uint64_t first = 0;
  uint64_t count = 0;

  bool operator==(const PageRun&) const = default;
};

// Pages are those of 4 KiB, numbered in the order of the RAM's regions without the holes between
// them: page n is at n * kPageBytes of a memory file. A plain value; not thread-safe.
class PageSet {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  PageSet() = default;
  // The empty set of a RAM of `page_count` pages.
  explicit PageSet(uint64_t page_count)
      : page_count_(page_count), words_((page_count + kWordBits - 1) / kWordBits) {}

  uint64_t page_count() const { return page_count_; }
  // How many are in the set.
  uint64_t Count() const;
  bool Contains(uint64_t page) const {
    return (words_[page / kWordBits] >> (page % kWordBits) & 1) != 0;
  }

  // All pages named are below page_count().
  void Add(uint64_t page) { words_[page / kWordBits] |= uint64_t{1} << (page % kWordBits); }
  void AddRun(PageRun run);
  // The pages of `other`, which is of the same RAM.
  void AddAll(const PageSet& other);
  // The pages whose bits are set in `bitmap` (lowest first, as KVM_GET_DIRTY_LOG has them), which
  // begins at page `first`. Bits past the last page are ignored.
  void AddBitmap(uint64_t first, std::span<const uint64_t> bitmap);
  // Takes out the pages of `other`, which is of the same RAM.
  void RemoveAll(const PageSet& other);
  void Clear();

  // The first run of consecutive pages at or after page `from`, at most `max_count` long; nothing
  // when there is none. To go through all: continue at run.first + run.count.
  std::optional<PageRun> NextRun(uint64_t from, uint64_t max_count = UINT64_MAX) const;

  bool operator==(const PageSet&) const = default;

 private:
  static constexpr uint64_t kWordBits = 64;

  // The first page at or after `from` that is in the set, or is not; page_count_ when there is
  // none.
  enum class Member { kNo, kYes };
  uint64_t Find(uint64_t from, Member wanted) const;

  uint64_t page_count_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_PAGE_SET_H_
