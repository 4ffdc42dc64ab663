// Sets of pages, a word at a time.

#include "base/page_set.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace mayfly {

uint64_t PageSet::Count() const {
  uint64_t count = 0;
  for (const uint64_t word : words_) {
    count += static_cast<uint64_t>(std::popcount(word));
  }
  return count;
}

void PageSet::AddRun(PageRun run) {
  MAYFLY_CHECK(run.first <= page_count_ && run.count <= page_count_ - run.first);
  uint64_t page = run.first;
  const uint64_t end = run.first + run.count;
  while (page < end) {
    const uint64_t bit = page % kWordBits;
    const uint64_t count = std::min(kWordBits - bit, end - page);
    const uint64_t ones = count == kWordBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    words_[page / kWordBits] |= ones << bit;
    page += count;
  }
}

void PageSet::AddAll(const PageSet& other) {
  MAYFLY_CHECK(other.page_count_ == page_count_);
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] |= other.words_[i];
  }
}

void PageSet::AddBitmap(uint64_t first, std::span<const uint64_t> bitmap) {
  for (size_t i = 0; i < bitmap.size(); ++i) {
    for (uint64_t word = bitmap[i]; word != 0; word &= word - 1) {
      const uint64_t page = first + i * kWordBits + static_cast<uint64_t>(std::countr_zero(word));
      if (page < page_count_) {
        Add(page);
      }
    }
  }
}

void PageSet::RemoveAll(const PageSet& other) {
  MAYFLY_CHECK(other.page_count_ == page_count_);
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] &= ~other.words_[i];
  }
}

void PageSet::Clear() { std::fill(words_.begin(), words_.end(), 0); }

uint64_t PageSet::Find(uint64_t from, Member wanted) const {
  const uint64_t flip = wanted == Member::kYes ? 0 : ~uint64_t{0};
  for (uint64_t page = from; page < page_count_; page = (page / kWordBits + 1) * kWordBits) {
    const uint64_t word = (words_[page / kWordBits] ^ flip) >> (page % kWordBits);
    if (word != 0) {
      return std::min(page + static_cast<uint64_t>(std::countr_zero(word)), page_count_);
    }
  }
  return page_count_;
}

std::optional<PageRun> PageSet::NextRun(uint64_t from, uint64_t max_count) const {
  const uint64_t first = Find(from, Member::kYes);
  if (first >= page_count_) {
    return std::nullopt;
  }
  return PageRun{first, std::min(Find(first, Member::kNo) - first, max_count)};
}

}  // namespace mayfly
