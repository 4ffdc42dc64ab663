// Published: readers see whole values, while they read and while others replace them.

#include "base/published.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(PublishedTest, ReadsWhatWasSetLast) {
  Published<std::string> value;
  std::string seen = "?";
  value.Read([&](const std::string& text) { seen = text; });
  EXPECT_EQ(seen, "");
  for (const char* text : {"one", "two", "three"}) {
    value.Set(text);
    value.Read([&](const std::string& now) { seen = now; });
    EXPECT_EQ(seen, text);
  }
}

TEST(PublishedTest, DestroysTheOldValueAtOnce) {
  const auto counted = std::make_shared<int>(1);
  Published<std::shared_ptr<int>> value;
  value.Set(counted);
  EXPECT_EQ(counted.use_count(), 2);
  value.Set(nullptr);
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(PublishedTest, ReadersMeetOnlyWholeValues) {
  Published<std::vector<int>> value;
  value.Set(std::vector<int>(100, 0));
  std::atomic<bool> is_over = false;
  std::atomic<int> read_count = 0;
  std::atomic<int> torn_count = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!is_over) {
        value.Read([&](const std::vector<int>& numbers) {
          ++read_count;
          for (const int number : numbers) {
            torn_count += number != numbers.front() ? 1 : 0;
          }
        });
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 100 || read_count < 1'000; ++i) {
    value.Set(std::vector<int>(100, i));
  }
  is_over = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(torn_count, 0);
}

}  // namespace
}  // namespace mayfly
